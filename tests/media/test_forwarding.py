"""From an up track to many down tracks: one rewriting, every viewer's own key, contiguous numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from media.drops import Drop, Drops
from media.forwarding.audience import Audience, Shift
from media.forwarding.down_track import NACK_BUDGET, DownTrack, Position, shifted
from media.forwarding.formats import WireFormat
from media.forwarding.key_frames import IGNORED, LONGEST_PAUSE, REPEAT, SHARE, KeyFrameWish
from media.forwarding.publication import LITTLE, STRIDE, WAKING, Publication
from media.forwarding.timeline import Timeline
from media.forwarding.up_track import FLOWING, LONGEST_REPLAY, MAX_HISTORY, UpTrack
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
    name: Any = field(default_factory=lambda: SimpleNamespace(pointer=0))
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
        self.shifts: list[list[Shift]] = []

    def submit(self, audience: Audience, packet: bytes, *_: object, **__: object) -> None:
        self.sent.append((len(audience), packet))
        self.shifts.append([Shift(*map(int, row)) for row in zip(audience.numbers, audience.pictures,
                                                               audience.base_layers, strict=True)])  # fmt: skip


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

    assert up.losses.due(1.0) == [0x20000 - 0x10000 + 0x10000]
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


def test_a_key_frame_must_pay_for_itself_before_the_next() -> None:
    wish = KeyFrameWish()
    wish.want()
    assert wish.due(0.0)
    wish.came(0.1)
    wish.want()
    assert not wish.due(0.6, cost=0.2), "it took 0.2 s of the rate, so it is 0.67 s before the next"
    assert wish.rationed(0.6, 0.2)
    assert wish.due(0.1 + 0.2 / SHARE, cost=0.2)
    wish.came(1.0)
    wish.want()
    assert wish.due(1.0 + LONGEST_PAUSE, cost=5.0), "who is stuck does not wait for ever"


def test_a_publisher_that_does_not_listen_is_known() -> None:
    wish = KeyFrameWish()
    wish.want()
    for number in range(IGNORED):
        assert not wish.ignored
        assert wish.due(number * REPEAT)
    assert wish.ignored
    wish.came(10.0)
    assert wish.ignored, "that key frame came by its own clock"
    wish.want()
    assert wish.due(20.0)
    wish.came(20.1)
    assert not wish.ignored


# The viewer's half


def subscribed(up: UpTrack, viewer: Viewer, resume: Position | None = None) -> DownTrack:
    assert OURS is not None
    down = DownTrack("video", viewer, WireFormat.own(OURS), 77, up._drops, resume)
    down.target = up
    return down


def publication_of(*layers: UpTrack) -> Publication:
    return Publication("pub_1", "camera", "up_1", layers, 77)


def forward(publication: Publication, packet: RtpPacket, up: UpTrack | None = None, now: float = 0.0) -> None:
    layer = up or publication.layers[0]
    forwarded = layer.receive(packet, (), now)
    assert forwarded is not None
    publication.forward(layer, forwarded)


def test_viewers_start_together_at_a_key_frame() -> None:
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    asked: list[int] = []
    publication.ask_key_frame = lambda: asked.append(1)
    for _ in range(3):
        viewer = Viewer(outbox)
        publication.attach(subscribed(up, viewer), viewer, 0.0)
    for sequence in (1, 2):
        forward(publication, vp8(sequence, time=sequence))
    assert outbox.sent == []
    assert len(asked) == 3

    forward(publication, vp8(3, key=True, time=3))
    assert [count for count, _ in outbox.sent] == [3]


def test_a_packet_from_before_the_start_is_for_those_who_were_there() -> None:
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    early, late = Viewer(outbox), Viewer(outbox)
    publication.attach(subscribed(up, early), early, 0.0)
    forward(publication, vp8(1, key=True, time=1))
    publication.attach(subscribed(up, late), late, FLOWING)
    forward(publication, vp8(3, key=True, time=3))
    forward(publication, vp8(2, time=2))
    forward(publication, vp8(4, time=4))

    assert [count for count, _ in outbox.sent] == [1, 2, 1, 2]


def test_a_viewer_that_leaves_is_in_no_audience_and_no_group_stays() -> None:
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    downs = [subscribed(up, Viewer(outbox)) for _ in range(2)]
    for down in downs:
        publication.attach(down, down.peer, 0.0)  # type: ignore[arg-type]
    forward(publication, vp8(1, key=True))
    publication.detach(downs[0])
    forward(publication, vp8(2))
    publication.detach(downs[1])
    publication.detach(downs[1])
    forward(publication, vp8(3))

    assert [count for count, _ in outbox.sent] == [2, 1]
    assert publication.viewers == 0
    assert publication._groups == {up: {}}


def test_a_viewer_who_comes_back_goes_on_with_its_own_numbers() -> None:
    outbox, up = Outbox(), up_track()
    viewer = Viewer(outbox)
    publication = publication_of(up)
    down = subscribed(up, viewer, Position(500, 0, 0, 0))
    publication.attach(down, viewer, 0.0)
    for sequence in range(65530, 65540):
        forward(publication, vp8(sequence, key=sequence == 65530, time=sequence))

    numbers = [
        (RtpPacket(bytearray(packet)).sequence - shifts[0].number) & 0xFFFF
        for (_, packet), shifts in zip(outbox.sent, outbox.shifts, strict=True)
    ]
    assert numbers == list(range(500, 510))
    position = down.next_position
    assert position is not None
    assert position.number == 510


def test_a_nack_is_answered_by_a_retransmission_under_the_viewers_number() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer, Position(65534, 0, 0, 0))
    first = up.receive(vp8(0, key=True), (), 0.0)
    assert first is not None
    down.start(up, first)
    for sequence in range(1, 10):
        up.receive(vp8(sequence, time=sequence), (), 0.0)
    down.resend([65535, 1], 0.0)

    wrapped = [RtpPacket(bytearray(packet)) for packet in viewer.alone]
    assert [(packet.payload_type, packet.ssrc, packet.sequence) for packet in wrapped] == [(97, 77, 1), (97, 77, 2)]
    assert [int.from_bytes(packet.payload[:2], "big") for packet in wrapped] == [65535, 1]
    assert [packet.timestamp for packet in wrapped] == [1, 3]


def test_a_nack_for_what_is_gone_too_soon_or_too_much_is_dropped_by_name() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer)
    received = [up.receive(vp8(sequence, key=sequence == 0, time=sequence), (), -20.0) for sequence in range(1500)]
    up.receive(vp8(1500, time=1500), (), 0.0)
    assert received[0] is not None
    down.start(up, received[0])
    down.resend([3], 0.0)
    assert up._drops[Drop.NACK_GONE] == 1

    down.resend([1400, 1400], 0.0)
    assert (len(viewer.alone), up._drops[Drop.NACK_TOO_SOON]) == (1, 1)
    down.resend(range(1000, 1000 + NACK_BUDGET + 5), 0.0)
    assert len(viewer.alone) == NACK_BUDGET
    assert up._drops[Drop.NACK_BUDGET] == 5
    down.resend([1400], 1.0)
    assert len(viewer.alone) == NACK_BUDGET + 1


def test_retransmissions_keep_within_a_limited_line() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer)
    received = [up.receive(vp8(sequence, key=sequence == 0, time=sequence), (), 0.0) for sequence in range(500)]
    assert received[0] is not None
    down.start(up, received[0])
    down.limit_resends(80_000)
    down.resend(range(100, 200), 10.0)

    assert len(viewer.alone) == 15


def test_padding_is_old_packets_again_and_never_older_than_the_viewers_first() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = subscribed(up, viewer)
    assert down.pad(3) == 0
    for sequence in range(5):
        up.receive(vp8(sequence, time=sequence), (), 0.0)
    started = up.receive(vp8(5, key=True, time=5), (), 0.0)
    assert started is not None
    down.start(up, started)
    up.receive(vp8(6, time=6), (), 0.0)

    assert down.pad(10) == 2 * len(started.data)
    originals = [int.from_bytes(RtpPacket(bytearray(packet)).payload[:2], "big") for packet in viewer.alone]
    assert originals == [5, 6]


def test_what_is_forbidden_leaves_no_gap_and_a_picture_goes_on_with_a_key_frame() -> None:
    up = up_track()
    first = up.receive(vp8(1, key=True), (), 0.0)
    up.forbidden = True
    assert [up.receive(vp8(number, key=number == 3, time=number), (), 0.1) for number in (2, 3)] == [None, None]
    up.forbidden = False
    assert up.receive(vp8(4, time=4), (), 0.2) is None, "it refers to what nobody saw"
    again = up.receive(vp8(5, key=True, time=5), (), 0.3)
    following = up.receive(vp8(6, time=6), (), 0.4)
    assert first is not None
    assert again is not None
    assert following is not None
    assert [packet.number - first.number for packet in (again, following)] == [1, 2]


# Layers


def layers_of(count: int) -> tuple[UpTrack, ...]:
    assert OURS is not None
    timeline = Timeline(90000)
    drops = Drops()
    made = tuple(
        UpTrack(REMOTE, OURS, SSRC, [0] * 256, drops, rid=rid, clock=timeline.layer()) for rid in "qhf"[:count]
    )
    for number, layer in enumerate(made):
        layer.remote_ssrc = number + 1
        layer.width, layer.height = 320 << number, 180 << number
    return made


def picture(sequence: int, number: int, base: int, *, key: bool = False, time: int = 0) -> RtpPacket:
    """A VP8 packet with a 15-bit picture id and a tl0picidx."""
    payload = bytes((0x90, 0xC0)) + (0x8000 | number).to_bytes(2, "big") + bytes((base & 0xFF, 0x10 if key else 0x11))
    payload += b"\x02\x00\x9d\x01\x2a\x00\x05\xd0\x02" + bytes(20)
    head = bytes((0x80, 120 | 0x80)) + (sequence & 0xFFFF).to_bytes(2, "big")
    return RtpPacket(bytearray(head + (time & 0xFFFFFFFF).to_bytes(4, "big") + b"\x00\x00\x00\x01" + payload))


def seen_by(outbox: Outbox, ear: int = 0) -> list[tuple[int, int, int, int]]:
    """Number, time, picture id and tl0picidx of each packet, as that member of the audience gets them."""
    found = []
    for (_, packet), shifts in zip(outbox.sent, outbox.shifts, strict=True):
        data = bytearray(packet)
        shifted(data, shifts[ear] if shifts else Shift(), 14, 16)
        parsed = RtpPacket(data)
        number = int.from_bytes(data[14:16], "big") & 0x7FFF
        found.append((parsed.sequence, parsed.timestamp, number, data[16]))
    return found


def test_a_switch_happens_at_a_key_frame_and_all_numbers_go_on() -> None:
    outbox, (low, high) = Outbox(), layers_of(2)
    publication = publication_of(low, high)
    viewer = Viewer(outbox)
    down = subscribed(low, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(10, 32766, 254, key=True, time=1000), low, 0.0)
    forward(publication, picture(900, 50, 7, key=True, time=500_000), high, 0.0)
    forward(publication, picture(11, 32767, 255, time=4000), low, 1 / 30)
    publication.aim(down, high, 0.0)
    forward(publication, picture(901, 51, 8, time=503_000), high, 1 / 30)
    forward(publication, picture(12, 0, 0, time=7000), low, 2 / 30)
    forward(publication, picture(902, 52, 9, key=True, time=509_000), high, 0.1)
    forward(publication, picture(13, 1, 1, time=10_000), low, 0.1)
    forward(publication, picture(903, 53, 10, time=512_000), high, 4 / 30)

    assert down.layer is high
    numbers, times, pictures, bases = zip(*seen_by(outbox), strict=True)
    assert numbers == (10, 11, 12, 13, 14)
    assert pictures == (32766, 32767, 0, 1, 2)
    assert bases == (254, 255, 0, 1, 2)
    assert times == (1000, 4000, 7000, 10001, 13001), "one clock, and one tick between layers"


def test_packets_of_a_key_frame_in_the_wrong_order_have_one_time() -> None:
    low, high = layers_of(2)
    high.receive(picture(50, 1, 1, key=True, time=700_000), (), 0.0)
    low.receive(picture(1, 1, 1, key=True, time=0), (), 0.040)
    ahead = low.receive(picture(3, 2, 2, time=3000), (), 0.075)
    low.handle_sender_report(rtcp.SenderReport(1, 10 << 32, 0, 0, 0), 0.08)
    high.handle_sender_report(rtcp.SenderReport(2, 10 << 32, 700_000, 0, 0), 0.08)
    second = low.receive(picture(5, 3, 3, time=6000), (), 0.1)
    start = low.receive(picture(4, 3, 3, key=True, time=6000), (), 0.23)
    behind = low.receive(picture(2, 2, 2, time=3000), (), 0.24)
    assert ahead is not None
    assert second is not None
    assert start is not None
    assert behind is not None
    assert start.starts_key_frame
    assert second.time == start.time
    assert ahead.time == behind.time

    following = low.receive(picture(6, 4, 4, key=True, time=9000), (), 0.25)
    late = low.receive(picture(7, 5, 5, time=9000), (), 0.26)
    assert following is not None
    assert late is not None
    assert (following.time, late.time) == (709_000, 709_000), "what the reports say holds from the next key frame on"
    assert following.time - start.time != 3000, "it was another mapping"


def two_packets(sequence: int, number: int, base: int, *, key: bool = False, time: int) -> list[RtpPacket]:
    """A frame of two packets."""
    first = picture(sequence, number, base, key=key, time=time)
    first.data[1] &= 0x7F
    second = picture(sequence + 1, number, base, time=time)
    second.data[second.payload_start + 5] = 0x01  # its payload goes on, and begins nothing
    return [RtpPacket(first.data), RtpPacket(second.data)]


def test_a_switch_at_a_moment_that_was_shown_already_puts_the_frame_after_it() -> None:
    outbox, (low, high) = Outbox(), layers_of(2)
    publication = publication_of(low, high)
    viewer = Viewer(outbox)
    down = subscribed(high, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(1, 1, 1, key=True, time=0), low, 0.0)
    forward(publication, picture(100, 1, 1, key=True, time=7000), high, 0.0)
    publication.aim(down, low, 0.0)
    forward(publication, picture(101, 2, 2, time=10_000), high, 0.033)
    for packet in two_packets(2, 2, 2, key=True, time=3000):
        forward(publication, packet, low, 0.033)
    assert down.layer is low
    forward(publication, picture(102, 3, 3, time=13_000), high, 0.066)
    forward(publication, picture(4, 3, 3, time=6000), low, 0.066)

    # 101 of the high layer has 3001, one tick after the same moment of the low one
    assert [time for _, time, _, _ in seen_by(outbox)] == [0, 1, 3001, 3002, 3002, 6000]
    assert [number for number, _, _, _ in seen_by(outbox)] == [1, 2, 3, 4, 5, 6]


def test_a_switch_at_a_key_frame_that_comes_late_moves_its_past_together() -> None:
    outbox, (low, high) = Outbox(), layers_of(2)
    publication = publication_of(low, high)
    viewer = Viewer(outbox)
    down = subscribed(high, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(1, 1, 1, key=True, time=0), low, 0.0)
    forward(publication, picture(100, 1, 1, key=True, time=7000), high, 0.0)
    publication.aim(down, low, 0.0)
    key, rest = two_packets(2, 2, 2, key=True, time=3000)
    forward(publication, rest, low, 0.033)
    for number in range(1, 5):
        forward(publication, picture(100 + number, 1 + number, 1, time=7000 + 3000 * number), high, 0.033 * number)
    forward(publication, picture(5, 4, 4, time=9000), low, 0.1)
    forward(publication, picture(6, 5, 5, time=12_000), low, 0.133)
    assert down.layer is high
    forward(publication, key, low, 0.17)
    assert down.layer is low
    late = picture(4, 3, 3, time=6000)
    forward(publication, picture(7, 6, 6, time=15_000), low, 0.17)
    forward(publication, late, low, 0.2)
    forward(publication, picture(8, 7, 7, time=18_000), low, 0.2)

    seen = [(number, picture, time) for number, time, picture, _ in seen_by(outbox)][5:]
    assert seen[0] == (6, 6, 12_001), "the newest of the high layer"
    assert seen[1:3] == [(7, 7, 12_002), (8, 7, 12_002)], "the key frame: one tick later, one time for both packets"
    assert seen[3:5] == [(10, 9, 12_190), (11, 10, 12_283)], "its past, and a gap"
    assert seen[5:] == [(12, 11, 15_000), (9, 8, 12_096), (13, 12, 18_000)], "the present, and what fills the gap"


def test_until_the_wanted_layer_comes_a_smaller_one_is_shown() -> None:
    outbox, (low, middle, high) = Outbox(), layers_of(3)
    publication = publication_of(low, middle, high)
    viewer = Viewer(outbox)
    down = subscribed(high, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(1, 1, 1, key=True, time=0), low, 0.0)
    assert down.layer is low
    forward(publication, picture(1, 1, 1, key=True, time=0), middle, 0.1)
    assert down.layer is low, "no steps on the way"
    forward(publication, picture(1, 1, 1, key=True, time=0), high, 0.2)
    assert down.layer is high


def test_an_urgent_change_ends_the_old_layer_at_once() -> None:
    outbox, (low, high) = Outbox(), layers_of(2)
    publication = publication_of(low, high)
    viewer = Viewer(outbox)
    down = subscribed(high, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(1, 1, 1, key=True, time=0), high, 0.0)
    publication.aim(down, low, 0.0, at_once=True)
    forward(publication, picture(2, 2, 2, time=3000), high, 0.033)
    forward(publication, picture(50, 9, 9, key=True, time=9000), low, 0.066)

    assert [number for number, _, _, _ in seen_by(outbox)] == [1, 2]
    assert down.layer is low


def test_a_paused_viewer_gets_nothing_and_goes_on_without_a_gap() -> None:
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    viewer = Viewer(outbox)
    down = subscribed(up, viewer)
    publication.attach(down, viewer, 0.0)
    forward(publication, picture(5, 5, 5, key=True, time=0))
    publication.aim(down, None, 0.0)
    for sequence in range(6, 40_000, 1000):
        forward(publication, picture(sequence, sequence & 0x7FFF, sequence, time=sequence))
    publication.aim(down, up, 0.0)
    forward(publication, picture(40_000, 7000, 9, key=True, time=40_000))

    assert [(number, image, base) for number, _, image, base in seen_by(outbox)] == [(5, 5, 5), (6, 6, 6)]


def test_a_layer_asleep_is_still_on_the_ladder_and_is_asked_for() -> None:
    low, high = layers_of(2)
    publication = publication_of(low, high)
    asked: list[Publication] = []
    publication.ask_layers = asked.append
    low.last_packet = high.last_packet = 10.0
    assert publication.ladder(10.0) == [low, high]
    high.last_packet = 0.0
    assert publication.ladder(10.0) == [low], "it vanished"
    publication.sleep(high)
    assert publication.ladder(10.0) == [low, high]

    viewer = Viewer(Outbox())
    publication.attach(subscribed(high, viewer), viewer, 0.0)
    assert asked == [publication]
    publication.wake(high, 10.0)
    low.last_packet = 12.0
    assert publication.ladder(10.0 + WAKING - 0.1) == [low, high]
    low.last_packet = 20.0
    assert publication.ladder(20.0) == [low], "it did not come"


def test_sender_reports_of_all_layers_tell_one_clock() -> None:
    """The distance of two layers is what their reports say, whatever the arrival was."""
    low, high = layers_of(2)
    second = 1 << 32
    low.receive(picture(1, 1, 1, key=True, time=1000), (), 0.0)
    high.receive(picture(1, 1, 1, key=True, time=900_000), (), 0.5)
    low.handle_sender_report(rtcp.SenderReport(1, 100 * second, 1000, 0, 0), 0.1)
    high.handle_sender_report(rtcp.SenderReport(2, 101 * second, 900_000 + 90_000, 0, 0), 0.1)
    moved = high.receive(picture(2, 2, 2, key=True, time=990_000), (), 0.7)
    assert moved is not None
    assert moved.time == 1000 + 90_000 + 1

    block = next(iter(rtcp.blocks(high.handle_sender_report(rtcp.SenderReport(2, 0, 990_000, 0, 0), 1.0))))
    report = rtcp.sender_report(block)
    assert report is not None
    assert (report.ssrc, report.rtp_time) == (SSRC, 1000 + 90_000 + 1)


def test_another_format_has_its_own_payload_type_and_ids() -> None:
    wire = WireFormat.of(Codec("video", "VP8", 90000, 1, 102, 103), {"urn:3gpp:video-orientation": 13})
    data = bytearray(b"\x90\xe0" + bytes(10) + b"\xbe\xde\x00\x01\x30\x01\x40\x02" + b"payload")
    changed = RtpPacket(bytearray(wire.apply(bytes(data))))

    assert (changed.payload_type, changed.marker) == (102, 1)
    assert [(number, changed.data[at]) for number, at, _ in changed.extensions()] == [(13, 1)]


# Starting in the past


def after_key_frame(count: int, now: float = 0.0) -> tuple[Outbox, UpTrack, Publication]:
    """A track that somebody watches, `count` packets after its key frame (100), a frame each."""
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    viewer = Viewer(outbox)
    publication.attach(subscribed(up, viewer), viewer, now)
    forward(publication, vp8(100, key=True, time=1000), now=now)
    for number in range(1, count):
        forward(publication, vp8(100 + number, time=1000 + 3000 * number), now=now)
    outbox.sent.clear()
    return outbox, up, publication


def test_who_joins_soon_after_a_key_frame_is_shown_it_and_all_that_followed() -> None:
    outbox, up, publication = after_key_frame(30)
    late = Viewer(outbox)
    publication.attach(subscribed(up, late), late, 0.0)
    for number in range(30, 34):
        forward(publication, vp8(100 + number, time=1000 + 3000 * number))

    alone = [RtpPacket(bytearray(packet)) for count, packet in outbox.sent if count == 1 and packet not in both(outbox)]
    numbers = [packet.sequence for packet in alone if packet.sequence < 130]
    assert numbers == list(range(100, 130)), "the whole past, once, in order"
    times = [packet.timestamp for packet in alone if packet.sequence < 130]
    assert times == sorted(set(times))
    assert times[-1] == 1000 + 3000 * 29
    assert times[-1] - times[0] == 3000 * 29 // 32, "the past goes by in a moment"
    assert up.key_frames.requests == 0
    assert outbox.sent[-1][0] == 2, "caught up: one of all"


def both(outbox: Outbox) -> list[bytes]:
    return [packet for count, packet in outbox.sent if count == 2]


def test_a_long_past_is_shown_in_steps_and_only_when_nothing_else_can_be_had() -> None:
    outbox, up, publication = after_key_frame(LITTLE + 50)
    late = Viewer(outbox)
    down = subscribed(up, late)
    publication.attach(down, late, LONGEST_PAUSE)
    assert outbox.sent == []
    assert down.layer is None, "a key frame was asked for"

    for number in range(IGNORED):
        assert up.key_frames.due(LONGEST_PAUSE + number * (REPEAT + 0.001))
    publication.serve_ignored(FLOWING - 0.01)
    assert len(outbox.sent) == STRIDE
    live = 0
    while outbox.sent[-1][0] == 1:
        forward(publication, vp8(300 + live, time=900_000 + 3000 * live), now=FLOWING)
        live += 1
    assert live < 12
    down.resend([105], FLOWING)
    again = RtpPacket(bytearray(late.alone[0]))
    first_time = next(RtpPacket(bytearray(data)) for _, data in outbox.sent if data[2:4] == (105).to_bytes(2, "big"))
    assert again.timestamp == first_time.timestamp, "a retransmission fits to what was shown"


def test_a_camera_that_was_switched_off_is_not_shown_to_who_joins() -> None:
    outbox, up, publication = after_key_frame(10)
    late = Viewer(outbox)
    publication.attach(subscribed(up, late), late, FLOWING)
    assert outbox.sent == []
    assert len(up.replay(FLOWING - 0.01) or ()) == 10


def test_what_follows_a_key_frame_is_kept_for_a_while() -> None:
    up = up_track()
    usual = up.history.capacity
    up.receive(vp8(0, key=True), (), 0.0)
    for number in range(1, 3 * usual):
        up.receive(vp8(number, time=number), (), 0.001 * number)
    assert len(up.replay(3.1) or ()) == 3 * usual

    up.receive(vp8(3 * usual, time=1), (), LONGEST_REPLAY + 0.1)
    assert up.replay(LONGEST_REPLAY + 0.1) is None
    assert up.history.capacity == usual, "a publisher that makes key frames when asked costs no more memory"
    assert up.newest is not None
    assert up.history.get(up.newest.number - usual + 1) is not None

    up.receive(vp8(3 * usual + 1, key=True, time=2), (), 20.0)
    for number in range(3 * usual + 2, 3 * usual + 2 + MAX_HISTORY):
        up.receive(vp8(number, time=number), (), 20.0)
    assert up.history.capacity == MAX_HISTORY
    assert up.replay(20.0) is None, "too much to be kept"


def test_a_key_frame_that_came_late_is_followed_by_what_had_passed() -> None:
    outbox, up = Outbox(), up_track()
    publication = publication_of(up)
    early, late = Viewer(outbox), Viewer(outbox)
    publication.attach(subscribed(up, early), early, 0.0)
    forward(publication, vp8(1, key=True, time=1))
    publication.attach(subscribed(up, late), late, FLOWING)
    for number in (2, 4, 5):
        forward(publication, vp8(number, time=number), now=FLOWING)
    outbox.sent.clear()
    forward(publication, vp8(3, key=True, time=3), now=FLOWING)
    forward(publication, vp8(6, time=6), now=FLOWING)

    sent = [(count, RtpPacket(bytearray(packet)).sequence) for count, packet in outbox.sent]
    assert sent == [(1, 3), (1, 3), (1, 4), (1, 5), (2, 6)]


def test_on_a_very_lossy_way_everything_is_sent_twice_but_once_only() -> None:
    up, viewer = up_track(), Viewer(Outbox())
    down = DownTrack("video", viewer, WireFormat(96, 97, None), 77, up._drops, None)
    first = up.receive(vp8(7, key=True, time=1), (), 0.0)
    assert first is not None
    down.start(up, first)
    up.receive(vp8(8, time=2), (), 0.0)
    down.repeat()
    down.repeat()
    up.receive(vp8(9, time=3), (), 0.0)
    down.repeat()

    originals = [int.from_bytes(RtpPacket(bytearray(packet)).payload[:2], "big") for packet in viewer.alone]
    assert originals == [7, 8, 9]
