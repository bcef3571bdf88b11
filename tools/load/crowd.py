"""Rooms of publishers and viewers on one event loop: they come, stay, are counted, and leave."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from tools.bench.processes import cpu_seconds, resident_kib
from tools.load import clips
from tools.load.impairment import CLEAR, Impairment
from tools.load.members import Sender, SentAt, Watcher
from tools.load.peer import ClientPeer
from tools.load.reception import Reception
from tools.load.report import Report, Sample, percentiles
from tools.load.target import Target

__all__ = ["Crowd", "Plan"]

SEND_EVERY = 0.004
"""Seconds between two looks at what publishers have to send."""
TICK_EVERY = 0.05
"""The same for what viewers have to complain about."""
JOINING = 64
"""Who join at the same time, at most; a ramp that the server cannot follow waits here."""
LEAVING = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall happen."""

    rooms: int = 1
    publishers: int = 1
    """In each room."""
    viewers: int = 10
    """In each room."""
    codec: str = "VP8"
    """`VP8`, `H264`, or `mixed`: each second room the other one."""
    layers: int = 3
    """Of the simulcast; 1 for none. The largest come last."""
    ramp: float = 20.0
    """Viewers that come in a second."""
    seconds: float = 30.0
    """For which all stay."""
    up: Impairment = CLEAR
    down: Impairment = CLEAR
    seed: int = 1
    sampled: int = 8
    """Viewers whose delay is measured: each of their packets is decrypted."""
    server_pid: int | None = None
    """Whose CPU and memory are measured."""


