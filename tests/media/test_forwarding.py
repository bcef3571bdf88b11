"""From an up track to many down tracks: one rewriting, every viewer's own key, contiguous numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from media.drops import Drop, Drops
from media.forwarding.audience import Audience
from media.forwarding.down_track import NACK_BUDGET, DownTrack
from media.forwarding.formats import WireFormat
from media.forwarding.key_frames import REPEAT, KeyFrameWish
from media.forwarding.publication import Publication
from media.forwarding.up_track import FLOWING, UpTrack
from media.rtp import rtcp
from media.rtp.packets import RtpPacket
from media.sdp.codecs import Codec, canonical

REMOTE = Codec("video", "VP8", 90000, 1, 120, 121)
OURS = canonical(REMOTE)
assert OURS is not None
SSRC = 0x0A0B0C0D


def up_track() -> UpTrack:
    assert OURS is not None
    up = UpTrack(REMOTE, OURS, SSRC, [0] * 256, Drops())
    up.remote_ssrc = 1
    return up


def vp8(sequence: int, *, key: bool = False, width: int = 1280, height: int = 720, time: int = 0) -> RtpPacket:
    payload = bytes((0x10, 0x10 if key else 0x11, 2, 0)) + b"\x9d\x01\x2a"
    payload += width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes(20)
    head = bytes((0x80, 120)) + (sequence & 0xFFFF).to_bytes(2, "big") + time.to_bytes(4, "big") + b"\x00\x00\x00\x01"
    return RtpPacket(bytearray(head + payload))


@dataclass(eq=False)
class Viewer:
    """A peer as a group sees it; what is sent to it alone is remembered."""

    fan_out: Any = None
    transmit_context: Any = None
    transmit_pointer: int = 0
    name_pointer: int = 0
    alone: list[bytes] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)

    def send_rtp(self, packet: bytes) -> None:
        self.alone.append(packet)

    def send_rtcp(self, packet: bytes) -> None:
        self.reports.append(packet)


class Outbox:
    """Stands for a fan-out: who got what."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []

    def submit(self, audience: Audience, packet: bytes, **_: object) -> None:
        self.sent.append((len(audience), packet))


# The publisher's half


def test_a_packet_is_rewritten_once_for_everybody() -> None:
    up = up_track()
    forwarded = up.receive(vp8(7, key=True, time=99), (), 0.0)

    assert forwarded is not None
    parsed = RtpPacket(bytearray(forwarded.data))
    assert (parsed.payload_type, parsed.ssrc, parsed.sequence, parsed.timestamp) == (96, SSRC, 7, 99)
    assert forwarded.starts_key_frame
    assert (up.width, up.height) == (1280, 720)


def test_a_duplicate_is_dropped_by_name_and_a_late_packet_is_not() -> None:
    up = up_track()
    for sequence in (65534, 65535, 1):
        assert up.receive(vp8(sequence), (), 0.0)

    assert up.losses.due(1.0, 0.1) == [0x20000 - 0x10000 + 0x10000]
    assert up.receive(vp8(0), (), 0.1) is not None
    assert up.receive(vp8(0), (), 0.1) is None
    assert up._drops[Drop.DUPLICATE] == 1


def test_a_picture_above_the_limit_is_not_forwarded_and_leaves_no_hole() -> None:
    up = up_track()
    up.max_pixels = 1280 * 720
    numbers = []
    for sequence in range(10):
        large = 3 <= sequence < 6
        packet = vp8(sequence, key=sequence in (0, 3, 6), width=1920 if large else 1280, time=sequence)
        forwarded = up.receive(packet, (), 0.0)
        assert up.blocked == large
        if forwarded is not None:
            numbers.append(forwarded.number)

    assert numbers == list(range(numbers[0], numbers[0] + 7))
    assert up._drops[Drop.BLOCKED] == 3


def test_an_unknown_payload_type_is_dropped_by_name() -> None:
    up = up_track()
    packet = vp8(1)
    packet.payload_type = 100

    assert up.receive(packet, (), 0.0) is None
    assert up._drops[Drop.UNKNOWN_PAYLOAD_TYPE] == 1


def test_a_track_is_silent_after_a_while() -> None:
    up = up_track()
    up.receive(vp8(1), (), 10.0)

    assert up.flowing(10.0 + FLOWING - 0.1)
    assert not up.flowing(10.0 + FLOWING)


