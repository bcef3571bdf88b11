"""Messages of data channels: how fast one may send, and how they reach everybody in the group.

They are the least of what a node does: those that wait are sent in small portions between the turns of media, and when
too many wait, or the node is overloaded, they are dropped by name. Each costs a hundred times what a packet of media
does, since SCTP is a protocol of its own for every viewer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from time import perf_counter
from typing import Protocol

from media.drops import Drop, Drops

__all__ = ["Allowance", "Delivery", "Hearer"]

PER_SECOND = 50
"""Messages of one sender; twice as many at once after a pause."""
OCTETS_PER_SECOND = 64 << 10
"""Bytes of one sender; twice as many at once."""
MAX_WAITING = 20_000
"""Messages that wait for their turn, each viewer counted."""
PORTION = 0.002
"""Seconds of sending after which the loop gets its turn."""
PAUSE = 0.002
"""Seconds of that turn: media goes first."""


class Allowance:
    """Two token buckets of one sender. Pure."""

    __slots__ = ("_at", "_messages", "_octets")

    def __init__(self, now: float) -> None:
        self._at = now
        self._messages = 2.0 * PER_SECOND
        self._octets = 2.0 * OCTETS_PER_SECOND

    def take(self, size: int, now: float) -> bool:
        """Whether a message of `size` bytes may be sent now."""
        elapsed, self._at = now - self._at, now
        self._messages = min(2.0 * PER_SECOND, self._messages + elapsed * PER_SECOND)
        self._octets = min(2.0 * OCTETS_PER_SECOND, self._octets + elapsed * OCTETS_PER_SECOND)
        if self._messages < 1 or self._octets < size:
            return False
        self._messages -= 1
        self._octets -= size
        return True


class Hearer(Protocol):
    """A viewer's peer, as messages see it."""

    def send_data(self, message: bytes) -> None: ...


class Delivery:
    """All messages of a node on their way to viewers."""

    def __init__(self, drops: Drops) -> None:
        self._drops = drops
        self._waiting: deque[tuple[Hearer, bytes]] = deque()
        self._timer: asyncio.Handle | None = None

    def submit(self, hearers: Iterable[Hearer], message: bytes) -> None:
        """Sends `message` to each of them, soon."""
        waiting = self._waiting
        for hearer in hearers:
            if len(waiting) >= MAX_WAITING:
                self._drops.count(Drop.DATA_FULL)
            else:
                waiting.append((hearer, message))
        if waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_soon(self._work)

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _work(self) -> None:
        self._timer = None
        deadline = perf_counter() + PORTION
        while self._waiting and perf_counter() < deadline:
            hearer, message = self._waiting.popleft()
            hearer.send_data(message)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._work)
