"""Gaps in what a publisher sends: what to ask for again now, and when to give up.

Pure: numbers and `now` (monotonic seconds) in, numbers out.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Losses"]

MAX_MISSING = 512
"""Numbers remembered at once: a gap beyond that is a new start, not a loss."""
MAX_TRIES = 20
MAX_AGE = 1.0
"""Seconds after which a packet would come too late to be shown anyway."""
FIRST_ROUND_TRIP = 0.1
PATIENCE = 1.2
"""Round trips before a number is asked for again."""
MIN_WAIT = 0.02
"""Seconds before a number is asked for again, however short the way is."""
REORDER = 0.010
"""Seconds to wait before the first request: most late packets are only reordered."""


@dataclass(slots=True)
class _Missing:
    """What is known of one number."""

    since: float
    asked_at: float = 0.0
    """When the latest round began."""
    rounds: int = 0
    tries: int = 0
    """Requests in all rounds."""
    repeats: bool = False
    """The request of this round is to be made once more."""


class Losses:
    """The missing numbers of one stream."""

    __slots__ = ("_missing", "abandoned", "missed", "recovered", "round_trip")

    def __init__(self) -> None:
        self._missing: dict[int, _Missing] = {}
        self.round_trip = FIRST_ROUND_TRIP
        """Seconds between asking and coming, as those show that came before they were asked for in a second round."""
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
            self._missing[number] = _Missing(now)
        return True

    def arrived(self, number: int, now: float) -> bool:
        """A late packet came after all. False when nobody missed it, so that it is a duplicate or too old."""
        missed = self._missing.pop(number, None)
        if missed is None:
            return False
        if missed.rounds == 1:
            self.round_trip += 0.2 * (now - missed.asked_at - self.round_trip)
        self.recovered += 1
        return True

    def due(self, now: float, *, doubled: bool = False) -> list[int]:
        """The numbers to ask for now, ascending; each is asked again after about a round trip, at most MAX_TRIES times.
        `doubled`: on a lossy way each request is made twice.

        To ask sooner would be in vain: a browser refuses what it sent within its own idea of the round trip."""
        if not self._missing:
            return []
        asked, lost = [], []
        patience = max(MIN_WAIT, PATIENCE * self.round_trip)
        for number, missing in self._missing.items():
            if now - missing.since > MAX_AGE or missing.tries >= MAX_TRIES:
                lost.append(number)
            elif now >= (missing.asked_at + patience if missing.rounds else missing.since + REORDER):
                asked.append(number)
                self.missed += missing.rounds == 0
                missing.asked_at = now
                missing.rounds += 1
                missing.tries += 1
                missing.repeats = doubled
            elif missing.repeats and now >= missing.asked_at + MIN_WAIT:
                asked.append(number)
                missing.tries += 1
                missing.repeats = False
        for number in lost:
            del self._missing[number]
        self.abandoned += len(lost)
        asked.sort()
        return asked
