"""A source inside the node is a publication like any other; viewers are real peers over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from media.feed import ADRIFT, SILENCE, Feed
from media.interface import MediaEvent, PeerClosed, PeerConnected, PictureChanged
from media.rtp import rtcp
from media.rtp.packets import HEADER, RtpPacket
from media.sdp.codecs import Codec, canonical
from media.sfu import Sfu
from tools.load.peer import ClientPeer
from tools.load.whip import VIDEO, _offer, _vp8

VP8 = canonical(Codec("video", "VP8", 90000, 1, 96, 97))
OPUS = canonical(Codec("audio", "opus", 48000, 2, 111, None))
MAX = 1920 * 1080


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Stage:
    """An SFU with a clock that is moved by hand, a feed of both kinds, and what was told."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self.loop = asyncio.get_running_loop()
        self.ahead = 0.0
        self.sfu = Sfu(listener=self.events.append, clock=self.clock)
        self.clients: list[ClientPeer] = []

    def clock(self) -> float:
        return self.loop.time() + self.ahead

    def feed(self) -> Feed:
        assert VP8 is not None
        assert OPUS is not None
        feed = self.sfu.feed(max_pixels=MAX, group="room")
        feed.add("video", VP8, "camera")
        feed.add("audio", OPUS, "microphone")
        return feed

    async def watch(self, feed: Feed) -> tuple[ClientPeer, list[RtpPacket], list[rtcp.SenderReport]]:
        client = ClientPeer()
        self.clients.append(client)
        packets: list[RtpPacket] = []
        reports: list[rtcp.SenderReport] = []

        def take(data: bytes) -> None:
            if client.decrypts(data):
                packets.append(RtpPacket(bytearray(data)))

        client.on_packet = take
        viewing = self.sfu.play(_offer(client, "recvonly"), [view.id for view in feed.publications])
        await client.connect(viewing.answer)
        await until(lambda: PeerConnected(viewing.peer) in self.events)
        return client, packets, reports


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.sfu.start(["127.0.0.1"], 0)
    yield stage
    for client in stage.clients:
        await client.close()
    await stage.sfu.close()


def frame(number: int, *, key: bool) -> list[bytearray]:
    head = HEADER.pack(0x80, 0x80, number, 3000 * number & 0xFFFFFFFF, 0)
    return [bytearray(head) + _vp8(key, True) + bytes((number & 255,)) * 100]


async def test_a_viewer_starts_with_the_last_key_frame_and_gets_all_that_followed(stage: Stage) -> None:
    """600 frames after it, which is more than would be shown if another one could be had."""
    feed = stage.feed()
    for number in range(650):
        feed.send("video", frame(number, key=number == 50), number * 33)
    _, packets, _ = await stage.watch(feed)
    number = 650
    while len(packets) < 550 and number < 2000:
        feed.send("video", frame(number, key=False), number * 33)
        number += 1
        await asyncio.sleep(0.002)

    first = packets[0].sequence
    assert 50 <= first <= 74, "what comes before its own end of the handshake is done, the client cannot read"
    assert [packet.sequence for packet in packets] == list(range(first, first + len(packets)))
    assert {packet.payload_type for packet in packets} == {VIDEO}


async def test_it_is_counted_and_told_like_a_browser(stage: Stage) -> None:
    feed = stage.feed()
    assert not stage.sfu.flow()
    feed.send("video", frame(0, key=True), 0)
    feed.send("video", frame(1, key=False), 33)

    assert stage.events[0] == PeerConnected(feed.peer)
    assert isinstance(stage.events[1], PictureChanged)
    assert (stage.events[1].publication.width, stage.events[1].publication.height) == (1280, 720)
    assert [(fact.peer, fact.pixels) for fact in stage.sfu.flow()] == [(feed.peer, 0)]
    assert stage.sfu.statistics()["publications"] == 2

    feed.limit(640 * 360)
    assert feed.publications[0].blocked
    feed.close("over")
    feed.close("twice")
    assert [event for event in stage.events if isinstance(event, PeerClosed)] == [
        PeerClosed(feed.peer, "over", feed.last_seen)
    ]
    assert not any(stage.sfu.statistics().values())


async def test_reports_put_sound_and_picture_on_one_clock(stage: Stage) -> None:
    feed = stage.feed()
    sent: list[tuple[str, rtcp.SenderReport]] = []
    for publication in feed.by_mid.values():
        layer = publication.layers[0]
        publication.forward_rtcp = lambda up, report, kind=layer.codec.kind: sent.extend(  # type: ignore[method-assign,misc]
            (kind, found) for block in rtcp.blocks(report) if (found := rtcp.sender_report(block)) is not None
        )
    feed.send("video", frame(0, key=True), 5000)
    feed.send("audio", [bytearray(HEADER.pack(0x80, 0x80, 0, 5040 * 48, 0) + b"opus")], 5040)
    assert [kind for kind, _ in sent] == ["video", "audio"], "each has its report with its first packet"
    stage.ahead += 1.0
    feed.tick(stage.clock(), 0.1)

    assert len(sent) == 4
    for kind, report in sent:  # one line through all of them
        ms = report.rtp_time / (90 if kind == "video" else 48)
        assert report.ntp / 2**32 - ms / 1000 == pytest.approx(sent[0][1].ntp / 2**32 - 5.0, abs=0.001)

    feed.send("video", frame(1, key=False), 90_000)  # its clock jumped
    feed.tick(stage.clock() + 1, 0.1)
    assert sent[-1][1].rtp_time / (90 if sent[-1][0] == "video" else 48) > 1000 * (90 - ADRIFT)


async def test_a_source_that_says_nothing_ends(stage: Stage) -> None:
    feed = stage.feed()
    ended: list[str] = []
    feed.on_ended = ended.append
    stage.ahead += SILENCE + 1
    await until(lambda: ended)
    assert ended == ["nothing came for 60 s"]
    feed.send("video", frame(0, key=True), 0)
    assert not stage.sfu.statistics()["publications"]
