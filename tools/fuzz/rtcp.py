"""Target `rtcp`: decrypted reports and feedback of a publisher, a viewer and a WHEP player, while media flows.

The first byte of an input says in its low half how much time has passed (tools.fuzz.rtp.STEPS), in its two high bits
who sends; the rest is one compound packet.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.rtp import rtcp
from media.rtp.packets import MAX_DATAGRAM
from tools.fuzz.mutation import Mutator
from tools.fuzz.rtp import SSRCS, STEPS
from tools.fuzz.stage import Stage
from tools.fuzz.target import Target

__all__ = ["TARGET"]

_STREAMS = ((1, 111), (2, 96), (3, 96), (4, 98), (5, 102), (45, 45))
"""SSRC and payload type of what flows meanwhile; 2 and 3 are two layers."""
_PAYLOADS = {
    111: b"\xfcopus",
    96: b"\x90\xc0\x80\x00\x00\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01" + bytes(80),
    98: b"\x88\x81\x05\x82\x49\x83\x42\x00\x13\xf0\x16\x70" + bytes(80),
    102: b"\x65\x88\x84" + bytes(80),
    45: b"\x08\x0a\x0b\x00\x00\x00\x24\xcf\x7f\x0d\xbf\xff\x30\x08" + bytes(80),
}


class _State:
    """A node in which everything is watched."""

    def __init__(self) -> None:
        self._stage = Stage()
        self._count = 0
        for _ in range(24):
            self._flow()

    def feed(self, data: bytes) -> None:
        stage = self._stage
        first = data[0] if data else 0
        stage.advance(STEPS[first & 15])
        self._flow()
        packet = data[1 : 1 + MAX_DATAGRAM]
        _examine(packet)
        peer = (stage.viewer, stage.player, stage.viewer, stage.publisher)[first >> 6]
        peer.connection.on_rtcp(packet, stage.now)

    def close(self) -> None:
        self._stage.close()

    def _flow(self) -> None:
        """The next packet of the next stream; every eighth of a stream starts a key frame, or is lost."""
        self._count += 1
        turn, index = divmod(self._count, len(_STREAMS))
        ssrc, payload_type = _STREAMS[index]
        payload = bytearray(_PAYLOADS[payload_type])
        if turn % 8 == 1:
            return
        if turn % 8 and payload_type != 111:
            payload[0] = 0x01  # of no codec the start of a key frame
        packet = bytearray((0x90, 0x80 | payload_type)) + (turn & 0xFFFF).to_bytes(2, "big")
        packet += (3000 * turn & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big")
        mid = {111: b"0", 96: b"1", 98: b"2", 102: b"3", 45: b"4"}[payload_type]
        rid = b"\xa0" + (b"q" if ssrc == 2 else b"h")
        packet += b"\xbe\xde\x00\x01\x40" + mid + rid + payload
        self._stage.publisher.connection.on_rtp(packet, self._stage.now)


def _examine(data: bytes) -> None:
    """The parsers by themselves: each block meets all of them, whatever its kind says."""
    for block in rtcp.blocks(data):
        for report in rtcp.report_blocks(block):
            assert 0 <= report.fraction_lost < 256
            assert -0x800000 <= report.lost < 0x800000
        assert all(0 <= number < 0x10000 for number in rtcp.nack_numbers(block))
        report_of = rtcp.sender_report(block)
        assert report_of is None or len(report_of.pack()) == 28
        estimate = rtcp.estimate_of(block)
        assert estimate is None or estimate >= 0
        ntp = rtcp.reference_time(block)
        assert ntp is None or ntp < 1 << 64
        since = rtcp.since_reference(block, block.media_ssrc)
        assert since is None or max(since) < 1 << 32


class _Shaper:
    """Compounds packet by packet, with SSRCs that exist and lengths that mostly add up."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        self._mutator = Mutator(seed, corpus, SSRCS)

    def shape(self) -> bytes:
        mutator = self._mutator
        step = mutator.below(11) if mutator.chance(0.97) else mutator.below(16)
        first = bytes((step | mutator.below(4) << 6,))
        if mutator.chance(0.15):
            return first + mutator.mangle(mutator.pick()[1:])
        parts: list[bytearray] = []
        for _ in range(1 + mutator.below(3)):
            parts += _packets(mutator.pick()[1:])
        for _ in range(mutator.below(4)):
            if parts:
                self._change(parts)
        return first + b"".join(parts)[:MAX_DATAGRAM]

    def _change(self, parts: list[bytearray]) -> None:
        mutator = self._mutator
        part = parts[mutator.below(len(parts))]
        choice = mutator.below(9)
        if choice == 0:
            part[0] = part[0] & 0xE0 | mutator.below(32)
        elif choice == 1:
            part[1] = 200 + mutator.below(8)
        elif choice == 2:
            part[0] ^= 0x20
            part[-1] = mutator.boundary()
        elif choice == 3:
            part[2:4] = mutator.boundary().to_bytes(2, "big")
        elif choice == 4:
            parts.remove(part)
        elif choice == 5:
            parts.append(bytearray(part))
        else:
            part[4:] = mutator.mangle(part[4:], most=2)
            if mutator.chance(0.8):  # whole words, and a length that fits
                part += bytes(-len(part) % 4)
                part[2:4] = (len(part) // 4 - 1).to_bytes(2, "big")


def _packets(data: bytes) -> list[bytearray]:
    parts, at = [], 0
    while at + 4 <= len(data):
        stop = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(bytearray(data[at:stop]))
        at = stop
    return parts


TARGET = Target("rtcp", _State, _Shaper)
