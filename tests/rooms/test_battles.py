from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from typing import ParamSpec

import pytest

from billing.interface import AppId
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
from rooms.battles import MAX_SCORE, Battles, Created, Phase, ScoreChange
from rooms.errors import RoomRefused
from rooms.ids import RoomId
from rooms.requests import Outcome

APP = AppId(1)
A, B, C, D, E = LINKED = tuple(RoomId(name) for name in "abcde")
ADD, OVERWRITE = ScoreChange.ADD, ScoreChange.OVERWRITE

P = ParamSpec("P")


def new_battles(punishment_s: float = 0.0) -> Battles:
    numbers = count(1)
    return Battles(APP, new_id=lambda: f"p{next(numbers)}", punishment_s=punishment_s)


def call(
    battles: Battles,
    by: RoomId,
    *to: RoomId,
    answers: bool = True,
    duration_s: float = 60,
    timeout_s: float = 0,
    extra: str = "",
    limit: int = 9,
    linked: Collection[RoomId] = LINKED,
    now: float = 0.0,
) -> Created:
    return battles.create(
        by, to, duration_s=duration_s, need_response=answers, timeout_s=timeout_s, extra=extra,
        limit=limit, linked=linked, now=now,
    )  # fmt: skip


def begin(battles: Battles, by: RoomId, *to: RoomId, duration_s: float = 60, now: float = 0.0) -> str:
    return call(battles, by, *to, answers=False, duration_s=duration_s, now=now).battle_id


