"""What an audio or video message carries: FLV tags (Adobe FLV 10.1, annex E.4) and Enhanced RTMP (veovera, v2).

Codecs have the names they have elsewhere in media: `H264`, `HEVC`, `AV1`, `VP9`, `VP8`, `AAC`, `MP3`, `opus`; one that
has no name here is called by its FLV number or fourcc.

Pure: bytes in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from media.rtmp.errors import BadMessage, Multitrack

__all__ = ["AudioTag", "Part", "VideoTag", "audio_tag", "video_tag", "written_audio", "written_video"]


class Part(Enum):
    """What a tag is of its track."""

    CONFIGURATION = "what a decoder must know first"
    FRAME = "one coded frame"
    END = "the sequence ends"
    OTHER = "something that need not be known"


@dataclass(frozen=True, slots=True)
class VideoTag:
    """One video message."""

    codec: str
    part: Part
    key: bool
    composition: int
    """Milliseconds by which it is shown later than it is decoded; anything but 0 means B-frames."""
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioTag:
    """One audio message."""

    codec: str
    part: Part
    data: bytes


_FOURCC = {
    b"avc1": "H264", b"hvc1": "HEVC", b"av01": "AV1", b"vp09": "VP9", b"vp08": "VP8",
    b"mp4a": "AAC", b".mp3": "MP3", b"Opus": "opus",
}  # fmt: skip
_AUDIO = {2: "MP3", 10: "AAC", 14: "MP3"}
_AVC, _ENHANCED_AUDIO, _AAC = 7, 9, 10
_KEY, _COMMAND_FRAME = 1, 5
_MULTITRACK = {"video": 6, "audio": 5}
_MODIFIER = 7
_MOST_MODIFIERS = 4


def video_tag(payload: bytes) -> VideoTag:
    """Raises BadMessage, Multitrack."""
    if not payload:
        raise BadMessage("an empty video message")
    first = payload[0]
    if first & 0x80:
        return _enhanced_video(payload)
    key, codec = first >> 4 == _KEY, first & 15
    if first >> 4 == _COMMAND_FRAME:  # a seek mark of a player
        return VideoTag("", Part.OTHER, False, 0, b"")
    if codec != _AVC:
        return VideoTag(f"FLV video codec {codec}", Part.FRAME, key, 0, payload[1:])
    if len(payload) < 5:
        raise BadMessage("a video message that ends in its header")
    part = {0: Part.CONFIGURATION, 1: Part.FRAME, 2: Part.END}.get(payload[1], Part.OTHER)
    return VideoTag("H264", part, key, _signed(payload[2:5]) if part is Part.FRAME else 0, payload[5:])


def _enhanced_video(payload: bytes) -> VideoTag:
    key = payload[0] >> 4 & 7 == _KEY
    kind, codec, at = _enhanced(payload, "video")
    if payload[0] >> 4 & 7 == _COMMAND_FRAME:
        return VideoTag(codec, Part.OTHER, False, 0, b"")
    composition = 0
    if kind == 1 and codec in ("H264", "HEVC"):
        if len(payload) < at + 3:
            raise BadMessage("a video message that ends in its header")
        composition = _signed(payload[at : at + 3])
        at += 3
    part = {0: Part.CONFIGURATION, 1: Part.FRAME, 2: Part.END, 3: Part.FRAME}.get(kind, Part.OTHER)
    return VideoTag(codec, part, key, composition, payload[at:])


def audio_tag(payload: bytes) -> AudioTag:
    """Raises BadMessage, Multitrack."""
    if not payload:
        raise BadMessage("an empty audio message")
    codec = payload[0] >> 4
    if codec == _ENHANCED_AUDIO:
        kind, name, at = _enhanced(payload, "audio")
        part = {0: Part.CONFIGURATION, 1: Part.FRAME, 2: Part.END}.get(kind, Part.OTHER)
        return AudioTag(name, part, payload[at:])
    if codec == _AAC:
        if len(payload) < 2:
            raise BadMessage("an audio message that ends in its header")
        return AudioTag("AAC", Part.CONFIGURATION if payload[1] == 0 else Part.FRAME, payload[2:])
    return AudioTag(_AUDIO.get(codec, f"FLV audio codec {codec}"), Part.FRAME, payload[1:])


def _enhanced(payload: bytes, kind: str) -> tuple[int, str, int]:
    """Packet type, codec, and where the rest begins. Modifiers (time in nanoseconds) are passed over."""
    packet, at = payload[0] & 15, 1
    for _ in range(_MOST_MODIFIERS):
        if packet != _MODIFIER:
            break
        size = _byte(payload, at) + 1
        at += 1
        if size == 256:
            size = (_byte(payload, at) << 8 | _byte(payload, at + 1)) + 1
            at += 2
        packet = _byte(payload, at + size) & 15
        at += size + 1
    if packet == _MULTITRACK[kind]:
        raise Multitrack(f"several {kind} tracks in one stream are not taken; send one")
    name = payload[at : at + 4]
    if len(name) < 4:
        raise BadMessage(f"a {kind} message that ends in its header")
    return packet, _FOURCC.get(name, name.decode("latin-1")), at + 4


def _byte(payload: bytes, at: int) -> int:
    if at >= len(payload):
        raise BadMessage("a message that ends in its header")
    return payload[at]


def _signed(three: bytes) -> int:
    value = int.from_bytes(three, "big")
    return value - 0x1000000 if value & 0x800000 else value


def written_video(part: Part, data: bytes, *, key: bool, composition: int = 0) -> bytes:
    """An H.264 message as every server takes it."""
    kind = {Part.CONFIGURATION: 0, Part.FRAME: 1, Part.END: 2}[part]
    head = bytes(((_KEY if key else 2) << 4 | _AVC, kind))
    return head + (composition & 0xFFFFFF).to_bytes(3, "big") + data


def written_audio(part: Part, data: bytes) -> bytes:
    """An AAC message: 44.1 kHz, 16 bits and stereo are always said, whatever the configuration says (annex E.4.2.1)."""
    return bytes((_AAC << 4 | 0x0F, 0 if part is Part.CONFIGURATION else 1)) + data
