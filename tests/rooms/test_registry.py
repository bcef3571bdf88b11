"""Rooms with billing behind it: who is where, what is asked, what is told, when graces end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from room_house import APP, House

from billing.interface import AppId, Feature, Gauge, Refused
from rooms.interface import (
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberLeft,
    MemberReturned,
    RoomDismissed,
    RoomRefused,
    Rooms,
    RoomTimes,
    UserId,
)

OLGA, ANNA, BEN = UserId("olga"), UserId("anna"), UserId("ben")


async def refusal(wish: Awaitable[object]) -> RoomRefused | Refused:
    with pytest.raises((RoomRefused, Refused)) as refused:
        await wish
    return refused.value  # type: ignore[return-value]


# Creating


async def test_a_created_room_has_its_owner_on_seat_0_and_one_lease_of_each_kind(house: House) -> None:
    view = await house.create("olga", seats=4, room_name="Evening", cover="http://c")

    assert (view.owner, view.info.name, view.info.cover, len(view.seats), view.seats[0].user) == (
        OLGA, "Evening", "http://c", 4, OLGA,
    )  # fmt: skip
    assert (view.audience_count, view.member_count) == (0, 1)
    assert (house.room_leases(), house.seat_leases(), house.audience_leases()) == ({"r"}, {"olga"}, set())
    assert house.told() == ["RoomCreated", "MemberEntered"]


async def test_billing_is_asked_for_the_room_and_then_for_the_seat(house: House) -> None:
    await house.create()

    assert house.billing.calls == ["edition", "admit rooms", "admit seats"]


async def test_a_room_without_a_wished_id_gets_one_and_its_id_is_its_name(house: House) -> None:
    view = await house.create(room_id=None)

    assert view.room_id.startswith("room_")
    assert view.info.name == view.room_id


@pytest.mark.parametrize(("limit", "seats"), [(9, 9), (None, 50), (80, 50)])
async def test_a_room_has_as_many_seats_as_the_edition_but_never_more_than_50(limit: int | None, seats: int) -> None:
    house = House(seats=limit)

    assert len((await house.create()).seats) == seats


async def test_more_seats_than_the_edition_has_are_refused_and_nothing_was_taken() -> None:
    house = House(seats=4)

    refused = await refusal(house.create(seats=5))

    assert (refused.code, refused.name, refused.limit) == (100013, "seats_limit", 4)
    house.check_nothing_is_left()


@pytest.mark.parametrize(("limits", "code"), [({"rooms": 0}, 100013), ({"seats": 0}, 100205)])
async def test_a_creation_that_billing_refuses_leaves_nothing_behind(limits: dict[str, int], code: int) -> None:
    house = House(**limits)

    assert (await refusal(house.create())).code == code

    house.check_nothing_is_left()
    assert house.told() == []
    house.billing.limits = dict.fromkeys(house.billing.limits)
    await house.create()  # neither the id nor the user is taken


async def test_a_foreign_app_is_refused_in_billings_words(house: House) -> None:
    refused = await refusal(house.rooms.create(AppId(-1), OLGA, name="Olga", connection="c", room_id="r"))

    assert (refused.code, type(refused)) == (60006, Refused)
    house.check_nothing_is_left()


async def test_an_id_is_taken_once_in_an_app_and_again_in_another(house: House) -> None:
    await house.create("olga")

    assert (await refusal(house.create("anna"))).code == 100003
    assert (await refusal(house.create("olga"))).code == 100003
    await house.rooms.create(AppId(2), ANNA, name="Anna", connection="c", room_id="r")
    assert house.rooms.statistics()["rooms"] == 2


async def test_who_is_in_a_room_makes_no_other(house: House) -> None:
    await house.create("olga")
    await house.enter("anna")

    for user in ("olga", "anna"):
        refused = await refusal(house.create(user, "r2"))
        assert (refused.code, refused.name) == (-2108, "already_in_room")


@pytest.mark.parametrize("wish", [{"room_id": "a b"}, {"user": "an na"}, {"seats": 0}, {"room_name": "x" * 101}])
async def test_a_wish_that_means_nothing_is_refused_before_billing_is_asked(
    house: House, wish: dict[str, object]
) -> None:
    assert (await refusal(house.create(**wish))).code == 100002  # type: ignore[arg-type]

    assert house.billing.calls == []
    house.check_nothing_is_left()


# Entering and leaving


async def test_who_enters_holds_an_audience_lease_until_leaving(house: House) -> None:
    await house.create()

    view = await house.enter("anna")
    assert (view.audience_count, view.member_count) == (1, 2)
    assert house.audience_leases() == {"anna"}

    await house.rooms.leave(APP, "r", ANNA)
    assert house.audience_leases() == set()
    assert house.rooms.room(APP, "r").audience_count == 0


async def test_a_seated_member_holds_both_leases_and_leaving_gives_back_both(house: House) -> None:
    await house.create()
    await house.enter("anna")

    await house.rooms.take_seat(APP, "r", ANNA, None)
    assert (house.audience_leases(), house.seat_leases()) == ({"anna"}, {"olga", "anna"})

    await house.rooms.leave(APP, "r", ANNA)
    assert (house.audience_leases(), house.seat_leases()) == (set(), {"olga"})
    assert house.told()[-2:] == ["MemberLeft", "SeatsChanged"]


async def test_an_audience_at_its_limit_refuses_in_billings_words_and_keeps_nothing() -> None:
    house = House(audience=1)
    await house.create()
    await house.enter("anna")
    house.told()

    refused = await refusal(house.enter("ben"))

    assert (refused.code, refused.name, refused.limit, refused.used) == (101011, "audience_full", 1, 1)
    assert house.told() == []
    await house.create("ben", "r2")  # ben is nowhere


async def test_a_room_with_its_own_limit_is_full_before_billing_is_asked(house: House) -> None:
    await house.create(max_members=2)
    await house.enter("anna")
    house.billing.calls.clear()

    refused = await refusal(house.enter("ben"))

    assert (refused.code, refused.limit, refused.used) == (100008, 2, 2)
    assert house.billing.calls == []


async def test_a_user_is_in_one_room_of_an_app_at_a_time(house: House) -> None:
    await house.create("olga", "r")
    await house.create("ben", "r2")
    await house.enter("anna", "r")

    assert (await refusal(house.enter("anna", "r2"))).code == -2108
    assert (await refusal(house.enter("olga", "r2"))).code == -2108

    await house.rooms.leave(APP, "r", ANNA)
    await house.enter("anna", "r2")


async def test_the_owner_leaving_ends_the_room_and_frees_everybody(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, 1)
    house.told()
    last, figures = house.rooms.room(APP, "r"), house.rooms.talk.statistic(APP, "r")

    await house.rooms.leave(APP, "r", OLGA)

    assert house.events == [
        RoomDismissed(APP, last.room_id, house.clock.now, DismissReason.BY_OWNER, (OLGA, ANNA), last, figures)
    ]
    house.check_nothing_is_left()
    await house.create("anna")  # the id, and anna, are free


@pytest.mark.parametrize(
    ("by", "given", "told"),
    [
        (OLGA, None, DismissReason.BY_OWNER),
        (None, None, DismissReason.BY_SERVER),
        (None, DismissReason.OWNER_LOST, DismissReason.OWNER_LOST),
    ],
)
async def test_a_dismissal_says_why(
    house: House, by: UserId | None, given: DismissReason | None, told: DismissReason
) -> None:
    await house.create()

    await house.rooms.dismiss(APP, "r", by, given)

    event = house.events[-1]
    assert isinstance(event, RoomDismissed)
    assert event.reason == told
    house.check_nothing_is_left()


async def test_a_kicked_member_is_out_and_may_enter_again(house: House) -> None:
    await house.create()
    await house.enter("anna")

    await house.rooms.kick(APP, "r", OLGA, ANNA)

    event = house.events[-1]
    assert isinstance(event, MemberLeft)
    assert event.reason is LeaveReason.KICKED
    assert house.audience_leases() == set()
    await house.enter("anna")


# Seats


async def test_taking_a_seat_asks_for_the_feature_and_then_for_the_seat(house: House) -> None:
    await house.create()
    await house.enter("anna")
    house.billing.calls.clear()

    seats = await house.rooms.take_seat(APP, "r", ANNA, 2)

    assert house.billing.calls == ["require co_guest", "admit seats"]
    assert seats[2].user == ANNA
    assert house.rooms.member(APP, "r", ANNA).seat == 2


async def test_an_edition_without_co_guests_has_an_owner_and_nobody_beside(house: House) -> None:
    house.billing.features.discard(Feature.CO_GUEST)
    await house.create()
    await house.enter("anna")

    assert (await refusal(house.rooms.take_seat(APP, "r", ANNA, None))).code == 100007
    assert house.seat_leases() == {"olga"}


async def test_a_seat_that_billing_refuses_stays_free(house: House) -> None:
    await house.create(seats=5)
    await house.enter("anna")
    house.billing.limits[Gauge.SEATS] = 1  # the edition was changed meanwhile
    house.told()

    assert (await refusal(house.rooms.take_seat(APP, "r", ANNA, 1))).code == 100205

    assert house.rooms.member(APP, "r", ANNA).seat is None
    assert house.told() == []


@pytest.mark.parametrize("by_owner", [True, False])
async def test_who_stands_up_stays_as_audience_and_frees_the_seat(house: House, by_owner: bool) -> None:
    await house.create(seats=2)
    await house.enter("anna")
    await house.enter("ben")
    await house.rooms.take_seat(APP, "r", ANNA, None)
    assert (await refusal(house.rooms.take_seat(APP, "r", BEN, None))).code == 100205

    if by_owner:
        seats = await house.rooms.kick_from_seat(APP, "r", OLGA, ANNA)
    else:
        seats = await house.rooms.leave_seat(APP, "r", ANNA)

    assert seats[1].user is None
    assert (house.seat_leases(), house.audience_leases()) == ({"olga"}, {"anna", "ben"})
    await house.rooms.take_seat(APP, "r", BEN, 1)


# Refusals


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (lambda rooms: rooms.enter(APP, UserId("x"), name="", connection="c", room_id="none"), 100004),
        (lambda rooms: rooms.enter(APP, UserId("x"), name="", connection="c", room_id="no room"), 100002),
        (lambda rooms: rooms.enter(AppId(2), UserId("x"), name="", connection="c", room_id="r"), 100004),
        (lambda rooms: rooms.leave(APP, "none", OLGA), 100004),
        (lambda rooms: rooms.leave(APP, "r", UserId("x")), 100005),
        (lambda rooms: rooms.dismiss(APP, "r", ANNA), 100006),
        (lambda rooms: rooms.kick(APP, "r", ANNA, OLGA), 100006),
        (lambda rooms: rooms.kick(APP, "r", OLGA, UserId("x")), 100005),
        (lambda rooms: rooms.kick_from_seat(APP, "r", ANNA, OLGA), 100006),
        (lambda rooms: rooms.kick_from_seat(APP, "r", OLGA, ANNA), 100206),
        (lambda rooms: rooms.take_seat(APP, "r", ANNA, 0), 100201),
        (lambda rooms: rooms.take_seat(APP, "r", ANNA, 99), 100002),
        (lambda rooms: rooms.take_seat(APP, "r", OLGA, 1), 100203),
        (lambda rooms: rooms.leave_seat(APP, "r", ANNA), 100206),
        (lambda rooms: rooms.leave_seat(APP, "r", OLGA), 100006),
    ],
)
async def test_a_refused_wish_takes_nothing_and_tells_nothing(
    house: House, wish: Callable[[Rooms], Awaitable[object]], code: int
) -> None:
    await house.create()
    await house.enter("anna")
    before = (house.rooms.room(APP, "r"), dict(house.billing.held), dict(house.rooms._where))
    house.told()

    assert (await refusal(wish(house.rooms))).code == code

    assert (house.rooms.room(APP, "r"), house.billing.held, house.rooms._where) == before
    assert house.told() == []


async def test_looking_at_what_is_not_there_is_refused(house: House) -> None:
    await house.create()

    looks: list[tuple[Callable[[], object], int]] = [
        (lambda: house.rooms.room(APP, "none"), 100004),
        (lambda: house.rooms.member(APP, "none", OLGA), 100004),
        (lambda: house.rooms.member(APP, "r", ANNA), 100005),
        (lambda: house.rooms.audience(APP, "none"), 100004),
        (lambda: house.rooms.audience(APP, "r", count=0), 100002),
        (lambda: house.rooms.rooms_of(APP, count=0), 100002),
        (lambda: house.rooms.rooms_of(APP, cursor="x"), 100002),
    ]
    for look, code in looks:
        with pytest.raises(RoomRefused) as refused:
            look()
        assert refused.value.code == code


# Grace


async def test_a_dropped_member_is_lost_after_30_seconds_and_not_before(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, None)
    await house.drop("anna")

    await house.pass_seconds(29)
    assert not house.rooms.member(APP, "r", ANNA).connected
    assert house.audience_leases() == {"anna"}

    await house.pass_seconds(1)
    left = next(event for event in house.events if isinstance(event, MemberLeft))
    assert (left.reason, left.seat_freed, left.at) == (LeaveReason.LOST, 1, house.clock.now)
    assert (house.audience_leases(), house.seat_leases()) == (set(), {"olga"})


async def test_a_room_waits_90_seconds_for_its_owner(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.drop("olga")

    await house.pass_seconds(89)
    assert house.rooms.room(APP, "r").seats[0].connected is False

    await house.pass_seconds(1)
    event = house.events[-1]
    assert isinstance(event, RoomDismissed)
    assert event.reason is DismissReason.OWNER_LOST
    house.check_nothing_is_left()


async def test_who_returns_in_time_keeps_seat_and_lease_and_is_never_lost_for_it(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, 2)
    await house.drop("anna")
    await house.pass_seconds(29)
    house.told()
    house.billing.calls.clear()

    view = await house.enter("anna", connection="c2")

    assert house.events == [MemberReturned(APP, view.room_id, house.clock.now, ANNA, "c2")]
    assert view.seats[2].connected
    assert house.billing.calls == []
    await house.pass_seconds(100)
    assert house.rooms.member(APP, "r", ANNA).seat == 2
    assert len(house.rooms._graces) == 0


async def test_every_drop_begins_a_full_grace_of_its_own(house: House) -> None:
    await house.create()
    await house.enter("anna")
    for connection in ("c_anna", "c2", "c3"):
        await house.drop("anna", connection=connection)
        await house.pass_seconds(20)
        await house.enter("anna", connection={"c_anna": "c2", "c2": "c3", "c3": "c4"}[connection])

    assert house.rooms.member(APP, "r", ANNA).connected


async def test_a_second_connection_takes_over_and_the_end_of_the_first_means_nothing(house: House) -> None:
    await house.create()
    await house.enter("anna")
    house.told()

    view = await house.enter("anna", connection="c2")
    assert house.events == [ConnectionReplaced(APP, view.room_id, house.clock.now, ANNA, "c_anna", "c2")]
    house.told()

    await house.drop("anna", connection="c_anna")
    await house.pass_seconds(100)
    assert house.told() == []
    assert house.rooms.member(APP, "r", ANNA).connection == "c2"


async def test_a_drop_from_where_nobody_is_means_nothing(house: House) -> None:
    await house.drop("anna", "none")
    await house.create()
    await house.drop("anna")

    assert len(house.rooms._graces) == 0


async def test_who_drops_and_leaves_is_not_lost_later(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.drop("anna")
    await house.rooms.leave(APP, "r", ANNA)
    await house.enter("anna", connection="c2")
    house.told()

    await house.pass_seconds(100)

    assert house.told() == []


async def test_grace_times_can_be_set(house: House) -> None:
    house.rooms = Rooms(
        house.billing, clock=house.clock, store=house.store, listener=house.events.append,
        limits=RoomTimes(member_grace_s=5),
    )  # fmt: skip
    await house.create()
    await house.enter("anna")
    await house.drop("anna")

    await house.pass_seconds(5)

    assert house.rooms.room(APP, "r").audience_count == 0


# Looking


async def test_the_audience_is_listed_newest_first(house: House) -> None:
    await house.create()
    for user in ("a", "b", "c"):
        await house.enter(user)

    members, cursor = house.rooms.audience(APP, "r", count=2)
    assert [member.user for member in members] == ["c", "b"]
    members, cursor = house.rooms.audience(APP, "r", cursor=cursor, count=2)
    assert [member.user for member in members] == ["a"]
    assert cursor == ""


async def test_an_app_sees_its_own_rooms_by_audience(house: House) -> None:
    await house.create("olga", "small")
    await house.create("ben", "large")
    await house.enter("anna", "large")
    await house.rooms.create(AppId(2), OLGA, name="Olga", connection="c", room_id="foreign")

    cards, cursor = house.rooms.rooms_of(APP)

    assert [(card.room_id, card.audience_count, card.owner_name) for card in cards] == [
        ("large", 1, "Ben"), ("small", 0, "Olga"),
    ]  # fmt: skip
    assert cursor == ""
    assert house.rooms.rooms_of(AppId(3)) == ([], "")


async def test_statistics_count_what_there_is(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, None)
    await house.drop("anna")

    assert house.rooms.statistics() == {
        "rooms": 1, "members": 2, "seats_taken": 2, "leases": 4, "releases_failed": 0,
        "links": 0, "link_requests": 0, "battles": 0,
    }  # fmt: skip


# Closing


async def test_closing_ends_every_room_and_lets_no_new_one_begin(house: House) -> None:
    await house.create("olga", "r")
    await house.create("ben", "r2")
    await house.enter("anna")
    house.told()

    await house.rooms.close()
    await house.rooms.close()

    assert house.told() == ["RoomDismissed", "RoomDismissed"]
    house.check_nothing_is_left()
    assert (await refusal(house.create())).code == 100001
