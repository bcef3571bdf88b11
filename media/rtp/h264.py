"""H.264 into RTP payloads (RFC 6184, packetization-mode 1), for what comes as whole frames.

Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["IDR", "MAX_PAYLOAD", "PPS", "SPS", "kind_of", "payloads", "profile_of"]

MAX_PAYLOAD = 1200
"""Bytes: with all headers of SRTP, UDP and IPv6 below the 1,280 of the narrowest path."""
IDR, SPS, PPS = 5, 7, 8
_STAP_A, _FU_A = 24, 28


def kind_of(unit: bytes) -> int:
    """Of a NAL unit (ITU-T H.264, table 7-1)."""
    return unit[0] & 0x1F


def payloads(parameter_sets: Sequence[bytes], units: Sequence[bytes], most: int = MAX_PAYLOAD) -> Iterator[bytes]:
    """The payloads of one frame: its parameter sets together, then each NAL unit by itself or in fragments."""
    together = 1 + sum(2 + len(unit) for unit in parameter_sets)
    if len(parameter_sets) > 1 and together <= most:
        yield _aggregated(parameter_sets)
    else:
        units = [*parameter_sets, *units]
    for unit in units:
        if len(unit) <= most:
            yield unit
        else:
            yield from _fragments(unit, most - 2)


def _aggregated(units: Sequence[bytes]) -> bytes:
    """STAP-A (section 5.7.1)."""
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes((importance | _STAP_A,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fragments(unit: bytes, size: int) -> Iterator[bytes]:
    """FU-A (section 5.8), of nearly equal length."""
    head, body = unit[0], memoryview(unit)[1:]
    count = -(-len(body) // size)
    size = -(-len(body) // count)
    indicator = head & 0xE0 | _FU_A
    for at in range(0, len(body), size):
        edge = (0x80 if at == 0 else 0) | (0x40 if at + size >= len(body) else 0)
        yield bytes((indicator, edge | head & 0x1F)) + body[at : at + size]


def profile_of(sps: bytes) -> str:
    """The profile-level-id (section 8.1) under which browsers know what this SPS has: `42e0` for Constrained Baseline,
    whatever bits an encoder sets besides. Empty when they do not decode it (4:2:2)."""
    profile, constraints, level = sps[1:4]
    if profile == 66:
        known = "42e0" if constraints & 0x40 else "4200"
    elif profile == 77:
        known = "42e0" if constraints & 0x80 else "4d00"
    elif profile == 100:
        known = "640c" if constraints & 0x0C == 0x0C else "6400"
    elif profile == 244:
        known = "f400"
    else:
        return ""
    return f"{known}{level:02x}"
