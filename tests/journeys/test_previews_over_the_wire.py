"""Previews over the wire: who may, into which rooms, and that a preview makes no member."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from stage import Member, NodeProcess, Told, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def people(node: NodeProcess) -> AsyncIterator[dict[str, Member]]:
    """Ann and Ben, each the owner of a room of that name, and Eve."""
    people = {name: Member(node, name) for name in ("ann", "ben", "eve")}
    for member in people.values():
        await member.connect()
    for name in ("ann", "ben"):
        await people[name].call("room.create", room_id=name)
    yield people
    for member in people.values():
        await member.close()


async def refused(member: Member, method: str, **params: object) -> tuple[int, str]:
    with pytest.raises(Told) as told:
        await member.call(method, **params)
    return told.value.code, told.value.name


async def test_a_preview_is_for_public_rooms_from_outside_and_for_nobody_who_is_banned(
    people: dict[str, Member],
) -> None:
    ann, ben, eve = people.values()
    assert await refused(eve, "preview.start", room_id="nowhere") == (100004, "no_such_room")
    assert await refused(ben, "preview.start", room_id="ann") == (-2108, "already_in_room")
    assert await refused(eve, "media.answer", revision=1, sdp="v=0") == (100005, "not_in_room")
    assert await eve.call("preview.stop", room_id="ann") == {}

    assert await eve.call("preview.start", room_id="ann") == {}
    assert await eve.call("preview.start", room_id="ben") == {}
    assert await refused(eve, "media.answer", revision=1, sdp="v=0") == (100431, "media_state")
    listed = {card["room_id"]: card["audience_count"] for card in (await eve.call("room.list"))["rooms"]}
    assert listed == {"ann": 0, "ben": 0}
    assert (await ann.call("room.statistic"))["total_viewers"] == 0

    await ann.call("room.update", is_public=False)
    assert await eve.event("preview.ended") == {"room_id": "ann", "reason": "not_public"}
    assert await refused(eve, "preview.start", room_id="ann") == (100004, "no_such_room")

    await eve.call("room.enter", room_id="ben")
    await ben.call("room.ban", userid="eve", seconds=60)
    await eve.event("room.kicked")
    assert await refused(eve, "preview.start", room_id="ben") == (100016, "banned")
    assert not [event for event in ann.events if event["params"].get("member", {}).get("userid") == "eve"]


async def test_an_edition_without_previews_has_none(node: NodeProcess, people: dict[str, Member]) -> None:
    app = (await asyncio.to_thread(node.credentials, "eve"))["sdkappid"]
    await asyncio.to_thread(node.send, "PUT", f"v1/apps/{app}/edition", {"edition": "multi_guest"})

    assert await refused(people["eve"], "preview.start", room_id="ann") == (100007, "not_in_edition")


async def test_previews_end_with_the_room_and_with_the_connection(node: NodeProcess, people: dict[str, Member]) -> None:
    ann, _, eve = people.values()
    for room in ("ann", "ben"):
        await eve.call("preview.start", room_id=room)
    assert node.metrics()["tally_signaling_previews"] == 2

    await ann.call("room.dismiss")
    assert await eve.event("preview.ended") == {"room_id": "ann", "reason": "dismissed"}
    await eve.call("room.enter", room_id="ben")
    assert node.metrics()["tally_signaling_previews"] == 0
    await eve.call("room.leave")
    await eve.call("preview.start", room_id="ben")
    await eve.close()

    async def nobody_previews() -> bool:
        return node.metrics()["tally_signaling_previewers"] == 0

    await wait_for(nobody_previews, 5, "the end of the previews")
