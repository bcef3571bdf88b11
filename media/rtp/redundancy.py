"""Redundant audio (RED, RFC 2198): a packet that carries the sound of earlier ones again, so that a loss is not heard.

Pure: bytes in, places out.
"""

from __future__ import annotations

__all__ = ["primary_of", "rename_blocks"]

_MORE = 0x80
_BLOCK_HEADER = 4


def primary_of(data: bytes | bytearray, start: int, stop: int) -> int | None:
    """Where the sound of the packet itself begins, in a payload from `start` to `stop`; None when its lengths point
    outside."""
    at, earlier = start, 0
    while at + _BLOCK_HEADER <= stop and data[at] & _MORE:
        earlier += (data[at + 2] & 3) << 8 | data[at + 3]
        at += _BLOCK_HEADER
    if at >= stop or data[at] & _MORE:
        return None
    primary = at + 1 + earlier
    return primary if primary <= stop else None


def rename_blocks(data: bytearray, start: int, payload_type: int) -> None:
    """Gives all blocks of a sound payload (`primary_of` has found it so) the payload type of their codec."""
    at = start
    while data[at] & _MORE:
        data[at] = _MORE | payload_type
        at += _BLOCK_HEADER
    data[at] = payload_type
