"""The codec workers of a node: one process a job, watched, and replaced when it dies or hangs.

A spare that has started already stands ready, so that a job goes on at once: what is lost is what the dead worker had
in hand. A job waits for its worker with a bounded queue that drops its oldest frame; nothing here grows, and nothing
is awaited by those who feed it. A job whose worker dies again and again ends, with the reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from media.codecs.wire import DONE, FRAME, PACKET, READY, SETUP, Record, Records, cpu_of, pack
from media.errors import Overloaded

__all__ = ["CodecPool", "Job"]

logger = logging.getLogger(__name__)

SPARES = 1
SWEEP = 0.1
"""Seconds between two looks for workers that hang."""
PAUSE = 1.0
"""Seconds after one that did not even start."""
HANG = 0.7
"""Seconds that one frame may take; it takes a thousandth of it."""
STARTING = 30.0
"""Seconds until a worker must have started; it takes 0.3 on a machine that has time."""
IN_HAND = 12
"""Frames that a worker has at most: a quarter of a second of AAC, which is lost with it."""
MAX_WAITING = 256
"""Frames that wait for a worker: what comes at once when a network stood still for five seconds."""
DEATHS = 5
"""Within DEATHS_WITHIN seconds: it is the stream's fault."""
DEATHS_WITHIN = 20.0
COMMAND = (sys.executable, "-m", "media.codecs.worker")


class Job:
    """One stream of sound, made into Opus. See media.rtmp.ingest.SoundJob."""

    def __init__(
        self, pool: CodecPool, setup: bytes, on_packet: Callable[[int, bytes], None], on_failed: Callable[[str], None]
    ) -> None:
        self.setup = setup
        self.on_packet = on_packet
        self.on_failed = on_failed
        self.worker: _Worker | None = None
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.dropped = 0
        """Frames that waited too long."""
        self.deaths: deque[float] = deque(maxlen=DEATHS)
        self.cpu_before = 0.0
        """Seconds of earlier workers."""
        self._pool = pool

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return self.cpu_before + (self.worker.cpu if self.worker is not None else 0.0)

    def feed(self, time: int, data: bytes) -> None:
        """One frame, at milliseconds of the stream's clock."""
        if len(self.waiting) >= MAX_WAITING:
            self.waiting.popleft()
            self.dropped += 1
            self._pool.counts["dropped"] += 1
        self.waiting.append((time, data))
        if self.worker is not None:
            self.worker.send_waiting()

    def close(self) -> None:
        """Harmless when repeated."""
        self._pool.end(self)