class Crowd:
    """One load. `run` it once; `stop` ends it early."""

    def __init__(self, target: Target, plan: Plan, observe: Callable[[Report], None] = lambda report: None) -> None:
        """`observe` is shown the report each second."""
        self._target = target
        self._plan = plan
        self._observe = observe
        self._stopping = asyncio.Event()
        self._senders: list[Sender] = []
        self._watchers: list[Watcher] = []
        self._sent_at: list[SentAt] = [{} for _ in range(plan.rooms)]
        self._delays: list[int] = []  # nanoseconds, in this second
        self._all_delays: list[int] = []
        self._failures: Counter[str] = Counter()
        self._began = 0.0
        self._report = Report(plan.rooms, plan.publishers, plan.viewers, plan.codec, plan.layers)
        self._report.impairment = {
            f"{way}_{name}": value
            for way, impairment in (("up", plan.up), ("down", plan.down))
            for name, value in asdict(impairment).items() if value and name != "queue"
        }  # fmt: skip
        self._before = (0.0, 0, 0, 0.0)  # time, packets, octets, CPU at the last sample
        self._fault: BaseException | None = None  # of ours
        self._counted_from = (0.0, 0)  # CPU and packets when all had come

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> Report:
        """Raises ConnectionError when no publisher can publish; viewers who cannot join are counted."""
        plan = self._plan
        for codec in {self._codec(room) for room in range(plan.rooms)}:
            self._clips(codec)  # before the clock runs
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(20)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            self._began = time.monotonic()
            self._before = (self._began, 0, 0, self._cpu())
            asyncio.get_running_loop().set_exception_handler(self._fail)
            tasks = [asyncio.create_task(work()) for work in (self._send, self._tick, self._sample)]
            try:
                await self._until_stopped(self._publish(http))
                await self._until_stopped(self._join(http))
                self._counted_from = (self._cpu(), self._packets())
                await self._until_stopped(asyncio.sleep(plan.seconds))
            finally:
                self._summarise()
                for task in tasks:
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                await self._leave()
        fault = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), self._fault)
        if fault is not None:
            raise fault
        return self._report

    def _fail(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What went wrong in a callback is a fault of the load: its figures would be wrong."""
        self._fault = self._fault or context.get("exception") or RuntimeError(context["message"])
        self.stop()

    async def _until_stopped(self, work: Awaitable[None]) -> None:
        task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            for each in (task, stopped):
                each.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)

    # Coming and leaving

    def _codec(self, room: int) -> str:
        return ("VP8", "H264")[room % 2] if self._plan.codec == "mixed" else self._plan.codec

    def _layers(self) -> tuple[clips.Layer, ...]:
        return clips.LAYERS[-self._plan.layers :]

    def _clips(self, codec: str) -> list[clips.Clip]:
        return [clips.opus(), *(clips.video(codec, layer) for layer in self._layers())]

    def _peer(self, *, timestamps: bool = False) -> ClientPeer:
        plan = self._plan
        seed = plan.seed + 2 * (len(self._senders) + len(self._watchers))
        return ClientPeer(up=plan.up, down=plan.down, seed=seed, timestamps=timestamps)

    async def _publish(self, http: aiohttp.ClientSession) -> None:
        for room in range(self._plan.rooms):
            for number in range(self._plan.publishers):
                name, user = f"load{room}", f"load{room}-publisher{number}"
                if number:
                    await self._target.seat(http, name, user)
                token = await self._target.token(http, user)
                url, codec = self._target.whip(name), self._codec(room)
                sender = Sender(http, url, token, self._peer(), codec, self._layers(), self._sent_at[room])
                self._senders.append(sender)
                await sender.start()

    async def _join(self, http: aiohttp.ClientSession) -> None:
        plan = self._plan
        total = plan.rooms * plan.viewers
        every = max(1, total // max(1, plan.sampled))
        gate = asyncio.Semaphore(JOINING)

        async def join(number: int) -> None:
            room = number % plan.rooms
            sampled = plan.sampled > 0 and number % every == every - 1
            try:
                token = await self._target.token(http, f"load{room}-viewer{number}")
                note_delay = self._delays.append if sampled else None
                watcher = Watcher(
                    http, self._target.whep(f"load{room}"), token, self._peer(timestamps=sampled), plan.publishers,
                    self._sent_at[room], self._clips(self._codec(room)), note_delay=note_delay,
                )  # fmt: skip
                self._watchers.append(watcher)
                await watcher.start()
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                self._failures[_reason(error)] += 1
            finally:
                gate.release()

        begin = time.monotonic()
        tasks = []
        try:
            for number in range(total):
                await asyncio.sleep(max(0.0, begin + number / plan.ramp - time.monotonic()))
                await gate.acquire()
                tasks.append(asyncio.create_task(join(number)))
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _leave(self) -> None:
        gate = asyncio.Semaphore(LEAVING)

        async def leave(member: Sender | Watcher) -> None:
            async with gate:
                await member.close()

        await asyncio.gather(*(leave(watcher) for watcher in self._watchers), return_exceptions=True)
        await asyncio.gather(*(leave(sender) for sender in self._senders), return_exceptions=True)

    # Meanwhile

    async def _send(self) -> None:
        while True:
            for sender in self._senders:
                sender.tick(time.monotonic())
            await asyncio.sleep(SEND_EVERY)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_EVERY)
            for number, watcher in enumerate(list(self._watchers)):
                watcher.tick(time.monotonic())
                if number % 50 == 49:
                    await asyncio.sleep(0)

    async def _sample(self) -> None:
        due = time.monotonic()
        while True:
            due += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._take_sample()
            self._observe(self._report)

    def _take_sample(self) -> None:
        now, packets, cpu = time.monotonic(), self._packets(), self._cpu()
        octets = sum(watcher.octets for watcher in self._watchers)
        before = self._before
        self._before = (now, packets, octets, cpu)
        elapsed = max(0.001, now - before[0])
        delays, pid = percentiles([nanoseconds / 1e6 for nanoseconds in self._delays]), self._plan.server_pid
        self._all_delays += self._delays
        self._delays.clear()
        report, receptions = self._report, self._receptions()
        report.joined = sum(watcher.connected_at is not None for watcher in self._watchers)
        report.failed = sum(self._failures.values())
        report.samples.append(
            Sample(
                round(now - self._began, 2),
                len(self._senders),
                report.joined,
                round((packets - before[1]) / elapsed),
                round((octets - before[2]) * 8 / 1e6 / elapsed, 3),
                sum(stream.given_up for stream in receptions),
                sum(stream.freezes for stream in receptions),
                delays.get("p50"),
                delays.get("p99"),
                round((cpu - before[3]) / elapsed, 3) if pid is not None else None,
                round(resident_kib(pid) / 1024, 1) if pid is not None else None,
            )
        )

    def _summarise(self) -> None:
        now = time.monotonic()
        if now - self._before[0] > 0.5:
            self._take_sample()
        report, receptions, plan = self._report, self._receptions(), self._plan
        pictures = [stream for stream in receptions if stream.is_video]
        for stream in pictures:
            stream.finish(now)
        connected = [watcher for watcher in self._watchers if watcher.connected_at is not None]
        report.seconds = round(now - self._began, 1)
        report.failures = dict(self._failures.most_common(8))
        report.join_s = percentiles([(each.connected_at or 0.0) - each.asked_for_it for each in connected])
        report.first_frame_s = percentiles([each.first_frame for each in connected if each.first_frame is not None])
        report.without_a_frame = sum(each.first_frame is None for each in connected)
        report.packets_sent = sum(sender.packets for sender in self._senders)
        report.packets_received = sum(stream.received for stream in receptions)
        report.packets_expected = sum(stream.expected for stream in receptions)
        lost = max(0, report.packets_expected - report.packets_received)
        report.loss_ratio = round(lost / max(1, report.packets_expected), 7)
        report.retransmitted_to_server = sum(sender.retransmitted for sender in self._senders)
        report.key_frame_requests = sum(sender.key_frame_requests for sender in self._senders)
        report.frames = sum(stream.frames for stream in pictures)
        report.freezes = sum(stream.freezes for stream in pictures)
        shown = sum(now - stream.first_frame for stream in pictures if stream.first_frame is not None)
        report.frozen_ratio = round(sum(stream.frozen for stream in pictures) / max(1e-9, shown), 6)
        report.viewers_with_freezes = sum(
            any(stream.freezes for stream in watcher.streams.values()) for watcher in self._watchers
        )
        report.delay_ms = percentiles([nanoseconds / 1e6 for nanoseconds in self._all_delays])
        report.packets_checked = sum(watcher.checked for watcher in self._watchers)
        report.packets_bad = sum(watcher.bad for watcher in self._watchers)
        if plan.server_pid is not None:
            cpu, packets = self._counted_from
            spent, passed = self._cpu() - cpu, self._packets() - packets
            if cpu and passed:
                report.server_cpu_us_per_packet = round(spent / passed * 1e6, 3)
            steady = [sample.server_cores or 0.0 for sample in report.samples[-max(1, int(plan.seconds)) :]]
            report.server_cores = round(sum(steady) / max(1, len(steady)), 3)
            report.server_mib = report.samples[-1].server_mib

    def _receptions(self) -> list[Reception]:
        return [stream for watcher in self._watchers for stream in watcher.streams.values()]

    def _packets(self) -> int:
        return sum(watcher.packets for watcher in self._watchers)

    def _cpu(self) -> float:
        return cpu_seconds(self._plan.server_pid) if self._plan.server_pid is not None else 0.0


def _reason(error: Exception) -> str:
    return str(error)[:160] or type(error).__name__
