"""Target `rtp`: decrypted packets of a publisher, through `Publisher._handle_rtp` to all who watch.

The first byte of an input says in its low half how much time has passed (STEPS), the rest is one packet. What an
endless stream of them leaves behind is kept: numbers, gaps, histories, key frames, layers, feedback that falls due.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.rtp.frames import key_frame_of
from media.rtp.packets import MAX_DATAGRAM, PacketError, RtpPacket
from media.rtp.picture_numbers import places_of
from media.sdp.codecs import TRANSPORT_CC
from tools.fuzz.mutation import Mutator
from tools.fuzz.stage import FIRST_SSRC, Stage, ext_ids
from tools.fuzz.target import Target

__all__ = ["TARGET", "STEPS"]

STEPS = (0.0, 0.0, 0.001, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.4, 1.1, 3.0, 13.0)
"""Seconds."""
PAYLOAD_TYPES = (96, 97, 98, 99, 102, 103, 111, 45, 46, 0, 72, 127)
SSRCS = [number.to_bytes(4, "big") for number in (1, 2, 3, 4, 5, 45, 46, 1000, 0, 0xFFFFFF00, 0xFFFFFFFF)]
SSRCS += [(FIRST_SSRC + index).to_bytes(4, "big") for index in range(1, 12)]
_CODECS = ("VP8", "VP9", "H264", "AV1")
_FINDERS = [key_frame_of(codec) for codec in _CODECS]
_PLACES = [places for codec in _CODECS if (places := places_of(codec)) is not None]
_TRANSPORT_CC = ext_ids()[TRANSPORT_CC]


class _State:
    """A node, its publisher being fed."""

    def __init__(self) -> None:
        self._stage = Stage()
        self._count = 0

    def feed(self, data: bytes) -> None:
        stage = self._stage
        if data:
            stage.advance(STEPS[data[0] & 15])
        packet = bytearray(data[1 : 1 + MAX_DATAGRAM])
        if packet:
            packet[0] = 0x80 | packet[0] & 0x3F  # with another version it would not have come so far (Ingress)
        self._count += 1
        _examine(packet, self._count)
        stage.publisher.connection.on_rtp(packet, stage.now)

    def close(self) -> None:
        self._stage.close()


def _examine(data: bytearray, turn: int) -> None:
    """The parsers by themselves: a payload meets every codec, whatever its payload type says."""
    try:
        packet = RtpPacket(bytearray(data))
    except PacketError:
        return
    assert 12 <= packet.payload_start <= packet.payload_stop <= len(data), "a payload outside of the packet"
    for _, start, length in packet.extensions():
        assert packet.extension_start < start <= start + length <= packet.extension_stop, "an extension outside"
    payload = packet.payload
    _FINDERS[turn % len(_FINDERS)](payload)
    picture, base_layer = _PLACES[turn % len(_PLACES)](payload)
    assert not picture or picture + 2 <= len(payload), "a picture id outside of the payload"
    assert not base_layer or base_layer < len(payload), "a tl0picidx outside of the payload"


class _Shaper:
    """Streams that go on, with whatever happens to streams: jumps, repetitions, bursts, and broken packets."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        self._mutator = Mutator(seed, corpus, SSRCS)
        self._numbers: dict[bytes, int] = {}  # the next sequence number by SSRC
        self._transport_number = 0
        self._time = 0
        self._burst: tuple[bytes, int] | None = None

    def shape(self) -> bytes:
        mutator = self._mutator
        if self._burst is not None:
            data, left = self._burst
            self._burst = (data, left - 1) if left else None
            return self._following(bytearray(data), 0)
        if mutator.chance(0.0002):
            self._burst = (mutator.pick(), 200 + mutator.below(1500))
        step = mutator.below(11) if mutator.chance(0.95) else mutator.below(16)
        packet = bytearray(mutator.pick())
        choice = mutator.below(10)
        if choice < 4:
            return self._following(packet, step)
        if choice < 7:
            self._payload(packet)
            return self._following(packet, step)
        following = bytearray(self._following(packet, step))
        if choice < 9:
            for _ in range(1 + mutator.below(3)):
                self._field(following)
            return bytes(following)
        return bytes(following[:1] + mutator.mangle(following[1:]))

    def _following(self, data: bytearray, step: int) -> bytes:
        """The packet as the next one of its stream."""
        mutator = self._mutator
        data[0] = step
        if len(data) < 13:
            return bytes(data)
        ssrc = bytes(data[9:13])
        number = self._numbers.get(ssrc, 0xFFF0)
        draw = mutator.below(100)
        if draw < 4:
            number += mutator.below(30)
        elif draw < 5:
            number += mutator.below(0x10000)
        if draw < 94:
            self._numbers[ssrc] = number + 1
        else:
            number -= mutator.below(1200)
        data[3:5] = (number & 0xFFFF).to_bytes(2, "big")
        if mutator.chance(0.3):
            self._time += 3000 if mutator.chance(0.97) else mutator.below(1 << 32)
        data[5:9] = (self._time & 0xFFFFFFFF).to_bytes(4, "big")
        self._stamp(data)
        return bytes(data)

    def _stamp(self, data: bytearray) -> None:
        """Gives it the next transport-wide number, or one far away."""
        try:
            packet = RtpPacket(data[1:])
        except PacketError:
            return
        for number, start, length in packet.extensions():
            if number == _TRANSPORT_CC and length == 2:
                far = self._mutator.chance(0.02)
                self._transport_number += self._mutator.below(0x10000) if far else 1
                data[1 + start : 3 + start] = (self._transport_number & 0xFFFF).to_bytes(2, "big")

    def _payload(self, data: bytearray) -> None:
        """Changes behind the header only."""
        start = 13 + 4 * (data[1] & 0x0F) if len(data) > 1 else 0
        if len(data) > start + 4 and data[1] & 0x10:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        data[start:] = self._mutator.mangle(data[start:])

    def _field(self, data: bytearray) -> None:
        """Changes one field of the header."""
        mutator = self._mutator
        if len(data) < 13:
            return
        choice = mutator.below(9)
        if choice == 0:
            data[1] ^= 0x20
            data[-1] = mutator.boundary() if mutator.chance(0.5) else mutator.below(len(data))
        elif choice == 1:
            data[1] = data[1] & 0xF0 | mutator.below(16)
        elif choice == 2:
            data[2] = data[2] & 0x80 | PAYLOAD_TYPES[mutator.below(len(PAYLOAD_TYPES))]
        elif choice == 3:
            data[9:13] = mutator.word()
        elif choice == 4:
            data[1] ^= 0x10
        elif choice == 5 and len(data) >= 17:
            kind = (0xBEDE, 0x1000, 0x100F, 0x0000, 0xFFFF)[mutator.below(5)]
            data[13:15] = kind.to_bytes(2, "big")
        elif choice == 6 and len(data) >= 17:
            data[15:17] = mutator.below(8).to_bytes(2, "big") if mutator.chance(0.8) else b"\xff\xff"
        elif choice == 7 and len(data) > 18:
            at = 17 + mutator.below(min(24, len(data) - 17))
            data[at] = mutator.below(256)
        else:
            del data[13 + mutator.below(12) :]


TARGET = Target("rtp", _State, _Shaper)
