"""The alarm before an app's rooms run out: told once when their number reaches 70 % of the edition's, and again only
after it was below in between.

Pure: numbers in, yes or no out.
"""

from __future__ import annotations

__all__ = ["Threshold"]

SHARE_PERCENT = 70
"""As published (trtc.io 70485)."""


class Threshold:
    """One app's."""

    def __init__(self) -> None:
        self._reached = False

    def look(self, count: int, limit: int | None) -> bool:
        """Whether `count` rooms have just reached the share; None: the edition has no limit."""
        before = self._reached
        self._reached = limit is not None and limit > 0 and 100 * count >= SHARE_PERCENT * limit
        return self._reached and not before
