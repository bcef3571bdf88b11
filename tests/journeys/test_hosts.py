"""Hosts keep order: admins, mutes, bans, locked seats; everybody hears of it, and who may not is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from stage import Member, NodeProcess, Told, Voice, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def people(node: NodeProcess) -> AsyncIterator[tuple[Member, Member, Member]]:
    """Olga's room, with Anna and Ben."""
    found = (Member(node, "olga"), Member(node, "anna"), Member(node, "ben"))
    for person in found:
        await person.connect()
    olga, *others = found
    await olga.call("room.create", room_id="r")
    for person in others:
        await person.call("room.enter", room_id="r")
    yield found
    for person in found:
        await person.close()


async def code_of(member: Member, method: str, **params: object) -> int:
    with pytest.raises(Told) as told:
        await member.call(method, **params)
    return told.value.code


async def test_admins_act_below_them_and_the_room_hears_of_it(people: tuple[Member, Member, Member]) -> None:
    olga, anna, ben = people
    assert await code_of(anna, "room.mute", userid="ben", seconds=60) == 100006
    assert (await olga.call("room.admin", userid="anna", admin=True))["admins"] == ["anna"]
    assert (await ben.event("room.admins")) == {"admins": ["anna"], "userid": "anna", "by": "olga"}
    await anna.call("room.mute", userid="ben", seconds=60)
    assert (await ben.event("room.member_muted"))["by"] == "anna"
    info = await anna.call("room.update", notice="Welcome", message_disabled=True)
    assert (info["notice"], info["name"]) == ("Welcome", "r")
    assert (await ben.event("room.updated"))["notice"] == "Welcome"
    assert await code_of(anna, "room.kick", userid="olga") == 100006
    assert await code_of(anna, "room.admin", userid="ben", admin=True) == 100006
    assert await code_of(olga, "room.update", notice="n" * 101) == 100002

    await anna.call("room.ban", userid="ben", seconds=60)
    assert (await ben.event("room.kicked"))["reason"] == "banned"
    assert await code_of(ben, "room.enter", room_id="r") == 100016
    await olga.call("room.ban", userid="ben", seconds=0)
    again = await ben.call("room.enter", room_id="r")
    assert (again["admins"], again["message_disabled"], again["self"]["role"]) == (["anna"], True, "audience")


async def test_seats_are_locked_and_moved(people: tuple[Member, Member, Member]) -> None:
    olga, anna, ben = people
    await anna.call("seat.take", index=1)
    await ben.call("seat.take", index=2)
    assert await code_of(anna, "seat.move", index=2) == 100201
    seats = (await olga.call("seat.move", userid="anna", index=2, policy="swap_position"))["seats"]
    assert [seat["userid"] for seat in seats[:3]] == ["olga", "ben", "anna"]
    seats = (await olga.call("seat.lock", index=1, locked=True))["seats"]
    assert (seats[1]["userid"], seats[1]["locked"]) == (None, True)
    assert await code_of(ben, "seat.take", index=1) == 100200
    await olga.call("room.update", seat_mode="apply")
    assert await code_of(ben, "seat.take") == 100006


async def test_a_seat_is_applied_for_or_offered(people: tuple[Member, Member, Member]) -> None:
    olga, anna, ben = people
    await olga.call("room.update", seat_mode="apply")
    request = await anna.call("seat.apply", index=3, extra="let me sing")
    assert (await olga.event("seat.requested")) == request
    assert (await olga.call("seat.requests"))["requests"] == [request]
    assert (await ben.call("seat.requests"))["requests"] == []
    assert await code_of(ben, "seat.answer", request_id=request["request_id"], accept=True) == 100006
    seats = (await olga.call("seat.answer", request_id=request["request_id"], accept=True))["seats"]
    assert seats[3]["userid"] == "anna"
    ended = await anna.event("seat.request_ended")
    assert (ended["outcome"], ended["ended_by"]) == ("accepted", "olga")

    offer = await olga.call("seat.invite", userid="ben", timeout_s=1)
    assert (await ben.event("seat.requested"))["kind"] == "invitation"
    assert (await ben.event("seat.request_ended"))["outcome"] == "timeout"
    assert await code_of(ben, "seat.answer", request_id=offer["request_id"], accept=True) == -2311
    assert not any(event["params"].get("kind") == "invitation" for event in anna.events), "none of hers"


@pytest.fixture
async def heard(node: NodeProcess) -> AsyncIterator[Voice]:
    """Olga, who speaks, with Anna listening."""
    olga, anna = Voice(node, "olga"), Voice(node, "anna")
    await olga.connect()
    await olga.call("room.create", room_id="r")
    await olga.publish()
    await anna.connect()
    await anna.call("room.enter", room_id="r")
    await anna.watch()
    await anna.connected()
    yield olga
    for voice in (anna, olga):
        await voice.close()


async def test_who_sits_on_a_muted_seat_is_not_heard(node: NodeProcess, heard: Voice) -> None:
    async def grows(name: str) -> None:
        before = (await asyncio.to_thread(node.metrics))[name]

        async def has_grown() -> bool:
            return (await asyncio.to_thread(node.metrics))[name] > before + 20

        await wait_for(has_grown, 5, f"{name} grows")

    await grows("tally_media_packets_sent_total")
    await heard.call("seat.lock", index=0, locked=False, audio=True)
    await grows('tally_media_drops_total{reason="forbidden"}')
    await heard.call("seat.lock", index=0, locked=False)
    await grows("tally_media_packets_sent_total")
