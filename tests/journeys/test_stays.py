"""Staying in a room: lost connections, seats, and pictures that are too large."""

from __future__ import annotations

import asyncio
import json
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
from stage import Member, NodeProcess, Told, wait_for

from tools.load.peer import ClientPeer
from tools.load.whip import VIDEO, _offer

pytestmark = pytest.mark.slow


async def test_a_member_whose_connection_drops_comes_back_to_its_seat(node: NodeProcess) -> None:
    host, guest, again = Member(node, "host"), Member(node, "guest"), Member(node, "guest")
    await host.connect()
    await host.call("room.create", room_id="main", name="Evening", seats=4)
    await guest.connect()
    await guest.call("room.enter", room_id="main")
    await guest.call("seat.take", index=2)
    await guest.close()
    assert (await host.event("room.member_dropped"))["userid"] == "guest"

    await again.connect()
    room = await again.call("room.enter", room_id="main")
    assert (await host.event("room.member_returned"))["userid"] == "guest"
    assert room["self"]["seat"] == 2
    assert room["seats"][2]["userid"] == "guest"
    assert room["audience_count"] == 1

    with pytest.raises(Told) as refusal:
        await again.call("room.dismiss")
    assert refusal.value.code == 100006
    await host.call("seat.kick", userid="guest")
    await host.call("room.kick", userid="guest")
    assert (await again.event("room.kicked"))["reason"] == "by_owner"
    await host.call("room.leave")
    assert (await host.event("room.dismissed"))["reason"] == "by_owner"
    await host.close()
    await again.close()


async def test_a_second_login_of_the_same_user_takes_the_place_of_the_first(node: NodeProcess) -> None:
    first, second = Member(node, "host"), Member(node, "host")
    await first.connect()
    await first.call("room.create", room_id="main")
    await second.connect()
    room = await second.call("room.enter", room_id="main")

    assert room["self"]["role"] == "owner"
    assert (await first.event("room.kicked"))["reason"] == "logged_on_elsewhere"
    await first.close()
    assert (await second.call("room.list"))["rooms"][0]["member_count"] == 1
    await second.close()


def frame(number: int, width: int, height: int) -> bytes:
    """A VP8 key frame of that size, in one packet."""
    head = bytes((0x80, 0x80 | VIDEO)) + number.to_bytes(2, "big") + (3000 * number).to_bytes(4, "big") + b"\0\0\0\x05"
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return head + b"\x10\x10\x02\x00\x9d\x01\x2a" + size + bytes(200)


async def test_a_picture_above_the_edition_is_told_and_not_forwarded(node: NodeProcess) -> None:
    app = (await asyncio.to_thread(node.credentials, "host"))["sdkappid"]
    await asyncio.to_thread(node.send, "PUT", f"v1/apps/{app}/edition", {"edition": "multi_guest"})
    host = Member(node, "host")
    await host.connect()
    await host.call("room.create", room_id="main")
    peer = ClientPeer()
    answer = await host.call("media.publish", sdp=_offer(peer, "sendonly"), sources={"1": "screen"})
    await peer.connect(answer["sdp"])

    async def send_until(method: str, width: int, height: int, start: int) -> dict[str, Any]:
        number = start

        async def came() -> dict[str, Any] | None:
            nonlocal number
            number += 1
            peer.send_rtp(frame(number, width, height))
            return next((event["params"] for event in host.events if event["method"] == method), None)

        return await wait_for(came, 10, method)

    told = await send_until("publication.blocked", 3840, 2160, 0)
    assert (told["name"], told["width"], told["height"]) == ("above_resolution", 3840, 2160)
    assert "3840 x 2160" in told["message"]
    assert node.metrics()['tally_media_drops_total{reason="blocked"}'] > 0
    changed = await host.event("publication.changed")
    assert changed["publication"]["blocked"]
    assert changed["publication"]["source"] == "screen"

    told = await send_until("publication.unblocked", 1920, 1080, 100)
    assert (told["width"], told["height"]) == (1920, 1080)
    await peer.close()
    await host.close()


async def test_the_books_open_to_the_operator_and_to_the_apps_administrator(node: NodeProcess) -> None:
    account = await asyncio.to_thread(node.send, "POST", "v1/accounts", {"name": "acme"})
    made = await asyncio.to_thread(node.send, "POST", "v1/apps", {"account": account["account"], "name": "show"})
    app, secret = made["sdkappid"], made["secret"]
    await asyncio.to_thread(node.send, "POST", f"v1/apps/{app}/trial", {})

    from signaling.usersig import make

    administrator = make(app, secret, "administrator", 60, 1e10)
    usage = await asyncio.to_thread(node.get, f"/v1/apps/{app}/usage?bucket=5m", administrator)
    assert usage["usage"] == []
    for token in ("", "x", make(app, secret, "alice", 60, 1e10)):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            await asyncio.to_thread(node.get, f"/v1/apps/{app}/usage", token)
        assert refusal.value.code == 401
        refusal.value.close()
    with pytest.raises(urllib.error.HTTPError) as refusal:
        await asyncio.to_thread(node.send, "POST", "v1/accounts", {"name": "acme"}, administrator)
    assert refusal.value.code == 401
    refusal.value.close()
    with pytest.raises(urllib.error.HTTPError) as refusal:
        await asyncio.to_thread(node.send, "POST", "v1/accounts", {"nme": "acme"})
    assert json.loads(refusal.value.read())["name"] == "invalid_params"
    refusal.value.close()


async def test_in_production_nobody_is_given_credentials(nodes: Callable[..., NodeProcess]) -> None:
    node = nodes("--production")

    with pytest.raises(urllib.error.HTTPError) as refusal:
        await asyncio.to_thread(node.credentials, "ann")
    assert refusal.value.code == 404
    assert json.loads(refusal.value.read())["name"] == "no_demo"
    refusal.value.close()
    assert (await asyncio.to_thread(node.get, "/readyz"))["status"] == "ready"
    assert node.stop() == 0
