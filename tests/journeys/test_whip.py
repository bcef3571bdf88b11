"""Publishing and watching over HTTP: FFmpeg's own muxer, and the checklist of RFC 9725."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from playwright.async_api import Browser
from stage import Member, NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow

SDP = {"Content-Type": "application/sdp"}


async def token(node: NodeProcess, user: str) -> str:
    return str((await asyncio.to_thread(node.credentials, user))["usersig"])


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def publisher() -> AsyncIterator[RTCPeerConnection]:
    """A stock aiortc connection that offers silence."""
    connection = RTCPeerConnection()
    connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    yield connection
    await connection.close()


async def test_ffmpeg_publishes_and_chromium_watches(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    program = Path(__file__).with_name("whip_publisher.py")
    ffmpeg = await asyncio.create_subprocess_exec(
        sys.executable, str(program), f"{node.url}whip/studio", await token(node, "obs"), "14"
    )
    try:
        watcher = Member(node, "watcher")
        await watcher.connect()

        async def live() -> bool:
            cards = (await watcher.call("room.list"))["rooms"]
            return bool(cards)

        await wait_for(live, 10, "the room is live")
        bob = await Tab.open(await chromium(), f"{node.url}room/studio")
        await bob.page.wait_for_selector("video.remote")

        async def many_frames() -> bool:
            return await bob.frames_decoded() > 100

        await wait_for(many_frames, 10, "more than 100 decoded frames")
        light = await bob.brightness()
        assert light is not None
        assert light["mean"] > 30
        assert await asyncio.wait_for(ffmpeg.wait(), 20) == 0

        async def ended() -> bool:
            return not (await watcher.call("room.list"))["rooms"]

        await wait_for(ended, 5, "the room ended with its publisher's DELETE")
        await watcher.close()
    finally:
        if ffmpeg.returncode is None:
            ffmpeg.kill()
            await ffmpeg.wait()


async def test_who_joins_long_after_a_key_frame_sees_the_picture_before_the_next(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    """FFmpeg makes key frames by its own clock, here every 20 s, whatever it is asked."""
    program = Path(__file__).with_name("whip_publisher.py")
    ffmpeg = await asyncio.create_subprocess_exec(
        sys.executable, str(program), f"{node.url}whip/studio", await token(node, "obs"), "18", "600"
    )
    try:

        async def goes_on() -> bool:
            return (await asyncio.to_thread(node.metrics))["tally_media_packets_received_total"] > 600

        await wait_for(goes_on, 20, "some seconds without a key frame")
        bob = await Tab.open(await chromium(), f"{node.url}room/studio")

        async def many_frames() -> bool:
            return await bob.frames_decoded() > 150

        await wait_for(many_frames, 8, "more than the frames of the present")
        assert (await bob.video_in())["keyFramesDecoded"] == 1
    finally:
        if ffmpeg.returncode is None:
            ffmpeg.kill()
            await ffmpeg.wait()


async def test_the_checklist_of_the_standard(
    node: NodeProcess, http: aiohttp.ClientSession, publisher: RTCPeerConnection
) -> None:
    url = f"{node.url}whip/studio"
    bearer = {"Authorization": f"Bearer {await token(node, 'obs')}"}
    offer = publisher.localDescription.sdp

    async with http.options(url) as answer:
        assert answer.status == 200
        assert answer.headers["Accept-Post"] == "application/sdp"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Link" not in answer.headers
    async with http.post(url, data=offer, headers=SDP) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    async with http.post(url, data=offer, headers=bearer | {"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415
    charset = {"Content-Type": "application/sdp; charset=utf-8"}
    async with http.post(url + "?transport=udp", data=offer, headers=bearer | charset) as answer:
        assert answer.status == 201
        assert answer.content_type == "application/sdp"
        location, etag = answer.headers["Location"], answer.headers["ETag"]
        description = await answer.text()
    assert "?" not in location
    assert etag.startswith('"')
    assert etag.endswith('"')
    assert "a=recvonly" in description
    assert "a=ice-lite" in description
    async with http.post(url, data=offer, headers=bearer | SDP) as answer:
        assert answer.status == 409
        assert (await answer.json())["name"] == "media_state"
    other = {"Authorization": f"Bearer {await token(node, 'another')}"}
    async with http.post(url, data=offer, headers=other | SDP) as answer:
        assert answer.status == 409

    await publisher.setRemoteDescription(RTCSessionDescription(description, "answer"))

    async def connected() -> bool:
        return publisher.connectionState == "connected"

    await wait_for(connected, 10, "the publisher is connected")
    resource = node.url.rstrip("/") + location
    fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
    candidate = "a=ice-ufrag:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n"
    async with http.patch(resource, data=candidate, headers=fragment | {"If-Match": etag}) as answer:
        assert answer.status == 204
        assert "ETag" not in answer.headers
        assert await answer.read() == b""
    for headers, status in (
        (fragment, 428),
        (fragment | {"If-Match": '"other"'}, 412),
        ({"Content-Type": "text/plain", "If-Match": etag}, 415),
    ):
        async with http.patch(resource, data=candidate, headers=headers) as answer:
            assert answer.status == status
    async with http.get(resource) as answer:
        assert 200 <= answer.status < 300
        assert await answer.read() == b""
    async with http.delete(resource, headers=other) as answer:
        assert answer.status == 403
    async with http.delete(resource) as answer:
        assert answer.status == 200
    async with http.delete(resource) as answer:
        assert answer.status == 404

    async def nothing_left() -> bool:
        metrics = node.metrics()
        return not any(metrics[f"tally_{name}"] for name in ("rooms_rooms", "media_ufrags", "signaling_http_sessions"))

    await wait_for(nothing_left, 5, "the session left nothing behind")


async def test_a_player_watches_what_is_published(
    node: NodeProcess, http: aiohttp.ClientSession, publisher: RTCPeerConnection
) -> None:
    player = RTCPeerConnection()
    player.addTransceiver("audio", direction="recvonly")
    await player.setLocalDescription(await player.createOffer())
    watch = {"Authorization": f"Bearer {await token(node, 'viewer')}"}
    async with http.post(f"{node.url}whep/studio", data=player.localDescription.sdp, headers=watch | SDP) as answer:
        assert answer.status == 404  # no such room yet

    send = {"Authorization": f"Bearer {await token(node, 'obs')}"}
    async with http.post(f"{node.url}whip/studio", data=publisher.localDescription.sdp, headers=send | SDP) as answer:
        assert answer.status == 201
        await publisher.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    async with http.post(f"{node.url}whep/studio", data=player.localDescription.sdp, headers=watch | SDP) as answer:
        assert answer.status == 201
        location = answer.headers["Location"]
        await player.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))

    frame = await asyncio.wait_for(player.getReceivers()[0].track.recv(), 10)
    assert frame.sample_rate == 48000
    async with http.delete(node.url.rstrip("/") + location) as answer:
        assert answer.status == 200
    await player.close()


async def test_a_delete_that_comes_after_the_goodbye_is_answered_and_ends_the_room(
    node: NodeProcess, http: aiohttp.ClientSession, publisher: RTCPeerConnection
) -> None:
    send = {"Authorization": f"Bearer {await token(node, 'obs')}"}
    async with http.post(f"{node.url}whip/studio", data=publisher.localDescription.sdp, headers=send | SDP) as answer:
        location = answer.headers["Location"]
        await publisher.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))

    async def publishing() -> bool:
        return publisher.connectionState == "connected"

    async def gone() -> bool:
        return node.metrics()["tally_media_publishers"] == 0

    await wait_for(publishing, 10, "the publisher is connected")
    await publisher.close()
    await wait_for(gone, 5, "the goodbye was heard")
    assert node.metrics()["tally_rooms_rooms"] == 1, "the room waits for its owner"
    async with http.delete(node.url.rstrip("/") + location, headers=send) as answer:
        assert answer.status == 200
    assert node.metrics()["tally_rooms_rooms"] == 0