def code_of(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> int:
    with pytest.raises(RoomRefused) as refused:
        work(*args, **kwargs)
    return refused.value.code


def scores(**values: int) -> tuple[Score, ...]:
    return tuple(Score(RoomId(room), score) for room, score in values.items())


def the_end(events: list[BattleEvent]) -> BattleEnded:
    ends = [event for event in events if isinstance(event, BattleEnded)]
    assert len(ends) == 1
    return ends[0]


# Beginning


def test_a_battle_that_needs_no_answer_runs_at_once() -> None:
    battles = new_battles()

    created = call(battles, A, B, C, answers=False, extra="x", now=100.0)

    assert created.events == [BattleStarted(APP, (A, B, C), 100.0, "p1", A, 160.0, "x")]
    assert created.refused == {}
    battle = battles.get("p1")
    assert (battle.phase, battle.until, battle.started_at) == (Phase.RUNNING, 160.0, 100.0)
    assert (battle.scores, battle.version) == (scores(a=0, b=0, c=0), 0)
    assert battles.of(C) is battle


def test_a_battle_lasts_five_minutes_unless_another_time_is_wished() -> None:
    created = new_battles().create(
        A, [B], need_response=False, timeout_s=0, extra="", limit=9, linked=LINKED, now=0.0
    )  # fmt: skip

    assert isinstance(created.events[0], BattleStarted)
    assert created.events[0].ends_at == 300.0


def test_it_starts_with_those_who_accepted_when_all_have_answered() -> None:
    battles = new_battles()
    created = call(battles, A, B, C, timeout_s=30, extra="x", now=100.0)
    assert created.events == [BattleRequested(APP, (A, B, C), 100.0, "p1", A, (B, C), 60, 130.0, "x")]

    rejected = battles.reject("p1", B, now=101.0)
    accepted = battles.accept("p1", C, now=102.0)

    assert rejected == [BattleAnswered(APP, (A, B, C), 101.0, "p1", B, Outcome.REJECTED)]
    assert accepted == [
        BattleAnswered(APP, (A, C), 102.0, "p1", C, Outcome.ACCEPTED),
        BattleStarted(APP, (A, C), 102.0, "p1", A, 162.0, "x"),
    ]
    assert battles.of(B) is None
    assert battles.get("p1").scores == scores(a=0, c=0)


def test_no_answer_in_time_is_a_no() -> None:
    battles = new_battles()
    call(battles, A, B, C, timeout_s=30)
    battles.accept("p1", B, now=1.0)

    assert battles.next_due == 30.0
    assert battles.due(29.0) == []
    assert battles.due(35.0) == [
        BattleAnswered(APP, (A, B, C), 30.0, "p1", C, Outcome.TIMEOUT),
        BattleStarted(APP, (A, B), 30.0, "p1", A, 90.0, ""),
    ]


def test_it_ends_when_nobody_joins() -> None:
    battles = new_battles(punishment_s=5)
    call(battles, A, B, C, timeout_s=30)
    battles.reject("p1", B, now=1.0)

    events = battles.due(30.0)

    assert events[1:] == [BattleEnded(APP, (A,), 30.0, "p1", EndReason.NOBODY_JOINED, (), (), None)]
    assert code_of(lambda: battles.get("p1")) == 100411
    assert [battles.of(room) for room in (A, B, C)] == [None, None, None]
    assert battles.next_due is None


def test_without_a_timeout_it_waits_for_ever() -> None:
    battles = new_battles()
    call(battles, A, B, timeout_s=0)

    assert battles.next_due is None
    assert battles.due(10.0**12) == []


def test_the_caller_may_cancel_before_the_start() -> None:
    battles = new_battles()
    call(battles, A, B, C)
    battles.accept("p1", B, now=0.0)

    assert code_of(lambda: battles.cancel("p1", B, now=1.0)) == 100006
    assert code_of(lambda: battles.cancel("p1", D, now=1.0)) == 100414
    assert battles.cancel("p1", A, now=1.0) == [
        BattleAnswered(APP, (A, B, C), 1.0, "p1", C, Outcome.CANCELLED),
        BattleEnded(APP, (A, B), 1.0, "p1", EndReason.CANCELLED, (), (), None),
    ]
    assert battles.of(B) is None


# Refused beginnings


@pytest.mark.parametrize("duration_s", [9.9, 3601, -1, float("nan"), float("inf")])
def test_a_duration_is_10_to_3600_seconds(duration_s: float) -> None:
    assert code_of(lambda: call(new_battles(), A, B, duration_s=duration_s)) == 100002


def test_a_battle_with_odd_rooms_or_texts_is_refused() -> None:
    battles = new_battles()

    assert code_of(lambda: call(battles, A)) == 100002
    assert code_of(lambda: call(battles, A, A)) == 100002
    assert code_of(lambda: call(battles, A, B, B)) == 100002
    assert code_of(lambda: call(battles, A, B, extra="x" * 1025)) == 100002
    assert code_of(lambda: call(battles, A, B, timeout_s=-1)) == 100002
    assert battles.of(A) is None


def test_no_more_rooms_than_the_limit_are_called() -> None:
    battles = new_battles()
    many = [RoomId(f"r{number}") for number in range(9)]

    assert code_of(lambda: call(battles, A, B, C, limit=2)) == 100404
    assert code_of(lambda: call(battles, A, *many, linked=many, limit=99)) == 100404
    assert call(battles, A, *many[1:], linked=many, limit=9).refused == {}


def test_rooms_that_are_not_linked_cannot_be_called() -> None:
    battles = new_battles()

    assert code_of(lambda: call(battles, A, B, linked=())) == 100400
    assert code_of(lambda: call(battles, A, B, linked=(C, D))) == 100400
    created = call(battles, A, B, C, linked=(A, C))
    assert {room: refusal.code for room, refusal in created.refused.items()} == {B: 100400}
    assert battles.get(created.battle_id).rooms == (A, C)


def test_a_room_that_is_in_a_battle_cannot_begin_another() -> None:
    battles = new_battles(punishment_s=5)
    waiting = call(battles, A, B).battle_id

    assert code_of(lambda: call(battles, A, C)) == 100416
    assert code_of(lambda: call(battles, B, C)) == 100416
    battles.accept(waiting, B, now=0.0)
    assert code_of(lambda: call(battles, A, C)) == 100415
    assert code_of(lambda: call(battles, B, C)) == 100415
    battles.due(60.0)
    assert code_of(lambda: call(battles, A, C)) == 100419
    battles.due(65.0)
    assert call(battles, A, B)


def test_called_rooms_that_are_in_a_battle_are_passed_over() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B)
    call(battles, C, D)

    created = call(battles, E, A, D, RoomId("f"), linked=(*LINKED, RoomId("f")))

    assert {room: refusal.code for room, refusal in created.refused.items()} == {A: 100415, D: 100416}
    assert battles.get(created.battle_id).rooms == (E, RoomId("f"))


