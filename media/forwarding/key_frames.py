"""When to ask a publisher for a key frame: once for all viewers that wait, again until one comes, never in a storm.

A browser drops a request that comes within 300 ms of its last key frame, and a viewer that waits sends no requests
itself, so the server repeats its own (both seen in Chromium 156).

Pure: wishes and `now` (monotonic seconds) in, decisions out.
"""

from __future__ import annotations

__all__ = ["KeyFrameWish"]

REPEAT = 0.400
"""Seconds between two requests of the same track."""


class KeyFrameWish:
    """The wish of all viewers of one track, and what was done about it."""

    __slots__ = ("_asked", "_wanted", "requests")

    def __init__(self) -> None:
        self._wanted = False
        self._asked = float("-inf")
        self.requests = 0

    def want(self) -> None:
        """Somebody cannot go on without a key frame."""
        self._wanted = True

    def came(self, now: float) -> None:
        """A key frame starts: everybody is served by it."""
        self._wanted = False

    def due(self, now: float) -> bool:
        """Whether to send a request now; if so it counts as sent."""
        if not self._wanted or now - self._asked < REPEAT:
            return False
        self._asked = now
        self.requests += 1
        return True
