"""One room, without billing and without a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from billing.interface import AppId
from rooms.co_guests import SeatRequest
from rooms.commands import (
    Answer,
    Apply,
    Ban,
    Cancel,
    Command,
    Dismiss,
    Drop,
    Enter,
    Expire,
    Invite,
    Kick,
    KickFromSeat,
    Leave,
    LeaveSeat,
    LockSeat,
    Lose,
    MoveSeat,
    MuteMember,
    SetAdmin,
    TakeSeat,
    UpdateRoom,
)
from rooms.errors import RoomRefused
from rooms.events import (
    AdminsChanged,
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberBanned,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberMuted,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomUpdated,
    SeatRequested,
    SeatRequestEnded,
    SeatsChanged,
)
from rooms.ids import RoomId, UserId
from rooms.requests import Outcome
from rooms.room import Room
from rooms.seats import MovePolicy, Seats
from rooms.views import Role, RoomInfo, SeatMode

APP, R = AppId(7), RoomId("r")
OWNER, A, B, X = (UserId(name) for name in ("olga", "anna", "ben", "xaver"))
NOW = 5000.0


def room(*audience: UserId, seats: int = 3, max_members: int | None = None) -> Room:
    made = Room(APP, R, RoomInfo("Room"), OWNER, NOW, Seats(seats), max_members)
    made.open("Olga", "c_olga", NOW)
    for user in audience:
        made.apply(Enter(user, user.title(), f"c_{user}"), NOW)
    return made


def names(made: Room) -> list[str | None]:
    return [seat.user for seat in made.view().seats]


# Opening


def test_the_owner_is_in_on_seat_0_from_the_first_event() -> None:
    made = Room(APP, R, RoomInfo("Room", "pic"), OWNER, NOW, Seats(2))

    created, entered = made.open("Olga", "c_olga", NOW)

    assert isinstance(created, RoomCreated)
    assert (created.card.seats_taken, created.card.seats_count, created.card.member_count) == (1, 2, 1)
    assert (created.card.owner_name, created.card.cover, created.at) == ("Olga", "pic", NOW)
    assert isinstance(entered, MemberEntered)
    assert (entered.member.role, entered.member.seat, entered.audience_count) == (Role.OWNER, 0, 0)


# Transitions


def test_who_enters_is_audience_without_a_seat() -> None:
    made = room()

    (event,) = made.apply(Enter(A, "Anna", "c1"), NOW + 1)

    assert event == MemberEntered(APP, R, NOW + 1, made.member(A), 1)
    assert (made.member(A).role, made.member(A).seat, made.member(A).connected) == (Role.AUDIENCE, None, True)


def test_who_leaves_a_seat_by_leaving_the_room_says_so_before_the_seats_change() -> None:
    made = room(A)
    made.apply(TakeSeat(A, 2), NOW)

    left, seats = made.apply(Leave(A), NOW)

    assert left == MemberLeft(APP, R, NOW, A, LeaveReason.LEFT, 0, 2)
    assert isinstance(seats, SeatsChanged)
    assert [seat.user for seat in seats.seats] == [OWNER, None, None]


def test_who_leaves_from_no_seat_changes_no_seats() -> None:
    made = room(A, B)

    assert made.apply(Leave(A), NOW) == [MemberLeft(APP, R, NOW, A, LeaveReason.LEFT, 1, None)]


def test_the_owner_leaving_ends_the_room() -> None:
    made = room(A, B)

    last = made.view(), made.talk.figures.statistic()

    assert made.apply(Leave(OWNER), NOW) == [RoomDismissed(APP, R, NOW, DismissReason.BY_OWNER, (OWNER, A, B), *last)]
    assert made.over
    assert (len(made.members), made.seats.taken) == (0, 0)


@pytest.mark.parametrize("by", [OWNER, None])
def test_the_owner_and_the_server_may_dismiss(by: UserId | None) -> None:
    made = room(A)

    last = made.view(), made.talk.figures.statistic()

    assert made.apply(Dismiss(by, DismissReason.BY_SERVER), NOW) == [
        RoomDismissed(APP, R, NOW, DismissReason.BY_SERVER, (OWNER, A), *last)
    ]


def test_a_kicked_member_is_out_with_its_seat() -> None:
    made = room(A)
    made.apply(TakeSeat(A, None), NOW)

    left, _ = made.apply(Kick(OWNER, A), NOW)

    assert left == MemberLeft(APP, R, NOW, A, LeaveReason.KICKED, 0, 1)


def test_a_member_made_to_stand_up_stays() -> None:
    made = room(A)
    made.apply(TakeSeat(A, 1), NOW)

    (event,) = made.apply(KickFromSeat(OWNER, A), NOW)

    assert isinstance(event, SeatsChanged)
    assert made.member(A).seat is None


def test_a_seat_is_taken_and_left() -> None:
    made = room(A)

    made.apply(TakeSeat(A, None), NOW)
    assert names(made) == [OWNER, A, None]
    made.apply(LeaveSeat(A), NOW)
    assert names(made) == [OWNER, None, None]


# Connections


def test_a_dropped_member_keeps_its_seat_and_shows_as_not_connected() -> None:
    made = room(A)
    made.apply(TakeSeat(A, 1), NOW)

    assert made.apply(Drop(A, "c_anna", NOW + 30), NOW) == [MemberDropped(APP, R, NOW, A)]

    seat = made.view().seats[1]
    assert (seat.user, seat.connected, made.member(A).connected) == (A, False, False)


def test_a_drop_of_an_old_connection_or_of_a_stranger_means_nothing() -> None:
    made = room(A)
    made.apply(Enter(A, "Anna", "c2"), NOW)

    assert made.apply(Drop(A, "c_anna", NOW + 30), NOW) == []
    assert made.apply(Drop(X, "c", NOW + 30), NOW) == []
    assert made.member(A).connected


def test_a_second_drop_of_the_same_connection_does_not_begin_the_grace_again() -> None:
    made = room(A)
    made.apply(Drop(A, "c_anna", NOW + 30), NOW)

    assert made.apply(Drop(A, "c_anna", NOW + 60), NOW + 30) == []
    assert made.members.get(A).grace_until == NOW + 30


@pytest.mark.parametrize("connection", ["c_anna", "c2"])
def test_who_enters_within_the_grace_is_back_on_its_seat(connection: str) -> None:
    made = room(A)
    made.apply(TakeSeat(A, 1), NOW)
    made.apply(Drop(A, "c_anna", NOW + 30), NOW)

    assert made.apply(Enter(A, "Anna", connection), NOW + 9) == [MemberReturned(APP, R, NOW + 9, A, connection)]
    assert (made.member(A).seat, made.member(A).connected, made.member(A).connection) == (1, True, connection)


def test_who_enters_by_another_connection_replaces_the_old_one() -> None:
    made = room(A)

    assert made.apply(Enter(A, "Anna", "c2"), NOW) == [ConnectionReplaced(APP, R, NOW, A, "c_anna", "c2")]
    assert made.apply(Enter(A, "Anna", "c2"), NOW) == []
    assert made.view().member_count == 2


def test_a_lost_member_is_out_and_a_lost_owner_ends_the_room() -> None:
    made = room(A, B)
    made.apply(Drop(A, "c_anna", NOW + 30), NOW)
    made.apply(Drop(OWNER, "c_olga", NOW + 90), NOW)

    assert made.apply(Lose(A, NOW + 30), NOW + 30) == [MemberLeft(APP, R, NOW + 30, A, LeaveReason.LOST, 1, None)]
    last = made.view(), made.talk.figures.statistic()
    assert made.apply(Lose(OWNER, NOW + 90), NOW + 90) == [
        RoomDismissed(APP, R, NOW + 90, DismissReason.OWNER_LOST, (OWNER, B), *last)
    ]


def test_the_end_of_an_earlier_grace_does_not_end_a_later_one() -> None:
    made = room(A)
    made.apply(Drop(A, "c_anna", NOW + 30), NOW)
    made.apply(Enter(A, "Anna", "c2"), NOW + 1)
    made.apply(Drop(A, "c2", NOW + 40), NOW + 10)

    assert made.apply(Lose(A, NOW + 30), NOW + 30) == []
    assert made.apply(Lose(X, NOW + 30), NOW + 30) == []
    assert made.apply(Lose(A, NOW + 40), NOW + 40) != []


# Refusals


def full() -> Room:
    return room(A, max_members=2)


def seated() -> Room:
    made = room(A, B, seats=2)
    made.apply(TakeSeat(A, 1), NOW)
    return made


def ended() -> Room:
    made = room(A)
    made.apply(Leave(OWNER), NOW)
    return made


@pytest.mark.parametrize(
    ("given", "command", "code", "name"),
    [
        (full, Enter(X, "X", "c"), 100008, "room_full"),
        (seated, TakeSeat(B, 7), 100002, "bad_parameter"),
        (seated, TakeSeat(B, 1), 100201, "seat_occupied"),
        (seated, TakeSeat(B, 0), 100201, "seat_occupied"),
        (seated, TakeSeat(A, None), 100203, "already_seated"),
        (seated, TakeSeat(OWNER, None), 100203, "already_seated"),
        (seated, TakeSeat(B, None), 100205, "seats_full"),
        (seated, LeaveSeat(B), 100206, "not_seated"),
        (seated, LeaveSeat(OWNER), 100006, "no_permission"),
        (seated, KickFromSeat(OWNER, B), 100206, "not_seated"),
        (seated, KickFromSeat(OWNER, X), 100005, "not_in_room"),
        (seated, KickFromSeat(OWNER, OWNER), 100006, "no_permission"),
        (seated, KickFromSeat(B, A), 100006, "no_permission"),
        (seated, Kick(OWNER, X), 100005, "not_in_room"),
        (seated, Kick(OWNER, OWNER), 100006, "no_permission"),
        (seated, Kick(A, B), 100006, "no_permission"),
        (seated, Dismiss(A, DismissReason.BY_OWNER), 100006, "no_permission"),
        (seated, Dismiss(X, DismissReason.BY_OWNER), 100005, "not_in_room"),
        (seated, Leave(X), 100005, "not_in_room"),
        (seated, TakeSeat(X, None), 100005, "not_in_room"),
        (seated, LockSeat(B, 2, True, False, False), 100006, "no_permission"),
        (seated, LockSeat(OWNER, 0, True, False, False), 100006, "no_permission"),
        (seated, LockSeat(OWNER, 9, True, False, False), 100002, "bad_parameter"),
        (seated, MoveSeat(OWNER, A, 0, MovePolicy.SWAP), 100006, "no_permission"),
        (seated, MoveSeat(OWNER, OWNER, 1, MovePolicy.SWAP), 100006, "no_permission"),
        (seated, MoveSeat(OWNER, B, 1, MovePolicy.SWAP), 100206, "not_seated"),
        (seated, MoveSeat(A, A, 2, MovePolicy.ABORT), 100002, "bad_parameter"),
        (seated, MoveSeat(B, A, 1, MovePolicy.ABORT), 100006, "no_permission"),
        (seated, SetAdmin(A, B, True), 100006, "no_permission"),
        (seated, SetAdmin(OWNER, OWNER, True), 100006, "no_permission"),
        (seated, SetAdmin(OWNER, X, True), 100005, "not_in_room"),
        (seated, MuteMember(A, B, 60), 100006, "no_permission"),
        (seated, MuteMember(OWNER, OWNER, 60), 100006, "no_permission"),
        (seated, Ban(A, B, 60), 100006, "no_permission"),
        (seated, UpdateRoom(B, name="Mine"), 100006, "no_permission"),
        (ended, UpdateRoom(OWNER, name="Mine"), 100004, "no_such_room"),
        (ended, Enter(X, "X", "c"), 100004, "no_such_room"),
        (ended, Leave(A), 100004, "no_such_room"),
        (ended, Dismiss(None, DismissReason.BY_SERVER), 100004, "no_such_room"),
        (ended, Drop(A, "c_anna", NOW), 100004, "no_such_room"),
    ],
)
def test_a_refusal_has_its_code_and_changes_nothing(
    given: Callable[[], Room], command: Command, code: int, name: str
) -> None:
    made = given()
    before = made.view()

    for refusing in (lambda: made.check(command, NOW), lambda: made.apply(command, NOW)):
        with pytest.raises(RoomRefused) as refused:
            refusing()
        assert (refused.value.code, refused.value.name) == (code, name)
        assert refused.value.sentence.endswith(".")
    assert made.view() == before


def test_a_full_room_lets_its_members_come_back() -> None:
    made = full()
    made.apply(Drop(A, "c_anna", NOW + 30), NOW)

    assert made.apply(Enter(A, "Anna", "c2"), NOW) == [MemberReturned(APP, R, NOW, A, "c2")]


# Hosts


def test_admins_help_the_owner_and_not_against_each_other() -> None:
    made = room(A, B, X)
    for user in (A, B):
        assert made.apply(SetAdmin(OWNER, user, True), NOW)[0] == AdminsChanged(
            APP, R, NOW, made.moderation.admins, user, OWNER
        )
    assert made.member(A).role is Role.ADMIN

    for against in (Kick(A, B), Ban(A, B, 60), MuteMember(A, B, 60), Kick(A, OWNER), SetAdmin(A, X, True)):
        with pytest.raises(RoomRefused) as refused:
            made.apply(against, NOW)
        assert refused.value.code == 100006
    assert made.apply(Kick(A, X), NOW)
    made.apply(SetAdmin(OWNER, B, False), NOW)
    assert made.apply(Kick(A, B), NOW)


def test_who_is_banned_is_out_and_stays_out_until_it_ends() -> None:
    made = room(A)
    made.apply(SetAdmin(OWNER, A, True), NOW)
    left, banned = made.apply(Ban(None, A, 60), NOW)
    assert isinstance(left, MemberLeft)
    assert left.reason is LeaveReason.BANNED
    assert banned == MemberBanned(APP, R, NOW, A, NOW + 60, None)
    with pytest.raises(RoomRefused) as refused:
        made.apply(Enter(A, "Anna", "c"), NOW + 59)
    assert refused.value.code == 100016
    assert "1 s" in refused.value.sentence

    made.apply(Enter(A, "Anna", "c"), NOW + 60)
    assert made.member(A).role is Role.AUDIENCE, "an admin no longer"
    made.apply(Ban(OWNER, B, 60), NOW + 61)
    made.apply(Ban(OWNER, B, 0), NOW + 62)
    assert made.apply(Enter(B, "Ben", "c"), NOW + 63)


def test_a_mute_outlives_the_stay_and_ends_by_itself() -> None:
    made = room(A, B)
    assert made.apply(MuteMember(OWNER, A, 60), NOW) == [MemberMuted(APP, R, NOW, A, NOW + 60, OWNER)]
    made.apply(Leave(A), NOW + 1)
    made.apply(Enter(A, "Anna", "c"), NOW + 2)
    with pytest.raises(RoomRefused) as refused:
        made.check_voice(A, NOW + 59)
    assert refused.value.code == 100017
    made.check_voice(B, NOW)
    made.check_voice(A, NOW + 60)


def test_when_messages_are_disabled_hosts_may_write_still() -> None:
    made = room(A, B)
    made.apply(SetAdmin(OWNER, A, True), NOW)
    (updated,) = made.apply(UpdateRoom(A, notice="hush", message_disabled=True), NOW)
    assert isinstance(updated, RoomUpdated)
    assert (updated.info.name, updated.info.notice, updated.by) == ("Room", "hush", A)
    assert made.apply(UpdateRoom(A, message_disabled=True), NOW) == [], "nothing new"
    for user in (OWNER, A):
        made.check_voice(user, NOW)
    with pytest.raises(RoomRefused):
        made.check_voice(B, NOW)


# Seats that are locked, and moves


def test_who_sits_on_a_seat_that_is_closed_stands_up() -> None:
    made = room(A)
    made.apply(TakeSeat(A, 1), NOW)
    (changed,) = made.apply(LockSeat(OWNER, 1, True, True, False), NOW)
    assert isinstance(changed, SeatsChanged)
    seat = changed.seats[1]
    assert (seat.user, seat.locked, seat.audio_locked, seat.video_locked) == (None, True, True, False)
    with pytest.raises(RoomRefused) as refused:
        made.apply(TakeSeat(A, 1), NOW)
    assert refused.value.code == 100200
    made.apply(TakeSeat(A, None), NOW)
    assert names(made) == ["olga", None, "anna"]


def test_moving_aborts_replaces_or_swaps() -> None:
    made = room(A, B, seats=4)
    made.apply(TakeSeat(A, 1), NOW)
    made.apply(TakeSeat(B, 2), NOW)
    for policy, code in ((MovePolicy.ABORT, 100201), (MovePolicy.REPLACE, 100006), (MovePolicy.SWAP, 100006)):
        with pytest.raises(RoomRefused) as refused:
            made.apply(MoveSeat(A, A, 2, policy), NOW)
        assert refused.value.code == code
    made.apply(MoveSeat(A, A, 3, MovePolicy.ABORT), NOW)
    assert names(made) == ["olga", None, "ben", "anna"]
    made.apply(MoveSeat(OWNER, A, 2, MovePolicy.SWAP), NOW)
    assert names(made) == ["olga", None, "anna", "ben"]
    made.apply(MoveSeat(OWNER, B, 2, MovePolicy.REPLACE), NOW)
    assert names(made) == ["olga", None, "ben", None]
    made.apply(MoveSeat(OWNER, B, 2, MovePolicy.ABORT), NOW)
    assert names(made) == ["olga", None, "ben", None], "there already"


def test_where_seats_are_applied_for_the_audience_does_not_sit_down_by_itself() -> None:
    made = room(A, B)
    made.apply(UpdateRoom(OWNER, seat_mode=SeatMode.APPLY), NOW)
    with pytest.raises(RoomRefused) as refused:
        made.apply(TakeSeat(A, 1), NOW)
    assert (refused.value.code, refused.value.name) == (100006, "needs_application")
    made.apply(SetAdmin(OWNER, B, True), NOW)
    made.apply(TakeSeat(B, 1), NOW)


# Requests for seats


def request(made: Room, command: Command, now: float = NOW) -> SeatRequest:
    (event,) = made.apply(command, now)
    assert isinstance(event, SeatRequested)
    return event.request


def outcomes(events: Sequence[RoomEvent]) -> list[tuple[str, str]]:
    return [(event.request.guest, event.outcome) for event in events if isinstance(event, SeatRequestEnded)]


def test_any_host_answers_an_application_and_who_is_accepted_sits() -> None:
    made = room(A, B, X)
    made.apply(SetAdmin(OWNER, B, True), NOW)
    asked = request(made, Apply(A, 2, 0, "please"))
    assert (asked.to, asked.index, asked.extra, asked.expires_at) == (OWNER, 2, "please", None)
    with pytest.raises(RoomRefused) as refused:
        made.apply(Answer(X, asked.request_id, True), NOW)
    assert refused.value.code == 100006
    events = made.apply(Answer(B, asked.request_id, True), NOW + 1)
    assert outcomes(events) == [(A, Outcome.ACCEPTED)]
    assert isinstance(events[-1], SeatsChanged)
    assert names(made) == ["olga", None, "anna"]
    with pytest.raises(RoomRefused) as refused:
        made.apply(Answer(OWNER, asked.request_id, True), NOW + 2)
    assert refused.value.code == -2311


def test_only_the_invited_answers_and_hosts_may_cancel() -> None:
    made = room(A, B)
    made.apply(SetAdmin(OWNER, B, True), NOW)
    invited = request(made, Invite(OWNER, A, None, 30, ""))
    with pytest.raises(RoomRefused):
        made.apply(Answer(OWNER, invited.request_id, True), NOW)
    assert outcomes(made.apply(Answer(A, invited.request_id, False), NOW)) == [(A, Outcome.REJECTED)]
    again = request(made, Invite(OWNER, A, None, 30, ""))
    assert outcomes(made.apply(Cancel(B, again.request_id), NOW)) == [(A, Outcome.CANCELLED)]


def test_what_nobody_answers_times_out_once() -> None:
    made = room(A, B)
    request(made, Apply(A, None, 30, ""))
    request(made, Apply(B, None, 0, ""))
    assert made.co_guests.next_due == NOW + 30
    assert made.apply(Expire(), NOW + 29) == []
    with pytest.raises(RoomRefused) as refused:
        made.apply(Answer(OWNER, "application_1", True), NOW + 30)
    assert refused.value.code == -2311, "it is over, whether somebody noticed or not"
    assert outcomes(made.apply(Expire(), NOW + 31)) == [(A, Outcome.TIMEOUT)]
    assert made.apply(Expire(), NOW + 9999) == []


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (Leave(A), Outcome.CANCELLED),
        (Kick(OWNER, A), Outcome.CANCELLED),
        (TakeSeat(A, None), Outcome.ERROR),
        (Dismiss(None, DismissReason.BY_SERVER), Outcome.ERROR),
    ],
)
def test_what_became_pointless_ends_before_everybody_hears_why(end: Command, outcome: Outcome) -> None:
    made = room(A)
    request(made, Apply(A, None, 0, ""))
    events = made.apply(end, NOW)
    assert outcomes(events[:1]) == [(A, outcome)]
    assert len(outcomes(events)) == 1


def test_a_guest_waits_once_and_a_full_room_keeps_it_waiting() -> None:
    made = room(A, B, seats=1)
    asked = request(made, Apply(A, None, 0, ""))
    for again, code in ((Apply(A, None, 0, ""), 100202), (Invite(OWNER, A, None, 0, ""), 100202)):
        with pytest.raises(RoomRefused) as refused:
            made.apply(again, NOW)
        assert refused.value.code == code
    with pytest.raises(RoomRefused) as refused:
        made.apply(Answer(OWNER, asked.request_id, True), NOW)
    assert refused.value.code == 100205
    assert made.requests_for(OWNER) == made.requests_for(A) == (asked,)
    assert made.requests_for(B) == ()
    with pytest.raises(RoomRefused) as refused:
        Apply(A, None, 0, "x" * 1025)
    assert refused.value.code == 100002
