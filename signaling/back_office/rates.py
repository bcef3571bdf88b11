"""How often an app may call a command, and how soon it may make a room again.

Pure: an app, a name and `now` (seconds) in, yes or no out.
"""

from __future__ import annotations

from billing.interface import AppId

__all__ = ["AGAIN_AFTER_S", "Made", "Rates"]

AGAIN_AFTER_S = 1.0
"""Seconds within which a room of the same id is not made again (research/tencent.md 5.2)."""


class Rates:
    """A bucket for each app and command: so many a second, and as many at once."""

    def __init__(self) -> None:
        self._left: dict[tuple[AppId, str], tuple[float, float]] = {}  # calls left, and when that was

    def take(self, app: AppId, command: str, rate: int, now: float) -> bool:
        """Whether this call may be made."""
        left, at = self._left.get((app, command), (float(rate), now))
        left = min(float(rate), left + max(0.0, now - at) * rate)
        allowed = left >= 1
        self._left[app, command] = left - allowed, now
        return allowed


class Made:
    """The rooms that were made within the last second, whether they are still there or not."""

    def __init__(self) -> None:
        self._at: dict[tuple[AppId, str], float] = {}  # the oldest first

    def __contains__(self, room: tuple[AppId, str]) -> bool:
        return room in self._at

    def note(self, app: AppId, room_id: str, now: float) -> None:
        self._at[app, room_id] = now

    def forget_old(self, now: float) -> None:
        while self._at:
            oldest = next(iter(self._at))
            if now - self._at[oldest] < AGAIN_AFTER_S:
                return
            del self._at[oldest]
