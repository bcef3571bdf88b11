"""One track on its way down to one viewer: which layer it gets, its numbers there, and what is sent again.

The viewer's numbers are those of the layer less a shift. The shift is zero until the viewer changes the layer or takes
the track up again after a pause: then it makes the numbers go on where they were, because a decoder must not see a jump
of picture ids, and libsrtp never a gap of half the number space. What came before the change is not sent again: a key
frame needs nothing older.

A viewer may start in the past: with the latest key frame and all that followed it (`start` at an old packet, then
`chase`). The frames of the past get times close before the present, so that they are decoded as fast as they come and
nothing is shown late.

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
SQUEEZE = 32
"""How much faster the past goes by: frames of 30 a second are 1 ms apart then."""
MIN_RESEND = 0.03
"""Seconds before the same packet is sent again: a browser on a short way asks every 10 ms."""
MAX_REPEATED = 24
"""Packets of one turn of repetition."""
TIMES_OWED = 2
MAX_RESENT = 1024
"""Numbers of which it is remembered when they were sent again."""


class Position(NamedTuple):
    """Where a viewer's numbers go on."""

    number: int
    picture: int
    base_layer: int
    time: int
    """RTP time of what was sent last."""


class _Peer(Protocol):
    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class DownTrack:
    """State of one subscription of one viewer."""

    __slots__ = (
        "_budget", "_budget_at", "_drops", "_first", "_kind", "_live_from", "_owed", "_present", "_repeated",
        "_resends_per_second", "_resent", "_resume", "_round_trip", "_rtx_number", "format", "layer", "packets_resent",
        "peer", "rtx_ssrc", "shift", "target",
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
        self._live_from = 0  # the layer's number before which times are those of a replay
        self._present = 0  # RTP time of its end
        self._rtx_number = 0
        self._repeated = 0  # the viewer's extended number before which all was repeated that shall be
        self._resends_per_second = self._budget = float(NACK_BUDGET)
        self._budget_at = 0.0
        self._round_trip = 0.0
        self._resent: dict[int, float] = {}  # extended number -> when
        self._owed: dict[int, int] = {}  # the same, asked for in vain -> how often it will be sent
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
        return Position(
            newest.number + 1 - shift.number, newest.picture + 1 - shift.picture,
            newest.base_layer + 1 - shift.base_layer, newest.time,
        )  # fmt: skip

    def can_start(self, layer: UpTrack, packet: Forwarded) -> bool:
        """Whether the viewer may be moved to `layer` at `packet`: at a key frame later than what it has seen."""
        if not self.needs_key_frame:
            return True
        if not packet.starts_key_frame:
            return False
        if self.layer is None or self.layer.newest is None:
            return True
        return _is_later(packet.time, self.layer.newest.time)

    def can_replay(self, layer: UpTrack, packet: Forwarded) -> bool:
        """Whether the viewer, who is sent nothing now, may start in the past, at the key frame `packet`."""
        if layer.newest is None:
            return False
        present = layer.newest.time
        return self._resume is None or _is_later(_squeezed(packet.time, present), self._resume.time)

    def start(self, layer: UpTrack, packet: Forwarded, *, replays: bool = False) -> None:
        """`packet` of `layer` is the next one that this viewer gets. `replays`: it is one of the past."""
        position = self.next_position
        if replays and layer.newest is not None:
            self._live_from, self._present = layer.newest.number + 1, layer.newest.time
        else:
            self._live_from = 0
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
        self._owed.clear()

    def chase(self, start: int, most: int) -> tuple[Sequence[Forwarded], int]:
        """What this viewer still has to get of what has passed: up to `most` packets from number `start` of its layer
        on, and the number that comes next; that is beyond the newest when the viewer has caught up."""
        assert self.layer is not None, "only a track that was started chases"
        newest = self.layer.newest.number if self.layer.newest is not None else -1
        stop = min(newest + 1, start + most)
        found = (self.layer.history.get(number) for number in range(start, stop))
        return [self._as_sent(packet) for packet in found if packet is not None], stop

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
            packet = layer.history.get(number + self.shift.number) if number >= first else None
            if packet is None:
                self._drops.count(Drop.NACK_GONE)
                if number >= first and len(self._owed) < MAX_REPEATED:
                    self._owed[number] = TIMES_OWED
            elif now - self._resent.get(number, float("-inf")) < max(MIN_RESEND, 0.5 * self._round_trip):
                self._drops.count(Drop.NACK_TOO_SOON)
            elif self._budget < 1:
                self._drops.count(Drop.NACK_BUDGET)
            else:
                self._budget -= 1
                self._resent[number] = now
                self._resend(packet)
                if self._repeated and len(self._owed) < MAX_REPEATED:
                    self._owed[number] = 1

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
            packet = self.layer.history.get(number)
            if packet is not None:
                octets += len(packet.data)
                self._resend(packet)
        return octets

    def repeat(self) -> None:
        """Sends what is new since the last call a second time: on a very lossy way, asking takes too long. What was
        asked for in vain is sent as well once it is there: a browser gives up after ten requests."""
        position = self.next_position
        if self.rtx_ssrc is None or self.layer is None or position is None:
            return
        for number in range(max(self._repeated, self._first, position.number - MAX_REPEATED), position.number):
            packet = self.layer.history.get(number + self.shift.number)
            if packet is not None:
                self._resend(packet)
        self._repeated = position.number
        for number in list(self._owed):
            packet = self.layer.history.get(number + self.shift.number)
            if packet is not None:
                self._resend(packet)
                self._owed[number] -= 1
            if not self._owed[number] or position.number - number > self.layer.history.capacity // 2:
                del self._owed[number]

    def _as_sent(self, packet: Forwarded) -> Forwarded:
        """`packet` of the layer with the time and in the format that this viewer got or gets it."""
        data = packet.data
        if packet.number < self._live_from:
            time = _squeezed(packet.time, self._present)
            data = data[:4] + time.to_bytes(4, "big") + data[8:]
        data = self.format.apply(data)
        if data is packet.data:
            return packet
        return Forwarded(
            data, packet.number, packet.picture_at, packet.base_layer_at, starts_key_frame=packet.starts_key_frame,
            more=packet.more,
        )  # fmt: skip

    def _resend(self, forwarded: Forwarded) -> None:
        self.packets_resent += 1
        sent = self._as_sent(forwarded)
        packet = RtpPacket(bytearray(sent.data))
        if self.shift != NO_SHIFT:
            shifted(packet.data, self.shift, sent.picture_at, sent.base_layer_at)
        if self.rtx_ssrc is None or self.format.retransmission is None:
            self.peer.send_rtp(bytes(packet.data))
            return
        self._rtx_number += 1
        self.peer.send_rtp(
            retransmission(
                bytes(packet.data), packet.payload_start, self.format.retransmission, self.rtx_ssrc, self._rtx_number
            )
        )


def _squeezed(time: int, present: int) -> int:
    """A time of the past, close before `present`: 10 s become 0.3 s, and the order stays."""
    age = (present - time) & 0xFFFFFFFF
    return time if age >= 0x80000000 else (present - age // SQUEEZE) & 0xFFFFFFFF


def _is_later(time: int, other: int) -> bool:
    return 0 < (time - other) & 0xFFFFFFFF < 0x80000000


def shifted(data: bytearray, shift: Shift, picture_at: int, base_layer_at: int) -> None:
    """Moves the numbers of one packet in place, as the sending twins do for whole audiences."""
    data[2:4] = ((int.from_bytes(data[2:4], "big") - shift.number) & 0xFFFF).to_bytes(2, "big")
    if picture_at:
        picture = int.from_bytes(data[picture_at : picture_at + 2], "big") - shift.picture
        data[picture_at : picture_at + 2] = (picture & 0x7FFF | 0x8000).to_bytes(2, "big")
    if base_layer_at:
        data[base_layer_at] = (data[base_layer_at] - shift.base_layer) & 0xFF
