"""The likes of one room, told in batches: thousands may like at once, and nobody needs to see each of them.

Pure: likes and `now` (Unix seconds) in, batches or refusals out.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.ids import UserId, refuse_faults
from rooms.talk_errors import too_frequent

__all__ = ["BATCH_EVERY_S", "MAX_CALLS", "MAX_LIKES", "LikeBatch", "Likes"]

MAX_LIKES = 1000
"""Likes in one call; a client gathers its own before it sends them."""
MAX_CALLS = 2
"""Calls of one user within any second."""
BATCH_EVERY_S = 0.5
"""Seconds between two batches of a room, at least."""

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class LikeBatch:
    """Likes since the last batch."""

    at: float
    """When it was taken, in Unix seconds."""
    count: int
    """Likes since the last batch, at least 1."""
    total: int
    """Likes since the room began, these included; who missed a batch is right again with the next."""


class Likes:
    """The likes of one room."""

    def __init__(self) -> None:
        self._total = 0
        self._waiting = 0
        self._batch_at = _NEVER
        self._calls: dict[UserId, tuple[float, float]] = {}  # the last two calls; who called last is last

    @property
    def total(self) -> int:
        """Likes since the room began."""
        return self._total

    def add(self, user: UserId, count: int, now: float) -> int:
        """Counts likes; the total afterwards. Raises 100002 and 100012, and then has counted nothing."""
        refuse_faults(f"One call has 1 to {MAX_LIKES} likes." if not 1 <= count <= MAX_LIKES else None)
        earlier, last = self._calls.get(user, (_NEVER, _NEVER))
        if _within(1.0, earlier, now):
            raise too_frequent(f"You may send likes {MAX_CALLS} times a second; gather them.")
        self._calls.pop(user, None)
        self._calls[user] = last, now
        self._forget_calls(now)
        self._total += count
        self._waiting += count
        return self._total

    def take_due(self, now: float) -> LikeBatch | None:
        """The likes that wait, when the last batch is long enough ago; None: nothing to tell now."""
        if not self._waiting or _within(BATCH_EVERY_S, self._batch_at, now):
            return None
        batch = LikeBatch(now, self._waiting, self._total)
        self._waiting, self._batch_at = 0, now
        return batch

    def _forget_calls(self, now: float) -> None:
        while self._calls:
            user = next(iter(self._calls))
            if _within(1.0, self._calls[user][1], now):
                return
            del self._calls[user]


def _within(seconds: float, then: float, now: float) -> bool:
    """Whether `then` is less than `seconds` ago; not so when it is yet to come, for then the clock was set back."""
    return 0 <= now - then < seconds