def test_when_no_called_room_can_join_there_is_no_battle() -> None:
    battles = new_battles()
    begin(battles, A, B)

    assert code_of(lambda: call(battles, C, A, B)) == 100412
    assert battles.of(C) is None


# Answers at the wrong time


def test_who_is_not_called_or_has_answered_cannot_answer() -> None:
    battles = new_battles()
    call(battles, A, B, C)
    battles.accept("p1", B, now=0.0)

    for answer in (battles.accept, battles.reject):
        assert code_of(answer, "p1", D, now=0.0) == 100414
        assert code_of(answer, "p1", A, now=0.0) == 100102
        assert code_of(answer, "p1", B, now=0.0) == 100102
        assert code_of(answer, "none", C, now=0.0) == 100411


def test_answers_after_the_start_are_refused() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B)

    assert code_of(lambda: battles.accept("p1", B, now=0.0)) == 100419
    assert code_of(lambda: battles.reject("p1", B, now=0.0)) == 100419
    assert code_of(lambda: battles.cancel("p1", A, now=0.0)) == 100419
    battles.due(60.0)
    assert code_of(lambda: battles.accept("p1", B, now=61.0)) == 100421
    assert code_of(lambda: battles.cancel("p1", A, now=61.0)) == 100421


def test_what_comes_too_late_is_refused_although_nobody_looked_at_the_clock() -> None:
    battles = new_battles(punishment_s=5)
    call(battles, A, B, timeout_s=10)
    assert code_of(lambda: battles.accept("p1", B, now=10.0)) == 100411
    begin(battles, C, D)
    assert code_of(lambda: battles.score("p2", {C: 1}, ADD, now=60.0)) == 100421
    assert code_of(lambda: battles.exit("p2", C, now=60.0)) == 100421
    assert code_of(lambda: battles.end("p2", now=60.0)) == 100421
    battles.due(60.0)
    assert code_of(lambda: battles.score("p2", {C: 1}, ADD, now=65.0)) == 100411


# Scores


def test_scores_are_added_or_overwritten_and_every_event_has_all_of_them() -> None:
    battles = new_battles()
    begin(battles, A, B)

    first = battles.score("p1", {A: 5}, ADD, now=1.0)
    second = battles.score("p1", {A: 2, B: 3}, ADD, now=2.0)
    third = battles.score("p1", {B: 1}, OVERWRITE, now=3.0)

    assert first == [BattleScored(APP, (A, B), 1.0, "p1", scores(a=5, b=0), 1)]
    assert second == [BattleScored(APP, (A, B), 2.0, "p1", scores(a=7, b=3), 2)]
    assert third == [BattleScored(APP, (A, B), 3.0, "p1", scores(a=7, b=1), 3)]


def test_scores_out_of_bounds_are_refused_together() -> None:
    battles = new_battles()
    begin(battles, A, B)
    battles.score("p1", {A: MAX_SCORE}, OVERWRITE, now=0.0)
    before = battles.get("p1")

    assert code_of(lambda: battles.score("p1", {B: 1, A: 1}, ADD, now=0.0)) == 100002
    assert code_of(lambda: battles.score("p1", {A: -1}, ADD, now=0.0)) == 100002
    assert code_of(lambda: battles.score("p1", {A: -1}, OVERWRITE, now=0.0)) == 100002
    assert code_of(lambda: battles.score("p1", {B: MAX_SCORE + 1}, OVERWRITE, now=0.0)) == 100002
    assert code_of(lambda: battles.score("p1", {}, ADD, now=0.0)) == 100002
    assert battles.get("p1") == before


