"""What synthetic publishers send: a few seconds of real VP8 or H.264 and Opus, encoded once, as RTP payloads.

A clip is played over and over; it begins with a key frame, so a request for one is answered by beginning anew. Each
frame carries a stamp of eight bytes where decoders do not look: behind the last partition of VP8, in an SEI message of
H.264, in the padding of Opus. By it a receiver knows which frame it got, and when that was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAMES_PER_SECOND", "LAYERS", "SECONDS", "STAMP", "Clip", "Frame", "Layer", "is_key_frame", "make_stamp", "opus",
    "stamp_of", "video",
]  # fmt: skip

FRAMES_PER_SECOND = 30
SECONDS = 4
STAMP = 8
"""Bytes."""
MAX_PAYLOAD = 1150
"""Bytes of a packet: what is left of an Ethernet frame behind IPv6, UDP, SRTP, extensions and descriptors, and some."""
_SEI = bytes((0x06, 0x05, 16 + STAMP)) + b"Tally load stamp"
"""An SEI message of user data (H.264 annex D.1.7), to be followed by the stamp and the stop bit."""
_ESCAPED = 0x80
"""Set in each byte of a stamp, so that H.264 never takes three of them for a start code."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One size of a picture."""

    rid: str
    width: int
    height: int
    kbps: int


LAYERS = (Layer("q", 320, 180, 150), Layer("h", 640, 360, 500), Layer("f", 1280, 720, 1200))
"""What Chromium makes of a 720p camera, with the rates it gives them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One access unit."""

    is_key: bool
    pieces: tuple[bytes, ...]
    """What its packets carry: of VP8 without descriptors, of H.264 NAL units and FU-A, of Opus one packet."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of one codec, in order; the first one is a key frame."""

    codec: str
    """`VP8`, `H264` or `opus`."""
    frames: Sequence[Frame]

    def payloads(self, index: int, stamp: bytes, picture: int) -> Iterator[bytes]:
        """The RTP payloads of a frame. `stamp`: STAMP bytes, each above 127. `picture`: 15 bits, for VP8."""
        pieces = self.frames[index % len(self.frames)].pieces
        if self.codec == "VP8":
            yield from _vp8(pieces, stamp, picture)
        elif self.codec == "H264":
            yield _SEI + stamp + b"\x80"
            yield from pieces
        else:
            yield _padded_opus(pieces[0], stamp)

    def knows(self, payload: bytes) -> bool:
        """Whether a payload is one of this clip's, whatever its stamp."""
        if self.codec == "VP8":
            payload = payload[_vp8_descriptor_size(payload) :]
        elif self.codec == "H264" and payload[:1] == b"\x06":
            return payload[: len(_SEI)] == _SEI
        elif self.codec == "opus":
            payload = bytes((payload[0] & ~3,)) + payload[3:-STAMP]
        return payload in _pieces(self) or payload[:-STAMP] in _pieces(self)


def stamp_of(codec: str, payload: bytes) -> bytes | None:
    """The stamp in a payload that ends a frame of VP8, carries the SEI of H.264, or is of Opus; else None."""
    if codec == "H264":
        found = payload[:1] == b"\x06" and payload[3:19] == _SEI[3:]
        return payload[19 : 19 + STAMP] if found else None
    tail = payload[-STAMP:]
    return tail if len(tail) == STAMP and min(tail) >= _ESCAPED else None


def make_stamp(number: int) -> bytes:
    """`number` in seven bits a byte."""
    return bytes(_ESCAPED | number >> 7 * index & 0x7F for index in range(STAMP))


def is_key_frame(codec: str, payload: bytes) -> bool:
    """Whether a key frame begins in this payload."""
    if codec == "VP8":
        at = _vp8_descriptor_size(payload)
        return bool(payload[0] & 0x10) and len(payload) > at and not payload[at] & 1
    kind = payload[0] & 0x1F
    return kind in (5, 7) or (kind == 28 and payload[1] & 0x9F == 0x85)


# Encoding


