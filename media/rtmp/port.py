"""The port that encoders push to: RTMP over TCP, and over TLS when it is given a context.

A connection costs little until its stream is accepted: it has 5 s for the handshake, 10 s until it asks to publish, one
message of at most 64 KiB, and there are only so many of them, in all and from one address. Afterwards it is gone when
no frame comes for 30 s, however many bytes trickle in. What it sends faster than any stream is waits in its own TCP.

Keys are secrets: they are neither logged nor kept.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from media.errors import MediaRefused
from media.feed import Feed
from media.interface import Admission, Judge, Refusal
from media.rtmp.errors import RtmpError
from media.rtmp.handshake import ENTROPY
from media.rtmp.ingest import Ingest, SoundWorkers
from media.rtmp.session import Event, PublishAsked, PublishEnded, ServerSession, State

__all__ = ["Limits", "RtmpPort"]

logger = logging.getLogger(__name__)

SWEEP = 0.25
"""Seconds between two looks at deadlines."""
MAX_UNREAD = 256 << 10
"""Bytes that wait for a peer which does not read."""
_REJECTED = "NetStream.Publish.Rejected"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one port bears; times in seconds."""

    connections: int = 512
    strangers: int = 128
    """Connections whose stream is not accepted yet."""
    strangers_per_address: int = 32
    handshake: float = 5.0
    asking: float = 10.0
    """From the beginning to `publish`."""
    judging: float = 10.0
    """For the judge."""
    idle: float = 30.0
    """Without a frame."""
    leaving: float = 2.0
    """To take the last words."""
    octets_per_second: int = 12_500_000
    """100 Mbit/s."""


class Feeds(Protocol):
    """What the port needs of the node (media.sfu.Sfu)."""

    def feed(self, *, max_pixels: int, group: str = "") -> Feed: ...


class RtmpPort:
    """All encoders of one node."""

    def __init__(
        self, feeds: Feeds, judge: Judge, *, sound: SoundWorkers | None = None, limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Without `sound`, only pictures are taken."""
        self.feeds = feeds
        self.judge = judge
        self.sound = sound
        self.limits = limits or Limits()
        self.clock = clock
        self.connections: set[_Connection] = set()
        self.counts: Counter[str] = Counter()
        """`accepted`, `refused`, `full`, `slow`, `idle`, and the errors of media.rtmp.errors by name."""
        self._servers: list[asyncio.Server] = []
        self._judging: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listens, also on several addresses by several calls; gives the number that port 0 became. Raises OSError."""
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), host, port,
            ssl=tls, ssl_handshake_timeout=self.limits.handshake if tls is not None else None,
        )  # fmt: skip
        self._servers.append(server)
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Ends all streams. Harmless when repeated."""
        for server in self._servers:
            server.close()
        connections = list(self.connections)
        for connection in connections:
            connection.end("the server is stopping")
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
            self._sweeping = None
        if connections:
            await asyncio.wait([connection.done for connection in connections], timeout=self.limits.leaving)
        for connection in list(self.connections):
            connection.abort()
            await connection.done
        await asyncio.gather(*self._judging)
        self._servers.clear()

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator: what is, then what was."""
        strangers = sum(not connection.accepted for connection in self.connections)
        return {"connections": len(self.connections), "streams": len(self.connections) - strangers, **self.counts}

    def has_room(self, address: str) -> bool:
        """Whether one more from `address` may connect."""
        strangers = [other.address for other in self.connections if not other.accepted]
        return (
            len(self.connections) < self.limits.connections
            and len(strangers) < self.limits.strangers
            and strangers.count(address) < self.limits.strangers_per_address
        )

    def judge_soon(self, judging: Coroutine[None, None, None]) -> None:
        """It is not cancelled when its encoder leaves: what the judge has begun, it shall bring to an end."""
        task = asyncio.create_task(judging)
        self._judging.add(task)
        task.add_done_callback(self._judging.discard)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = self.clock()
            for connection in list(self.connections):
                connection.sweep(now)


