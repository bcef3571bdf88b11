"""Members whom the app's own server puts there, and who need no connection."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from room_house import APP, House

from billing.interface import Refused
from rooms.interface import (
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberEntered,
    MemberLeft,
    RoomDismissed,
    RoomRefused,
    SeatMode,
    UserId,
)

OBS, ROB, OLGA = UserId("obs"), UserId("rob"), UserId("olga")


@pytest.fixture
async def held(house: House) -> House:
    """Olga's room of four seats, with a robot in it."""
    house.import_accounts("obs", "rob", "bot", "dot")
    await house.create(seats=4, seat_mode=SeatMode.APPLY)
    await house.add_robot("obs")
    return house


async def code(wish: Awaitable[object]) -> int:
    with pytest.raises((RoomRefused, Refused)) as refused:
        await wish
    return refused.value.code  # type: ignore[no-any-return]


async def test_a_robot_is_a_member_that_counts_like_others(held: House) -> None:
    entered = held.events[-1]
    assert isinstance(entered, MemberEntered)
    assert (entered.member.user, entered.member.name, entered.audience_count) == (OBS, "Obs", 1)
    assert entered.member.connected
    assert held.audience_leases() == {"obs"}
    assert held.rooms.talk.statistic(APP, "r").total_viewers == 1
    held.told()

    await held.add_robot("obs")  # once more: nothing happens

    assert held.told() == []
    assert held.rooms.robots(APP, "r") == (OBS,)
    await held.pass_seconds(3600)
    assert held.rooms.robots(APP, "r") == (OBS,), "it is not lost, for it has no connection to lose"


async def test_a_robot_sits_where_it_is_picked_and_leaves_nothing_behind(held: House) -> None:
    seats = await held.rooms.pick_for_seat(APP, "r", OBS, index=1)
    assert (seats[1].user, held.seat_leases()) == (OBS, {"olga", "obs"})

    await held.rooms.remove_robot(APP, "r", OBS)

    left = [event for event in held.events if isinstance(event, MemberLeft)]
    assert [(event.user, event.reason, event.seat_freed) for event in left] == [(OBS, LeaveReason.KICKED, 1)]
    assert (held.audience_leases(), held.seat_leases(), held.rooms.robots(APP, "r")) == (set(), {"olga"}, ())


async def test_the_connection_of_a_robot_may_come_and_go(held: House) -> None:
    await held.rooms.pick_for_seat(APP, "r", OBS, index=1)
    held.told()
    await held.enter("obs", connection="whip")
    assert held.rooms.member(APP, "r", OBS).connection == "whip"

    await held.drop("obs", connection="whip")

    replaced = held.events[-1]
    assert isinstance(replaced, ConnectionReplaced)
    assert (replaced.user, replaced.old_connection) == (OBS, "whip")
    assert held.told() == ["ConnectionReplaced", "ConnectionReplaced"]
    await held.pass_seconds(3600)
    assert held.rooms.member(APP, "r", OBS).seat == 1
    assert held.rooms.robots(APP, "r") == (OBS,)


async def test_who_leaves_by_itself_is_a_robot_no_longer(held: House) -> None:
    await held.enter("obs", connection="ws")
    await held.rooms.leave(APP, "r", OBS)
    await held.enter("obs", connection="ws")
    assert held.rooms.robots(APP, "r") == ()

    await held.drop("obs", connection="ws")
    await held.pass_seconds(30)

    assert held.rooms.room(APP, "r").audience_count == 0


async def test_a_room_with_a_robot_waits_for_its_owner_for_ever(held: House) -> None:
    await held.drop("olga")
    await held.pass_seconds(3600)
    assert not held.rooms.member(APP, "r", OLGA).connected

    await held.enter("olga", connection="c2")

    assert held.rooms.member(APP, "r", OLGA).connected
    await held.rooms.remove_robot(APP, "r", OBS)
    assert held.rooms.room(APP, "r").member_count == 1


@pytest.mark.parametrize("verb", ["remove_robot", "kick", "ban", "leave"])
async def test_when_the_last_robot_is_gone_the_room_of_a_lost_owner_ends(held: House, verb: str) -> None:
    await held.add_robot("rob")
    await held.enter("anna")
    await held.drop("olga")
    await held.pass_seconds(91)
    await held.rooms.remove_robot(APP, "r", ROB)
    await held.rooms.leave(APP, "r", UserId("anna"))
    assert held.rooms.robots(APP, "r") == (OBS,), "one holds it still"
    held.told()

    await {
        "remove_robot": lambda: held.rooms.remove_robot(APP, "r", OBS),
        "kick": lambda: held.rooms.kick(APP, "r", None, OBS),
        "ban": lambda: held.rooms.ban(APP, "r", None, OBS, 60),
        "leave": lambda: held.rooms.leave(APP, "r", OBS),
    }[verb]()

    dismissed = held.events[-1]
    assert isinstance(dismissed, RoomDismissed)
    assert (dismissed.reason, dismissed.members) == (DismissReason.OWNER_LOST, (OLGA,))
    assert held.told()[0] == "MemberLeft"
    held.check_nothing_is_left()


async def test_when_the_last_robot_is_gone_in_time_the_owner_has_the_rest_of_its_grace(held: House) -> None:
    await held.drop("olga")
    await held.pass_seconds(60)
    await held.rooms.remove_robot(APP, "r", OBS)
    await held.pass_seconds(29)
    assert held.rooms.room(APP, "r").member_count == 1

    await held.pass_seconds(1)

    assert isinstance(held.events[-1], RoomDismissed)


async def test_the_owner_and_the_server_end_a_room_with_robots_as_any_other(held: House) -> None:
    await held.rooms.leave(APP, "r", OLGA)

    held.check_nothing_is_left()


async def test_what_is_refused(held: House) -> None:
    await held.enter("rob")
    await held.create("paul", "other")
    await held.rooms.ban(APP, "r", None, UserId("bot"), 60)

    assert await code(held.add_robot("rob")) == -2108, "it is here by itself"
    assert await code(held.add_robot("olga")) == 100002, "no account"
    assert await code(held.add_robot("obs", "other")) == -2108, "in one room at a time"
    assert await code(held.add_robot("bot")) == 100016
    assert await code(held.add_robot("dot", "nowhere")) == 100004
    assert await code(held.rooms.remove_robot(APP, "r", ROB)) == 100005
    assert await code(held.rooms.remove_robot(APP, "nowhere", OBS)) == 100004
    assert held.rooms.robots(APP, "r") == (OBS,)
    assert held.audience_leases() == {"obs", "rob"}


async def test_a_room_has_three_robots_and_no_more_than_the_edition_lets_in() -> None:
    house = House(audience=4)
    house.import_accounts("a", "b", "c", "d")
    await house.create()
    for user in "abc":
        await house.add_robot(user)
    with pytest.raises(RoomRefused) as refused:
        await house.add_robot("d")
    assert (refused.value.code, refused.value.limit) == (100002, 3)

    await house.enter("anna")
    assert await code(house.enter("ben")) == 101011
    await house.rooms.remove_robot(APP, "r", UserId("a"))
    await house.enter("ben")
    assert await code(house.add_robot("d")) == 101011
    assert house.audience_leases() == {"anna", "ben", "b", "c"}
