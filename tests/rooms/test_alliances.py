"""Links and battles between rooms that live and end: rights, editions, gifts, and random histories of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from room_house import APP, HISTORIES, House
from test_link_histories import Heard

from billing.interface import Feature, Gauge, Refused
from rooms.battle_events import BattleAnswered, BattleEnded, BattleRequested, BattleScored, BattleStarted, EndReason
from rooms.battles import ScoreChange
from rooms.gifts import Gift
from rooms.interface import AllianceEvent, RoomCreated, RoomDismissed, RoomEvent, RoomId, RoomRefused, UserId
from rooms.link_events import LinkChanged, LinkRequested, LinkRequestEnded

OLGA, PAUL, ANNA = UserId("olga"), UserId("paul"), UserId("anna")
A, B, C = RoomId("a"), RoomId("b"), RoomId("c")


async def ask(house: House, by: UserId = OLGA, room: str = "a", to: str = "b") -> str:
    request = await house.rooms.alliances.request_link(APP, room, by, to, timeout_s=30, extra="")
    return request.request_id


async def link(house: House, *rooms: tuple[str, UserId]) -> None:
    """The first room asks all others."""
    (first, owner), *others = rooms
    for other, by in others:
        request_id = await ask(house, owner, first, other)
        await house.rooms.alliances.answer_link(APP, other, by, request_id, True)


async def fight(house: House, *to: str, duration_s: float = 60, need_response: bool = False) -> str:
    created = await house.rooms.alliances.create_battle(
        APP, "a", OLGA, to, duration_s=duration_s, need_response=need_response, timeout_s=30, extra=""
    )
    return created.battle_id


async def give(house: House, user: UserId, room: str, count: int) -> None:
    send_id = f"send_{len(house.events)}"
    await house.rooms.talk.send_gift(APP, room, user, gift_id="rose", count=count, send_id=send_id)


def scores(house: House) -> list[dict[str, int]]:
    told = [event for event in house.between if isinstance(event, BattleScored)]
    return [{each.room: each.score for each in event.scores} for event in told]


async def code_of(work: Awaitable[Any]) -> int:
    with pytest.raises((RoomRefused, Refused)) as told:
        await work
    return told.value.code  # type: ignore[no-any-return]


def code(work: Callable[..., Any], *args: Any) -> int:
    with pytest.raises(RoomRefused) as told:
        work(*args)
    return told.value.code


@pytest.fixture
async def three(house: House) -> House:
    """Rooms of Olga, Paul and Ruth, with Anna in Olga's; a rose costs 5 coins."""
    await house.lay_out(Gift("rose", "Rose", coins=5))
    await house.create("olga", "a")
    await house.create("paul", "b")
    await house.create("ruth", "c")
    await house.enter("anna", "a")
    house.told_of_all()
    return house


# Links


async def test_a_room_asks_another_one_and_both_are_told(three: House) -> None:
    alliances = three.rooms.alliances
    request_id = await ask(three)
    assert [each.request_id for each in alliances.link_requests(APP, "b", PAUL)] == [request_id]
    await alliances.answer_link(APP, "b", PAUL, request_id, True)
    assert three.told_of_all() == ["LinkRequested", "LinkRequestEnded", "LinkChanged"]
    found = alliances.link(APP, "a")
    assert found is not None
    assert found.rooms == ("a", "b")
    assert found == alliances.link(APP, "b")
    assert three.rooms.statistics()["links"] == 1
    alliances.exit_link(APP, "b", PAUL)
    assert alliances.link(APP, "a") is None


async def test_only_hosts_and_the_server_speak_for_a_room(three: House) -> None:
    alliances = three.rooms.alliances
    assert await code_of(ask(three, ANNA)) == 100006
    assert await code_of(ask(three, PAUL)) == 100005
    assert await code_of(ask(three, to="nowhere")) == 100004
    request_id = await ask(three)
    assert await code_of(alliances.answer_link(APP, "a", ANNA, request_id, True)) == 100006
    assert await code_of(alliances.answer_link(APP, "a", OLGA, request_id, True)) == -2311
    assert code(alliances.cancel_link, APP, "a", ANNA, request_id) == 100006
    assert code(alliances.link_requests, APP, "a", ANNA) == 100006
    await three.rooms.set_admin(APP, "a", OLGA, ANNA, True)
    alliances.cancel_link(APP, "a", ANNA, request_id)
    request = await alliances.request_link(APP, "a", None, "b", timeout_s=0, extra="")
    await alliances.answer_link(APP, "b", None, request.request_id, False)
    assert code(alliances.exit_link, APP, "a", OLGA) == 100400