class _Connection(asyncio.Protocol):
    """One encoder."""

    def __init__(self, port: RtmpPort) -> None:
        self.address = ""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._port = port
        self._session = ServerSession(secrets.token_bytes(ENTROPY))
        self._transport: asyncio.Transport | None = None
        self._since = self._last_frame = port.clock()
        self._octets = 0  # in this second
        self._second = self._since
        self._feed: Feed | None = None
        self._admission: Admission | None = None
        self._stopped = False  # the encoder said that its stream is over
        self._ingest: Ingest | None = None
        self._ending: float | None = None  # when the end began

    @property
    def accepted(self) -> bool:
        return self._feed is not None

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        if not self._port.has_room(self.address):
            self._port.counts["full"] += 1
            self.abort()
            return
        self._port.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._ending is not None:
            return
        now = self._port.clock()
        self._limit(len(data), now)
        try:
            for event in self._session.receive(data, now):
                if self._ending is None:
                    self._handle(event, now)
        except RtmpError as error:
            self._port.counts[type(error).__name__] += 1
            self.end(str(error))
        except MediaRefused as error:
            self._port.counts["refused"] += 1
            self.end(str(error))
        else:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.connections.discard(self)
        self._stop("the encoder's connection was lost")
        self.done.set_result(None)

    def _limit(self, octets: int, now: float) -> None:
        if now - self._second >= 1:
            self._second, self._octets = now, 0
        self._octets += octets
        if self._octets > self._port.limits.octets_per_second and self._transport is not None:
            self._transport.pause_reading()

    def _flush(self) -> None:
        transport, data = self._transport, self._session.outgoing()
        if transport is None or not data:
            return
        transport.write(data)
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self.abort()

    # The stream

    def _handle(self, event: Event, now: float) -> None:
        if isinstance(event, PublishAsked):
            self._port.judge_soon(self._judge(event))
        elif isinstance(event, PublishEnded):
            self._stopped = True
            self.end("the encoder stopped")
        elif self._ingest is not None:
            self._last_frame = now
            self._ingest.handle(event)

    async def _judge(self, asked: PublishAsked) -> None:
        port = self._port
        try:
            async with asyncio.timeout(port.limits.judging):
                verdict = await port.judge(asked.app, asked.key)
        except MediaRefused as error:
            verdict = Refusal("NetStream.Publish.Denied", str(error))
        except Exception:  # whatever goes wrong in there must reach the encoder as an answer
            logger.exception("rtmp: the judge failed")
            verdict = Refusal("NetStream.Publish.Denied", "The server failed; try again.")
        if isinstance(verdict, Admission):
            self._accept(verdict)
        else:
            port.counts["refused"] += 1
            self.end(verdict.description, verdict.code)

    def _accept(self, admission: Admission) -> None:
        """Whoever left meanwhile is accepted and ends at once, so that the owner hears of it in the same way."""
        feed = self._port.feeds.feed(max_pixels=admission.max_pixels, group=admission.group)
        feed.on_ended = self.end
        self._feed, self._admission = feed, admission
        self._ingest = Ingest(feed, admission.on_publishing, self._port.sound)
        try:
            admission.on_publishing(feed)
        except MediaRefused as error:
            self.end(str(error))
            return
        if self._ending is not None or self._session.state is not State.ASKED:
            self._stop("the encoder left")
            return
        self._port.counts["accepted"] += 1
        self._last_frame = self._port.clock()
        logger.info("rtmp: %s publishes as %s", self.address, feed.peer)
        self._session.accept()
        self._flush()

    # The end

    def end(self, reason: str, code: str = _REJECTED) -> None:
        """Tells the encoder why, and closes when that is sent. Harmless when repeated."""
        if self._ending is not None:
            return
        self._ending = self._port.clock()
        self._session.refuse(code, reason)
        self._flush()
        if self._feed is not None:
            logger.info("rtmp: %s ends: %s", self._feed.peer, reason)
        self._stop(reason)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """The connection ends without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _stop(self, reason: str) -> None:
        if self._ending is None:
            self._ending = self._port.clock()
        if self._ingest is not None:
            self._ingest.close()
        if self._feed is not None:
            self._feed.close(reason)
        if self._admission is not None:
            admission, self._admission = self._admission, None
            admission.on_ended(self._stopped)

    def sweep(self, now: float) -> None:
        """Ends it when a deadline has passed."""
        limits, age = self._port.limits, now - self._since
        if self._ending is not None:
            if now - self._ending > limits.leaving:
                self.abort()
        elif self.accepted:
            if now - self._last_frame > limits.idle:
                self._expire("idle", f"no frame came for {limits.idle:.0f} s")
        elif age > limits.handshake and not self._session.shook_hands:
            self._port.counts["slow"] += 1
            self.abort()
        elif age > limits.asking and self._session.state is not State.ASKED:
            self._expire("slow", "it did not ask to publish in time")
        if now - self._second >= 1 and self._transport is not None and self._ending is None:
            self._transport.resume_reading()

    def _expire(self, count: str, reason: str) -> None:
        self._port.counts[count] += 1
        self.end(reason)
