"""RTCP: the reports and feedback that a forwarding server reads and writes (RFC 3550 section 6, RFC 4585, RFC 5104).

Compound packets are walked block by block; a block that is cut or unknown is passed over, never fatal, since it comes
from outside. Everything is bounded by the size of one datagram.

Pure: bytes in, facts out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

__all__ = [
    "Block", "blocks", "SR", "RR", "EXTENDED", "TRANSPORT_FEEDBACK", "PAYLOAD_FEEDBACK",
    "NACK", "TRANSPORT_CC", "PLI", "FIR", "APPLICATION",
    "SenderReport", "sender_report", "ReportBlock", "report_blocks", "receiver_report",
    "reference_time", "reference_request", "reference_answer", "since_reference", "nack_numbers", "nack",
    "key_frame_request", "estimate_of", "estimate", "source_description", "compact_ntp",
]  # fmt: skip

SR, RR, SDES, EXTENDED = 200, 201, 202, 207
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
NACK, TRANSPORT_CC = 1, 15
PLI, FIR, APPLICATION = 1, 4, 15

_HEAD = Struct("!BBH")
_SENDER = Struct("!IQIII")
_REPORT = Struct("!IIIIII")
_NACK_ITEM = Struct("!HH")
_SINCE = Struct("!III")
_RECEIVER_TIME, _SINCE_RECEIVER = 4, 5  # block types of an extended report
_MAX_ITEMS = 250  # NACK items in one packet: 1,000 bytes


@dataclass(frozen=True, slots=True)
class Block:
    """One packet of a compound: `count` is the report count or the feedback's format."""

    kind: int
    count: int
    body: memoryview
    """Everything behind the four header bytes, padding removed."""

    @property
    def ssrc(self) -> int:
        """Who sent it."""
        return int.from_bytes(self.body[0:4], "big")

    @property
    def media_ssrc(self) -> int:
        """What the feedback is about."""
        return int.from_bytes(self.body[4:8], "big")


def blocks(data: bytes | memoryview) -> Iterator[Block]:
    """The packets of a compound, up to the first that is cut."""
    view = memoryview(data)
    at = 0
    while at + 8 <= len(view):
        first, kind, words = _HEAD.unpack_from(view, at)
        stop = at + 4 + 4 * words
        if first >> 6 != 2 or stop > len(view):
            return
        end = stop - view[stop - 1] if first & 0x20 else stop
        if end >= at + 8:
            yield Block(kind, first & 0x1F, view[at + 4 : end])
        at = stop


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The pair of clocks that lets a viewer play sound and picture together."""

    ssrc: int
    ntp: int
    """64-bit NTP time of the sender's clock."""
    rtp_time: int
    packets: int
    octets: int

    def pack(self) -> bytes:
        return _packet(SR, 0, _SENDER.pack(self.ssrc, self.ntp, self.rtp_time, self.packets, self.octets))


def sender_report(block: Block) -> SenderReport | None:
    """The sender's part of an SR block, or None when it is cut."""
    if len(block.body) < _SENDER.size:
        return None
    return SenderReport(*_SENDER.unpack_from(block.body))


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one stream."""

    ssrc: int
    fraction_lost: int
    """Of 256, since the last report."""
    lost: int
    highest: int
    """Extended highest sequence number received."""
    jitter: int
    """In units of the stream's clock."""
    last_sr: int
    """Middle 32 bits of the NTP time of the last SR that came, 0 for none."""
    delay: int
    """Since that SR, in units of 1/65536 s."""

    def pack(self) -> bytes:
        lost = (self.fraction_lost & 0xFF) << 24 | self.lost & 0xFFFFFF
        return _REPORT.pack(self.ssrc, lost, self.highest & 0xFFFFFFFF, self.jitter, self.last_sr, self.delay)


def report_blocks(block: Block) -> Iterator[ReportBlock]:
    """The reports inside an SR or RR block."""
    at = 4 if block.kind == RR else _SENDER.size
    for _ in range(block.count):
        if at + _REPORT.size > len(block.body):
            return
        ssrc, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(block.body, at)
        signed = lost & 0xFFFFFF
        yield ReportBlock(
            ssrc, lost >> 24, signed - 0x1000000 if signed & 0x800000 else signed, highest, jitter, last_sr, delay
        )
        at += _REPORT.size


def receiver_report(ssrc: int, reports: Sequence[ReportBlock]) -> bytes:
    """An RR; at most 31 reports fit into one (RFC 3550 section 6.4.2)."""
    reports = reports[:31]
    return _packet(RR, len(reports), ssrc.to_bytes(4, "big") + b"".join(report.pack() for report in reports))