async def test_the_edition_says_whether_and_how_many(three: House) -> None:
    three.billing.limits[Gauge.LINKED_ROOMS] = 2
    await link(three, ("a", OLGA), ("b", PAUL))
    assert await code_of(ask(three, to="c")) == 100404
    three.billing.features.discard(Feature.CO_HOST)
    assert await code_of(ask(three, to="c")) == 100007
    assert await code_of(fight(three, "b")) == 100007
    three.rooms.alliances.exit_link(APP, "a", OLGA)


@pytest.mark.parametrize("gone", ["a", "b"])
async def test_a_room_that_ends_while_billing_is_asked_is_not_linked(three: House, gone: str) -> None:
    asking = asyncio.ensure_future(ask(three))
    await asyncio.sleep(0)
    await three.rooms.dismiss(APP, gone, None)
    await three.create("nina", gone)
    assert await code_of(asking) == 100004
    assert three.between == []


async def test_a_role_that_ends_while_billing_is_asked_is_not_enough(three: House) -> None:
    await three.rooms.set_admin(APP, "a", OLGA, ANNA, True)
    asking = asyncio.ensure_future(ask(three, ANNA))
    await asyncio.sleep(0)
    await three.rooms.set_admin(APP, "a", OLGA, ANNA, False)
    assert await code_of(asking) == 100006


async def test_the_requester_ends_while_the_answer_asks_billing(three: House) -> None:
    request_id = await ask(three)
    answering = asyncio.ensure_future(three.rooms.alliances.answer_link(APP, "b", PAUL, request_id, True))
    await asyncio.sleep(0)
    await three.rooms.dismiss(APP, "a", None)
    assert await code_of(answering) == -2311
    assert three.rooms.alliances.link(APP, "b") is None


async def test_a_room_that_ends_takes_its_battle_and_link_along_at_once(three: House) -> None:
    await link(three, ("a", OLGA), ("b", PAUL))
    await fight(three, "b")
    await ask(three, to="c")
    three.told_of_all()
    await three.rooms.leave(APP, "a", OLGA)
    assert three.told_of_all() == ["RoomDismissed", "BattleRoomLeft", "BattleEnded", "LinkRequestEnded", "LinkEnded"]
    assert not any(three.rooms.alliances.statistics().values())


# Battles


async def test_gifts_are_points_in_the_battle_of_their_room(three: House) -> None:
    await link(three, ("a", OLGA), ("b", PAUL))
    await give(three, ANNA, "a", 1)
    await fight(three, "b", duration_s=10)
    await give(three, ANNA, "a", 2)
    await give(three, PAUL, "b", 3)
    await give(three, UserId("ruth"), "c", 9)
    assert scores(three) == [{"a": 10, "b": 0}, {"a": 10, "b": 15}]
    await three.pass_seconds(10)
    await give(three, ANNA, "a", 9)
    assert len(scores(three)) == 2
    (ended,) = [event for event in three.between if isinstance(event, BattleEnded)]
    assert (ended.reason, ended.winners) == (EndReason.TIME_OVER, ("b",))
    await three.pass_seconds(5)
    assert three.told_of_all()[-1] == "PunishmentEnded"
    assert three.rooms.alliances.link(APP, "a") is not None


async def test_a_gift_after_the_time_is_given_but_is_no_point(three: House) -> None:
    await link(three, ("a", OLGA), ("b", PAUL))
    await fight(three, "b", duration_s=10)
    three.clock.now += 10
    await give(three, ANNA, "a", 1)
    assert scores(three) == []
    assert three.rooms.talk.statistic(APP, "a").total_gift_coins == 5


