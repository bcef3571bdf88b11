"""What a node and a codec worker say to each other over their socket: records behind their length.

To the worker: SETUP once (JSON), then FRAME for each frame that came. From the worker: READY when it has started,
PACKET for each packet that it made, and DONE for each frame that it is through with, with its CPU seconds so far.

Pure: bytes in, records out.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

__all__ = ["DONE", "FRAME", "MAX_RECORD", "PACKET", "READY", "SETUP", "Record", "Records", "cpu_of", "done", "pack"]

SETUP, FRAME = 1, 2
READY, PACKET, DONE = 3, 4, 5
MAX_RECORD = 1 << 20
"""Bytes; a frame of sound has some hundred."""
_HEAD = Struct("!IBq")
_CPU = Struct("!d")


class Record(NamedTuple):
    kind: int
    time: int
    """Of FRAME: milliseconds; of PACKET: samples of 48 kHz; both on the clock of the stream."""
    payload: bytes


def pack(kind: int, time: int = 0, payload: bytes = b"") -> bytes:
    return _HEAD.pack(len(payload), kind, time) + payload


def done(cpu: float) -> bytes:
    return pack(DONE, 0, _CPU.pack(cpu))


def cpu_of(record: Record) -> float:
    """Seconds, of a DONE."""
    return float(_CPU.unpack(record.payload)[0])


class Records:
    """Reads them from a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Record]:
        """Those that are whole now. Raises ValueError for one that is too long."""
        buffer = self._buffer
        buffer += data
        found, at = [], 0
        while len(buffer) - at >= _HEAD.size:
            size, kind, time = _HEAD.unpack_from(buffer, at)
            if size > MAX_RECORD:
                raise ValueError(f"a record of {size} bytes")
            if len(buffer) - at < _HEAD.size + size:
                break
            at += _HEAD.size
            found.append(Record(kind, time, bytes(buffer[at : at + size])))
            at += size
        del buffer[:at]
        return found
