"""What is given up when the node cannot keep up, in which order, and when it comes back.

The lag is how late the node is: how long packets have waited to be sent, or how late a timer fired. While it stays high
one thing more is given up at a time; while it stays low one thing at a time comes back, later each time that this was
too early.

    1  feedback   publishers hear less often of what arrived, nobody is tried to be given more
    2  layers     of a simulcast everybody is sent the smallest layer
    3  joins      who is not in yet is refused, and told so

Pure: lags and `now` (monotonic seconds) in, stages out.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Overload", "Shed", "LATE", "AT_EASE"]

LATE = 0.05
"""Seconds of lag above which something must be given up: a picture is a frame late then."""
STALL = 0.2
"""Seconds that a single lag counts at most: one stall is not overload."""
SMOOTHING = 0.3
"""The share of a new lag in the mean."""
AT_EASE = 0.015
"""Seconds of lag below which something may come back."""
PERSISTENT = 1.0
"""Seconds for which the lag must stay high before the next thing is given up."""
PATIENCE = 5.0
"""Seconds for which it must stay low before a thing comes back."""
MAX_PATIENCE = 160.0
RELAPSE = 30.0
"""Seconds after which a step back that went well is no longer doubted."""


class Shed(IntEnum):
    """The last thing that was given up; those before it are given up too."""

    NOTHING = 0
    FEEDBACK = 1
    LAYERS = 2
    JOINS = 3


class Overload:
    """One node's stage."""

    __slots__ = ("_at_ease_since", "_lag", "_late_since", "_patience", "_returned_at", "shed")

    def __init__(self) -> None:
        self.shed = Shed.NOTHING
        self._lag = 0.0
        self._late_since: float | None = None
        self._at_ease_since: float | None = None
        self._patience = PATIENCE
        self._returned_at = float("-inf")

    def note(self, lag: float, now: float) -> bool:
        """Takes the lag in seconds; called some times a second. True when the stage changed."""
        self._lag += SMOOTHING * (min(lag, STALL) - self._lag)
        if self._lag < LATE:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        if self._lag > AT_EASE:
            self._at_ease_since = None
        elif self._at_ease_since is None:
            self._at_ease_since = now
        if self._late_since is not None and now - self._late_since >= PERSISTENT:
            return self._give_up(now)
        if self._at_ease_since is not None and now - self._at_ease_since >= self._patience:
            return self._come_back(now)
        return False

    def _give_up(self, now: float) -> bool:
        self._late_since = now
        if self.shed == Shed.JOINS:
            return False
        self._patience = min(MAX_PATIENCE, 2 * self._patience) if now - self._returned_at < RELAPSE else PATIENCE
        self.shed = Shed(self.shed + 1)
        return True

    def _come_back(self, now: float) -> bool:
        self._at_ease_since = now
        if self.shed == Shed.NOTHING:
            return False
        self._returned_at = now
        self.shed = Shed(self.shed - 1)
        return True