async def test_an_app_may_leave_scores_to_its_own_server(three: House) -> None:
    alliances = three.rooms.alliances
    alliances.gifts_score = False
    assert code(alliances.end_battle, APP, "battle_0") == 100411
    await link(three, ("a", OLGA), ("b", PAUL))
    battle_id = await fight(three, "b")
    await give(three, ANNA, "a", 2)
    alliances.score(APP, battle_id, {"a": 7, "b": 8}, ScoreChange.OVERWRITE)
    assert scores(three) == [{"a": 7, "b": 8}]
    assert code(alliances.score, APP, battle_id, {"c": 1}, ScoreChange.ADD) == 100414
    alliances.end_battle(APP, battle_id)
    assert three.told_of_all()[-1] == "BattleEnded"


async def test_called_rooms_answer_and_only_the_caller_cancels(three: House) -> None:
    alliances = three.rooms.alliances
    assert await code_of(fight(three, "b")) == 100400
    await link(three, ("a", OLGA), ("b", PAUL), ("c", UserId("ruth")))
    battle_id = await fight(three, "b", "c", need_response=True)
    assert code(alliances.answer_battle, APP, "a", ANNA, battle_id, True) == 100006
    assert code(alliances.cancel_battle, APP, "b", PAUL, battle_id) == 100006
    alliances.answer_battle(APP, "b", PAUL, battle_id, True)
    alliances.answer_battle(APP, "c", UserId("ruth"), battle_id, False)
    found = alliances.battle(APP, "b")
    assert found is not None
    assert (found.rooms, found.phase, alliances.battle(APP, "c")) == (("a", "b"), "running", None)
    assert code(alliances.cancel_battle, APP, "a", OLGA, battle_id) == 100419
    alliances.exit_battle(APP, "a", OLGA, battle_id)
    assert alliances.battle(APP, "b") is None
    assert alliances.link(APP, "b") is not None


# Random histories

OWNERS = {f"r{number}": UserId(f"o{number}") for number in range(4)}
user = st.sampled_from([*OWNERS.values(), *OWNERS.values(), UserId("u0"), UserId("u1")])
room = st.sampled_from(list(OWNERS))
number = st.integers(0, 3)
yes = st.booleans()
wish = st.one_of(
    st.tuples(st.just("create"), room),
    st.tuples(st.just("enter"), user, room),
    st.tuples(st.just("leave"), user, room),
    st.tuples(st.just("drop"), user, room),
    st.tuples(st.just("admin"), user, room, yes),
    st.tuples(st.just("request"), user, room, room, st.sampled_from([0, 3])),
    st.tuples(st.just("answer"), room, number, yes),
    st.tuples(st.just("cancel"), room, number),
    st.tuples(st.just("exit"), user, room),
    st.tuples(st.just("link"), room, room),
    st.tuples(st.just("link"), room, room),
    st.tuples(st.just("fight"), room, st.lists(room, min_size=1, max_size=3), yes),
    st.tuples(st.just("fight"), room, st.lists(room, min_size=1, max_size=3), yes),
    st.tuples(st.just("answer_battle"), room, yes),
    st.tuples(st.just("cancel_battle"), room),
    st.tuples(st.just("exit_battle"), room),
    st.tuples(st.just("end"), room),
    st.tuples(st.just("score"), room, number),
    st.tuples(st.just("gift"), room, number),
)


