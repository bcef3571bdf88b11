"""From what flowed to whose second it was: media's facts and the sessions behind the peers become billed seconds.

The law: a wall-clock second [s, s+1) of a member counts when one of its media connections was up in it and a sign of
life came at or after its end. So time runs from the first media that is ready to the last proof of life, adjacent stays
tile without overlap, and a second is whole or not at all. Its tier is what the member was receiving when it ended. A
preview is a session like a stay, but a second counts only when it was receiving a picture.

Pure: facts and clocks in, seconds out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from billing.interface import Session, UsageSink
from media.interface import FlowFact

__all__ = ["UsageMeter", "Users"]

MAX_UNPROVEN = 60
"""Seconds held back until a sign of life; a peer is closed long before."""


class Users(Protocol):
    """Who knows which sessions a peer serves."""

    def using(self, fact: FlowFact) -> Iterable[tuple[Session, int | None]]:
        """The sessions of a peer, with the pixels that each receives; None: this second is none of it."""
        ...


@dataclass(slots=True)
class _Pending:
    """What one session has used but not yet proven."""

    seconds: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MAX_UNPROVEN))
    """(second, pixels)."""


class UsageMeter:
    """Called about once a second; what it is late with, it makes up for."""

    def __init__(self, sink: UsageSink, *users: Users) -> None:
        self._users = users
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
        for session, pixels, last_seen in self._by_session(facts):
            pending = self._pending.setdefault(session, _Pending())
            if pixels is not None:
                pending.seconds.extend((second, pixels) for second in seconds)
            proven[session] = wall - (monotonic - last_seen)
        self._report(proven)

    def finish(self, session: Session, last_seen: float | None, *, wall: float, monotonic: float) -> None:
        """The session is about to end: reports what it has proven since the last tick. `last_seen` is the last sign of
        life of its media, if it has any."""
        pending = self._pending.pop(session, None)
        if pending is not None and last_seen is not None:
            self._drain(session, pending, wall - (monotonic - last_seen))

    def _by_session(self, facts: Iterable[FlowFact]) -> Iterable[tuple[Session, int | None, float]]:
        """Facts summed over the peers of each session."""
        sums: dict[Session, tuple[int | None, float]] = {}
        for fact in facts:
            for users in self._users:
                for session, pixels in users.using(fact):
                    before, seen = sums.get(session, (None, 0.0))
                    total = before if pixels is None else (before or 0) + pixels
                    sums[session] = total, max(seen, fact.last_seen)
        return ((session, pixels, seen) for session, (pixels, seen) in sums.items())

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
