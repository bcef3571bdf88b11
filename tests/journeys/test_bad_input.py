"""Bad input gets one clear error or a named drop; the others in the room notice nothing, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from typing import Any

import aiohttp
import pytest
from stage import Member, NodeProcess, Told, Voice, wait_for

from signaling import usersig

pytestmark = pytest.mark.slow


async def told(member: Member, method: str, **params: Any) -> tuple[int, str]:
    with pytest.raises(Told) as refusal:
        await member.call(method, **params)
    assert str(refusal.value).endswith((".", "`")), "a refusal is a sentence"
    return refusal.value.code, refusal.value.name


async def login(node: NodeProcess, **credentials: Any) -> tuple[int, str]:
    member = Member(node, "eve")
    try:
        with pytest.raises(Told) as refusal:
            await member.connect(**credentials)
        return refusal.value.code, refusal.value.name
    finally:
        await member.close()


async def test_logins_that_do_not_hold(node: NodeProcess) -> None:
    good = await asyncio.to_thread(node.credentials, "eve")
    app, signature = good["sdkappid"], good["usersig"]
    foreign = usersig.make(app + 1000, "00" * 32, "eve", 60, time.time())
    forged = usersig.make(app, "00" * 32, "eve", 60, time.time())
    account = await asyncio.to_thread(node.send, "POST", "v1/accounts", {"name": "acme"})
    made = await asyncio.to_thread(node.send, "POST", "v1/apps", {"account": account["account"], "name": "show"})
    expired = usersig.make(made["sdkappid"], made["secret"], "eve", 60, time.time() - 61)

    assert await login(node, sdkappid=made["sdkappid"], userid="eve", usersig=expired) == (70001, "usersig_expired")
    assert await login(node, **good | {"sdkappid": made["sdkappid"]}) == (70013, "usersig_mismatch")
    assert await login(node, **good | {"userid": "bob"}) == (70013, "usersig_mismatch")
    assert await login(node, **good | {"usersig": forged}) == (70003, "usersig_malformed")
    assert await login(node, **good | {"usersig": signature[:-8]}) == (70003, "usersig_malformed")
    assert await login(node, **good | {"usersig": ""}) == (70003, "usersig_malformed")
    assert await login(node, **good | {"sdkappid": app + 1000, "usersig": foreign}) == (60006, "unknown_app")
    assert await login(node, **good | {"sdkappid": "x"}) == (-32602, "invalid_params")


async def test_frames_that_are_no_requests(node: NodeProcess) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(node.url + "ws") as ws:
        for frame, code in (
            ("{", -32700),
            ("[]", -32600),
            ('"x"', -32600),
            ('{"jsonrpc":"1.0","id":1,"method":"login"}', -32600),
            ('{"jsonrpc":"2.0","method":"login"}', -32600),
            ('{"jsonrpc":"2.0","id":true,"method":"login"}', -32600),
            ('{"jsonrpc":"2.0","id":1,"method":7}', -32600),
            ('{"jsonrpc":"2.0","id":1,"method":"login","params":[]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"no.such"}', -32601),
            ('{"jsonrpc":"2.0","id":1,"method":"room.list"}', -1002),
            ("[" * 100_000, -32700),
        ):
            await ws.send_str(frame)
            answer = await asyncio.wait_for(ws.receive_json(), 5)
            assert answer["error"]["code"] == code, frame[:60]
        await ws.send_bytes(b"\x00")
        assert (await ws.receive_json())["error"]["code"] == -32700
        await ws.send_str("x" * 300_000)
        assert (await ws.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_descriptions_and_names_that_cannot_be_used(node: NodeProcess) -> None:
    eve = Voice(node, "eve")
    await eve.connect()
    assert await told(eve, "room.create", room_id="a b") == (100002, "bad_parameter")
    assert await told(eve, "room.create", room_id="x" * 49) == (100002, "bad_parameter")
    assert await told(eve, "room.create", room_id="ok", colour="red") == (-32602, "invalid_params")
    assert await told(eve, "room.enter", room_id="nowhere") == (100004, "no_such_room")
    assert await told(eve, "media.publish", sdp="v=0") == (100005, "not_in_room")
    await eve.call("room.create", room_id="ok")
    await eve.publish()
    await eve.connected()
    assert eve.up is not None
    good = eve.up.localDescription.sdp
    lines = good.split("\r\n")
    for sdp in (
        "",
        "v=0",
        "garbage",
        "v=0\r\n" + "a=x\r\n" * 30_000,
        good.replace("opus/48000/2", "speex/16000").replace("PCMU", "XX").replace("PCMA", "YY"),
        "\r\n".join(line for line in lines if not line.startswith("a=fingerprint")),
        "\r\n".join(line for line in lines if not line.startswith("a=ice-pwd")),
        good.replace("a=rtcp-mux\r\n", ""),
        good.replace("m=audio", "m=image"),
        good.replace("=", ""),
    ):
        assert await told(eve, "media.publish", sdp=sdp) == (100430, "bad_sdp")
    assert await told(eve, "media.answer", revision=9, sdp=good) == (100431, "media_state")
    assert eve.up.connectionState == "connected", "what was published goes on"
    await eve.call("room.dismiss")
    await eve.close()
    await nothing_left(node)


async def test_datagrams_of_strangers_disturb_nobody(node: NodeProcess) -> None:
    host, bob = Voice(node, "host"), Voice(node, "bob")
    await host.connect()
    await host.call("room.create", room_id="calm")
    await host.publish()
    await bob.connect()
    await bob.call("room.enter", room_id="calm")
    await bob.watch()
    await host.connected()
    await bob.connected()
    port = int(node.url.rstrip("/").rpartition(":")[2])
    stun = struct.pack("!HHI12s", 1, 0, 0x2112A442, b"x" * 12)
    named = stun[:2] + struct.pack("!H", 32) + stun[4:] + struct.pack("!HH4s", 6, 4, b"a:bc")
    named += struct.pack("!HH20s", 8, 20, b"y" * 20)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for datagram in (
            b"", b"\x80" * 1501, b"\x16" * 1600, b"\x80\x60" + bytes(50), b"\x16\xfe\xfd" + bytes(50),
            b"\xff" * 40, stun, named, *(os.urandom(100) for _ in range(200)),
        ):  # fmt: skip
            stranger.sendto(datagram, ("127.0.0.1", port))

    async def counted() -> bool:
        metrics = node.metrics()
        return all(
            metrics[f'tally_media_drops_total{{reason="{reason}"}}'] > 0
            for reason in ("empty", "oversize", "stranger", "bad_stun", "unknown_ufrag")
        )

    await wait_for(counted, 5, "every drop is counted by name")
    before = node.metrics()["tally_media_packets_sent_total"]

    async def still_flowing() -> bool:
        return node.metrics()["tally_media_packets_sent_total"] > before + 50

    await wait_for(still_flowing, 5, "media goes on")
    assert host.up is not None
    assert host.up.connectionState == "connected"
    await host.call("room.dismiss")
    await bob.event("room.dismissed")
    await host.close()
    await bob.close()
    await nothing_left(node)


async def nothing_left(node: NodeProcess) -> None:
    """Peers, tables, leases and stays are zero."""

    async def zero() -> bool:
        metrics = node.metrics()
        names = ("media_publishers", "media_viewers", "media_publications", "media_subscriptions", "media_ufrags",
                 "media_addresses", "media_ssrcs", "rooms_rooms", "rooms_members", "billing_leases_rooms",
                 "billing_leases_audience", "billing_leases_seats", "billing_open_sessions", "signaling_stays",
                 "signaling_bound_peers", "signaling_connections")  # fmt: skip
        return not any(metrics[f"tally_{name}"] for name in names)

    await wait_for(zero, 8, "nothing is left behind")
