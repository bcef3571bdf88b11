"""What Tally forwards: codecs and header extensions, with the numbers it uses itself.

In every description that the server offers, one codec configuration has one payload type and one extension has one id,
so that all viewers of a track can be sent the same bytes.

Pure: tables and values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = [
    "Codec", "EXTENSION_IDS", "KEPT", "TRANSPORT_CC", "MID", "RID", "REPAIRED_RID", "ABS_SEND_TIME", "AUDIO_LEVEL",
    "DEPENDENCY_DESCRIPTOR", "RED",
    "canonical", "clock_rate",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec configuration under a pair of payload types."""

    kind: str
    """`audio` or `video`."""
    name: str
    """`opus`, `VP8`, `VP9`, `H264`, `AV1`."""
    clock: int
    """Hz of its RTP time."""
    channels: int
    payload_type: int
    retransmission: int | None
    """Payload type of its RTX, None without."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the fmtp line, keys in lower case."""
    redundancy: int | None = None
    """Payload type of RED that carries it (RFC 2198), None without."""
    prefers_redundancy: bool = False
    """RED stands before it."""

    @property
    def rtpmap(self) -> str:
        return f"{self.name}/{self.clock}" + (f"/{self.channels}" if self.channels > 1 else "")

    @property
    def fmtp(self) -> str:
        return ";".join(f"{key}={value}" if value else key for key, value in self.parameters.items())


_CLOCKS = {"opus": 48000, "VP8": 90000, "VP9": 90000, "H264": 90000, "AV1": 90000}

RED = 63
"""Our payload type of redundant sound."""

_H264_PROFILES = ("42e0", "4200", "4d00", "6400", "640c", "f400")
"""profile_idc and constraint flags of the profiles that browsers receive (RFC 6184 section 8.1)."""


def _numbering() -> dict[tuple[str, str], tuple[int, int | None]]:
    numbers: dict[tuple[str, str], tuple[int, int | None]] = {
        ("opus", ""): (111, None),
        ("VP8", ""): (96, 97),
        ("VP9", "0"): (98, 99),
        ("VP9", "2"): (100, 101),
        ("AV1", "0"): (45, 46),
        ("AV1", "1"): (47, 48),
    }
    free = iter([*range(102, 111), *range(112, 128), *range(35, 45), *range(49, 63)])
    for profile in _H264_PROFILES:
        for mode in "10":
            numbers["H264", profile + mode] = (next(free), next(free))
    return numbers


_NUMBERS = _numbering()


def clock_rate(name: str) -> int | None:
    """Hz of the codec's RTP time, or None for a codec that is not forwarded."""
    return _CLOCKS.get(name)


def canonical(codec: Codec) -> Codec | None:
    """The same configuration under the server's own payload types, or None when it is not forwarded."""
    parameters = codec.parameters
    if codec.name == "H264":
        level = parameters.get("profile-level-id", "42001f").lower()
        variant = level[:4] + parameters.get("packetization-mode", "0")
        kept = {
            "level-asymmetry-allowed": "1",
            "packetization-mode": parameters.get("packetization-mode", "0"),
            "profile-level-id": level,
        }
    elif codec.name == "VP9":
        variant = parameters.get("profile-id", "0")
        kept = {"profile-id": variant}
    elif codec.name == "AV1":
        variant = parameters.get("profile", "0")
        kept = {"profile": variant}
    elif codec.name == "opus":
        variant = ""
        kept = {"minptime": "10", "useinbandfec": "1"}
        if parameters.get("sprop-stereo") == "1" or parameters.get("stereo") == "1":
            kept |= {"stereo": "1", "sprop-stereo": "1"}
    else:
        variant, kept = "", {}
    numbers = _NUMBERS.get((codec.name, variant))
    if numbers is None:
        return None
    redundancy = RED if codec.redundancy is not None else None
    return replace(
        codec, payload_type=numbers[0], retransmission=numbers[1], parameters=kept, redundancy=redundancy,
        prefers_redundancy=False,
    )  # fmt: skip


_URN = "urn:ietf:params:rtp-hdrext:"
_GOOG = "http://www.webrtc.org/experiments/rtp-hdrext/"

MID = _URN + "sdes:mid"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
RID = _URN + "sdes:rtp-stream-id"
REPAIRED_RID = _URN + "sdes:repaired-rtp-stream-id"
ABS_SEND_TIME = _GOOG + "abs-send-time"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
AUDIO_LEVEL = _URN + "ssrc-audio-level"

KEPT: Mapping[str, tuple[str, ...]] = {
    "audio": (AUDIO_LEVEL, _GOOG + "abs-capture-time"),
    "video": (
        "urn:3gpp:video-orientation",
        _GOOG + "playout-delay",
        _GOOG + "video-content-type",
        _GOOG + "video-timing",
        _GOOG + "color-space",
        _GOOG + "abs-capture-time",
        _URN + "toffset",
        DEPENDENCY_DESCRIPTOR,
    ),
}
"""Extensions that travel from the publisher to the viewers, by kind. The others concern one hop only."""

EXTENSION_IDS: Mapping[str, int] = {
    uri: number for number, uri in enumerate(dict.fromkeys(KEPT["audio"] + KEPT["video"]), start=1)
}
"""The id of each kept extension in the server's own offers; all fit the one-byte form."""
