"""From used seconds to segments: runs of whole seconds of one session in one tier.

A segment is half-open, [start, stop) in Unix seconds. It is closed when the tier changes, when a second is left out,
after SLICE seconds, at the local midnight of the books, and at the end of the session; so that what a crash can lose is
a slice, and no segment belongs to two days.

Pure: seconds in, segments out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.interface import Session, Tier, tier_of

__all__ = ["BUCKET", "Meters", "SLICE", "Segment", "day_start", "split"]

SLICE = 5
"""Seconds. With the few seconds that a session's proof of life lags behind, a kill loses less than ten."""
BUCKET = 300
"""Seconds of one row of the roll-up; the packs are deducted at this grain."""
ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Segment:
    """Seconds that were used alike."""

    session: Session
    tier: Tier
    start: int
    stop: int

    @property
    def seconds(self) -> int:
        return self.stop - self.start


def day_start(second: int) -> int:
    """The Unix second at which the local day of `second` began (Asia/Shanghai)."""
    local = datetime.fromtimestamp(second, ZONE)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def split(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """(bucket start, seconds in it) of [start, stop)."""
    while start < stop:
        bucket = start - start % BUCKET
        until = min(stop, bucket + BUCKET)
        yield bucket, until - start
        start = until


@dataclass(slots=True)
class _Run:
    """What one session is using."""

    last: int
    """The last second that was reported."""
    tier: Tier
    start: int
    totals: Counter[Tier] = field(default_factory=Counter)


class Meters:
    """The open runs of all sessions."""

    def __init__(self) -> None:
        self._runs: dict[Session, _Run] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def observe(self, session: Session, second: int, pixels: int) -> Segment | None:
        """One used second; gives the segment it closes, if any. Not later than the last one: ignored."""
        tier = tier_of(pixels)
        run = self._runs.get(session)
        if run is None:
            self._runs[session] = _Run(second, tier, second, Counter({tier: 1}))
            return None
        if second <= run.last:
            return None
        closed = None
        if self._must_close(run, second, tier):
            closed = Segment(session, run.tier, run.start, run.last + 1)
            run.start, run.tier = second, tier
        run.last = second
        run.totals[tier] += 1
        return closed

    def end(self, session: Session) -> Segment | None:
        """Closes the session's run, and forgets the session."""
        run = self._runs.pop(session, None)
        return Segment(session, run.tier, run.start, run.last + 1) if run is not None else None

    def close_all(self) -> list[Segment]:
        """Ends every session."""
        return [segment for session in list(self._runs) if (segment := self.end(session)) is not None]

    def used(self, session: Session) -> Mapping[Tier, int]:
        run = self._runs.get(session)
        return dict(run.totals) if run is not None else {}

    def _must_close(self, run: _Run, second: int, tier: Tier) -> bool:
        return (
            tier != run.tier
            or second != run.last + 1
            or second - run.start >= SLICE
            or (second % 60 == 0 and day_start(second) == second)
        )
