"""H.264 as it stands in files and RTMP (ISO/IEC 14496-15, section 5.3): NAL units behind their lengths.

Pure: bytes in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.rtmp.errors import BadMessage

__all__ = ["AvcConfiguration", "MAX_UNITS", "configuration", "units_of"]

MAX_UNITS = 512
"""Of one frame: a slice for each row of macroblocks of 8K."""


@dataclass(frozen=True, slots=True)
class AvcConfiguration:
    """The AVCDecoderConfigurationRecord."""

    length_size: int
    """Bytes of the length before each NAL unit."""
    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]


def configuration(data: bytes) -> AvcConfiguration:
    """Raises BadMessage when parts reach outside or a parameter set is missing."""
    if len(data) < 7 or data[0] != 1:
        raise BadMessage("no H.264 configuration of version 1")
    sps, at = _sets(data, 6, data[5] & 0x1F)
    if at >= len(data):
        raise BadMessage("an H.264 configuration that ends too early")
    pps, _ = _sets(data, at + 1, data[at])
    if not sps or not pps or any(len(unit) < 4 for unit in sps):
        raise BadMessage("an H.264 configuration without its parameter sets")
    return AvcConfiguration((data[4] & 3) + 1, sps, pps)


def _sets(data: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data) or at == start:
            raise BadMessage("a parameter set that reaches outside of its configuration")
        found.append(data[start:at])
    return tuple(found), at


def units_of(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a frame. Raises BadMessage."""
    units: list[bytes] = []
    at = 0
    for _ in range(MAX_UNITS):
        if at >= len(data):
            return units
        start = at + length_size
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise BadMessage("a NAL unit that reaches outside of its frame")
        if at > start:
            units.append(data[start:at])
    if at < len(data):
        raise BadMessage(f"a frame of more than {MAX_UNITS} NAL units")
    return units
