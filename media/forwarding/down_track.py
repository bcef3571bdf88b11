"""One track on its way down to one viewer: which layer it gets, its numbers there, and what may be retransmitted.

The viewer's numbers are those of the layer less a shift. The shift is zero until the viewer changes the layer or takes
the track up again after a pause: then it makes the numbers go on where they were, because a decoder must not see a jump
of picture ids, and libsrtp never a gap of half the number space. What came before the change is not sent again: a key
frame needs nothing older.

Pure: numbers, bytes and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from media.drops import Drop, Drops
from media.forwarding.audience import NO_SHIFT, Shift
from media.forwarding.formats import WireFormat
from media.forwarding.up_track import Forwarded, UpTrack
from media.rtp.packets import RtpPacket, retransmission
from media.rtp.rtcp import ReportBlock

__all__ = ["DownTrack", "Position", "shifted"]

NACK_BUDGET = 400
"""Retransmissions one viewer may have in a second, per track: half of a 2.5 Mbit/s video."""
MIN_RESEND = 0.03
"""Seconds before the same packet is sent again: a browser on a short way asks every 10 ms."""
MAX_RESENT = 1024
"""Numbers of which it is remembered when they were sent again."""


class Position(NamedTuple):
    """Where a viewer's numbers go on."""

    number: int
    picture: int
    base_layer: int


