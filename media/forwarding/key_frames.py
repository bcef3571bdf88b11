"""When to ask a publisher for a key frame: once for all viewers that wait, again until one comes, never in a storm.

A key frame costs every viewer of the layer bits and quality, so after one there is a pause in which it pays for itself:
then key frames on request take no more than SHARE of the bit rate. Who joins meanwhile is shown the past instead.

A browser drops a request that comes within 300 ms of its last key frame, and a viewer that waits sends no requests
itself, so the server repeats its own (both seen in Chromium 156).

Pure: wishes and `now` (monotonic seconds) in, decisions out.
"""

from __future__ import annotations

__all__ = ["KeyFrameWish"]

REPEAT = 0.400
"""Seconds between two requests of the same track."""
MIN_REPEAT = 0.200
"""The same on a lossy way: the request may have been lost."""
SHARE = 0.3
"""Of the bit rate, that key frames on request may take."""
LONGEST_PAUSE = 1.0
"""Seconds after which a viewer that is stuck gets one all the same."""
IGNORED = 3
"""Requests without a key frame after which a publisher is taken not to listen: OBS over WHIP has its own clock."""


class KeyFrameWish:
    """The wish of all viewers of one track, and what was done about it."""

    __slots__ = ("_asked", "_came", "_ignores", "_unanswered", "_wanted", "requests")

    def __init__(self) -> None:
        self._wanted = False
        self._asked = float("-inf")
        self._came = float("-inf")
        self._unanswered = 0
        self._ignores = False
        self.requests = 0

    @property
    def ignored(self) -> bool:
        """The publisher does not make key frames when it is asked."""
        return self._ignores or self._unanswered >= IGNORED

    def ignore(self) -> None:
        """There is nobody who could be asked."""
        self._ignores = True

    def want(self) -> None:
        """Somebody cannot go on without a key frame."""
        self._wanted = True

    def came(self, now: float) -> None:
        """A key frame starts: everybody is served by it."""
        self._wanted = False
        self._came = now
        if self._unanswered:
            self._ignores = self._unanswered >= IGNORED
        self._unanswered = 0

    def rationed(self, now: float, cost: float) -> bool:
        """Whether it is too soon after the last key frame, which took `cost` seconds of the bit rate."""
        return now - self._came < min(LONGEST_PAUSE, cost / SHARE)

    def due(self, now: float, *, cost: float = 0.0, lossy: bool = False) -> bool:
        """Whether to send a request now; if so it counts as sent. `cost` as above."""
        if not self._wanted or now - self._asked < (MIN_REPEAT if lossy else REPEAT) or self.rationed(now, cost):
            return False
        self._asked = now
        self._unanswered += 1
        self.requests += 1
        return True
