"""The few RTP header fields that a forwarding server reads or rewrites, on bytes (RFC 3550 section 5.1, RFC 8285).

Packets are never parsed into objects and printed again: what we do not know must reach the viewer untouched. Rewriting
happens in place, and an extension that must not travel on is overwritten with padding, which RFC 8285 lets stand
anywhere.

Pure: bytes in, facts out.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

__all__ = [
    "MAX_DATAGRAM", "HEADER", "PacketError", "RtpPacket", "rewrite", "remap_extensions", "retransmission",
]  # fmt: skip

MAX_DATAGRAM = 1500
"""Bytes; nothing larger is read or sent (Ethernet, and libsrtp's scratch buffers in pylibsrtp)."""

HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")
_SEQUENCE = Struct("!H")
_SSRC = Struct("!I")
_ONE_BYTE = 0xBEDE
_TWO_BYTES = 0x1000  # the low four bits are free


class PacketError(ValueError):
    """The bytes are not a usable RTP packet."""


class RtpPacket:
    """Where things are in one decrypted packet. `data` is ours and may be rewritten in place."""

    __slots__ = (
        "data", "extension_kind", "extension_start", "extension_stop",
        "marker", "payload_start", "payload_stop", "payload_type", "sequence", "ssrc", "timestamp",
    )  # fmt: skip

    def __init__(self, data: bytearray) -> None:
        """Raises PacketError when lengths inside the packet point outside of it."""
        size = len(data)
        if size < 12:
            raise PacketError("shorter than an RTP header")
        first, second, self.sequence, self.timestamp, self.ssrc = HEADER.unpack_from(data)
        self.data = data
        self.marker = second >> 7
        self.payload_type = second & 0x7F
        start = 12 + 4 * (first & 0x0F)
        self.extension_kind = 0
        self.extension_start = self.extension_stop = 0
        if first & 0x10:
            if size < start + 4:
                raise PacketError("cut in the extension header")
            kind, words = _EXTENSION.unpack_from(data, start)
            self.extension_kind = kind
            self.extension_start = start + 4
            start += 4 + 4 * words
            self.extension_stop = start
        stop = size - data[-1] if first & 0x20 else size
        if start > stop or start > size:
            raise PacketError("header and padding overlap")
        self.payload_start = start
        self.payload_stop = stop

    @property
    def payload(self) -> memoryview:
        return memoryview(self.data)[self.payload_start : self.payload_stop]

    def extensions(self) -> list[tuple[int, int, int]]:
        """(id, where its value starts, length of the value) of each header extension, in order."""
        data, at, stop = self.data, self.extension_start, self.extension_stop
        found: list[tuple[int, int, int]] = []
        if self.extension_kind == _ONE_BYTE:
            while at < stop:
                head = data[at]
                if not head:
                    at += 1
                    continue
                if head >> 4 == 15:  # reserved: stop here (RFC 8285 section 4.2)
                    break
                length = (head & 0x0F) + 1
                if at + 1 + length > stop:
                    break
                found.append((head >> 4, at + 1, length))
                at += 1 + length
        elif self.extension_kind & 0xFFF0 == _TWO_BYTES:
            while at + 1 < stop:
                number = data[at]
                if not number:
                    at += 1
                    continue
                length = data[at + 1]
                if at + 2 + length > stop:
                    break
                found.append((number, at + 2, length))
                at += 2 + length
        return found


def rewrite(data: bytearray, payload_type: int, number: int, ssrc: int) -> None:
    """Sets payload type, sequence number (extended or not) and SSRC in place; marker and time stay."""
    data[1] = data[1] & 0x80 | payload_type
    _SEQUENCE.pack_into(data, 2, number & 0xFFFF)
    _SSRC.pack_into(data, 8, ssrc)


def remap_extensions(packet: RtpPacket, elements: Sequence[tuple[int, int, int]], ids: Sequence[int]) -> None:
    """Renames the header extensions of `packet` in place: `ids[old]` is the new id, 0 removes by padding."""
    data = packet.data
    one_byte = packet.extension_kind == _ONE_BYTE
    for number, start, length in elements:
        new = ids[number]
        head = start - 1 if one_byte else start - 2
        if new == 0 or (one_byte and new > 14):
            data[head : start + length] = bytes(start + length - head)
        elif one_byte:
            data[head] = new << 4 | (length - 1)
        else:
            data[head] = new


def retransmission(packet: bytes, payload_start: int, payload_type: int, ssrc: int, sequence: int) -> bytes:
    """`packet` wrapped for retransmission (RFC 4588 section 4): the original number leads the payload."""
    head = bytearray(packet[:payload_start])
    original = head[2:4]
    head[1] = head[1] & 0x80 | payload_type
    head[2:4] = (sequence & 0xFFFF).to_bytes(2, "big")
    head[8:12] = ssrc.to_bytes(4, "big")
    return bytes(head) + bytes(original) + packet[payload_start:]
