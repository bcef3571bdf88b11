"""How often an app may call a command.

Pure: an app, a command and `now` (seconds) in, yes or no out.
"""

from __future__ import annotations

from billing.interface import AppId

__all__ = ["Rates"]


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
