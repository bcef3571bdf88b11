"""What the first bytes of a video payload say: does a key frame start here, and how large is the picture?

One function per codec, all with the same shape: payload in, `FrameStart` or None out. Sizes come from the bitstream
(SPS, VP8 and VP9 key frame headers, AV1 sequence header), never from what a client claims, because the minutes and the
resolution limit of an edition are judged by them.

Pure: bytes in, facts out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from media.rtp.bits import BitReader, BitsError, without_emulation

__all__ = ["FrameStart", "key_frame_of"]

Payload = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class FrameStart:
    """A key frame begins in this packet."""

    width: int
    """Pixels; 0 when this packet does not say (the size of the last one holds)."""
    height: int


_UNKNOWN = FrameStart(0, 0)


def key_frame_of(codec: str) -> Callable[[Payload], FrameStart | None]:
    """The function that finds key frames of `codec` ("VP8", "VP9", "H264", "AV1").

    What it returns answers None for a packet in which no key frame starts, and never raises for bad bytes.
    """
    parse = _CODECS[codec]

    def find(payload: Payload) -> FrameStart | None:
        try:
            return parse(payload)
        except (BitsError, IndexError):
            return None

    return find


def _vp8(payload: Payload) -> FrameStart | None:
    """RFC 7741 sections 4.2 and 4.3; RFC 6386 section 9.1."""
    first = payload[0]
    if not first & 0x10 or first & 0x0F:  # S set and PID zero: the frame starts here
        return None
    at = 1
    if first & 0x80:
        extended = payload[1]
        at = 2
        if extended & 0x80:
            at += 2 if payload[at] & 0x80 else 1
        if extended & 0x40:
            at += 1
        if extended & 0x30:
            at += 1
    if payload[at] & 0x01:  # inter frame
        return None
    if bytes(payload[at + 3 : at + 6]) != b"\x9d\x01\x2a":
        return None
    width = (payload[at + 6] | payload[at + 7] << 8) & 0x3FFF
    height = (payload[at + 8] | payload[at + 9] << 8) & 0x3FFF
    return FrameStart(width, height)


def _h264(payload: Payload) -> FrameStart | None:
    """RFC 6184 section 5: single NAL units, STAP-A and FU-A. A key frame starts at its SPS, or at its first slice."""
    kind = payload[0] & 0x1F
    if kind == 24:
        found = None
        for nal in _stap_units(payload):
            if nal and nal[0] & 0x1F == 7:
                return _sps_size(bytes(nal))
            if nal and nal[0] & 0x1F == 5:
                found = _UNKNOWN
        return found
    if kind == 28:
        # A fragmented SPS does not happen below 1200 bytes; a fragmented slice starts with the S bit.
        return _UNKNOWN if payload[1] & 0x80 and payload[1] & 0x1F == 5 else None
    if kind == 7:
        return _sps_size(bytes(payload))
    return _UNKNOWN if kind == 5 else None


def _stap_units(payload: Payload) -> Iterator[Payload]:
    at = 1
    while at + 2 <= len(payload):
        size = payload[at] << 8 | payload[at + 1]
        yield payload[at + 2 : at + 2 + size]
        at += 2 + size


_HIGH_PROFILES = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


def _sps_size(nal: bytes) -> FrameStart:
    """ITU-T H.264 section 7.3.2.1.1, up to the cropping rectangle."""
    bits = BitReader(without_emulation(nal[1:]))
    profile = bits.read(8)
    bits.read(16)
    bits.unsigned()  # seq_parameter_set_id
    chroma = 1
    separate_planes = False
    if profile in _HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            separate_planes = bits.flag()
        bits.unsigned()
        bits.unsigned()
        bits.flag()
        if bits.flag():
            for index in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.unsigned()  # log2_max_frame_num_minus4
    order = bits.unsigned()
    if order == 0:
        bits.unsigned()
    elif order == 1:
        bits.flag()
        bits.signed()
        bits.signed()
        for _ in range(min(bits.unsigned(), 255)):
            bits.signed()
    bits.unsigned()  # max_num_ref_frames
    bits.flag()
    width = 16 * (bits.unsigned() + 1)
    map_units = bits.unsigned() + 1
    frame_only = bits.flag()
    height = 16 * map_units * (1 if frame_only else 2)
    if not frame_only:
        bits.flag()
    bits.flag()
    if bits.flag():
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        planar = separate_planes or chroma == 0
        unit_x = 1 if planar or chroma == 3 else 2
        unit_y = (2 if not planar and chroma == 1 else 1) * (1 if frame_only else 2)
        width -= unit_x * (left + right)
        height -= unit_y * (top + bottom)
    return FrameStart(width, height) if 0 < width <= 16384 and 0 < height <= 16384 else _UNKNOWN


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _vp9(payload: Payload) -> FrameStart | None:
    """RFC 9628 section 4.2, then the frame's own header (VP9 bitstream section 6.2)."""
    first = payload[0]
    if first & 0x40 or not first & 0x08:  # P: inter-picture predicted; B: start of a frame
        return None
    at = 1
    if first & 0x80:
        at += 2 if payload[at] & 0x80 else 1
    if first & 0x20:
        if payload[at] >> 1 & 0x07:  # an upper spatial layer of the same picture
            return None
        at += 1 if first & 0x10 else 2
    if first & 0x02:
        size, at = _vp9_structure(payload, at)
        if size:
            return size
    return _vp9_frame_size(payload[at : at + 16])


