"""Grace times of lost connections, in the order in which they end.

A heap, so that a second in which nothing ends costs one comparison, however many members there are. Nothing is taken
out when a member returns or leaves: its grace is passed over when its time comes, because the room knows better.

Pure: times in, what is due out.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from rooms.ids import AppId, RoomId, UserId

__all__ = ["Grace", "Graces"]


@dataclass(frozen=True, slots=True, order=True)
class Grace:
    """One member's grace time."""

    until: float
    """Unix seconds at which the member is lost."""
    app: AppId
    """Whose room."""
    room_id: RoomId
    """Which room."""
    user: UserId
    """Which member."""


class Graces:
    """The grace times that run."""

    def __init__(self) -> None:
        self._heap: list[Grace] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, grace: Grace) -> None:
        heapq.heappush(self._heap, grace)

    def take_due(self, now: float) -> Grace | None:
        """The earliest one that is over at `now` (Unix seconds), which is then forgotten, or None."""
        if self._heap and self._heap[0].until <= now:
            return heapq.heappop(self._heap)
        return None