class Listener:
    """Knows each room's link and battle by what that room was told, and how every request ended."""

    def __init__(self) -> None:
        self.heard: dict[str, Heard] = {}
        self.over: dict[str, Heard] = {}
        self.requests: dict[str, int] = {}
        self.calls: dict[tuple[str, str], int] = {}

    def hear_room(self, event: RoomEvent) -> None:
        if isinstance(event, RoomCreated):
            self.check_nothing_is_left_of(event.room_id)
            self.heard[event.room_id] = Heard(event.room_id)
        elif isinstance(event, RoomDismissed):
            self.over[event.room_id] = self.heard.pop(event.room_id)

    def hear_alliance(self, event: AllianceEvent) -> None:
        for each in event.rooms:
            self.heard.get(each, self.over.get(each, Heard(each))).hear(event)
        match event:
            case LinkRequested(request_id=request_id):
                self.requests[request_id] = 0
            case LinkRequestEnded(request_id=request_id):
                self.requests[request_id] += 1
            case LinkChanged(members=members):
                assert set(members) <= set(self.heard)
            case BattleRequested(battle_id=battle_id, called=called):
                self.calls |= {(battle_id, each): 0 for each in called}
            case BattleAnswered(battle_id=battle_id, room=each):
                self.calls[battle_id, each] += 1
            case BattleStarted(rooms=rooms):
                assert set(rooms) <= set(self.heard)

    def check_nothing_is_left_of(self, room_id: str) -> None:
        gone = self.over.pop(room_id, None)
        assert gone is None or (gone.linked, gone.battle, gone.requests) == ((), None, set())


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.house = House()
        self.loop.run_until_complete(self.house.lay_out(Gift("rose", "Rose", coins=5)))
        self.listener = Listener()
        self.house.rooms._listener = self.listener.hear_room
        self.house.rooms.alliances._listener = self.listener.hear_alliance
        self.numbers = count()
        for each in OWNERS:
            self.run(self._wish(("create", each)))
        for each in ("r1", "r2"):
            self.run(self._wish(("link", "r0", each)))

    def run(self, work: Awaitable[None]) -> None:
        self.loop.run_until_complete(work)

    @rule(wish=wish)
    def one(self, wish: tuple[Any, ...]) -> None:
        self.run(self._wish(wish))

    @rule(wishes=st.lists(st.tuples(wish, st.none() | st.integers(0, 12)), min_size=2, max_size=6))
    def many_at_once(self, wishes: list[tuple[tuple[Any, ...], int | None]]) -> None:
        """Some of them are cancelled after so many turns of the loop."""
        self.run(self.house.race([(self._wish(each), after) for each, after in wishes]))

    @rule(seconds=st.sampled_from([1, 4, 10, 91]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.house.pass_seconds(seconds))

    @rule(has=yes, limit=st.sampled_from([None, 2, 3]), failing=st.sampled_from([(), (), ("edition",), ("require",)]))
    def edition_changes(self, has: bool, limit: int | None, failing: tuple[str, ...]) -> None:
        (self.house.billing.features.add if has else self.house.billing.features.discard)(Feature.CO_HOST)
        self.house.billing.limits[Gauge.LINKED_ROOMS] = limit
        self.house.billing.failing = set(failing)

    async def _wish(self, wish: tuple[Any, ...]) -> None:
        verb, *rest = wish
        try:
            await getattr(self, f"_{verb}")(*rest)
        except (RoomRefused, Refused, OSError):
            pass

    async def _create(self, where: str) -> None:
        await self.house.create(OWNERS[where], where, seats=2)

    async def _enter(self, who: UserId, where: str) -> None:
        await self.house.enter(who, where)

    async def _leave(self, who: UserId, where: str) -> None:
        await self.house.rooms.leave(APP, where, who)

    async def _drop(self, who: UserId, where: str) -> None:
        await self.house.drop(who, where)

    async def _admin(self, who: UserId, where: str, admin: bool) -> None:
        await self.house.rooms.set_admin(APP, where, None, who, admin)

    async def _request(self, who: UserId, where: str, to: str, timeout_s: int) -> None:
        await self.house.rooms.alliances.request_link(APP, where, who, to, timeout_s=timeout_s, extra="")

    async def _answer(self, where: str, which: int, accept: bool) -> None:
        await self.house.rooms.alliances.answer_link(APP, where, None, self._pending(where, which), accept)

    async def _cancel(self, where: str, which: int) -> None:
        self.house.rooms.alliances.cancel_link(APP, where, OWNERS[where], self._pending(where, which))

    async def _exit(self, who: UserId, where: str) -> None:
        self.house.rooms.alliances.exit_link(APP, where, who)

    async def _link(self, where: str, to: str) -> None:
        request = await self.house.rooms.alliances.request_link(APP, where, None, to, timeout_s=9, extra="")
        await self.house.rooms.alliances.answer_link(APP, to, OWNERS[to], request.request_id, True)

    async def _fight(self, where: str, to: list[str], need_response: bool) -> None:
        await self.house.rooms.alliances.create_battle(
            APP, where, OWNERS[where], to, duration_s=10, need_response=need_response, timeout_s=4, extra=""
        )

    async def _answer_battle(self, where: str, accept: bool) -> None:
        self.house.rooms.alliances.answer_battle(APP, where, OWNERS[where], self._battle(where), accept)

    async def _cancel_battle(self, where: str) -> None:
        self.house.rooms.alliances.cancel_battle(APP, where, OWNERS[where], self._battle(where))

    async def _exit_battle(self, where: str) -> None:
        self.house.rooms.alliances.exit_battle(APP, where, OWNERS[where], self._battle(where))

    async def _end(self, where: str) -> None:
        self.house.rooms.alliances.end_battle(APP, self._battle(where))

    async def _score(self, where: str, score: int) -> None:
        self.house.rooms.alliances.score(APP, self._battle(where), {where: score}, ScoreChange.OVERWRITE)

    async def _gift(self, where: str, times: int) -> None:
        await self.house.rooms.talk.send_gift(
            APP, where, OWNERS[where], gift_id="rose", count=times + 1, send_id=f"s{next(self.numbers)}"
        )

    def _pending(self, where: str, which: int) -> str:
        heard = self.listener.heard.get(where)
        waiting = sorted(heard.requests) if heard is not None else []
        return waiting[which] if which < len(waiting) else "link_0"

    def _battle(self, where: str) -> str:
        battle = self.house.rooms.alliances.battle(APP, where)
        return "battle_0" if battle is None else battle.battle_id

    @invariant()
    def every_link_is_symmetric_and_of_rooms_that_live(self) -> None:
        alliances = self.house.rooms.alliances
        for where in OWNERS:
            found = alliances.link(APP, where)
            heard = self.listener.heard.get(where)
            if found is None:
                assert heard is None or heard.linked == ()
                continue
            assert heard is not None
            assert heard.linked == found.rooms
            assert len(found.rooms) == len(set(found.rooms)) >= 2
            assert all(alliances.link(APP, each) == found for each in found.rooms)

    @invariant()
    def battles_are_of_linked_rooms_which_all_heard_the_same_scores(self) -> None:
        alliances = self.house.rooms.alliances
        for where in OWNERS:
            battle, heard = alliances.battle(APP, where), self.listener.heard.get(where)
            if battle is None:
                assert heard is None or heard.battle is None
                continue
            assert heard is not None
            link = alliances.link(APP, where)
            assert link is not None
            assert set(battle.rooms) <= set(link.rooms)
            for each in battle.rooms:
                assert alliances.battle(APP, each) == battle
                shown = self.listener.heard[each].battle
                assert shown is not None
                assert (shown.battle_id, shown.phase) == (battle.battle_id, battle.phase)
                assert (shown.scores, shown.version) == (battle.scores, battle.version)

    @invariant()
    def every_request_ends_at_most_once_and_those_that_wait_can_be_answered(self) -> None:
        assert set(self.listener.requests.values()) <= {0, 1}
        assert set(self.listener.calls.values()) <= {0, 1}
        for where, heard in self.listener.heard.items():
            waiting = self.house.rooms.alliances.link_requests(APP, where, None)
            assert {each.request_id for each in waiting} == heard.requests
            assert all({each.by, each.to} <= set(self.listener.heard) for each in waiting)

    @invariant()
    def nothing_is_left_of_rooms_that_are_over(self) -> None:
        for each in list(self.listener.over):
            self.listener.check_nothing_is_left_of(each)

    def teardown(self) -> None:
        try:
            self.house.billing.failing = set()
            self.run(self.house.rooms.close())
            assert set(self.listener.requests.values()) <= {1}
            assert set(self.listener.calls.values()) <= {1}
            assert not any(self.house.rooms.alliances.statistics().values())
        finally:
            self.loop.close()


TestHistories = pytest.mark.timeout(0)(Histories.TestCase)
TestHistories.settings = HISTORIES
