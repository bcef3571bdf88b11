"""Battles (PK): linked rooms compete for points, for a fixed time. What gives points is not known here.

    waiting      the called rooms have to answer; left out when no answer is needed
    running      scores may change
    punishment   decided and frozen, but still shown; left out when it lasts 0 s, or when fewer than two rooms are left
    over         nothing of it is kept

A room is in at most one battle, from being called until it says no, leaves, or the battle is over. Which rooms are
linked is asked once, at the beginning; afterwards `unlink` has to be told of every room that leaves its link.

Pure: rooms and `now` (Unix seconds) in, events or refusals out. What is refused has changed nothing. Whoever drives
the clock calls `due` at `next_due`; a command that comes in between is refused when its time is past.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rooms.battle_events import (
    BattleAnswered,
    BattleEnded,
    BattleEvent,
    BattleRequested,
    BattleRoomLeft,
    BattleScored,
    BattleStarted,
    EndReason,
    PunishmentEnded,
    Score,
)
from rooms.errors import RoomRefused
from rooms.ids import AppId, RoomId, refuse_faults
from rooms.link_errors import (
    battle_ended,
    battle_not_started,
    battle_pending,
    battle_running,
    in_other_battle,
    no_room_for_battle,
    no_such_battle,
    not_connected,
    not_in_battle,
    not_the_caller,
    request_conflict,
    too_many_rooms,
)
from rooms.links import MAX_ROOMS
from rooms.requests import Outcome, extra_fault, seconds_fault, timeout_fault

__all__ = [
    "DEFAULT_DURATION_S", "MAX_DURATION_S", "MAX_SCORE", "MIN_DURATION_S",
    "Battle", "Battles", "Created", "Phase", "ScoreChange",
]  # fmt: skip

DEFAULT_DURATION_S = 300
MIN_DURATION_S = 10
MAX_DURATION_S = 3600
MAX_SCORE = 10**15
"""Below 2**53, so that browsers read it exactly."""


class Phase(StrEnum):
    """How far a battle is."""

    WAITING = "waiting"
    RUNNING = "running"
    PUNISHMENT = "punishment"


class ScoreChange(StrEnum):
    """What the numbers given for scores mean."""

    ADD = "add"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class Battle:
    """One battle that is not over."""

    battle_id: str
    """Unique among all battles."""
    by: RoomId
    """Who called it."""
    rooms: tuple[RoomId, ...]
    """The rooms that are in it now; while it waits, those that have not answered yet as well."""
    unanswered: tuple[RoomId, ...]
    """The called rooms that have not answered yet."""
    phase: Phase
    """How far it is."""
    until: float | None
    """Unix seconds at which time ends this phase; None: only an answer does."""
    duration_s: float
    """How long it runs."""
    extra: str
    """What the caller added for the others."""
    created_at: float
    """When it was called, in Unix seconds."""
    started_at: float | None = None
    """When it began to run, in Unix seconds."""
    scores: tuple[Score, ...] = ()
    """Of all rooms that were in it when it started, in the order in which they were called."""
    version: int = 0
    """How often the scores have changed."""
    ended_at: float | None = None
    """When it was decided, in Unix seconds."""

    @property
    def winners(self) -> tuple[RoomId, ...]:
        """The rooms with the highest score among those that are still in it."""
        present = [each for each in self.scores if each.room in self.rooms]
        highest = max((each.score for each in present), default=0)
        return tuple(each.room for each in present if each.score == highest)


@dataclass(frozen=True, slots=True)
class Created:
    """A battle that was called, for some of the wished rooms at least."""

    battle_id: str
    """Its name from now on."""
    refused: Mapping[RoomId, RoomRefused]
    """The wished rooms that are not called, and why: 100400, 100415, 100416 or 100419."""
    events: Sequence[BattleEvent]
    """What happened."""


class Battles:
    """All battles of one app."""

    def __init__(self, app: AppId, *, new_id: Callable[[], str], punishment_s: float = 0.0) -> None:
        """`new_id` gives a text that was never given before. `punishment_s`: how long a decided battle is shown."""
        self._app = app
        self._new_id = new_id
        self._punishment_s = punishment_s
        self._battles: dict[str, Battle] = {}
        self._where: dict[RoomId, str] = {}

    # Looking

    def __len__(self) -> int:
        return len(self._battles)

    def get(self, battle_id: str) -> Battle:
        """Raises 100411."""
        battle = self._battles.get(battle_id)
        if battle is None:
            raise no_such_battle()
        return battle

    def of(self, room: RoomId) -> Battle | None:
        """The battle `room` is in, or is called to."""
        battle_id = self._where.get(room)
        return None if battle_id is None else self._battles[battle_id]

    @property
    def next_due(self) -> float | None:
        """Unix seconds at which `due` will have something to tell; None: it will not."""
        earliest = self._earliest()
        return None if earliest is None else earliest[0]

    # Before the start

    def create(
        self,
        by: RoomId,
        to: Sequence[RoomId],
        *,
        duration_s: float = DEFAULT_DURATION_S,
        need_response: bool,
        timeout_s: float,
        extra: str,
        limit: int,
        linked: Collection[RoomId],
        now: float,
    ) -> Created:
        """Calls the rooms `to`, which are among those `linked` with `by`; starts at once when they need not answer.

        A room that cannot be called is passed over as long as there is another one. `limit` is the number of rooms
        that the edition allows in one battle; a `timeout_s` of 0 means no timeout.

        Raises 100002, 100400, 100404, 100412, 100415, 100416, 100419.
        """
        refuse_faults(
            seconds_fault("The duration", duration_s, MIN_DURATION_S, MAX_DURATION_S),
            timeout_fault(timeout_s),
            extra_fault(extra),
            _called_fault(by, to),
        )
        if 1 + len(to) > min(limit, MAX_ROOMS):
            raise too_many_rooms(min(limit, MAX_ROOMS))
        if not any(room in linked for room in to):
            raise not_connected()
        if (refusal := self._refusal_of(by)) is not None:
            raise refusal
        refusals = {room: self._refusal_of(room) if room in linked else not_connected() for room in to}
        called = tuple(room for room in to if refusals[room] is None)
        if not called:
            raise no_room_for_battle()
        refused = {room: refusal for room, refusal in refusals.items() if refusal is not None}
        until = now + timeout_s if timeout_s else None
        battle = self._put(
            Battle(self._new_id(), by, (by, *called), called, Phase.WAITING, until, duration_s, extra, now)
        )
        events = self._call(battle, now) if need_response else self._start(battle, now)
        return Created(battle.battle_id, refused, events)

    def accept(self, battle_id: str, room: RoomId, *, now: float) -> list[BattleEvent]:
        """A called room joins; the last answer starts the battle. Raises 100102, 100411, 100414, 100419, 100421."""
        return self._answer(self._called(battle_id, room, now), Outcome.ACCEPTED, now, room)

    def reject(self, battle_id: str, room: RoomId, *, now: float) -> list[BattleEvent]:
        """A called room stays out. Raises 100102, 100411, 100414, 100419, 100421."""
        return self._answer(self._called(battle_id, room, now), Outcome.REJECTED, now, room)

    def cancel(self, battle_id: str, room: RoomId, *, now: float) -> list[BattleEvent]:
        """The caller calls it off before it starts. Raises 100006, 100411, 100414, 100419, 100421."""
        battle = self._find(battle_id, now, room)
        if room != battle.by:
            raise not_the_caller()
        _check_waiting(battle)
        return self._call_off(battle, Outcome.CANCELLED, EndReason.CANCELLED, now)

    # Running

    def score(
        self, battle_id: str, changes: Mapping[RoomId, int], how: ScoreChange, *, now: float
    ) -> list[BattleEvent]:
        """Changes the scores of these rooms, together. Raises 100002, 100411, 100414, 100420, 100421."""
        battle = self._find(battle_id, now, *changes)
        _check_running(battle)
        scores = tuple(_changed(score, changes, how) for score in battle.scores)
        refuse_faults(
            None if changes else "At least one score is to be given.",
            _scores_fault((*changes.values(), *(each.score for each in scores))),
        )
        battle = self._put(replace(battle, scores=scores, version=battle.version + 1))
        return [BattleScored(self._app, battle.rooms, now, battle_id, scores, battle.version)]

    def exit(self, battle_id: str, room: RoomId, *, now: float) -> list[BattleEvent]:
        """A room leaves; when only one is left the battle ends.

        Before the start only a room that has accepted may; the others cancel or reject. In the punishment nobody may.
        Raises 100411, 100414, 100420, 100421.
        """
        battle = self._find(battle_id, now, room)
        if battle.phase is not Phase.WAITING or room == battle.by or room in battle.unanswered:
            _check_running(battle)
        return self._leave(battle, room, EndReason.ALL_LEFT, now)

    def end(self, battle_id: str, *, now: float) -> list[BattleEvent]:
        """The app's own server ends it. Raises 100411, 100421."""
        battle = self._find(battle_id, now)
        if battle.phase is Phase.PUNISHMENT:
            raise battle_ended()
        if battle.phase is Phase.WAITING:
            return self._call_off(battle, Outcome.ERROR, EndReason.BY_SERVER, now)
        return self._end(battle, EndReason.BY_SERVER, now)

    # What comes from outside

    def unlink(self, room: RoomId, *, now: float) -> list[BattleEvent]:
        """`room` is over, or has left its link, and therefore leaves its battle. Never refused."""
        events = self.due(now)
        battle = self.of(room)
        if battle is None:
            return events
        if room in battle.unanswered:
            return events + self._answer(battle, Outcome.ERROR, now, room)
        if room == battle.by and battle.phase is Phase.WAITING:
            return events + self._call_off(battle, Outcome.CANCELLED, EndReason.LINK_ENDED, now)
        return events + self._leave(battle, room, EndReason.LINK_ENDED, now)

    def due(self, now: float) -> list[BattleEvent]:
        """What time has brought until `now`, in the order of its times."""
        events: list[BattleEvent] = []
        while (earliest := self._earliest()) is not None and earliest[0] <= now:
            at, battle = earliest
            events += self._time_over(battle, at)
        return events

    # Steps

    def _call(self, battle: Battle, at: float) -> list[BattleEvent]:
        return [
            BattleRequested(
                self._app, battle.rooms, at, battle.battle_id,
                battle.by, battle.unanswered, battle.duration_s, battle.until, battle.extra,
            )
        ]  # fmt: skip

    def _answer(self, battle: Battle, outcome: Outcome, at: float, *rooms: RoomId) -> list[BattleEvent]:
        battle, events = self._note_answers(battle, outcome, at, rooms)
        return events + self._settle(battle, at)

    def _note_answers(
        self, battle: Battle, outcome: Outcome, at: float, rooms: Sequence[RoomId]
    ) -> tuple[Battle, list[BattleEvent]]:
        """Who does not accept is in it no longer, and hears no more of it than that."""
        events: list[BattleEvent] = []
        for room in rooms:
            events.append(BattleAnswered(self._app, battle.rooms, at, battle.battle_id, room, outcome))
            stay = battle.rooms if outcome is Outcome.ACCEPTED else _without(battle.rooms, room)
            battle = self._put(replace(battle, rooms=stay, unanswered=_without(battle.unanswered, room)))
        return battle, events

    def _settle(self, battle: Battle, at: float) -> list[BattleEvent]:
        """Starts or ends a waiting battle when all called rooms have answered."""
        if battle.unanswered:
            return []
        if len(battle.rooms) == 1:
            return self._end(battle, EndReason.NOBODY_JOINED, at)
        return self._start(battle, at)

    def _start(self, battle: Battle, at: float) -> list[BattleEvent]:
        ends_at = at + battle.duration_s
        scores = tuple(Score(room, 0) for room in battle.rooms)
        self._put(replace(battle, phase=Phase.RUNNING, unanswered=(), until=ends_at, started_at=at, scores=scores))
        return [BattleStarted(self._app, battle.rooms, at, battle.battle_id, battle.by, ends_at, battle.extra)]

    def _leave(self, battle: Battle, room: RoomId, reason: EndReason, at: float) -> list[BattleEvent]:
        left = BattleRoomLeft(self._app, battle.rooms, at, battle.battle_id, room)
        battle = self._put(replace(battle, rooms=_without(battle.rooms, room)))
        if battle.phase is Phase.WAITING:
            return [left, *self._settle(battle, at)]
        if len(battle.rooms) > 1:
            return [left]
        if battle.phase is Phase.RUNNING:
            return [left, *self._end(battle, reason, at)]
        return [left, *self._close(battle, at)]

    def _call_off(self, battle: Battle, outcome: Outcome, reason: EndReason, at: float) -> list[BattleEvent]:
        """Ends a waiting battle whatever the answers are."""
        battle, events = self._note_answers(battle, outcome, at, battle.unanswered)
        return events + self._end(battle, reason, at)

    def _end(self, battle: Battle, reason: EndReason, at: float) -> list[BattleEvent]:
        until = at + self._punishment_s if self._is_punished(battle) else None
        if until is None:
            self._remove(battle)
        else:
            self._put(replace(battle, phase=Phase.PUNISHMENT, until=until, ended_at=at))
        return [
            BattleEnded(self._app, battle.rooms, at, battle.battle_id, reason, battle.scores, battle.winners, until)
        ]

    def _is_punished(self, battle: Battle) -> bool:
        return battle.phase is Phase.RUNNING and len(battle.rooms) > 1 and self._punishment_s > 0

    def _close(self, battle: Battle, at: float) -> list[BattleEvent]:
        self._remove(battle)
        return [PunishmentEnded(self._app, battle.rooms, at, battle.battle_id)]

    def _time_over(self, battle: Battle, at: float) -> list[BattleEvent]:
        if battle.phase is Phase.RUNNING:
            return self._end(battle, EndReason.TIME_OVER, at)
        if battle.phase is Phase.PUNISHMENT:
            return self._close(battle, at)
        return self._answer(battle, Outcome.TIMEOUT, at, *battle.unanswered)

    # State

    def _put(self, battle: Battle) -> Battle:
        old = self._battles.get(battle.battle_id)
        for room in () if old is None else old.rooms:
            del self._where[room]
        for room in battle.rooms:
            self._where[room] = battle.battle_id
        self._battles[battle.battle_id] = battle
        return battle

    def _remove(self, battle: Battle) -> None:
        for room in battle.rooms:
            del self._where[room]
        del self._battles[battle.battle_id]

    def _earliest(self) -> tuple[float, Battle] | None:
        """The battle whose phase time ends first, and when; of several the oldest."""
        times = ((battle.until, battle) for battle in self._battles.values())
        return min(((at, battle) for at, battle in times if at is not None), key=lambda each: each[0], default=None)

    # Checks

    def _find(self, battle_id: str, now: float, *rooms: RoomId) -> Battle:
        """A battle all these rooms are in, whose phase is not over at `now`. Raises 100411, 100414, 100421."""
        battle = self.get(battle_id)
        for room in rooms:
            if room not in battle.rooms:
                raise not_in_battle()
        if battle.until is not None and battle.until <= now:
            raise battle_ended() if battle.phase is Phase.RUNNING else no_such_battle()
        return battle

    def _called(self, battle_id: str, room: RoomId, now: float) -> Battle:
        """A waiting battle that `room` has not answered yet."""
        battle = self._find(battle_id, now, room)
        _check_waiting(battle)
        if room not in battle.unanswered:
            raise request_conflict()
        return battle

    def _refusal_of(self, room: RoomId) -> RoomRefused | None:
        """Why `room` cannot begin a battle."""
        battle = self.of(room)
        if battle is None:
            return None
        if battle.phase is Phase.WAITING:
            return battle_pending()
        return in_other_battle() if battle.phase is Phase.RUNNING else battle_running()


def _check_waiting(battle: Battle) -> None:
    if battle.phase is Phase.RUNNING:
        raise battle_running()
    if battle.phase is Phase.PUNISHMENT:
        raise battle_ended()


def _check_running(battle: Battle) -> None:
    if battle.phase is Phase.WAITING:
        raise battle_not_started()
    if battle.phase is Phase.PUNISHMENT:
        raise battle_ended()


def _called_fault(by: RoomId, to: Sequence[RoomId]) -> str | None:
    rooms = {by, *to}
    return None if to and len(rooms) == 1 + len(to) else "A battle needs other rooms, each named once."


def _scores_fault(scores: Collection[int]) -> str | None:
    fits = all(0 <= score <= MAX_SCORE for score in scores)
    return None if fits else f"A score is 0 to {MAX_SCORE}."


def _changed(score: Score, changes: Mapping[RoomId, int], how: ScoreChange) -> Score:
    if score.room not in changes:
        return score
    change = changes[score.room]
    return Score(score.room, change if how is ScoreChange.OVERWRITE else score.score + change)


def _without(rooms: tuple[RoomId, ...], room: RoomId) -> tuple[RoomId, ...]:
    return tuple(each for each in rooms if each != room)
