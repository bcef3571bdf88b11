"""What a back office wishes: it stands above the owner, and those it speaks for need not be here."""

from __future__ import annotations

import pytest
from room_house import APP, House

from billing.interface import Gauge, Refused
from rooms.interface import Gift, MessageKind, MovePolicy, RoomRefused, SeatMode, UpdateRoom, UserId

ANNA, ROBOT = UserId("anna"), UserId("robot")


async def test_who_is_picked_sits_down_without_applying_and_holds_a_lease(house: House) -> None:
    await house.create(seats=4, seat_mode=SeatMode.APPLY)
    await house.enter("anna")
    with pytest.raises(RoomRefused) as refused:
        await house.rooms.take_seat(APP, "r", ANNA, index=2)
    assert refused.value.name == "needs_application"

    seats = await house.rooms.pick_for_seat(APP, "r", ANNA, index=2)

    assert seats[2].user == ANNA
    assert house.seat_leases() == {"olga", "anna"}
    moved = await house.rooms.move_seat(APP, "r", None, ANNA, 3, MovePolicy.ABORT)
    assert moved[3].user == ANNA, "who applied once need not be asked again when the server moves it"
    await house.rooms.dismiss(APP, "r", None)
    house.check_nothing_is_left()


async def test_picking_takes_no_place_that_the_edition_has_not() -> None:
    house = House(seats=1)
    await house.create()
    await house.enter("anna")

    with pytest.raises((RoomRefused, Refused)):
        await house.rooms.pick_for_seat(APP, "r", ANNA, index=None)
    with pytest.raises(RoomRefused) as refused:
        await house.rooms.pick_for_seat(APP, "r", ROBOT, index=None)
    assert refused.value.code == 100005
    assert house.billing.holders(APP, Gauge.SEATS, f"{APP}:r") == {"olga"}


async def test_the_server_speaks_for_anybody_whatever_the_room_forbids(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.mute(APP, "r", None, ANNA, 60)
    await house.rooms.update(APP, "r", UpdateRoom(None, message_disabled=True))
    talk = house.rooms.talk

    said = talk.say_for(APP, "r", ANNA, "hello", "{}")
    custom = talk.say_custom_for(APP, "r", ROBOT, "poll", "[]")

    assert (said.kind, said.sender_name, said.text, said.extension) == (MessageKind.TEXT, "Anna", "hello", "{}")
    assert (custom.kind, custom.sender_name, custom.business_id, custom.data) == ("custom", "robot", "poll", "[]")
    assert talk.statistic(APP, "r").total_msg_count == 2
    for sender, text in ((ANNA, " "), (UserId("no name"), "hello"), (ANNA, "é" * 501)):
        with pytest.raises(RoomRefused) as refused:
            talk.say_for(APP, "r", sender, text)
        assert refused.value.code == 100002


async def test_the_rooms_own_limit_holds_for_the_server_too(house: House) -> None:
    await house.create()
    talk = house.rooms.talk
    for number in range(32):
        talk.say_for(APP, "r", ROBOT, f"{number}")

    with pytest.raises(RoomRefused) as refused:
        talk.say_for(APP, "r", ROBOT, "one more")

    assert refused.value.code == 100012
    assert talk.statistic(APP, "r").total_msg_count == 32


async def test_the_server_gives_for_who_is_not_here(house: House) -> None:
    await house.create()
    talk = house.rooms.talk
    await house.lay_out(Gift("rose", "Rose", coins=3))

    given = await talk.send_gift_for(APP, "r", ROBOT, gift_id="rose", count=2, send_id="one")
    again = await talk.send_gift_for(APP, "r", ROBOT, gift_id="rose", count=2, send_id="one")

    assert given == again
    own, all_of_them, last = talk.gift_totals(APP, "r", ROBOT)
    assert (own.count, own.coins, all_of_them.senders, last) == (2, 6, 1, 1)
    assert talk.gift_totals(APP, "r", ANNA)[0].count == 0


async def test_what_only_a_back_office_says_of_a_room_is_kept(house: House) -> None:
    await house.create(max_members=7)

    info = await house.rooms.update(
        APP, "r", UpdateRoom(None, background="http://b", activity_status=3, unlimited=True)
    )

    assert (info.background, info.activity_status, info.unlimited, info.keep_owner_on_seat) == (
        "http://b",
        3,
        True,
        True,
    )
    assert house.rooms.room(APP, "r").max_members == 7
    with pytest.raises(RoomRefused):
        UpdateRoom(None, background="b" * 201)