def source_description(ssrc: int, cname: str) -> bytes:
    """An SDES with the CNAME that ties the streams of one source together."""
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes((1, len(name))) + name + b"\0"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def reference_time(block: Block) -> int | None:
    """The 64-bit NTP time of a receiver that wants to know its round trip (RRTR, RFC 3611 section 4.4)."""
    body, at = block.body, 4
    while at + 4 <= len(body):
        words = body[at + 2] << 8 | body[at + 3]
        if body[at] == _RECEIVER_TIME and words == 2 and at + 12 <= len(body):
            return int.from_bytes(body[at + 4 : at + 12], "big")
        at += 4 + 4 * words
    return None


def reference_request(ssrc: int, ntp: int) -> bytes:
    """What asks for it; `ntp` in 64 bits."""
    return _packet(EXTENDED, 0, ssrc.to_bytes(4, "big") + bytes((_RECEIVER_TIME, 0, 0, 2)) + ntp.to_bytes(8, "big"))


def reference_answer(ssrc: int, receiver: int, ntp: int) -> bytes:
    """The answer to that, sent at once (DLRR, RFC 3611 section 4.5)."""
    block = bytes((_SINCE_RECEIVER, 0, 0, 3)) + receiver.to_bytes(4, "big") + compact_ntp(ntp).to_bytes(4, "big")
    return _packet(EXTENDED, 0, ssrc.to_bytes(4, "big") + block + bytes(4))


def since_reference(block: Block, ssrc: int) -> tuple[int, int] | None:
    """What a sender says of the last reference time of `ssrc`: its middle 32 bits, and how long ago it came, in units
    of 1/65536 s (DLRR, RFC 3611 section 4.5). None without one."""
    body, at = block.body, 4
    while at + 4 <= len(body):
        words = body[at + 2] << 8 | body[at + 3]
        if body[at] == _SINCE_RECEIVER:
            for item in range(at + 4, min(at + 4 + 4 * words, len(body)) - 11, 12):
                receiver, middle, delay = _SINCE.unpack_from(body, item)
                if receiver == ssrc and middle:
                    return middle, delay
        at += 4 + 4 * words
    return None


def nack_numbers(block: Block) -> list[int]:
    """The sequence numbers a generic NACK asks for (RFC 4585 section 6.2.1)."""
    numbers: list[int] = []
    for at in range(8, len(block.body) - 3, 4):
        first, mask = _NACK_ITEM.unpack_from(block.body, at)
        numbers.append(first)
        while mask:
            low = mask & -mask
            numbers.append((first + low.bit_length()) & 0xFFFF)
            mask ^= low
    return numbers


def nack(ssrc: int, media_ssrc: int, numbers: Sequence[int]) -> bytes:
    """A generic NACK for `numbers`, which are extended and ascending; what does not fit one datagram is left out."""
    items: list[bytes] = []
    index = 0
    while index < len(numbers) and len(items) < _MAX_ITEMS:
        first, mask = numbers[index], 0
        index += 1
        while index < len(numbers) and numbers[index] - first <= 16:
            mask |= 1 << (numbers[index] - first - 1)
            index += 1
        items.append(_NACK_ITEM.pack(first & 0xFFFF, mask))
    body = ssrc.to_bytes(4, "big") + media_ssrc.to_bytes(4, "big") + b"".join(items)
    return _packet(TRANSPORT_FEEDBACK, NACK, body)


def key_frame_request(ssrc: int, media_ssrc: int) -> bytes:
    """A PLI (RFC 4585 section 6.3.1)."""
    return _packet(PAYLOAD_FEEDBACK, PLI, ssrc.to_bytes(4, "big") + media_ssrc.to_bytes(4, "big"))


def estimate_of(block: Block) -> int | None:
    """The bits per second of a REMB (draft-alvestrand-rmcat-remb-03), or None when the block is something else."""
    body = block.body
    if len(body) < 16 or bytes(body[8:12]) != b"REMB":
        return None
    exponent = body[13] >> 2
    mantissa = (body[13] & 3) << 16 | body[14] << 8 | body[15]
    return mantissa << exponent


def estimate(ssrc: int, bits_per_second: int, media_ssrcs: Sequence[int]) -> bytes:
    """A REMB about `media_ssrcs`, at most 200 of them."""
    media_ssrcs = media_ssrcs[:200]
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    body = ssrc.to_bytes(4, "big") + bytes(4) + b"REMB"
    body += bytes((len(media_ssrcs), exponent << 2 | mantissa >> 16)) + (mantissa & 0xFFFF).to_bytes(2, "big")
    return _packet(PAYLOAD_FEEDBACK, APPLICATION, body + b"".join(s.to_bytes(4, "big") for s in media_ssrcs))


def compact_ntp(ntp: int) -> int:
    """The middle 32 bits of an NTP time, as reports carry it."""
    return ntp >> 16 & 0xFFFFFFFF