def test_scores_are_for_rooms_that_are_in_it_while_it_runs() -> None:
    battles = new_battles(punishment_s=5)
    call(battles, A, B, C)

    assert code_of(lambda: battles.score("p1", {A: 1}, ADD, now=0.0)) == 100420
    battles.accept("p1", B, now=0.0)
    battles.accept("p1", C, now=0.0)
    assert code_of(lambda: battles.score("p1", {A: 1, D: 1}, ADD, now=0.0)) == 100414
    battles.exit("p1", C, now=0.0)
    assert code_of(lambda: battles.score("p1", {C: 1}, ADD, now=0.0)) == 100414
    battles.due(60.0)
    assert code_of(lambda: battles.score("p1", {A: 1}, ADD, now=61.0)) == 100421
    assert code_of(lambda: battles.score("none", {A: 1}, ADD, now=61.0)) == 100411


# Ends


def test_the_highest_score_wins_when_time_is_over() -> None:
    battles = new_battles()
    begin(battles, A, B, C)
    battles.score("p1", {A: 5, B: 7}, ADD, now=1.0)

    assert battles.due(60.5) == [
        BattleEnded(APP, (A, B, C), 60.0, "p1", EndReason.TIME_OVER, scores(a=5, b=7, c=0), (B,), None)
    ]
    assert battles.of(A) is None


def test_equal_scores_are_a_draw() -> None:
    battles = new_battles()
    begin(battles, A, B, C)
    battles.score("p1", {A: 7, C: 7}, ADD, now=1.0)

    assert the_end(battles.due(60.0)).winners == (A, C)


def test_the_last_room_that_stays_wins_although_another_had_more() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B, C)
    battles.score("p1", {A: 9}, ADD, now=1.0)

    assert battles.exit("p1", A, now=2.0) == [BattleRoomLeft(APP, (A, B, C), 2.0, "p1", A)]
    assert battles.of(A) is None
    assert battles.exit("p1", B, now=3.0) == [
        BattleRoomLeft(APP, (B, C), 3.0, "p1", B),
        BattleEnded(APP, (C,), 3.0, "p1", EndReason.ALL_LEFT, scores(a=9, b=0, c=0), (C,), None),
    ]
    assert code_of(lambda: battles.get("p1")) == 100411


def test_before_the_start_only_who_has_accepted_may_leave() -> None:
    battles = new_battles()
    call(battles, A, B, C)
    battles.accept("p1", B, now=0.0)

    assert code_of(lambda: battles.exit("p1", A, now=0.0)) == 100420
    assert code_of(lambda: battles.exit("p1", C, now=0.0)) == 100420
    assert code_of(lambda: battles.exit("p1", D, now=0.0)) == 100414
    assert battles.exit("p1", B, now=1.0) == [BattleRoomLeft(APP, (A, B, C), 1.0, "p1", B)]
    assert the_end(battles.reject("p1", C, now=2.0)).reason is EndReason.NOBODY_JOINED


def test_the_server_may_end_it() -> None:
    battles = new_battles(punishment_s=5)
    call(battles, A, B)
    assert battles.end("p1", now=1.0) == [
        BattleAnswered(APP, (A, B), 1.0, "p1", B, Outcome.ERROR),
        BattleEnded(APP, (A,), 1.0, "p1", EndReason.BY_SERVER, (), (), None),
    ]
    begin(battles, A, B, now=2.0)
    assert battles.end("p2", now=3.0) == [
        BattleEnded(APP, (A, B), 3.0, "p2", EndReason.BY_SERVER, scores(a=0, b=0), (A, B), 8.0)
    ]
    assert code_of(lambda: battles.end("p2", now=4.0)) == 100421
    assert code_of(lambda: battles.end("none", now=4.0)) == 100411


