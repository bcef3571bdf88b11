"""How rooms and members are found: lists of a category or of some owners, and searches."""

from __future__ import annotations

import pytest
from room_house import APP, House

from billing.interface import AppId, Feature, Refused
from rooms.finding import RATE
from rooms.interface import RoomRefused, UpdateRoom, UserId

OLGA, ANNA = UserId("olga"), UserId("anna")


async def three_rooms(house: House) -> None:
    await house.create("olga", "r1", room_name="Piano hour")
    await house.create("anna", "r2", room_name="Talk")
    await house.create("zoe", "r3", room_name="Hidden piano")
    await house.rooms.update(APP, "r1", UpdateRoom(None, category=(1, 2)))
    await house.rooms.update(APP, "r2", UpdateRoom(None, category=(2,)))
    await house.rooms.update(APP, "r3", UpdateRoom(None, category=(1,), is_public=False))


async def test_a_list_of_one_category_or_of_some_owners(house: House) -> None:
    await three_rooms(house)

    def listed(**wish: object) -> list[str]:
        return [card.room_id for card in house.rooms.rooms_of(APP, **wish)[0]]  # type: ignore[arg-type]

    assert listed(category=1) == ["r1"]
    assert listed(category=2) == ["r1", "r2"]
    assert listed(category=9) == []
    assert listed(owners={ANNA, UserId("zoe")}) == ["r2"]
    assert listed(owners=set()) == []
    assert listed(category=1, owners={ANNA}) == []
    assert house.rooms.owners(APP) == {OLGA, ANNA}
    assert house.rooms.owners(AppId(1)) == set()


async def test_the_room_that_somebody_owns_is_told_when_it_is_public(house: House) -> None:
    await three_rooms(house)
    await house.enter("bob", "r1")

    owned = [house.rooms.owned_by(APP, UserId(user)) for user in ("olga", "bob", "zoe", "nobody")]

    assert [card and card.room_id for card in owned] == ["r1", None, None, None]


async def test_public_rooms_are_found_by_their_names_and_by_their_owners(house: House) -> None:
    await three_rooms(house)

    async def found(text: str) -> list[str]:
        return [card.room_id for card in (await house.rooms.finding.rooms(APP, OLGA, text))[0]]

    assert await found("PIANO") == ["r1"]
    assert await found("ann") == ["r2"]
    assert await found("r") == ["r1", "r2"]
    assert await found("nothing") == []
    await house.rooms.update(APP, "r2", UpdateRoom(None, name="Late  night\u3000\u3000talk"))
    assert await found("late night   TALK") == ["r2"]
    first, cursor = await house.rooms.finding.rooms(APP, OLGA, "r", count=1)
    second, end = await house.rooms.finding.rooms(APP, OLGA, "r", cursor=cursor, count=1)
    assert ([card.room_id for card in (*first, *second)], end) == (["r1", "r2"], "")


async def test_members_are_found_by_who_is_in_the_room(house: House) -> None:
    await three_rooms(house)
    for user in ("bob", "bobby", "cyd"):
        await house.enter(user, "r1")

    members, cursor = await house.rooms.finding.members(APP, "r1", OLGA, "BOB", count=1)
    others, end = await house.rooms.finding.members(APP, "r1", OLGA, "BOB", cursor=cursor)
    owner, _ = await house.rooms.finding.members(APP, "r1", UserId("cyd"), "olg")

    assert [member.user for member in (*members, *others, *owner)] == ["bobby", "bob", "olga"]
    assert end == ""
    for room_id, user, code in (("r1", ANNA, 100005), ("nowhere", ANNA, 100004)):
        with pytest.raises(RoomRefused) as refused:
            await house.rooms.finding.members(APP, room_id, user, "bob")
        assert refused.value.code == code


async def test_searches_need_the_edition(house: House) -> None:
    await three_rooms(house)
    house.billing.features.remove(Feature.SEARCH)

    for wish in (house.rooms.finding.rooms(APP, OLGA, "r"), house.rooms.finding.members(APP, "r1", OLGA, "bob")):
        with pytest.raises(Refused) as refused:
            await wish
        assert refused.value.code == 100007
    assert house.rooms.rooms_of(APP)[0], "the plain list is everybody's"


async def test_a_user_searches_so_often_and_others_do_not_wait_for_it(house: House) -> None:
    await three_rooms(house)
    for _ in range(int(2 * RATE)):
        await house.rooms.finding.rooms(APP, OLGA, "r")

    for wish in (house.rooms.finding.rooms(APP, OLGA, "r"), house.rooms.finding.members(APP, "r1", OLGA, "bob")):
        with pytest.raises(RoomRefused) as refused:
            await wish
        assert refused.value.code == 100012
    assert (await house.rooms.finding.rooms(APP, ANNA, "r"))[0]
    house.clock.now += 1
    assert (await house.rooms.finding.rooms(APP, OLGA, "r"))[0]