class _Peer(Protocol):
    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class DownTrack:
    """State of one subscription of one viewer."""

    __slots__ = (
        "_budget", "_budget_at", "_drops", "_first", "_kind", "_resends_per_second", "_resent", "_resume",
        "_round_trip", "_rtx_number", "format", "layer", "packets_resent", "peer", "rtx_ssrc", "shift", "target",
    )  # fmt: skip

    def __init__(
        self, kind: str, peer: _Peer, wire: WireFormat, rtx_ssrc: int | None, drops: Drops, resume: Position | None
    ) -> None:
        """`resume`: where the viewer's numbers were when it had this track before on the same connection."""
        self.peer = peer
        self.format = wire
        self.rtx_ssrc = rtx_ssrc if wire.retransmission is not None else None
        self.layer: UpTrack | None = None
        """What it is sent now; None before the first key frame and while it is paused."""
        self.target: UpTrack | None = None
        """What it shall be sent; None for nothing."""
        self.shift = NO_SHIFT
        self.packets_resent = 0
        self._kind = kind
        self._resume = resume
        self._first = 0  # the viewer's extended number at which the layer began
        self._rtx_number = 0
        self._resends_per_second = self._budget = float(NACK_BUDGET)
        self._budget_at = 0.0
        self._round_trip = 0.0
        self._resent: dict[int, float] = {}  # extended number -> when
        self._drops = drops

    @property
    def needs_key_frame(self) -> bool:
        return self._kind == "video"

    @property
    def first_number(self) -> int:
        """The number, in its layer, of the first packet this viewer may get."""
        return self._first + self.shift.number

    @property
    def next_position(self) -> Position | None:
        """Where the viewer's numbers would go on, or None when nothing was ever sent."""
        if self.layer is None or self.layer.newest is None:
            return self._resume
        newest, shift = self.layer.newest, self.shift
        numbers = zip((newest.number, newest.picture, newest.base_layer), shift, strict=True)
        return Position(*(number + 1 - moved for number, moved in numbers))

    def can_start(self, layer: UpTrack, packet: Forwarded) -> bool:
        """Whether the viewer may be moved to `layer` at `packet`: at a key frame later than what it has seen."""
        if not self.needs_key_frame:
            return True
        if not packet.starts_key_frame:
            return False
        if self.layer is None or self.layer.newest is None:
            return True
        return 0 < (packet.time - self.layer.newest.time) & 0xFFFFFFFF < 0x80000000

    def start(self, layer: UpTrack, packet: Forwarded) -> None:
        """`packet` of `layer` is the next one that this viewer gets."""
        position = self.next_position
        if position is None:
            self.shift = NO_SHIFT
        else:
            self.shift = Shift(
                packet.number - position.number, packet.picture - position.picture,
                packet.base_layer - position.base_layer,
            )  # fmt: skip
        self.layer = layer
        self._first = packet.number - self.shift.number
        self._resent.clear()

    def pause(self) -> None:
        """Nothing is sent until the next `start`."""
        self._resume = self.next_position
        self.layer = None

    def resend(self, sequences: Sequence[int], now: float) -> None:
        """Answers a NACK for 16-bit `sequences` as this viewer knows them."""
        most = self._resends_per_second
        self._budget = min(most, self._budget + (now - self._budget_at) * most)
        self._budget_at = now
        position = self.next_position
        if position is None or self.layer is None:
            return
        if len(self._resent) > MAX_RESENT:
            self._resent.clear()
        newest, first, layer = position.number - 1, self._first, self.layer
        for sequence in sequences:
            number = newest - ((newest - sequence) & 0xFFFF)
            data = layer.history.get(number + self.shift.number) if number >= first else None
            if data is None:
                self._drops.count(Drop.NACK_GONE)
            elif now - self._resent.get(number, float("-inf")) < max(MIN_RESEND, 0.5 * self._round_trip):
                self._drops.count(Drop.NACK_TOO_SOON)
            elif self._budget < 1:
                self._drops.count(Drop.NACK_BUDGET)
            else:
                self._budget -= 1
                self._resent[number] = now
                self._resend(data, layer)

    def limit_resends(self, bits_per_second: float | None) -> None:
        """What retransmissions may take from now on; None for the usual."""
        self._resends_per_second = float(NACK_BUDGET)
        if bits_per_second is not None:
            self._resends_per_second = max(15.0, min(NACK_BUDGET, bits_per_second / 8000))

    def note_report(self, report: ReportBlock, now: float) -> float | None:
        """The seconds of a round trip, when this viewer's report tells of the latest sender report it was passed."""
        if self.layer is None:
            return None
        middle, passed_at = self.layer.last_sender_report
        if not middle or report.last_sr != middle:
            return None
        self._round_trip = max(0.0, now - passed_at - report.delay / 65536)
        return self._round_trip

    def pad(self, count: int) -> int:
        """Sends up to `count` old packets again as retransmissions that nobody asked for: they test the way and are
        dropped by the receiver as duplicates. Answers how many bytes those were."""
        if self.rtx_ssrc is None or self.layer is None or self.layer.newest is None:
            return 0
        octets, newest = 0, self.layer.newest.number
        for number in range(max(newest - count + 1, self.first_number), newest + 1):
            data = self.layer.history.get(number)
            if data is not None:
                octets += len(data)
                self._resend(data, self.layer)
        return octets

    def _resend(self, data: bytes, layer: UpTrack) -> None:
        self.packets_resent += 1
        packet = RtpPacket(bytearray(self.format.apply(data)))
        if self.shift != NO_SHIFT:
            shifted(packet.data, self.shift, *layer.places(packet))
        if self.rtx_ssrc is None or self.format.retransmission is None:
            self.peer.send_rtp(bytes(packet.data))
            return
        self._rtx_number += 1
        self.peer.send_rtp(
            retransmission(
                bytes(packet.data), packet.payload_start, self.format.retransmission, self.rtx_ssrc, self._rtx_number
            )
        )


def shifted(data: bytearray, shift: Shift, picture_at: int, base_layer_at: int) -> None:
    """Moves the numbers of one packet in place, as the sending twins do for whole audiences."""
    data[2:4] = ((int.from_bytes(data[2:4], "big") - shift.number) & 0xFFFF).to_bytes(2, "big")
    if picture_at:
        picture = int.from_bytes(data[picture_at : picture_at + 2], "big") - shift.picture
        data[picture_at : picture_at + 2] = (picture & 0x7FFF | 0x8000).to_bytes(2, "big")
    if base_layer_at:
        data[base_layer_at] = (data[base_layer_at] - shift.base_layer) & 0xFF
