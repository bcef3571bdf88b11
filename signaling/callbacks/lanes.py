"""Which callbacks may go now.

A lane is what is to be told about one room (or one user), in the order in which it happened: one callback of a lane is
on its way at a time, and the next one waits until it is delivered or given up. Lanes do not wait for each other; only
so many of one receiver are on their way at once, so that one that hangs takes no other's turn.

Pure: callbacks and `now` (Unix seconds) in, callbacks out.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import Counter, deque
from dataclasses import dataclass, field

from billing.interface import AppId
from signaling.callbacks.config import Kind

__all__ = ["Callback", "Lanes", "Target"]

Target = tuple[AppId, Kind]
Lane = tuple[AppId, Kind, str]

PER_TARGET = 8
TOTAL = 64
"""Callbacks on their way at once: to one receiver, and in all."""


@dataclass(slots=True, order=True)
class Callback:
    """One callback that is not delivered yet."""

    number: int
    """Its place in the order of what happened; unique for ever."""
    app: AppId = field(compare=False)
    kind: Kind = field(compare=False)
    subject: str = field(compare=False)
    command: str = field(compare=False)
    body: str = field(compare=False)
    """JSON, as it is sent."""
    since: float = field(compare=False)
    """When it happened or was replayed, in Unix seconds: its day counts from here."""
    attempts: int = field(default=0, compare=False)
    due_at: float = field(default=0.0, compare=False)
    """Not before, in Unix seconds."""

    @property
    def lane(self) -> Lane:
        return self.app, self.kind, self.subject

    @property
    def target(self) -> Target:
        return self.app, self.kind


class Lanes:
    """All callbacks that are not delivered."""

    def __init__(self, *, per_target: int = PER_TARGET, total: int = TOTAL) -> None:
        self._per_target, self._total = per_target, total
        self._lanes: dict[Lane, list[Callback]] = {}
        self._flying: dict[Lane, Callback] = {}
        self._flying_to: Counter[Target] = Counter()
        self._waiting: Counter[Target] = Counter()
        # Hints: a lane may stand here more than once, and is looked at when its turn comes
        self._later: list[tuple[float, Lane]] = []
        self._ready: dict[Target, deque[Lane]] = {}

    def __len__(self) -> int:
        """Callbacks, those on their way included."""
        return self._waiting.total()

    def of_target(self, target: Target) -> int:
        return self._waiting[target]

    @property
    def flying(self) -> int:
        """Callbacks on their way."""
        return len(self._flying)

    @property
    def next_due(self) -> float | None:
        """When to ask again, unless one comes back before; Unix seconds."""
        return self._later[0][0] if self._later else None

    def add(self, callback: Callback) -> None:
        """At its place in its lane: a replayed one stands before what happened after it."""
        lane = self._lanes.setdefault(callback.lane, [])
        insort(lane, callback)
        self._waiting[callback.target] += 1
        if lane[0] is callback:
            self._look_at(callback.lane)

    def take(self, now: float) -> list[Callback]:
        """Those that may go now; each comes back by `done` or `again`."""
        while self._later and self._later[0][0] <= now:
            _, lane = heapq.heappop(self._later)
            self._ready.setdefault((lane[0], lane[1]), deque()).append(lane)
        taken: list[Callback] = []
        for target in list(self._ready):
            queue, before = self._ready[target], len(taken)
            while queue and len(self._flying) < self._total and self._flying_to[target] < self._per_target:
                self._take_of(queue.popleft(), now, taken)
            if not queue:
                del self._ready[target]
            elif len(taken) > before:
                self._ready[target] = self._ready.pop(target)  # to the end: the next turn is another receiver's
        return taken

    def done(self, callback: Callback) -> None:
        """It is delivered, or given up: the next of its lane may go."""
        self._land(callback)
        lane = self._lanes[callback.lane]
        lane.remove(callback)
        self._waiting[callback.target] -= 1
        if lane:
            self._look_at(callback.lane)
        else:
            del self._lanes[callback.lane]

    def again(self, callback: Callback, due_at: float) -> None:
        """It failed, and is tried again at `due_at`."""
        self._land(callback)
        callback.due_at = due_at
        self._look_at(callback.lane)

    def _take_of(self, lane: Lane, now: float, taken: list[Callback]) -> None:
        callbacks = self._lanes.get(lane)
        if not callbacks or lane in self._flying:
            return  # an old hint
        if callbacks[0].due_at > now:
            self._look_at(lane)
            return
        head = callbacks[0]
        self._flying[lane] = head
        self._flying_to[head.target] += 1
        taken.append(head)

    def _land(self, callback: Callback) -> None:
        del self._flying[callback.lane]
        self._flying_to[callback.target] -= 1
        if not self._flying_to[callback.target]:
            del self._flying_to[callback.target]

    def _look_at(self, lane: Lane) -> None:
        heapq.heappush(self._later, (self._lanes[lane][0].due_at, lane))
