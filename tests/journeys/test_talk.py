"""What is said and given reaches everybody in the room, in order; what may not be said is refused in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stage import Member, NodeProcess, Told, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def pair(node: NodeProcess) -> AsyncIterator[tuple[Member, Member]]:
    """Olga's room, with Anna in it."""
    olga, anna = Member(node, "olga"), Member(node, "anna")
    for person in (olga, anna):
        await person.connect()
    await olga.call("room.create", room_id="r")
    await anna.call("room.enter", room_id="r")
    yield olga, anna
    for person in (olga, anna):
        await person.close()


async def told_by(member: Member, method: str, **params: object) -> Told:
    with pytest.raises(Told) as told:
        await member.call(method, **params)
    return told.value


def heard(member: Member) -> list[dict[str, Any]]:
    """The messages a member was pushed, in order."""
    rounds = [event["params"]["messages"] for event in member.events if event["method"] == "barrage.messages"]
    return [message for messages in rounds for message in messages]


async def test_chat_comes_in_order_and_newcomers_see_what_was_said(
    node: NodeProcess, pair: tuple[Member, Member]
) -> None:
    olga, anna = pair
    sent = [await person.call("barrage.send", text=f"line {number}") for number, person in enumerate((anna, olga) * 4)]

    async def all_heard() -> bool:
        return heard(olga) == heard(anna) == sent

    await wait_for(all_heard, 5, "eight lines in order")
    assert [message["sequence"] for message in sent] == list(range(1, 9))
    rounds = [event for event in olga.events if event["method"] == "barrage.messages"]
    assert len(rounds) < len(sent), "several go together"

    ben = Member(node, "ben")
    await ben.connect()
    await ben.call("room.enter", room_id="r")
    assert (await ben.call("barrage.recent"))["messages"] == sent
    await ben.close()
    assert (await told_by(anna, "barrage.send", text=" ")).code == 100002
    assert (await told_by(anna, "barrage.send", text="é" * 501)).code == 100002
    custom = await anna.call("barrage.custom", business_id="poll", data="{}")
    assert (custom["kind"], custom["business_id"]) == ("custom", "poll")


async def test_who_is_muted_or_too_fast_is_told(pair: tuple[Member, Member]) -> None:
    olga, anna = pair
    await olga.call("room.mute", userid="anna", seconds=600)
    told = await told_by(anna, "barrage.send", text="hello")
    assert (told.code, told.name) == (100017, "muted")
    assert "10 min" in str(told)
    assert 590 < told.data["seconds"] <= 600
    await olga.call("room.mute", userid="anna", seconds=0)
    await anna.call("barrage.send", text="hello")
    await olga.call("room.update", message_disabled=True)
    told = await told_by(anna, "barrage.send", text="hello")
    assert (told.code, told.data) == (100017, {"name": "muted"})
    for number in range(10):
        await olga.call("barrage.send", text=f"{number}")
    assert (await told_by(olga, "barrage.send", text="more")).code == 100012


async def test_likes_and_gifts_are_counted_once(pair: tuple[Member, Member]) -> None:
    olga, anna = pair
    assert (await anna.call("like.send", count=3))["total"] == 3
    assert await olga.event("like.counted") == {"count": 3, "total": 3}
    gifts = (await anna.call("gift.list"))["gifts"]
    gift = max(gifts, key=lambda gift: gift["coins"])
    given = await anna.call("gift.send", gift_id=gift["gift_id"], count=2, send_id="one")
    assert (given["coins"], given["number"]) == (2 * gift["coins"], 1)
    assert await anna.call("gift.send", gift_id=gift["gift_id"], count=2, send_id="one") == given

    async def told() -> bool:
        return len(heard(olga)) == 1

    await wait_for(told, 5, "the gift, once")
    (message,) = heard(olga)
    assert (message["kind"], message["userid"]) == ("gift", "anna")
    assert json.loads(message["data"])["coins"] == 2 * gift["coins"]
    assert (await told_by(anna, "gift.send", gift_id="nothing", count=1, send_id="two")).code == 102002
    figures = await olga.call("room.statistic")
    assert figures == {
        "total_viewers": 1, "total_gifts_sent": 2, "total_gift_coins": 2 * gift["coins"],
        "total_unique_gift_senders": 1, "total_likes_received": 3, "total_msg_count": 0, "peak_audience": 1,
    }  # fmt: skip


async def test_metadata_is_the_hosts(pair: tuple[Member, Member]) -> None:
    olga, anna = pair
    assert (await told_by(anna, "room.set_metadata", metadata={"topic": "cats"})).code == 100006
    assert await olga.call("room.set_metadata", metadata={"topic": "cats"}) == {"version": 1}
    changed = await anna.event("room.metadata_changed")
    assert changed == {"changed": {"topic": "cats"}, "deleted": [], "version": 1}
    assert await anna.call("room.metadata") == {"metadata": {"topic": "cats"}, "version": 1}
    assert (await told_by(olga, "room.set_metadata", metadata={"k": "v" * 2049})).code == 100501
    assert (await told_by(olga, "room.delete_metadata", keys=["nothing"])).code == 100503
