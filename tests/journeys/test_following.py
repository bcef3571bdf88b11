"""Follows, profiles and searches over /ws, and what of them outlives the node."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stage import Member, NodeProcess, Told

pytestmark = pytest.mark.slow


async def member(node: NodeProcess, user: str) -> Member:
    made = Member(node, user)
    await made.connect()
    return made


async def refused(person: Member, method: str, **params: object) -> int:
    with pytest.raises(Told) as told:
        await person.call(method, **params)
    return told.value.code


async def test_an_owner_is_followed_and_its_followers_hear_when_it_goes_live(
    nodes: Callable[..., NodeProcess],
) -> None:
    node = nodes()
    olga, bob, cyd = [await member(node, user) for user in ("olga", "bob", "cyd")]
    profile = await olga.call("profile.set", name="Olga", avatar="https://pictures/o.png", signature="Piano")
    assert profile == {
        "userid": "olga", "name": "Olga", "avatar": "https://pictures/o.png", "signature": "Piano", "followers": 0,
        "following": 0, "followed": False, "room_id": None,
    }  # fmt: skip
    assert await bob.call("follow.add", userid="olga") == {"userid": "olga", "followed": True, "followers": 1}
    assert await bob.call("follow.add", userid="olga") == {"userid": "olga", "followed": True, "followers": 1}
    assert await refused(bob, "follow.add", userid="bob") == 100002
    assert await refused(bob, "profile.set", avatar="javascript:alert(1)") == 100002
    assert await refused(bob, "follow.list", kind="friends") == -32602

    await olga.call("profile.set", signature="An hour of piano")  # the name stays

    await olga.call("room.create", room_id="hour", name="An hour of piano")
    assert await bob.event("follow.live") == {
        "userid": "olga", "name": "Olga", "room_id": "hour", "room_name": "An hour of piano",
    }  # fmt: skip
    await cyd.call("room.create", room_id="other", name="Others")
    await cyd.call("room.update", category=[7])
    rooms = {
        name: [card["room_id"] for card in (await bob.call(method, **wish))["rooms"]]
        for name, method, wish in (
            ("all", "room.list", {}),
            ("followed", "room.list", {"followed": True}),
            ("category", "room.list", {"category": 7}),
            ("both", "room.list", {"category": 7, "followed": True}),
            ("found", "room.search", {"text": "PIANO"}),
            ("of cyd", "room.search", {"text": "cyd"}),
        )
    }
    assert rooms == {
        "all": ["hour", "other"], "followed": ["hour"], "category": ["other"], "both": [], "found": ["hour"],
        "of cyd": ["other"],
    }  # fmt: skip
    assert await refused(bob, "audience.search", text="olg") == 100005
    await bob.call("room.enter", room_id="hour")
    found = await bob.call("audience.search", text="OLG")
    assert ([each["userid"] for each in found["members"]], found["cursor"]) == (["olga"], "")
    seen = await bob.call("profile.get", userid="olga")
    assert (seen["room_id"], seen["followed"], seen["followers"]) == ("hour", True, 1)
    assert not [event for event in cyd.events if event["method"] == "follow.live"], "cyd follows nobody"
    for person in (olga, bob, cyd):
        await person.close()
    node.kill()  # without a goodbye: what was answered is on the disk

    node = nodes()
    olga, bob = await member(node, "olga"), await member(node, "bob")
    listed = await olga.call("follow.list", kind="followers")
    assert ([each["userid"] for each in listed["users"]], listed["cursor"]) == (["bob"], "")
    (followed,) = (await bob.call("follow.list", kind="following"))["users"]
    assert (followed["name"], followed["avatar"]) == ("Olga", "https://pictures/o.png")
    room = await olga.call("room.create", room_id="hour")
    assert room["self"]["name"] == "Olga", "a login without a name has the stored one"
    assert (await bob.event("follow.live"))["room_id"] == "hour"
    assert await bob.call("follow.remove", userid="olga") == {"userid": "olga", "followed": False, "followers": 0}

    app = node.credentials("bob")["sdkappid"]
    node.send("PUT", f"v1/apps/{app}/edition", {"edition": "multi_guest"})
    for method, params in (
        ("follow.add", {"userid": "olga"}),
        ("follow.list", {"kind": "following"}),
        ("room.list", {"followed": True}),
        ("room.search", {"text": "hour"}),
    ):
        assert await refused(bob, method, **params) == 100007
    assert (await bob.call("room.list"))["rooms"], "the plain list is everybody's"
    await bob.call("room.enter", room_id="hour")
    assert await refused(bob, "audience.search", text="olga") == 100007
    for person in (olga, bob):
        await person.close()
    assert node.stop() == 0
    assert " ERROR " not in node.log, node.log