@cache
def video(codec: str, layer: Layer) -> Clip:
    """Encodes SECONDS of a moving picture; takes about a second for 720p."""
    name, options = {
        "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "lag-in-frames": "0"}),
        "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "x264-params":
                             f"keyint=9999:vbv-maxrate={layer.kbps}:vbv-bufsize={layer.kbps}"}),
    }[codec]  # fmt: skip
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = layer.width, layer.height, "yuv420p"
    encoder.bit_rate = layer.kbps * 1000
    encoder.framerate, encoder.time_base = Fraction(FRAMES_PER_SECOND), Fraction(1, FRAMES_PER_SECOND)
    encoder.gop_size = 9999
    encoder.options = options
    packets = []
    for index, picture in enumerate(_pictures(layer)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = [
        Frame(packet.is_keyframe, tuple(_h264(bytes(packet)) if codec == "H264" else _cut(bytes(packet))))
        for packet in packets
    ]
    assert frames[0].is_key, "a clip begins with a key frame"
    return Clip(codec, frames)


@cache
def opus() -> Clip:
    """Encodes SECONDS of a wavering tone in packets of 20 ms."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "s16"
    encoder.bit_rate = 32000
    encoder.options = {"application": "voip", "frame_duration": "20"}
    time = np.arange(SECONDS * 48000) / 48000
    wave = (8000 * np.sin(2 * np.pi * (220 + 60 * np.sin(2 * np.pi * time)) * time)).astype(np.int16)
    packets = []
    for index in range(SECONDS * 50):
        frame = av.AudioFrame.from_ndarray(wave[None, 960 * index : 960 * (index + 1)], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, 960 * index
        packets += encoder.encode(frame)
    return Clip("opus", [Frame(True, (bytes(packet),)) for packet in packets])


def _pictures(layer: Layer) -> Iterator[NDArray[np.uint8]]:
    """A drifting pattern under noise, as planes of yuv420p: real cameras are noisy, and noise costs bits."""
    random = np.random.default_rng(7)
    width, height = layer.width, layer.height
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    noise = random.integers(0, 14, (8, height, width), np.uint8)
    for index in range(SECONDS * FRAMES_PER_SECOND):
        wave = 110 + 60 * np.sin((across + 5 * index) * 12 / width) + 40 * np.cos((down - 3 * index) * 9 / height)
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = wave.astype(np.uint8) + noise[index % 8]
        yield planes


# Payloads


def _cut(data: bytes) -> Iterator[bytes]:
    return (data[at : at + MAX_PAYLOAD] for at in range(0, len(data), MAX_PAYLOAD))


def _vp8(pieces: Sequence[bytes], stamp: bytes, picture: int) -> Iterator[bytes]:
    """RFC 7741 section 4.2, with picture ids of 15 bits."""
    for index, piece in enumerate(pieces):
        head = bytes((0x80 if index else 0x90, 0x80, 0x80 | picture >> 8 & 0x7F, picture & 0xFF))
        yield head + piece + stamp if index == len(pieces) - 1 else head + piece


def _vp8_descriptor_size(payload: bytes) -> int:
    size = 1
    if payload[0] & 0x80:
        extension = payload[1]
        size = 2
        if extension & 0x80:
            size += 2 if payload[2] & 0x80 else 1
        size += bool(extension & 0x40) + bool(extension & 0x30)
    return size


def _h264(frame: bytes) -> Iterator[bytes]:
    """RFC 6184 in packetization mode 1: single NAL units and FU-A."""
    for unit in _nal_units(frame):
        if len(unit) <= MAX_PAYLOAD:
            yield unit
            continue
        indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
        for at in range(1, len(unit), MAX_PAYLOAD):
            piece = unit[at : at + MAX_PAYLOAD]
            flags = (0x80 if at == 1 else 0) | (0x40 if at + MAX_PAYLOAD >= len(unit) else 0)
            yield bytes((indicator, flags | kind)) + piece


@cache
def _pieces(clip: Clip) -> frozenset[bytes]:
    return frozenset(piece for frame in clip.frames for piece in frame.pieces)


def _nal_units(data: bytes) -> Iterator[bytes]:
    """Of a byte stream (H.264 annex B), without what a sender leaves out: access unit delimiters and SEI."""
    for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1"):
        if part and part[0] & 0x1F not in (6, 9):
            yield part


def _padded_opus(packet: bytes, stamp: bytes) -> bytes:
    """A packet of one frame as code 3 with STAMP bytes of padding (RFC 6716 section 3.2.5)."""
    return bytes((packet[0] | 3, 0x41, STAMP)) + packet[1:] + stamp
