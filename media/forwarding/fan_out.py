"""Packets to all their viewers: what is sent when, and what waits.

All viewers of a track who are in step get the same plain bytes, so a packet is rewritten once and handed to a
BatchSender, which encrypts it with each one's key and sends it in batches. What differs between viewers (a
retransmission, a report) takes the slower way of `Peer.send_rtp`.

What one turn of the loop has read leaves at its end, as bursts: packets that follow each other to the same audience go
together. The packets of a frame come within a millisecond, so the first ones wait for the last one that long: fewer
and longer bursts cost a third less, and a frame is of no use before it is whole. Work that would keep the loop longer
than a slice is continued in the next turn, so that signaling never waits for a key frame to reach 1,500 viewers. What
waits is bounded; beyond the bound packets are dropped by name.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Protocol

from media.drops import Drop, Drops
from media.forwarding.audience import MAX_BURST, Audience, Burst

__all__ = ["FanOut", "Sender", "HOLD", "MAX_WAITING"]

SLICE = 0.005
"""Seconds of sending after which the loop gets its turn."""
HOLD = 0.001
"""Seconds that the beginning of a frame waits for its end."""
MAX_WAITING = 4096
"""Packets that may wait; a key frame of 1,500 viewers is 60."""
MAX_LAG = 0.5
"""Seconds that a packet may wait. What comes then is dropped: media that is later than this helps nobody."""


class Sender(Protocol):
    """What it needs of media.transport.batch_sender.BatchSender."""

    packets_sent: int
    octets_sent: int
    blocked: bool

    def send(self, audience: Audience, burst: Burst, start: int) -> int: ...
    def resume(self) -> None: ...


class FanOut:
    """The sending side of one UDP socket."""

    def __init__(self, sender: Sender, drops: Drops, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self._sender = sender
        self._drops = drops
        self._loop = loop
        self._fd = fd
        self._waiting: deque[tuple[Audience, Burst, float]] = deque()  # and since when
        self._packets = 0  # in all that wait
        self._start = 0  # how much of the first audience has been served
        self._scheduled = False
        self._holding: asyncio.TimerHandle | None = None
        self._late = False

    @property
    def packets_sent(self) -> int:
        return self._sender.packets_sent

    @property
    def octets_sent(self) -> int:
        return self._sender.octets_sent

    @property
    def lag(self) -> float:
        """Seconds that the oldest of what waits has waited."""
        return perf_counter() - self._waiting[0][2] if self._waiting else 0.0

    def submit(
        self,
        audience: Audience,
        packet: bytes,
        picture_at: int = 0,
        base_layer_at: int = 0,
        *,
        is_rtcp: bool = False,
        more: bool = False,
    ) -> None:
        """Sends `packet` to everybody in `audience` at the end of this turn of the loop or in the next ones, in order.

        `picture_at`, `base_layer_at`: where those fields stand in the packet, 0 for nowhere. `more`: the rest of its
        frame is about to follow."""
        waiting = self._waiting
        if self._packets >= MAX_WAITING or self._late:
            self._drops.count(Drop.FAN_OUT_FULL, len(audience))
            return
        self._packets += 1
        self._schedule(more)
        if waiting:
            last_audience, burst, _ = waiting[-1]
            begun = self._start and len(waiting) == 1
            if last_audience is audience and burst.is_rtcp == is_rtcp and len(burst) < MAX_BURST and not begun:
                burst.add(packet, picture_at, base_layer_at)
                return
        burst = Burst(is_rtcp=is_rtcp)
        burst.add(packet, picture_at, base_layer_at)
        waiting.append((audience, burst, perf_counter()))

    def close(self) -> None:
        self._waiting.clear()
        if self._holding is not None:
            self._holding.cancel()
        if self._sender.blocked:
            self._loop.remove_writer(self._fd)

    def _schedule(self, more: bool) -> None:
        if self._scheduled:
            return
        if more:
            if self._holding is None:
                self._holding = self._loop.call_later(HOLD, self._work)
            return
        self._scheduled = True
        self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = True
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        deadline = perf_counter() + SLICE
        waiting, sender = self._waiting, self._sender
        while waiting:
            audience, burst, since = waiting[0]
            self._start = sender.send(audience, burst, self._start)
            if self._start >= len(audience):
                waiting.popleft()
                self._packets -= len(burst)
                self._start = 0
            if sender.blocked:
                self._loop.add_writer(self._fd, self._writable)
                return
            now = perf_counter()
            self._late = now - since > MAX_LAG
            if waiting and now >= deadline:
                self._loop.call_soon(self._work)
                return
        self._scheduled = self._late = False

    def _writable(self) -> None:
        self._sender.resume()
        if not self._sender.blocked:
            self._loop.remove_writer(self._fd)
            self._work()
