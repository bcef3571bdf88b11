"""Random histories of links and battles over several rooms: what must hold, holds after every step.

Each room has a `Heard` that knows only the events which named that room; it must know its link and battle exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from billing.interface import AppId
from rooms.battle_events import (
    BattleAnswered,
    BattleEnded,
    BattleEvent,
    BattleRequested,
    BattleRoomLeft,
    BattleScored,
    BattleStarted,
    PunishmentEnded,
    Score,
)
from rooms.battles import MAX_SCORE, Battles, Phase, ScoreChange
from rooms.errors import RoomRefused
from rooms.ids import RoomId
from rooms.link_events import LinkChanged, LinkEnded, LinkEvent, LinkRequested, LinkRequestEnded
from rooms.links import Links
from rooms.requests import Outcome

APP = AppId(1)
ROOMS = [RoomId(f"r{number}") for number in range(6)]
PUNISHMENT_S = 5.0
CODES = {-2311, 100002, 100006, 100012, 100102, *range(100400, 100405), *range(100411, 100422)}

Event = LinkEvent | BattleEvent
room = st.sampled_from(ROOMS)
rooms = st.lists(room, min_size=1, max_size=4)
limit = st.sampled_from([9, 9, 9, 4, 3, 2, 1])
number = st.integers(0, 9)


@dataclass(frozen=True)
class Shown:
    """A battle as somebody knows it who only listened."""

    battle_id: str
    rooms: tuple[RoomId, ...]
    phase: Phase
    scores: tuple[Score, ...] = ()
    version: int = 0


@dataclass
class Heard:
    """What one room knows."""

    me: RoomId
    linked: tuple[RoomId, ...] = ()
    battle: Shown | None = None
    requests: set[str] = field(default_factory=set)

    def hear(self, event: Event) -> None:
        match event:
            case LinkRequested(request_id=request_id):
                self.requests.add(request_id)
            case LinkRequestEnded(request_id=request_id):
                self.requests.remove(request_id)
            case LinkChanged(members=members):
                self.linked = members if self.me in members else ()
            case LinkEnded():
                self.linked = ()
            case _:
                self._hear_battle(event)

    def _hear_battle(self, event: BattleEvent) -> None:
        if isinstance(event, BattleRequested):
            assert self.battle is None
            self.battle = Shown(event.battle_id, event.rooms, Phase.WAITING)
            return
        if isinstance(event, BattleStarted) and self.battle is None:
            self.battle = Shown(event.battle_id, event.rooms, Phase.WAITING)
        assert self.battle is not None
        assert self.battle.battle_id == event.battle_id
        self.battle = self._after(self.battle, event)

    def _after(self, battle: Shown, event: BattleEvent) -> Shown | None:
        match event:
            case BattleAnswered(outcome=Outcome.ACCEPTED):
                return battle
            case BattleAnswered(room=who) | BattleRoomLeft(room=who):
                others = tuple(each for each in battle.rooms if each != who)
                return None if who == self.me else replace(battle, rooms=others)
            case BattleStarted(rooms=started):
                assert battle.phase is Phase.WAITING
                assert battle.rooms == started
                return replace(battle, phase=Phase.RUNNING, scores=tuple(Score(each, 0) for each in started))
            case BattleScored(scores=scores, version=version):
                assert battle.phase is Phase.RUNNING
                assert version == battle.version + 1
                return replace(battle, scores=scores, version=version)
            case BattleEnded(scores=scores, winners=winners, punishment_until=until):
                assert scores == battle.scores
                assert set(winners) <= set(event.rooms)
                assert bool(winners) == (battle.phase is Phase.RUNNING)
                return None if until is None else replace(battle, phase=Phase.PUNISHMENT)
            case _:
                assert battle.phase is Phase.PUNISHMENT
                return None


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        numbers = count(1)
        self.ids: list[str] = []
        self.now = 1000.0
        self.links = Links(APP, new_id=lambda: self.new_id(next(numbers)))
        self.battles = Battles(APP, new_id=lambda: self.new_id(next(numbers)), punishment_s=PUNISHMENT_S)
        self.heard = {each: Heard(each) for each in ROOMS}
        self.outcomes: dict[str, list[Outcome]] = {}
        self.called: dict[tuple[str, RoomId], list[Outcome]] = {}
        self.ended: set[str] = set()
        self.last_at: dict[str, float] = {}

    def new_id(self, number: int) -> str:
        self.ids.append(f"id{number}")
        return self.ids[-1]

    # Links

    @initialize(first=st.lists(room, min_size=1, max_size=5))
    def begin(self, first: list[RoomId]) -> None:
        self.link_many(ROOMS[0], first)

    @rule(by=room, to=rooms, timeout=st.sampled_from([0, 1, 20, 5000]), limit=limit)
    def request(self, by: RoomId, to: list[RoomId], timeout: int, limit: int) -> None:
        for each in to:
            self.ask(by, each, timeout, limit)

    def ask(self, by: RoomId, to: RoomId, timeout: int, limit: int) -> None:
        self.wish(lambda: [self.links.request(by, to, timeout_s=timeout, extra="", limit=limit, now=self.now)])

    @precondition(lambda self: self.outcomes)
    @rule(which=number, verb=st.sampled_from(["accept", "accept", "reject", "cancel"]), right=st.booleans(), by=room)
    def answer(self, which: int, verb: str, right: bool, by: RoomId) -> None:
        """Mostly by the right room, and mostly a late request; sometimes one that is over."""
        pending = [each for each in self.links.requests_of(by) if right]
        if pending:
            request_id = pending[which % len(pending)].request_id
            by = pending[which % len(pending)].by if verb == "cancel" else pending[which % len(pending)].to
        else:
            request_id = list(self.outcomes)[-1 - which % len(self.outcomes)]
        verbs: dict[str, Callable[[], Sequence[Event]]] = {
            "accept": lambda: self.links.accept(request_id, by, limit=9, now=self.now),
            "reject": lambda: self.links.reject(request_id, by, now=self.now),
            "cancel": lambda: self.links.cancel(request_id, by, now=self.now),
        }
        self.wish(verbs[verb])

    def link_many(self, by: RoomId, to: list[RoomId]) -> None:
        """So that battles have rooms."""
        for each in to:
            before = len(self.ids)
            self.ask(by, each, 0, 9)
            if len(self.ids) > before:
                self.wish(partial(self.links.accept, self.ids[-1], each, limit=9, now=self.now))

    @rule(who=room, over=st.booleans())
    def go(self, who: RoomId, over: bool) -> None:
        if over:
            self.forget(who)
        else:
            self.wish(partial(self.links.exit, who, now=self.now))

    def forget(self, who: RoomId) -> None:
        self.tell(self.battles.unlink(who, now=self.now))
        self.tell(self.links.forget(who, now=self.now))
        assert self.links.requests_of(who) == ()

    # Battles

    @precondition(lambda self: self.links._links)
    @rule(
        which=number, odd=st.none() | st.none() | st.tuples(room, rooms), answers=st.booleans(), limit=limit,
        duration=st.sampled_from([10, 25, 25, 9]), timeout=st.sampled_from([0, 4]),
    )  # fmt: skip
    def create(
        self,
        which: int,
        odd: tuple[RoomId, list[RoomId]] | None,
        answers: bool,
        limit: int,
        duration: int,
        timeout: int,
    ) -> None:
        """Mostly a linked room calls all that it is linked with."""
        by = list(self.links._links)[which % len(self.links._links)] if odd is None else odd[0]
        linked = self.links.linked_with(by)

        def work() -> Sequence[Event]:
            created = self.battles.create(
                by, linked if odd is None else odd[1], duration_s=duration, need_response=answers, timeout_s=timeout,
                extra="", limit=limit, linked=linked, now=self.now,
            )  # fmt: skip
            assert {each.code for each in created.refused.values()} <= {100400, 100415, 100416, 100419}
            return created.events

        self.wish(work)

    @precondition(lambda self: self.battles._battles)
    @rule(
        which=number, how=st.sampled_from(ScoreChange), points=st.sampled_from([7, 1, 0, 7, MAX_SCORE, -1]),
        everybody=st.booleans(),
    )  # fmt: skip
    def go_on(self, which: int, how: ScoreChange, points: int, everybody: bool) -> None:
        """All calls are accepted, or somebody scores."""
        battle = list(self.battles._battles.values())[which % len(self.battles._battles)]
        if battle.phase is Phase.WAITING:
            for each in battle.unanswered:
                self.wish(partial(self.battles.accept, battle.battle_id, each, now=self.now))
        else:
            who = battle.rooms if everybody else battle.rooms[which % len(battle.rooms) :][:1]
            self.wish(partial(self.battles.score, battle.battle_id, dict.fromkeys(who, points), how, now=self.now))

    @precondition(lambda self: self.battles._battles or self.ended)
    @rule(who=room, mine=st.booleans(), verb=st.sampled_from(["accept", "reject", "cancel", "exit", "end", "score"]))
    def in_battle(self, who: RoomId, mine: bool, verb: str) -> None:
        """In the battle of `who`, or in another one or one that is over."""
        battle = self.battles.of(who) if mine else None
        battle_id = battle.battle_id if battle is not None else min({*self.battles._battles, *self.ended})
        verbs: dict[str, Callable[[], Sequence[Event]]] = {
            "accept": lambda: self.battles.accept(battle_id, who, now=self.now),
            "reject": lambda: self.battles.reject(battle_id, who, now=self.now),
            "cancel": lambda: self.battles.cancel(battle_id, who, now=self.now),
            "exit": lambda: self.battles.exit(battle_id, who, now=self.now),
            "end": lambda: self.battles.end(battle_id, now=self.now),
            "score": lambda: self.battles.score(battle_id, {who: 1}, ScoreChange.ADD, now=self.now),
        }
        self.wish(verbs[verb])

    # Time

    @rule(seconds=st.sampled_from([1, 4, 11, 0.5]), looked_at=st.sampled_from([True, True, False]))
    def time_passes(self, seconds: float, looked_at: bool) -> None:
        self.now += seconds
        if looked_at:
            self.tell_in_order(self.links.due(self.now))
            self.tell_in_order(self.battles.due(self.now))
            for due in (self.links.next_due, self.battles.next_due):
                assert due is None or due > self.now

    # What happens

    def wish(self, work: Callable[[], Sequence[Event]]) -> None:
        before = self.snapshot()
        code, events = self.outcome_of(work)
        if code is None:
            assert events, "what is not refused is told"
            self.tell(events)
        else:
            assert code in CODES
            assert self.snapshot() == before

    def outcome_of(self, work: Callable[[], Sequence[Event]]) -> tuple[int | None, Sequence[Event]]:
        try:
            return None, work()
        except RoomRefused as refused:
            return refused.code, ()

    def snapshot(self) -> tuple[object, ...]:
        """All values in it are frozen, so copying the dicts copies everything."""
        links, battles = self.links, self.battles
        return (
            dict(links._links), dict(links._pending._requests), dict(battles._battles), dict(battles._where),
            list(self.ids),
        )  # fmt: skip

    def tell_in_order(self, events: Sequence[Event]) -> None:
        assert [event.at for event in events] == sorted(event.at for event in events)
        self.tell(events)

    def tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self.note(event)
            assert len(set(event.rooms)) == len(event.rooms)
            for each in event.rooms:
                self.heard[each].hear(event)
            if isinstance(event, LinkChanged | LinkEnded) and event.left is not None:
                self.tell(self.battles.unlink(event.left, now=self.now))

    def note(self, event: Event) -> None:
        match event:
            case LinkRequested(request_id=request_id):
                assert request_id not in self.outcomes
                self.outcomes[request_id] = []
            case LinkRequestEnded(request_id=request_id, outcome=outcome):
                self.outcomes[request_id].append(outcome)
            case BattleRequested(battle_id=battle_id, called=called):
                self.called |= {(battle_id, each): [] for each in called}
            case BattleAnswered(battle_id=battle_id, room=who, outcome=outcome):
                self.called[battle_id, who].append(outcome)
            case BattleEnded(battle_id=battle_id):
                assert battle_id not in self.ended
                self.ended.add(battle_id)
        if not isinstance(event, LinkEvent):
            assert event.at >= self.last_at.get(event.battle_id, 0.0)
            self.last_at[event.battle_id] = event.at
            assert not (isinstance(event, BattleScored) and event.battle_id in self.ended)
            assert not isinstance(event, PunishmentEnded) or event.battle_id in self.ended

    # What must hold

    @invariant()
    def links_are_symmetric_and_disjoint_and_not_too_large(self) -> None:
        links = {id(link): link for each in ROOMS if (link := self.links.of(each)) is not None}
        members = [each for link in links.values() for each in link.rooms]
        assert len(members) == len(set(members))
        for link in links.values():
            assert 2 <= len(link.rooms) <= link.limit <= 9
            for each in link.rooms:
                assert self.links.of(each) is link

    @invariant()
    def who_only_listened_knows_it_all(self) -> None:
        for each, heard in self.heard.items():
            link, battle = self.links.of(each), self.battles.of(each)
            assert heard.linked == (() if link is None else link.rooms)
            assert heard.requests == {request.request_id for request in self.links.requests_of(each)}
            assert heard.battle == (
                None
                if battle is None
                else Shown(battle.battle_id, battle.rooms, battle.phase, battle.scores, battle.version)
            )

    @invariant()
    def every_request_ends_in_exactly_one_outcome(self) -> None:
        pending = {request.request_id for each in ROOMS for request in self.links.requests_of(each)}
        for request_id, outcomes in self.outcomes.items():
            assert len(outcomes) == (request_id not in pending)
        for (battle_id, each), outcomes in self.called.items():
            battle = self.battles._battles.get(battle_id)
            assert len(outcomes) == (battle is None or each not in battle.unanswered)

    @invariant()
    def no_request_is_between_linked_rooms_and_none_is_there_twice(self) -> None:
        requests = {request.request_id: request for each in ROOMS for request in self.links.requests_of(each)}
        pairs = [frozenset({request.by, request.to}) for request in requests.values()]
        assert len(pairs) == len(set(pairs))
        for request in requests.values():
            assert request.to not in self.links.linked_with(request.by)

    @invariant()
    def nobody_is_in_two_battles_and_all_rooms_of_one_are_linked(self) -> None:
        battles = self.battles._battles.values()
        present = [each for battle in battles for each in battle.rooms]
        assert len(present) == len(set(present))
        assert set(self.battles._where) == set(present)
        for battle in battles:
            assert len(battle.rooms) >= 2
            assert set(battle.rooms) <= {battle.rooms[0], *self.links.linked_with(battle.rooms[0])}
            assert set(battle.unanswered) <= set(battle.rooms)
            assert (battle.phase is Phase.WAITING) or not battle.unanswered
            assert all(0 <= each.score <= MAX_SCORE for each in battle.scores)

    def teardown(self) -> None:
        """When all rooms are over, nothing is left."""
        for each in ROOMS:
            self.forget(each)
        assert self.snapshot()[:4] == ({}, {}, {}, {})
        self.every_request_ends_in_exactly_one_outcome()


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
