"""The recent packets of one track, by extended number, for retransmission to any viewer.

Pure: packets in, packets out.
"""

from __future__ import annotations

__all__ = ["History"]


class History:
    """A ring of the last `capacity` packets, shared by all viewers of a track."""

    __slots__ = ("_mask", "_numbers", "_packets")

    def __init__(self, capacity: int = 1024) -> None:
        """`capacity` is a power of two: 1,024 packets are three to five seconds of a 2.5 Mbit/s video."""
        if capacity & (capacity - 1):
            raise ValueError("capacity must be a power of two")
        self._mask = capacity - 1
        self._numbers = [-1] * capacity
        self._packets: list[bytes] = [b""] * capacity

    def put(self, number: int, packet: bytes) -> None:
        slot = number & self._mask
        self._numbers[slot] = number
        self._packets[slot] = packet

    def get(self, number: int) -> bytes | None:
        slot = number & self._mask
        return self._packets[slot] if self._numbers[slot] == number else None
