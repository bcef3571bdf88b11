"""One packet to all its viewers: THE hot loop.

All viewers of a track who are in step (same payload type, same header extension ids, no gap to hide) get the same plain
bytes, so a packet is rewritten once, laid into one slot for each of them, encrypted with each one's key by a single
`map` over C functions, and sent by one system call. What differs between viewers (a retransmission, a report) takes the
slower way of `Peer.send_rtp`.

Work is done at once while it is short. A batch that would keep the loop longer than a slice is continued in the next
turn of the loop, so that signaling never waits for a key frame to reach 1,500 viewers. What waits is bounded; beyond
the bound packets are dropped by name.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from media.drops import Drop, Drops
from media.transport.send_ring import SLOTS, Names, SendRing

__all__ = ["Audience", "FanOut", "Receiver"]

SLICE = 0.005
"""Seconds of sending after which the loop gets its turn."""
MAX_WAITING = 4096
"""Packets that may wait; a key frame of 1,500 viewers is 60."""

Protect = Callable[[Any, Any, Any], int]


class Receiver(Protocol):
    """What the fan-out needs of a viewer's peer."""

    @property
    def transmit_context(self) -> Any:
        """Its libsrtp context for sending."""
        ...

    @property
    def name_pointer(self) -> int:
        """The address of its socket address."""
        ...


class Audience:
    """Receivers of the same bytes on the same socket, as columns. Immutable: who joins or leaves makes a new one, so
    that a batch that is half sent keeps all it points to alive."""

    __slots__ = ("_receivers", "contexts", "names")

    def __init__(self, receivers: Sequence[Receiver]) -> None:
        self._receivers = tuple(receivers)
        self.contexts = [receiver.transmit_context for receiver in receivers]
        self.names: Names = np.array([receiver.name_pointer for receiver in receivers], np.uint64)

    def __len__(self) -> int:
        return len(self.contexts)


class FanOut:
    """The sending side of one UDP socket."""

    def __init__(self, ring: SendRing, drops: Drops, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        self._ring = ring
        self._drops = drops
        self._loop = loop
        self._fd = fd
        self._waiting: deque[tuple[Audience, bytes, Protect, int]] = deque()
        self._scheduled = False
        self.packets_sent = 0
        self.bytes_sent = 0

    def submit(self, audience: Audience, packet: bytes, protect: Protect) -> None:
        """Sends `packet` to everybody in `audience`, now or within the next turns of the loop, in order."""
        if self._scheduled:
            if len(self._waiting) >= MAX_WAITING:
                self._drops.count(Drop.FAN_OUT_FULL, len(audience))
            else:
                self._waiting.append((audience, packet, protect, 0))
            return
        if len(audience) <= SLOTS:
            stopped = self._batch(audience, packet, protect, 0)
            if stopped < len(audience):
                self._waiting.append((audience, packet, protect, stopped))
                self._wait_until_writable()
            return
        self._waiting.append((audience, packet, protect, 0))
        self._work()

    def close(self) -> None:
        self._waiting.clear()
        self._loop.remove_writer(self._fd)

    def _work(self) -> None:
        self._scheduled = False
        deadline = perf_counter() + SLICE
        waiting = self._waiting
        while waiting:
            audience, packet, protect, start = waiting.popleft()
            while start < len(audience):
                stopped = self._batch(audience, packet, protect, start)
                full = stopped < min(start + SLOTS, len(audience))
                start = stopped
                if full or perf_counter() >= deadline:
                    break
            if start < len(audience):
                waiting.appendleft((audience, packet, protect, start))
                if full:
                    self._wait_until_writable()
                    return
            if waiting and perf_counter() >= deadline:
                self._scheduled = True
                self._loop.call_soon(self._work)
                return

    def _batch(self, audience: Audience, packet: bytes, protect: Protect, start: int) -> int:
        """One ring's worth of `audience`, beginning at `start`. Answers how far it came."""
        ring = self._ring
        stop = min(start + SLOTS, len(audience))
        contexts = audience.contexts if stop - start == len(audience) else audience.contexts[start:stop]
        ring.fill(packet, audience.names[start:stop])
        codes = list(map(protect, contexts, ring.slots, ring.lengths))
        if any(codes):
            return start + self._send_sound(codes)
        sent = self._send(0, len(contexts))
        self.packets_sent += sent
        self.bytes_sent += sent * len(packet)
        return start + sent

    def _send(self, at: int, stop: int) -> int:
        """Sends slots up to `stop`, passing over those the system refuses; stops early when the socket is full."""
        while at < stop:
            at, error = self._ring.send(at, stop)
            if error in (errno.EAGAIN, errno.ENOBUFS):
                break
            if error:
                self._drops.count(Drop.SEND_FAILED)
                at += 1
        return at

    def _send_sound(self, codes: list[int]) -> int:
        """Sends the runs between slots that failed to encrypt: those are never sent."""
        at = 0
        while at < len(codes):
            if codes[at]:
                self._drops.count(Drop.PROTECT_FAILED)
                at += 1
                continue
            stop = at
            while stop < len(codes) and not codes[stop]:
                stop += 1
            sent = self._send(at, stop)
            self.packets_sent += sent - at
            if sent < stop:
                return sent
            at = stop
        return len(codes)

    def _wait_until_writable(self) -> None:
        self._scheduled = True
        self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._fd)
        self._work()
