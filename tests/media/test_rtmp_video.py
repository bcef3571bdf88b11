"""H.264 out of RTMP into RTP: what goes in comes out, by an own reading of RFC 6184 and by aiortc's."""

from __future__ import annotations

import pytest
from aiortc.codecs.h264 import H264PayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from media.rtmp import avc
from media.rtmp.errors import BadMessage, RtmpError, UnsupportedTrack
from media.rtmp.flv import Part, VideoTag
from media.rtmp.tracks import StreamClock, VideoTrack
from media.rtp.frames import FrameStart, key_frame_of
from media.rtp.h264 import MAX_PAYLOAD, payloads, profile_of
from media.rtp.packets import RtpPacket

SPS = bytes.fromhex("67640028acd940780227e5c044000003000400000300f03c60c658")
"""High, 1920 x 1080."""
PPS = bytes.fromhex("68ebe3cb22c0")
START = b"\0\0\0\1"


def record(sps: bytes = SPS, length_size: int = 4) -> bytes:
    head = bytes((1, *sps[1:4], 0xFC | length_size - 1, 0xE1))
    return head + len(sps).to_bytes(2, "big") + sps + b"\x01" + len(PPS).to_bytes(2, "big") + PPS


def frame(*units: bytes, key: bool = False, composition: int = 0) -> VideoTag:
    data = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    return VideoTag("H264", Part.FRAME, key, composition, data)


def track(sps: bytes = SPS) -> VideoTrack:
    video = VideoTrack()
    video.configure(VideoTag("H264", Part.CONFIGURATION, True, 0, record(sps)))
    return video


def read(packets: list[bytearray]) -> list[RtpPacket]:
    return [RtpPacket(packet) for packet in packets]


UNITS = st.tuples(st.sampled_from([1, 5, 6]), st.binary(min_size=1, max_size=4000)).map(
    lambda pair: bytes((0x60 | pair[0],)) + pair[1]
)


@given(st.lists(UNITS, min_size=1, max_size=4))
def test_a_frame_is_the_same_behind_rtp(units: list[bytes]) -> None:
    """aiortc reads the payloads: bytes are as they were, and a key frame has its parameter sets before it."""
    packets = read(track().packets(0, frame(*units)))
    sets = [SPS, PPS] if any(unit[0] & 31 == 5 for unit in units) else []

    stream = b"".join(H264PayloadDescriptor.parse(bytes(packet.payload))[1] for packet in packets)
    assert stream == b"".join(START + unit for unit in (*sets, *units))
    assert all(len(packet.payload) <= MAX_PAYLOAD for packet in packets)
    assert [packet.marker for packet in packets] == [0] * (len(packets) - 1) + [1]
    assert [packet.sequence for packet in packets] == list(range(len(packets)))


def test_a_key_frame_begins_with_one_packet_of_its_parameter_sets() -> None:
    video = track()
    first, second = read(video.packets(10, frame(b"\x09\xf0", b"\x65" + bytes(9), key=True)))
    assert bytes(first.payload) == b"\x78\x00\x1b" + SPS + b"\x00\x06" + PPS
    assert key_frame_of("H264")(first.payload) == FrameStart(1920, 1080)
    assert bytes(second.payload) == b"\x65" + bytes(9)
    assert (first.timestamp, second.timestamp) == (900, 900)

    [packet] = read(video.packets(43, frame(b"\x41" + bytes(9))))
    assert (bytes(packet.payload), packet.sequence, packet.timestamp) == (b"\x41" + bytes(9), 2, 3870)


def test_fragments_say_where_they_begin_and_end() -> None:
    [first, middle, last] = payloads([], [b"\x65" + bytes(3000)])
    assert (first[:2], middle[:2], last[:2]) == (b"\x7c\x85", b"\x7c\x05", b"\x7c\x45")
    assert [len(first), len(middle), len(last)] == [1002, 1002, 1002]


def test_parameter_sets_inside_the_stream_replace_the_first_ones() -> None:
    video = track()
    other = SPS[:-1] + b"\x60"
    first, *_ = read(video.packets(0, frame(other, PPS, b"\x65\x88", key=True)))
    assert other in bytes(first.payload)
    first, *_ = read(video.packets(40, frame(b"\x65\x88", key=True)))
    assert other in bytes(first.payload)


def test_b_frames_are_known_by_the_first_one() -> None:
    """As x264 orders them: I P B B, decoded every 40 ms."""
    video = track()
    known = []
    for index, composition in enumerate((80, 160, 40, 0)):
        video.packets(40 * index, frame(b"\x41\x9a", composition=composition))
        known.append(video.reorders)
    assert known == [False, False, True, True]

    steady = track()
    for index in range(50):  # a constant composition time, rounded to milliseconds
        steady.packets(index * 1000 // 30, frame(b"\x41\x9a", composition=33 + index % 2))
    assert not steady.reorders


def test_a_clock_that_is_set_back_is_no_b_frame_and_no_jump() -> None:
    clock, video = StreamClock(), track()
    times = [clock.extend(time) for time in (60_000, 60_040, 60_010, 0, 40, 20, 100_000, 100_040)]
    assert [time - times[0] for time in times] == [0, 40, 10, 60, 100, 80, 120, 160]
    for time in (60_000, 60_040, 58_000, 58_040):
        video.packets(time, frame(b"\x41\x9a"))
    assert not video.reorders


def test_times_wrap_and_go_on() -> None:
    clock = StreamClock()
    extended = [clock.extend(time & 0xFFFFFFFF) for time in (0xFFFFFFF0, 0xFFFFFFFF, 0x1_0000_0005, 0xFFFFFFFE)]
    assert [time - extended[0] for time in extended] == [0, 15, 21, 14]
    assert StreamClock().extend(0) - 1 > 0

    video = track()
    [before] = read(video.packets(extended[1], frame(b"\x41\x9a")))
    [after] = read(video.packets(extended[2], frame(b"\x41\x9a")))
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 6 * 90


@pytest.mark.parametrize(
    ("start", "known"),
    [
        ("6742c01f", "42e01f"), ("6742e01f", "42e01f"), ("6742001f", "42001f"), ("674d4028", "4d0028"),
        ("67640028", "640028"), ("67640c1f", "640c1f"), ("676e0028", ""), ("67f4000a", "f4000a"),
    ],
)  # fmt: skip
def test_profiles_by_the_names_that_browsers_know(start: str, known: str) -> None:
    assert profile_of(bytes.fromhex(start)) == known


def test_what_no_browser_plays_is_refused() -> None:
    with pytest.raises(UnsupportedTrack, match="profile"):
        track(bytes.fromhex("677a000a919b2b"))
    with pytest.raises(UnsupportedTrack, match="HEVC"):
        VideoTrack().configure(VideoTag("HEVC", Part.CONFIGURATION, True, 0, b""))
    with pytest.raises(BadMessage, match="before"):
        VideoTrack().packets(0, frame(b"\x65"))


@given(st.binary(max_size=100), st.integers(1, 4))
def test_any_bytes_are_read_or_refused(data: bytes, length_size: int) -> None:
    for call in (lambda: avc.configuration(b"\x01" + data), lambda: avc.units_of(data, length_size)):
        try:
            call()
        except RtmpError:
            pass
    with pytest.raises(BadMessage, match="NAL units"):
        avc.units_of(bytes(4 * avc.MAX_UNITS + 4), 4)