def _vp9_structure(payload: Payload, at: int) -> tuple[FrameStart | None, int]:
    """The scalability structure: the size of the largest spatial layer, and where the structure ends."""
    head = payload[at]
    at += 1
    size = None
    if head & 0x10:
        for _ in range((head >> 5) + 1):
            size = FrameStart(payload[at] << 8 | payload[at + 1], payload[at + 2] << 8 | payload[at + 3])
            at += 4
    if head & 0x08:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 0x03)
    return size, at


def _vp9_frame_size(header: Payload) -> FrameStart | None:
    bits = BitReader(header)
    if bits.read(2) != 2:
        return None
    profile = bits.read(1) | bits.read(1) << 1
    if profile == 3:
        bits.flag()
    if bits.flag() or bits.flag():  # show_existing_frame; frame_type 1 is an inter frame
        return None
    bits.read(2)
    if bits.read(24) != 0x498342:
        return None
    if profile >= 2:
        bits.flag()
    if bits.read(3) != 7:  # every colour space but RGB
        bits.flag()
        if profile in (1, 3):
            bits.read(3)
    elif profile in (1, 3):
        bits.flag()
    return FrameStart(bits.read(16) + 1, bits.read(16) + 1)


def _av1(payload: Payload) -> FrameStart | None:
    """AV1 RTP payload, section 4.4: N marks the first packet of a coded video sequence, which is a key frame."""
    head = payload[0]
    if not head & 0x08:
        return None
    at, elements = 1, head >> 4 & 0x03
    index = 0
    while at < len(payload):
        index += 1
        if elements and index == elements:
            size = len(payload) - at
        else:
            size, at = _leb128(payload, at)
        if payload[at] >> 3 & 0x0F == 1:
            return _av1_sequence_size(payload[at : at + size])
        at += size
    return _UNKNOWN


def _leb128(payload: Payload, at: int) -> tuple[int, int]:
    value = 0
    for index in range(5):
        byte = payload[at]
        at += 1
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at
    raise BitsError("length too long")


def _av1_sequence_size(obu: Payload) -> FrameStart:
    """AV1 bitstream section 5.5.1, up to the frame size."""
    at = 1 + (obu[0] >> 2 & 1)
    if obu[0] & 0x02:
        _, at = _leb128(obu, at)
    bits = BitReader(obu[at:])
    bits.read(3)
    bits.flag()
    if bits.flag():  # reduced_still_picture_header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits = bits.read(4) + 1
    height_bits = bits.read(4) + 1
    return FrameStart(bits.read(width_bits) + 1, bits.read(height_bits) + 1)


def _skip_operating_points(bits: BitReader) -> None:
    model = False
    delay_bits = 0
    if bits.flag():  # timing_info
        bits.read(64)
        if bits.flag():
            bits.unsigned()
        model = bits.flag()
        if model:
            delay_bits = bits.read(5) + 1
            bits.read(42)
    delays = bits.flag()
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.flag()
        if model and bits.flag():
            bits.read(2 * delay_bits + 1)
        if delays and bits.flag():
            bits.read(4)


_CODECS: dict[str, Callable[[Payload], FrameStart | None]] = {
    "VP8": _vp8,
    "VP9": _vp9,
    "H264": _h264,
    "AV1": _av1,
}
