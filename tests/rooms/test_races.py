"""Many at once, and callers that are cancelled at every point there is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from room_house import APP, House

from billing.interface import Gauge, Refused
from rooms.interface import MemberEntered, MemberLeft, RoomDismissed, RoomRefused, UserId

ANNA, OLGA = UserId("anna"), UserId("olga")
TURNS = 60
"""Turns of the loop after which the longest of these calls is certainly over."""


async def gather(*wishes: Awaitable[object]) -> Counter[object]:
    """What became of each: a code, or None."""
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, RoomRefused | Refused):
            raise answer
    return Counter(getattr(answer, "code", None) for answer in answers)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_of_many_who_enter_at_once_as_many_get_in_as_the_limit_says() -> None:
    house = House(audience=20)
    await house.create()

    outcome = await gather(*(house.enter(f"u{number}") for number in range(100)))

    assert outcome == {None: 20, 101011: 80}
    assert house.rooms.room(APP, "r").audience_count == len(house.audience_leases()) == 20
    assert len(house.rooms._where) == 21


async def test_of_many_who_create_the_same_room_one_does(house: House) -> None:
    outcome = await gather(*(house.create(f"u{number}") for number in range(50)))

    assert outcome == {None: 1, 100003: 49}
    assert (len(house.billing.held), len(house.rooms._where)) == (2, 1)
    assert house.told() == ["RoomCreated", "MemberEntered"]


async def test_a_user_who_creates_many_rooms_at_once_has_one(house: House) -> None:
    outcome = await gather(*(house.create("olga", f"r{number}") for number in range(20)))

    assert outcome == {None: 1, -2108: 19}
    assert house.rooms.statistics()["rooms"] == 1


async def test_a_user_who_enters_many_rooms_at_once_is_in_one(house: House) -> None:
    for number in range(10):
        await house.create(f"o{number}", f"r{number}")

    outcome = await gather(*(house.enter("anna", f"r{number}") for number in range(10)))

    assert outcome == {None: 1, -2108: 9}
    assert sum(holder == "anna" for *_, holder in house.billing.held) == 1


async def test_a_user_who_enters_one_room_by_many_connections_is_one_member(house: House) -> None:
    await house.create()
    house.told()

    outcome = await gather(*(house.enter("anna", connection=f"c{number}") for number in range(10)))

    assert outcome == {None: 10}
    assert Counter(house.told()) == {"MemberEntered": 1, "ConnectionReplaced": 9}
    assert house.audience_leases() == {"anna"}


async def test_of_many_who_want_one_seat_one_gets_it(house: House) -> None:
    await house.create()
    for number in range(20):
        await house.enter(f"u{number}")

    outcome = await gather(*(house.rooms.take_seat(APP, "r", UserId(f"u{number}"), 1) for number in range(20)))

    assert outcome == {None: 1, 100201: 19}
    assert len(house.seat_leases()) == 2


async def test_of_many_who_want_any_seat_no_two_get_the_same(house: House) -> None:
    await house.create(seats=8)
    for number in range(20):
        await house.enter(f"u{number}")

    outcome = await gather(*(house.rooms.take_seat(APP, "r", UserId(f"u{number}"), None) for number in range(20)))

    assert outcome == {None: 7, 100205: 13}
    users = [seat.user for seat in house.rooms.room(APP, "r").seats]
    assert len(set(users)) == 8
    assert house.seat_leases() == set(users)


async def test_who_enters_while_the_room_ends_is_in_no_room(house: House) -> None:
    await house.create()

    wishes = [house.enter(f"u{number}") for number in range(30)]
    outcome = await gather(*wishes[:15], house.rooms.leave(APP, "r", OLGA), *wishes[15:])

    assert outcome == {None: 16, 100004: 15}
    dismissed = house.events[-1]
    assert isinstance(dismissed, RoomDismissed)
    assert len(dismissed.members) == 16
    house.check_nothing_is_left()


async def test_a_room_dismissed_twice_at_once_ends_once(house: House) -> None:
    await house.create()

    outcome = await gather(*(house.rooms.dismiss(APP, "r", OLGA) for _ in range(5)))

    assert outcome == {None: 1, 100004: 4}
    assert house.told().count("RoomDismissed") == 1
    assert house.billing.odd_releases == 0


async def test_kick_and_leave_and_grace_at_once_end_a_stay_once(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.drop("anna")
    await house.pass_seconds(29)
    house.clock.now += 1
    house.told()

    await gather(house.rooms.kick(APP, "r", OLGA, ANNA), house.rooms.tick(), house.rooms.leave(APP, "r", ANNA))

    assert house.told() == ["MemberLeft"]
    assert house.billing.odd_releases == 0


async def test_an_id_is_free_again_only_when_its_leases_are_back(house: House) -> None:
    await house.create("olga")
    house.billing.gate = asyncio.Event()

    ending = asyncio.create_task(house.rooms.dismiss(APP, "r", OLGA))
    await turns(10)
    with pytest.raises(RoomRefused) as refused:
        await house.create("anna")
    assert refused.value.code == 100003

    house.billing.gate.set()
    await ending
    await house.create("anna")
    assert (house.room_leases(), house.seat_leases()) == ({"r"}, {"anna"})


async def test_who_leaves_and_enters_again_at_once_still_holds_a_lease(house: House) -> None:
    await house.create()
    await house.enter("anna")

    await gather(house.rooms.leave(APP, "r", ANNA), house.enter("anna", connection="c2"))

    assert house.rooms.room(APP, "r").audience_count == 1
    assert house.audience_leases() == {"anna"}


async def test_who_enters_while_the_connection_is_lost_is_dropped_afterwards(house: House) -> None:
    await house.create()

    await gather(house.enter("anna"), house.drop("anna"))

    assert not house.rooms.member(APP, "r", ANNA).connected


async def test_closing_waits_for_what_is_beginning(house: House) -> None:
    await house.create("olga")

    creating = asyncio.create_task(house.create("anna", "r2"))
    await turns(3)
    await house.rooms.close()

    with pytest.raises(RoomRefused) as refused:
        await creating
    assert refused.value.code == 100001
    house.check_nothing_is_left()


# Cancelled callers


async def ready(house: House) -> None:
    await house.create("olga", "r")
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, 1)
    await house.enter("ben")
    house.import_accounts("obs", "rob")
    await house.add_robot("obs")
    house.told()


WISHES: dict[str, Callable[[House], Awaitable[object]]] = {
    "create": lambda house: house.create("carl", "r2"),
    "enter": lambda house: house.enter("carl"),
    "enter again": lambda house: house.enter("anna", connection="c2"),
    "leave": lambda house: house.rooms.leave(APP, "r", ANNA),
    "owner leaves": lambda house: house.rooms.leave(APP, "r", OLGA),
    "kick": lambda house: house.rooms.kick(APP, "r", OLGA, ANNA),
    "take seat": lambda house: house.rooms.take_seat(APP, "r", UserId("ben"), None),
    "pick for seat": lambda house: house.rooms.pick_for_seat(APP, "r", UserId("ben"), None),
    "leave seat": lambda house: house.rooms.leave_seat(APP, "r", ANNA),
    "kick from seat": lambda house: house.rooms.kick_from_seat(APP, "r", OLGA, ANNA),
    "drop": lambda house: house.drop("anna"),
    "add robot": lambda house: house.add_robot("rob"),
    "remove robot": lambda house: house.rooms.remove_robot(APP, "r", UserId("obs")),
    "close": lambda house: house.rooms.close(),
}


def check_books(house: House) -> None:
    """What billing holds is what the rooms imply; and nobody is told to be where he is not."""
    rooms = [house.rooms.room(APP, card.room_id) for card in house.rooms.rooms_of(APP, count=99)[0]]
    assert house.room_leases() == {room.room_id for room in rooms}
    for room in rooms:
        audience = {member.user for member in house.rooms.audience(APP, room.room_id, count=99)[0]}
        assert house.audience_leases(room.room_id) == audience
        assert house.seat_leases(room.room_id) == {seat.user for seat in room.seats if seat.user is not None}
    assert house.rooms.statistics()["leases"] == len(house.billing.held)
    assert len(house.rooms._where) == sum(room.member_count for room in rooms)
    assert house.rooms._reserved == {}
    assert house.billing.odd_releases == 0


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_caller_cancelled_at_any_point_leaves_nothing_half_done(wish: str, cancels: int) -> None:
    for turn in range(TURNS):
        house = House()
        await ready(house)

        task = asyncio.ensure_future(WISHES[wish](house))
        await turns(turn)
        for _ in range(cancels):
            task.cancel()
            await turns(1)
        await asyncio.wait([task])

        check_books(house)
        if task.cancelled() and wish in ("create", "enter", "take seat", "add robot"):
            assert house.told() == [], turn
        if not task.cancelled() and turn == TURNS - 1:
            assert house.told() != []


async def test_who_is_cancelled_and_enters_again_at_once_holds_a_lease() -> None:
    for turn in range(TURNS):
        house = House()
        await house.create()

        task = asyncio.ensure_future(house.enter("anna"))
        await turns(turn)
        task.cancel()
        await house.enter("anna", connection="c2")
        await asyncio.wait([task])

        check_books(house)
        assert house.audience_leases() == {"anna"}


async def test_who_waits_for_the_lock_and_is_cancelled_was_never_there(house: House) -> None:
    await house.create()
    house.billing.gate = asyncio.Event()
    first = asyncio.ensure_future(house.enter("anna"))
    await turns(5)
    second = asyncio.ensure_future(house.enter("ben"))
    await turns(5)

    second.cancel()
    house.billing.gate.set()
    await asyncio.wait([first, second])

    assert second.cancelled()
    assert house.billing.calls.count("admit audience") == 1
    check_books(house)


async def test_a_lost_connection_is_noted_even_when_its_teller_is_cancelled(house: House) -> None:
    await house.create()
    house.billing.gate = asyncio.Event()
    entering = asyncio.ensure_future(house.enter("anna"))
    await turns(5)
    telling = asyncio.ensure_future(house.drop("anna"))
    await turns(2)

    telling.cancel()
    await turns(2)
    house.billing.gate.set()
    await asyncio.wait([entering, telling])

    assert not house.rooms.member(APP, "r", ANNA).connected
    await house.pass_seconds(30)
    assert house.rooms.room(APP, "r").audience_count == 0


async def test_a_tick_cancelled_in_the_middle_loses_no_grace(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.drop("anna")
    await house.pass_seconds(29)
    house.clock.now += 1
    house.billing.gate = asyncio.Event()
    busy = asyncio.ensure_future(house.enter("ben"))  # holds the lock
    await turns(5)

    ticking = asyncio.ensure_future(house.rooms.tick())
    await turns(3)
    ticking.cancel()
    await asyncio.wait([ticking])
    house.billing.gate.set()
    await busy
    await house.rooms.tick()

    assert [event.user for event in house.events if isinstance(event, MemberLeft)] == [ANNA]
    check_books(house)


async def test_a_storm_of_everything_keeps_the_books_and_the_limits() -> None:
    house = House(audience=15, seats=4, rooms=3)
    users = [f"u{number}" for number in range(60)]
    wishes: list[Awaitable[object]] = []
    for round_ in range(4):
        for number, user in enumerate(users):
            room = f"r{number % 4}"
            someone = UserId(user)
            wishes.append(house.create(user, room) if (number + round_) % 15 == 0 else house.enter(user, room))
            wishes.append(house.rooms.take_seat(APP, room, someone, None))
            if (number + round_) % 5 == 0:
                wishes.append(house.rooms.leave(APP, room, someone))
            if number % 7 == round_:
                wishes.append(house.drop(user, room))

    await gather(*wishes)

    check_books(house)
    for (_, gauge, _), most in house.billing.most.items():
        assert most <= {Gauge.AUDIENCE: 15, Gauge.SEATS: 4, Gauge.ROOMS: 3}[gauge]
    assert any(isinstance(event, MemberEntered) for event in house.events)
    await house.rooms.close()
    house.check_nothing_is_left()
