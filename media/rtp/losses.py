"""Gaps in what a publisher sends: what to ask for again now, and when to give up.

Pure: numbers and `now` (monotonic seconds) in, numbers out.
"""

from __future__ import annotations

__all__ = ["Losses"]

MAX_MISSING = 512
"""Numbers remembered at once: a gap beyond that is a new start, not a loss."""
MAX_TRIES = 40
MAX_AGE = 1.0
"""Seconds after which a packet would come too late to be shown anyway."""
STUCK = 0.4
"""Seconds: three requests in vain, on a usual way."""
FIRST_ROUND_TRIP = 0.1
PATIENCE = 1.2
"""Round trips before a number is asked for again."""
EAGER = 0.5
"""The same on a lossy way."""
MIN_WAIT = 0.02
"""Seconds before a number is asked for again, however short the way is."""
REORDER = 0.010
"""Seconds to wait before the first request: most late packets are only reordered."""


class Losses:
    """The missing numbers of one stream."""

    __slots__ = ("_missing", "abandoned", "missed", "recovered", "round_trip")

    def __init__(self) -> None:
        self._missing: dict[int, tuple[float, float, int]] = {}  # number -> (missed at, asked at or to ask at, tries)
        self.round_trip = FIRST_ROUND_TRIP
        """Seconds between asking and coming, as those show that came after they were asked for once, or as told."""
        self.missed = 0
        """Numbers asked for."""
        self.recovered = 0
        self.abandoned = 0

    def __len__(self) -> int:
        return len(self._missing)

    def gap(self, start: int, stop: int, now: float) -> bool:
        """The numbers in [start, stop) did not come. False when the gap is too long to be asked for."""
        if stop - start + len(self._missing) > MAX_MISSING:
            self.abandoned += len(self._missing)
            self._missing.clear()
            return False
        for number in range(start, stop):
            self._missing[number] = (now, now + REORDER, 0)
        return True

    def arrived(self, number: int, now: float) -> bool:
        """A late packet came after all. False when nobody missed it, so that it is a duplicate or too old."""
        missed = self._missing.pop(number, None)
        if missed is None:
            return False
        _, asked_at, tries = missed
        if tries == 1:
            self.round_trip += 0.2 * (min(MAX_AGE, now - asked_at) - self.round_trip)
        self.recovered += 1
        return True

    def stuck(self, after: int, now: float) -> bool:
        """Whether a number above `after` is missing so long that a key frame may well come sooner."""
        return any(now - since > STUCK and number > after for number, (since, _, _) in self._missing.items())

    def due(self, now: float, *, eager: bool = False) -> list[int]:
        """The numbers to ask for now, ascending; each is asked again after about a round trip, at most MAX_TRIES times.

        `eager`: on a lossy way each is asked for twice in its first round trip, and then at every call until it comes:
        request and answer both get lost, and few are still missing by then."""
        if not self._missing:
            return []
        asked, lost = [], []
        first = max(MIN_WAIT, (EAGER if eager else PATIENCE) * self.round_trip)
        for number, (since, at, tries) in self._missing.items():
            if now - since > MAX_AGE or tries >= MAX_TRIES:
                lost.append(number)
                continue
            later = MIN_WAIT if eager and now - since > self.round_trip else first
            if now >= at + (later if tries else 0.0):
                asked.append(number)
                self.missed += tries == 0
                self._missing[number] = (since, now, tries + 1)
        for number in lost:
            del self._missing[number]
        self.abandoned += len(lost)
        asked.sort()
        return asked
