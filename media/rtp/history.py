"""The recent packets of one track, by extended number, for retransmission to any viewer and for those who join.

Pure: packets in, packets out.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["History"]

T = TypeVar("T")


class History(Generic[T]):
    """A ring of the last `capacity` packets, shared by all viewers of a track."""

    __slots__ = ("_mask", "_numbers", "_packets")

    def __init__(self, capacity: int = 1024) -> None:
        """`capacity` is a power of two: 1,024 packets are three to five seconds of a 2.5 Mbit/s video."""
        if capacity & (capacity - 1):
            raise ValueError("capacity must be a power of two")
        self._mask = capacity - 1
        self._numbers = [-1] * capacity
        self._packets: list[T | None] = [None] * capacity

    @property
    def capacity(self) -> int:
        return self._mask + 1

    def resized(self, capacity: int, newest: int) -> History[T]:
        """Another one with the same packets up to `newest`, as far as they fit."""
        other = History[T](capacity)
        for number in range(max(0, newest + 1 - min(capacity, self.capacity)), newest + 1):
            packet = self.get(number)
            if packet is not None:
                other.put(number, packet)
        return other

    def put(self, number: int, packet: T) -> None:
        slot = number & self._mask
        self._numbers[slot] = number
        self._packets[slot] = packet

    def get(self, number: int) -> T | None:
        slot = number & self._mask
        return self._packets[slot] if self._numbers[slot] == number else None
