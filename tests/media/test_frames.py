"""Key frames and picture sizes, from real encoders."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.frames import key_frame_of


def encode(codec: str, width: int, height: int, **options: str) -> Iterator[av.Packet]:
    """Six frames, the fourth a key frame again."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.options = {"g": "3", **options}
    for number in range(6):
        picture = np.full((height * 3 // 2, width), 30 * number, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        yield from context.encode(frame)
    yield from context.encode(None)


def first_av1_packet() -> bytes:
    return bytes(next(encode("libsvtav1", 1280, 720, preset="12")))


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (638, 358)])
def test_vp8(width: int, height: int) -> None:
    find = key_frame_of("VP8")
    for packet in encode("libvpx", width, height, deadline="realtime", **{"lag-in-frames": "0"}):
        payload = b"\x10" + bytes(packet)
        found = find(payload)

        assert (found is not None) == packet.is_keyframe
        if found:
            assert (found.width, found.height) == (width, height)
        assert find(b"\x00" + bytes(packet)) is None, "only the start of a frame counts"
        assert (find(b"\x90\xe0\x80\x01\x05\x60" + bytes(packet)) is not None) == packet.is_keyframe


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (638, 358)])
def test_vp9(width: int, height: int) -> None:
    find = key_frame_of("VP9")
    for packet in encode("libvpx-vp9", width, height, deadline="realtime", **{"lag-in-frames": "0"}):
        descriptor = b"\x88\x81\x05" if packet.is_keyframe else b"\xc8\x81\x05"
        found = find(descriptor + bytes(packet))

        assert (found is not None) == packet.is_keyframe
        if found:
            assert (found.width, found.height) == (width, height)


@pytest.mark.parametrize("profile", ["baseline", "high"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (638, 358), (1920, 1080)])
def test_h264(width: int, height: int, profile: str) -> None:
    find = key_frame_of("H264")
    for packet in encode("libx264", width, height, profile=profile, tune="zerolatency", preset="ultrafast"):
        payloads, _ = H264Encoder().pack(packet)
        found = [frame for payload in payloads if (frame := find(payload)) is not None]

        assert bool(found) == packet.is_keyframe
        if packet.is_keyframe:
            assert (found[0].width, found[0].height) == (width, height)


def test_av1() -> None:
    find = key_frame_of("AV1")
    # In a process of its own: run by root, SVT-AV1 makes its whole process SCHED_FIFO 99, and so every browser that is
    # started afterwards; two cores then hang in the kernel.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        units = pool.submit(first_av1_packet).result(60)
    size = units[1]
    assert units[0] >> 3 == 2, "a temporal delimiter leads, which RTP leaves out"
    sequence = units[2 + size :]
    length = sequence[1]
    element = bytes((sequence[0] & 0xFD,)) + sequence[2 : 2 + length]

    found = find(b"\x18" + element)
    assert found is not None
    assert (found.width, found.height) == (1280, 720)
    assert find(b"\x10" + element) is None


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264", "AV1"])
@given(st.binary(max_size=80))
def test_no_bytes_raise(codec: str, data: bytes) -> None:
    key_frame_of(codec)(data)
    key_frame_of(codec)(b"\x18" + data)
    key_frame_of(codec)(b"\x67\x64" + data)