def test_a_report_says_what_was_lost() -> None:
    up = up_track()
    for sequence in (10, 11, 14):
        up.receive(vp8(sequence), (), 1.0)
    up.handle_sender_report(rtcp.SenderReport(1, 0x1122334455667788, 0, 0, 0), 1.0)

    report = up.report(1.5)
    assert report is not None
    assert (report.ssrc, report.highest, report.lost, report.fraction_lost) == (1, 14, 2, 2 * 256 // 5)
    assert (report.last_sr, report.delay) == (0x33445566, 32768)


def test_a_key_frame_is_asked_for_until_it_comes_and_not_in_a_storm() -> None:
    wish = KeyFrameWish()
    assert not wish.due(0.0)
    for _ in range(200):
        wish.want()
    assert wish.due(0.0)
    assert not wish.due(REPEAT - 0.01)
    assert wish.due(REPEAT)
    wish.came(REPEAT + 0.1)
    assert not wish.due(10.0)
    assert wish.requests == 2


# The viewer's half


def subscribed(up: UpTrack, viewer: Viewer, resume_at: int | None = None) -> DownTrack:
    assert OURS is not None
    return DownTrack(up, viewer, WireFormat.own(OURS), 77, up._drops, resume_at)


def test_viewers_start_together_at_a_key_frame() -> None:
    outbox, up = Outbox(), up_track()
    publication = Publication("pub_1", "camera", "up_1", up, 77)
    asked: list[int] = []
    publication.ask_key_frame = lambda: asked.append(1)
    for _ in range(3):
        viewer = Viewer(outbox)
        publication.attach(subscribed(up, viewer), viewer)
    for sequence in (1, 2):
        forwarded = up.receive(vp8(sequence, time=sequence), (), 0.0)
        assert forwarded is not None
        publication.forward(forwarded)
    assert outbox.sent == []
    assert len(asked) == 3

    key = up.receive(vp8(3, key=True, time=3), (), 0.0)
    assert key is not None
    publication.forward(key)
    assert [count for count, _ in outbox.sent] == [3]


def test_a_viewer_that_leaves_is_in_no_audience_and_no_group_stays() -> None:
    outbox, up = Outbox(), up_track()
    publication = Publication("pub_1", "camera", "up_1", up, 77)
    downs = [subscribed(up, Viewer(outbox)) for _ in range(2)]
    for down in downs:
        publication.attach(down, down.peer)  # type: ignore[arg-type]
    key = up.receive(vp8(1, key=True), (), 0.0)
    assert key is not None
    publication.forward(key)
    publication.detach(downs[0])
    publication.forward(key)
    publication.detach(downs[1])
    publication.detach(downs[1])
    publication.forward(key)

    assert [count for count, _ in outbox.sent] == [2, 1]
    assert publication.viewers == 0
    assert publication._groups == {}


def test_a_viewer_who_comes_back_goes_on_with_its_own_numbers() -> None:
    outbox, up, viewer = Outbox(), up_track(), Viewer(Outbox())
    publication = Publication("pub_1", "camera", "up_1", up, 77)
    down = subscribed(up, viewer, resume_at=500)
    publication.attach(down, viewer)
    for sequence in range(65530, 65540):
        forwarded = up.receive(vp8(sequence, key=sequence == 65530, time=sequence), (), 0.0)
        assert forwarded is not None
        publication.forward(forwarded)

    assert outbox.sent == []
    assert [RtpPacket(bytearray(packet)).sequence for packet in viewer.alone] == list(range(500, 510))
    assert down.next_number == 510


def test_a_nack_is_answered_by_a_retransmission_under_the_viewers_number() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer, resume_at=65534)
    for sequence in range(10):
        up.receive(vp8(sequence, time=sequence), (), 0.0)
    down.start(0x10000)
    down.resend([65535, 1], 0.0)

    wrapped = [RtpPacket(bytearray(packet)) for packet in viewer.alone]
    assert [(packet.payload_type, packet.ssrc, packet.sequence) for packet in wrapped] == [(97, 77, 1), (97, 77, 2)]
    assert [int.from_bytes(packet.payload[:2], "big") for packet in wrapped] == [65535, 1]
    assert [packet.timestamp for packet in wrapped] == [1, 3]


def test_a_nack_for_what_is_gone_or_too_much_is_dropped_by_name() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer)
    for sequence in range(1500):
        up.receive(vp8(sequence, time=sequence), (), 0.0)
    down.start(0x10000)
    down.resend([3], 0.0)
    assert up._drops[Drop.NACK_GONE] == 1

    down.resend([1400] * (NACK_BUDGET + 5), 0.0)
    assert len(viewer.alone) == NACK_BUDGET
    assert up._drops[Drop.NACK_BUDGET] == 5
    down.resend([1400], 1.0)
    assert len(viewer.alone) == NACK_BUDGET + 1


def test_another_format_has_its_own_payload_type_and_ids() -> None:
    wire = WireFormat.of(Codec("video", "VP8", 90000, 1, 102, 103), {"urn:3gpp:video-orientation": 13})
    data = bytearray(b"\x90\xe0" + bytes(10) + b"\xbe\xde\x00\x01\x30\x01\x40\x02" + b"payload")
    changed = RtpPacket(bytearray(wire.apply(bytes(data))))

    assert (changed.payload_type, changed.marker) == (102, 1)
    assert [(number, changed.data[at]) for number, at, _ in changed.extensions()] == [(13, 1)]
