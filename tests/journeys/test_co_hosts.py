"""Rooms are linked and do battle: both sides see and hear the same, and gifts decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stage import Member, NodeProcess, Told, Voice, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def four(node: NodeProcess) -> AsyncIterator[tuple[Member, Member, Member, Member]]:
    """Olga's room `a` with Anna, and Paul's room `b` with Ben."""
    found = tuple(Member(node, name) for name in ("olga", "anna", "paul", "ben"))
    for person in found:
        await person.connect()
    olga, anna, paul, ben = found
    await olga.call("room.create", room_id="a", name="Olga's")
    await paul.call("room.create", room_id="b", name="Paul's")
    await anna.call("room.enter", room_id="a")
    await ben.call("room.enter", room_id="b")
    yield olga, anna, paul, ben
    for person in found:
        await person.close()


async def code_of(member: Member, method: str, **params: object) -> int:
    with pytest.raises(Told) as told:
        await member.call(method, **params)
    return told.value.code


async def link(by: Member, to: Member, room: str) -> None:
    request = await by.call("link.request", room_id=room)
    await to.call("link.answer", request_id=request["request_id"], accept=True)


def told(member: Member, method: str) -> list[dict[str, Any]]:
    return [event["params"] for event in member.events if event["method"] == method]


async def test_two_rooms_are_linked_and_gifts_decide_their_battle(four: tuple[Member, Member, Member, Member]) -> None:
    olga, anna, paul, ben = four
    request = await olga.call("link.request", room_id="b", extra="sing with me")
    assert (await paul.event("link.requested")) == request
    assert (request["by"]["owner_name"], request["to"]["name"]) == ("olga", "Paul's")
    assert (await paul.call("link.info")) == {"link": None, "requests": [request]}
    assert (await ben.call("link.info"))["requests"] == []
    await paul.call("link.answer", request_id=request["request_id"], accept=True)
    for person in four:
        changed = await person.event("link.changed")
        assert [(room["room_id"], room["owner"]) for room in changed["rooms"]] == [("a", "olga"), ("b", "paul")]
        assert changed["left"] is None
    assert (await olga.event("link.request_ended"))["outcome"] == "accepted"
    assert told(anna, "link.requested") == told(anna, "link.request_ended") == []

    created = await olga.call("battle.create", rooms=["b", "nowhere"], duration_s=10)
    battle_id = created["battle_id"]
    assert created["refused"] == {"nowhere": {"code": 100400, "name": "not_connected"}}
    assert (await paul.event("battle.requested"))["called"] == ["b"]
    await paul.call("battle.answer", battle_id=battle_id, accept=True)
    assert (await olga.event("battle.answered"))["outcome"] == "accepted"
    for person in four:
        assert (await person.event("battle.started"))["rooms"] == ["a", "b"]
    assert told(ben, "battle.requested") == told(ben, "battle.answered") == []

    rose = next(gift for gift in (await anna.call("gift.list"))["gifts"] if gift["gift_id"] == "lantern")
    await anna.call("gift.send", gift_id="lantern", count=2, send_id="one")
    await ben.call("gift.send", gift_id="lantern", count=3, send_id="one")
    expected = [{"a": 2 * rose["coins"], "b": 0}, {"a": 2 * rose["coins"], "b": 3 * rose["coins"]}]

    async def all_scored() -> bool:
        return all(len(told(person, "battle.scored")) == 2 for person in four)

    await wait_for(all_scored, 5, "two scores in both rooms")
    for person in four:
        scored = told(person, "battle.scored")
        assert [each["scores"] for each in scored] == expected
        assert [each["version"] for each in scored] == [1, 2]
    info = (await ben.call("battle.info"))["battle"]
    assert (info["phase"], info["scores"], info["version"]) == ("running", expected[1], 2)

    for person in four:
        ended = await person.event("battle.ended", 15)
        assert (ended["reason"], ended["winners"], ended["scores"]) == ("time_over", ["b"], expected[1])
    assert (await ben.event("battle.punishment_ended"))["battle_id"] == battle_id
    assert (await ben.call("battle.info"))["battle"] is None
    assert (await anna.call("link.info"))["link"]["link_id"] == (await anna.event("link.changed"))["link_id"]
    await paul.call("link.exit")
    for person in four:
        assert (await person.event("link.ended"))["left"] == "b"


async def test_who_leaves_a_battle_loses_it_and_newcomers_see_both(four: tuple[Member, Member, Member, Member]) -> None:
    olga, anna, paul, ben = four
    await link(olga, paul, "b")
    battle_id = (await olga.call("battle.create", rooms=["b"], need_response=False))["battle_id"]
    await ben.call("room.leave")
    room = await ben.call("room.enter", room_id="b")
    assert [each["room_id"] for each in room["link"]["rooms"]] == ["a", "b"]
    assert (room["battle"]["battle_id"], room["battle"]["scores"]) == (battle_id, {"a": 0, "b": 0})
    await olga.call("battle.exit", battle_id=battle_id)
    ended = await anna.event("battle.room_left")
    assert ended == {"battle_id": battle_id, "room_id": "a"}
    assert (await ben.event("battle.ended"))["winners"] == ["b"]
    await paul.call("room.dismiss")
    assert (await anna.event("link.ended"))["left"] == "b"
    assert (await anna.call("link.info"))["link"] is None


async def test_only_hosts_speak_for_their_room(four: tuple[Member, Member, Member, Member]) -> None:
    olga, anna, paul, ben = four
    assert await code_of(anna, "link.request", room_id="b") == 100006
    assert await code_of(olga, "link.request", room_id="a") == 100002
    assert await code_of(olga, "link.request", room_id="nowhere") == 100004
    request = await olga.call("link.request", room_id="b", timeout_s=0)
    assert request["expires_at"] is None
    assert await code_of(paul, "link.request", room_id="a") == 100402
    assert await code_of(ben, "link.answer", request_id=request["request_id"], accept=True) == 100006
    assert await code_of(olga, "link.answer", request_id=request["request_id"], accept=True) == -2311
    assert await code_of(paul, "link.cancel", request_id=request["request_id"]) == -2311
    assert await code_of(olga, "battle.create", rooms=["b"]) == 100400
    assert await code_of(olga, "link.exit") == 100400
    await paul.call("link.answer", request_id=request["request_id"], accept=True)
    assert await code_of(anna, "battle.create", rooms=["b"]) == 100006
    assert await code_of(olga, "battle.create", rooms=["b"], duration_s=9) == 100002
    battle_id = (await olga.call("battle.create", rooms=["b"]))["battle_id"]
    assert await code_of(ben, "battle.answer", battle_id=battle_id, accept=True) == 100006
    assert await code_of(paul, "battle.cancel", battle_id=battle_id) == 100006
    await olga.call("battle.cancel", battle_id=battle_id)
    assert await code_of(paul, "battle.answer", battle_id=battle_id, accept=True) == 100411
    assert await code_of(anna, "link.exit") == 100006


async def test_the_audience_hears_the_owner_of_the_linked_room(node: NodeProcess) -> None:
    olga, anna, paul, ben = Voice(node, "olga"), Voice(node, "anna"), Member(node, "paul"), Voice(node, "ben")
    for person in (olga, anna, paul, ben):
        await person.connect()
    await olga.call("room.create", room_id="a")
    await paul.call("room.create", room_id="b")
    await anna.call("room.enter", room_id="a")
    await anna.call("seat.take")
    await ben.call("room.enter", room_id="b")
    await olga.publish()
    await anna.publish()

    await link(olga, paul, "b")
    added = (await ben.event("publication.added"))["publication"]
    assert (added["room_id"], added["userid"]) == ("a", "olga")
    await ben.watch()
    await ben.connected()
    streams = told(ben, "media.offer")[-1]["streams"]
    assert [(each["room_id"], each["userid"]) for each in streams] == [("a", "olga")]

    async def received() -> int:
        assert ben.down is not None
        report = await ben.down.getStats()
        return sum(each.packetsReceived for each in report.values() if each.type == "inbound-rtp")

    async def heard() -> bool:
        return await received() > 20

    await wait_for(heard, 10, "Ben hears Olga")
    newcomer = Member(node, "nina")
    await newcomer.connect()
    room = await newcomer.call("room.enter", room_id="b")
    assert [(each["room_id"], each["userid"]) for each in room["publications"]] == [("a", "olga")]
    await newcomer.close()
    await olga.call("media.mute", publication_id=added["publication_id"], muted=True)
    muted = (await ben.event("publication.changed"))["publication"]
    assert (muted["room_id"], muted["muted"]) == ("a", True)

    ben.events.clear()
    await paul.call("link.exit")
    removed = await ben.event("publication.removed")
    assert removed == {"publication_id": added["publication_id"], "room_id": "a", "userid": "olga"}
    assert (await ben.event("media.offer"))["streams"] == []
    await asyncio.sleep(0.5)
    before = await received()
    await asyncio.sleep(1)
    assert await received() == before

    await link(paul, olga, "a")
    assert (await ben.event("publication.added"))["publication"]["muted"]
    await olga.call("media.unpublish")
    await ben.event("publication.removed")
    ben.events.clear()
    await olga.publish()
    assert (await ben.event("publication.added"))["publication"]["userid"] == "olga"
    ben.events.clear()
    await olga.call("room.dismiss")
    assert (await ben.event("publication.removed"))["userid"] == "olga"
    assert (await ben.event("link.ended"))["left"] == "a"
    for person in (olga, anna, paul, ben):
        await person.close()