# Punishment


def test_a_decided_battle_is_shown_for_a_while() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B)
    battles.score("p1", {B: 1}, ADD, now=1.0)

    assert the_end(battles.due(60.0)).punishment_until == 65.0
    shown = battles.get("p1")
    assert (shown.phase, shown.until, shown.ended_at, shown.winners) == (Phase.PUNISHMENT, 65.0, 60.0, (B,))
    assert code_of(lambda: battles.exit("p1", A, now=61.0)) == 100421
    assert battles.due(65.0) == [PunishmentEnded(APP, (A, B), 65.0, "p1")]
    assert battles.of(A) is None


def test_time_brings_all_its_events_in_order() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B, duration_s=62)
    begin(battles, C, D, duration_s=60)

    events = battles.due(1000.0)

    assert [(event.at, event.battle_id, type(event)) for event in events] == [
        (60.0, "p2", BattleEnded),
        (62.0, "p1", BattleEnded),
        (65.0, "p2", PunishmentEnded),
        (67.0, "p1", PunishmentEnded),
    ]


# Links that change


def test_a_room_that_leaves_the_link_leaves_the_battle() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B, C)

    assert battles.unlink(A, now=1.0) == [BattleRoomLeft(APP, (A, B, C), 1.0, "p1", A)]
    assert battles.unlink(A, now=1.0) == []
    assert battles.unlink(B, now=2.0) == [
        BattleRoomLeft(APP, (B, C), 2.0, "p1", B),
        BattleEnded(APP, (C,), 2.0, "p1", EndReason.LINK_ENDED, scores(a=0, b=0, c=0), (C,), None),
    ]


def test_a_called_room_that_leaves_the_link_has_answered() -> None:
    battles = new_battles()
    call(battles, A, B, C, D)
    battles.accept("p1", D, now=0.0)

    assert battles.unlink(D, now=1.0) == [BattleRoomLeft(APP, (A, B, C, D), 1.0, "p1", D)]
    assert battles.unlink(B, now=1.0) == [BattleAnswered(APP, (A, B, C), 1.0, "p1", B, Outcome.ERROR)]
    assert [type(event) for event in battles.unlink(C, now=2.0)] == [BattleAnswered, BattleEnded]


def test_a_battle_that_waits_ends_with_its_caller() -> None:
    battles = new_battles()
    call(battles, A, B, C)
    battles.accept("p1", B, now=0.0)

    assert battles.unlink(A, now=1.0) == [
        BattleAnswered(APP, (A, B, C), 1.0, "p1", C, Outcome.CANCELLED),
        BattleEnded(APP, (A, B), 1.0, "p1", EndReason.LINK_ENDED, (), (), None),
    ]


def test_a_battle_that_runs_goes_on_without_its_caller() -> None:
    battles = new_battles()
    begin(battles, A, B, C)
    battles.unlink(A, now=1.0)

    assert the_end(battles.due(60.0)).winners == (B, C)


def test_the_punishment_ends_when_only_one_room_is_left() -> None:
    battles = new_battles(punishment_s=5)
    begin(battles, A, B)
    battles.due(60.0)

    assert battles.unlink(A, now=61.0) == [
        BattleRoomLeft(APP, (A, B), 61.0, "p1", A),
        PunishmentEnded(APP, (B,), 61.0, "p1"),
    ]


def test_a_room_that_leaves_after_the_time_was_over_does_not_change_who_won() -> None:
    battles = new_battles()
    begin(battles, A, B)
    battles.score("p1", {A: 1}, ADD, now=1.0)

    end = the_end(battles.unlink(A, now=61.0))

    assert (end.at, end.reason, end.winners) == (60.0, EndReason.TIME_OVER, (A,))