class CodecPool:
    """See media.rtmp.ingest.SoundWorkers."""

    def __init__(
        self, *, bitrate: int = 128_000, most: int = 32, spares: int = SPARES,
        clock: Callable[[], float] = time.monotonic, command: Sequence[str] = COMMAND,
    ) -> None:  # fmt: skip
        """`bitrate`: bits per second of the sound that is made. `most`: jobs at once. `command` starts a worker; the
        number of its socket is added."""
        self.counts: Counter[str] = Counter()
        """`jobs`, `deaths`, `hangs`, `dropped`, `failed`."""
        self.clock = clock
        self._bitrate = bitrate
        self._most = most
        self._spares = spares
        self._command = command
        self._jobs: dict[Job, None] = {}
        self._workers: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._cpu = 0.0  # seconds of the jobs that have ended
        self._not_before = float("-inf")  # when a worker may be started again

    async def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep())
        self._supply()

    async def close(self) -> None:
        """All jobs end, all workers are reaped. Harmless when repeated."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
            self._sweeping = None
        self._jobs.clear()
        for worker in list(self._workers):
            worker.kill()
        await asyncio.gather(*self._tasks)

    def begin(
        self, codec: str, configuration: bytes, on_packet: Callable[[int, bytes], None],
        on_failed: Callable[[str], None],
    ) -> Job:  # fmt: skip
        """Raises Overloaded when there are as many jobs as may be."""
        if len(self._jobs) >= self._most:
            raise Overloaded("this node has as much sound to convert as it can")
        wish = {"codec": codec, "configuration": configuration.hex(), "bitrate": self._bitrate}
        job = Job(self, json.dumps(wish).encode(), on_packet, on_failed)
        self._jobs[job] = None
        self.counts["jobs"] += 1
        self._supply()
        return job

    def end(self, job: Job) -> None:
        if job in self._jobs:
            del self._jobs[job]
            self._cpu += job.cpu
            if job.worker is not None:
                job.worker.kill()

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator: what is, then what was."""
        cpu = self._cpu + sum(self.cpu())
        return {
            "running": len(self._jobs), "workers": len(self._workers), "cpu_ms": round(1000 * cpu), **self.counts
        }  # fmt: skip

    def cpu(self) -> Sequence[float]:
        """CPU seconds of each job that runs."""
        return [job.cpu for job in self._jobs]

    # Workers

    def _supply(self) -> None:
        """Gives jobs the workers that are ready, and starts others."""
        if self._sweeping is None:
            return
        ready = [worker for worker in self._workers if worker.ready and worker.job is None]
        lacking = [job for job in self._jobs if job.worker is None]
        for job, worker in zip(lacking, ready, strict=False):
            worker.take(job)
        if self.clock() < self._not_before:
            return
        free = sum(worker.job is None for worker in self._workers)
        for _ in range(sum(job.worker is None for job in self._jobs) + self._spares - free):
            worker = _Worker(self)
            self._workers.add(worker)
            task = asyncio.create_task(self._run(worker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, worker: _Worker) -> None:
        """The life of one process."""
        try:
            await worker.run(self._command)
        except OSError as error:
            logger.error("codec worker: it cannot be started: %s", error)
        finally:
            self._workers.discard(worker)
            self._buried(worker)

    def _buried(self, worker: _Worker) -> None:
        if not worker.started:
            self._not_before = self.clock() + PAUSE
        job, worker.job = worker.job, None
        if job is not None:
            job.worker = None
            job.cpu_before += worker.cpu
        if job not in self._jobs or self._sweeping is None:
            return
        assert job is not None, "None is no job of ours"
        self.counts["deaths"] += 1
        now = self.clock()
        job.deaths.append(now)
        logger.warning("codec worker: died with a job, %s frames in hand", len(worker.in_hand))
        if len(job.deaths) == DEATHS and now - job.deaths[0] < DEATHS_WITHIN:
            self.counts["failed"] += 1
            self.end(job)
            job.on_failed("its sound cannot be converted")
        self._supply()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = self.clock()
            for worker in list(self._workers):
                if worker.hangs(now):
                    self.counts["hangs"] += 1
                    worker.kill()
            self._supply()


class _Worker(asyncio.Protocol):
    """One process, and our end of its socket."""

    def __init__(self, pool: CodecPool) -> None:
        self.job: Job | None = None
        self.ready = False
        self.started = False
        self.cpu = 0.0
        self.in_hand: deque[float] = deque()  # when the frames were sent that it is not through with
        self._pool = pool
        self._records = Records()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._born = pool.clock()
        self._killed = False

    async def run(self, command: Sequence[str]) -> None:
        """Returns when the process is gone."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, str(theirs.fileno()), pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        if self._killed:
            self.kill()
        await self._process.wait()
        assert self._transport is not None, "create_connection has returned"
        self._transport.abort()

    def take(self, job: Job) -> None:
        self.job, job.worker = job, self
        self._write(pack(SETUP, 0, job.setup))
        self.send_waiting()

    def send_waiting(self) -> None:
        """As much of what waits as it may have in hand."""
        job = self.job
        while job is not None and job.waiting and len(self.in_hand) < IN_HAND:
            at, data = job.waiting.popleft()
            self.in_hand.append(self._pool.clock())
            self._write(pack(FRAME, at, data))

    def hangs(self, now: float) -> bool:
        if self._killed:
            return False
        if not self.ready:
            return now - self._born > STARTING
        return bool(self.in_hand) and now - self.in_hand[0] > HANG

    def kill(self) -> None:
        """Harmless when repeated."""
        self._killed = True
        self.ready = False
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for record in self._records.feed(data):
                self._handle(record)
        except ValueError:
            logger.error("codec worker: it speaks nonsense")
            self.kill()

    def _handle(self, record: Record) -> None:
        if record.kind == READY:
            self.ready = self.started = True
            self._pool._supply()
        elif record.kind == PACKET and self.job is not None:
            self.job.on_packet(record.time, record.payload)
        elif record.kind == DONE and self.in_hand:
            self.in_hand.popleft()
            if self.in_hand:  # the next one is begun only now
                self.in_hand[0] = self._pool.clock()
            self.cpu = cpu_of(record)
            self.send_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self.kill()  # a worker without its socket is of no use
