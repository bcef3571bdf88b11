"""The trial edition holds: 10 rooms, 100 audience, 16 seats; and what is given back can be taken again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stage import Member, NodeProcess, Told, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def members(node: NodeProcess) -> AsyncIterator[list[Member]]:
    """117 connected members: more than any limit of the trial."""
    found = [Member(node, f"user{number}") for number in range(117)]
    for member in found:
        await member.connect()
    yield found
    for member in found:
        await member.close()


async def refusal(member: Member, method: str, **params: object) -> Told:
    with pytest.raises(Told) as told:
        await member.call(method, **params)
    return told.value


async def test_each_limit_refuses_and_yields_again(node: NodeProcess, members: list[Member]) -> None:
    owner, *others = members

    # rooms
    await owner.call("room.create", room_id="main")
    for number, member in enumerate(others[:9]):
        await member.call("room.create", room_id=f"room{number}")
    told = await refusal(others[9], "room.create", room_id="one_more")
    assert (told.code, told.name, told.data["limit"]) == (100013, "rooms_limit", 10)
    for member in others[:9]:
        await member.call("room.dismiss")
    await others[9].call("room.create", room_id="one_more")
    await others[9].call("room.dismiss")

    # audience
    for member in others[:100]:
        await member.call("room.enter", room_id="main")
    told = await refusal(others[100], "room.enter", room_id="main")
    assert (told.code, told.name, told.data["limit"]) == (101011, "audience_full", 100)
    assert str(told) == "This room already has its 100 audience members."
    await others[0].call("room.leave")
    entered = await others[100].call("room.enter", room_id="main")
    assert entered["audience_count"] == 100

    # seats: the owner has one
    for member in others[1:16]:
        await member.call("seat.take")
    told = await refusal(others[16], "seat.take")
    assert (told.code, told.name, told.data["limit"]) == (100205, "seats_full", 16)
    await others[1].call("seat.leave")
    seats = (await others[16].call("seat.take"))["seats"]
    assert sum(seat["userid"] is not None for seat in seats) == 16

    # nothing is left behind
    await owner.call("room.dismiss")

    async def all_free() -> bool:
        metrics = node.metrics()
        return not any(
            value for name, value in metrics.items() if name.startswith(("tally_billing_leases", "tally_rooms"))
        )

    await wait_for(all_free, 5, "no lease, room or member is left")
