"""From what flowed to whose second it was: media's facts and the members behind the peers become billed seconds.

The law: a wall-clock second [s, s+1) of a member counts when one of its media connections was up in it and a sign of
life came at or after its end. So time runs from the first media that is ready to the last proof of life, adjacent stays
tile without overlap, and a second is whole or not at all. Its tier is what the member was receiving when it ended.

Pure: facts and clocks in, seconds out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from billing.interface import Session, UsageSink
from media.interface import FlowFact
from signaling.stays import Stay, Stays

__all__ = ["UsageMeter"]

MAX_UNPROVEN = 60
"""Seconds held back until a sign of life; a peer is closed long before."""


@dataclass(slots=True)
class _Pending:
    """What one stay has used but not yet proven."""

    seconds: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MAX_UNPROVEN))
    """(second, pixels)."""


class UsageMeter:
    """Called about once a second; what it is late with, it makes up for."""

    def __init__(self, stays: Stays, sink: UsageSink) -> None:
        self._stays = stays
        self._sink = sink
        self._pending: dict[Session, _Pending] = {}
        self._next: int | None = None  # the first second not yet looked at

    def tick(self, facts: Iterable[FlowFact], *, wall: float, monotonic: float) -> None:
        """`wall` is Unix time, `monotonic` the clock of the facts, both now."""
        whole = int(wall)
        start = whole - 1 if self._next is None else max(self._next, whole - MAX_UNPROVEN)
        seconds = range(start, whole)
        if self._next is None or whole > self._next:
            self._next = whole
        proven: dict[Session, float] = {}
        for stay, pixels, last_seen in self._by_stay(facts):
            pending = self._pending.setdefault(stay.session, _Pending())
            pending.seconds.extend((second, pixels) for second in seconds)
            proven[stay.session] = wall - (monotonic - last_seen)
        self._report(proven)

    def finish(self, stay: Stay, *, wall: float, monotonic: float) -> None:
        """The stay is about to end: reports what it has proven since the last tick."""
        pending = self._pending.pop(stay.session, None)
        seen = max((peer.last_seen for peer in (stay.publishing, stay.viewing) if peer is not None), default=None)
        if pending is not None and seen is not None:
            self._drain(stay.session, pending, wall - (monotonic - seen))

    def _by_stay(self, facts: Iterable[FlowFact]) -> Iterable[tuple[Stay, int, float]]:
        """Facts summed over the peers of each member."""
        sums: dict[Stay, tuple[int, float]] = {}
        for fact in facts:
            stay = self._stays.of_peer(fact.peer)
            if stay is not None:
                pixels, seen = sums.get(stay, (0, 0.0))
                sums[stay] = pixels + fact.pixels, max(seen, fact.last_seen)
        return ((stay, pixels, seen) for stay, (pixels, seen) in sums.items())

    def _report(self, proven: dict[Session, float]) -> None:
        for session in list(self._pending):
            if session not in proven:  # its media is gone: what was not proven is not billed
                del self._pending[session]
                continue
            self._drain(session, self._pending[session], proven[session])

    def _drain(self, session: Session, pending: _Pending, proven: float) -> None:
        seconds = pending.seconds
        while seconds and seconds[0][0] + 1 <= proven:
            second, pixels = seconds.popleft()
            self._sink.observe(session, second, pixels)
