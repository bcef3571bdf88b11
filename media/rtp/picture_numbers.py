"""Where a VP8 or VP9 payload carries its picture id and tl0picidx, which must go on without a jump when a viewer is
moved to another layer. H.264 and AV1 have none in the payload.

Pure: bytes in, places out.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["NOWHERE", "Places", "places_of"]

Payload = bytes | bytearray | memoryview
Places = tuple[int, int]
"""Offsets of the picture id (of 15 bits) and of tl0picidx in a payload; 0 for nowhere."""

NOWHERE: Places = (0, 0)


def places_of(codec: str) -> Callable[[Payload], Places] | None:
    """The function that finds them in a payload of `codec`, or None when it has none. It never raises for bad bytes,
    and leaves a picture id of 7 bits alone: no browser sends one."""
    return {"VP8": _vp8, "VP9": _vp9}.get(codec)


def _vp8(payload: Payload) -> Places:
    """RFC 7741 section 4.2."""
    if len(payload) < 6 or not payload[0] & 0x80:
        return NOWHERE
    flags = payload[1]
    at, picture = 2, 0
    if flags & 0x80:
        long = payload[at] & 0x80
        picture = at if long else 0
        at += 2 if long else 1
    return picture, at if flags & 0x40 else 0


def _vp9(payload: Payload) -> Places:
    """RFC 9628 section 4.2; tl0picidx is there in non-flexible mode only."""
    flags = payload[0] if len(payload) >= 6 else 0
    at, picture = 1, 0
    if flags & 0x80:
        long = payload[at] & 0x80
        picture = at if long else 0
        at += 2 if long else 1
    return picture, at + 1 if flags & 0x20 and not flags & 0x10 else 0
