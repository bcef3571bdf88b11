"""RTP sequence numbers as plain integers that never wrap: the only place where 16 bits are thought about.

Pure: numbers in, numbers out.
"""

from __future__ import annotations

__all__ = ["Unwrapper"]


class Unwrapper:
    """Extends 16-bit numbers of one stream to integers, each read as the nearest to the newest seen."""

    __slots__ = ("newest",)

    def __init__(self) -> None:
        self.newest = -1
        """The highest extended number so far; -1 before the first."""

    def extend(self, number: int) -> int:
        """The extended number; remembers it when it is the newest."""
        newest = self.newest
        if newest < 0:
            # One whole cycle up, so that packets reordered before the first one stay above zero.
            self.newest = number + 0x10000
            return self.newest
        delta = (number - newest) & 0xFFFF
        if delta < 0x8000:
            self.newest = newest + delta
            return self.newest
        return newest + delta - 0x10000
