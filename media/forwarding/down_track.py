"""One track on its way down to one viewer: which layer it gets, its numbers there, and what is sent again.

The viewer's numbers are those of the layer less a shift. The shift is zero until the viewer changes the layer or takes
the track up again after a pause: then it makes the numbers go on where they were, because a decoder must not see a jump
of picture ids, and libsrtp never a gap of half the number space. What came before the change is not sent again: a key
frame needs nothing older.

A viewer may start in the past: with a key frame that came late or before the viewer did, and all that followed it
(`start` at an old packet, then `chase`, then `go_live`). The frames of the past get times close before the present, so
that they are decoded as fast as they come and nothing is shown late; and times after what the viewer has seen already,
of another layer, so that time never runs backwards.

Pure: numbers, bytes and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from media.drops import Drop, Drops
from media.forwarding.audience import NO_SHIFT, Shift
from media.forwarding.formats import WireFormat
from media.forwarding.pacer import Pacer
from media.forwarding.up_track import Forwarded, UpTrack
from media.rtp.packets import RtpPacket, retransmission
from media.rtp.rtcp import ReportBlock

__all__ = ["DownTrack", "Position", "shifted"]

NACK_BUDGET = 400
"""Retransmissions one viewer may have in a second, per track: half of a 2.5 Mbit/s video."""
SQUEEZE = 32
"""How much faster the past goes by: frames of 30 a second are 1 ms apart then."""
MAX_LEAD = 0.2
"""Seconds by which the times of the past may be put beyond the present, where the viewer has seen more of another layer
than there is of this one."""
MIN_RESEND = 0.03
"""Seconds before the same packet is sent again: a browser on a short way asks every 10 ms."""
MAX_REPEATED = 24
"""Packets of one turn of repetition."""
TIMES_OWED = 2
_WRAP = 0xFFFFFFFF
MAX_RESENT = 1024
"""Numbers of which it is remembered when they were sent again."""


class Position(NamedTuple):
    """Where a viewer's numbers go on."""

    number: int
    picture: int
    base_layer: int
    time: int
    """RTP time of what was sent last."""


class _Past(NamedTuple):
    """Where the times of a viewer's past are put: close before `present` + `lead`."""

    present: int
    """RTP time of the newest frame when the viewer began."""
    lead: int
    """Ticks."""

    def covers(self, time: int) -> bool:
        return not _is_later(time, self.present)

    def time(self, time: int) -> int:
        """10 s become 0.3 s, and the order stays."""
        age = (self.present - time) & _WRAP
        return (self.present + self.lead - age // SQUEEZE) & _WRAP


class _Peer(Protocol):
    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class DownTrack:
    """State of one subscription of one viewer."""

    __slots__ = (
        "_budget", "_budget_at", "_drops", "_first", "_kind", "_live_from", "_owed", "_past", "_repeated",
        "_resends_per_second", "_resent", "_resume", "_round_trip", "_rtx_number", "format", "layer", "pacer",
        "packets_resent", "peer", "rtx_ssrc", "shift", "target",
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
        self.pacer: Pacer | None = None
        """What its packets pass on their way out while the viewer's bandwidth is limited."""
        self.packets_resent = 0
        self._kind = kind
        self._resume = resume
        self._first = 0  # the viewer's extended number at which the layer began
        self._past: _Past | None = None
        self._live_from: int | None = 0  # the layer's number from which on nothing is past; None while it chases
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

    @property
    def shares_from(self) -> int:
        """The number, in its layer, from which on this viewer gets just what all others get."""
        return max(self.first_number, self._live_from or 0)

    def can_start(self, layer: UpTrack, packet: Forwarded) -> bool:
        """Whether the viewer may be moved to `layer` at `packet`: at a key frame."""
        if not self.needs_key_frame:
            return True
        return packet.starts_key_frame and self._past_of(layer, packet).lead <= MAX_LEAD * layer.codec.clock

    def start(self, layer: UpTrack, packet: Forwarded) -> bool:
        """`packet` of `layer` is the next one that this viewer gets. Whether it is in the past, so that the viewer has
        to `chase` the others."""
        position, past = self.next_position, self._past_of(layer, packet)
        chases = layer.newest is not packet or past.lead > 0
        self._past = past if chases and self.needs_key_frame else None
        self._live_from = None if chases else 0
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
        return chases

    def go_live(self, number: int) -> bool:
        """The viewer has been sent all before `number` of its layer. Whether it may go on with all others: not in the
        middle of a frame whose time was moved."""
        past, newest = self._past, self.layer.newest if self.layer is not None else None
        if past is not None and past.lead and newest is not None and past.covers(newest.time):
            return False
        self._live_from = number
        return True

    def chase(self, start: int, most: int) -> tuple[Sequence[Forwarded], int]:
        """What this viewer still has to get of what has passed: up to `most` packets from number `start` of its layer
        on, and the number that comes next; that is beyond the newest when the viewer has caught up."""
        assert self.layer is not None, "only a track that was started chases"
        newest = self.layer.newest.number if self.layer.newest is not None else -1
        stop = min(newest + 1, start + most)
        found = (self.layer.history.get(number) for number in range(start, stop))
        return [self.as_sent(packet) for packet in found if packet is not None], stop

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

    def as_sent(self, packet: Forwarded) -> Forwarded:
        """`packet` of the layer with the time and in the format that this viewer got or gets it."""
        data = packet.data
        is_past = self._live_from is None or packet.number < self._live_from
        if is_past and self._past is not None and self._past.covers(packet.time):
            data = data[:4] + self._past.time(packet.time).to_bytes(4, "big") + data[8:]
        data = self.format.apply(data)
        if data is packet.data:
            return packet
        return Forwarded(
            data, packet.number, packet.picture_at, packet.base_layer_at, starts_key_frame=packet.starts_key_frame,
            more=packet.more,
        )  # fmt: skip

    def _past_of(self, layer: UpTrack, packet: Forwarded) -> _Past:
        """The past that begins with `packet`."""
        present, position = layer.newest.time if layer.newest is not None else packet.time, self.next_position
        past = _Past(present, 0)
        first = past.time(packet.time)
        if position is None or _is_later(first, position.time):
            return past
        return _Past(present, (position.time + 1 - first) & _WRAP)

    def _resend(self, forwarded: Forwarded) -> None:
        self.packets_resent += 1
        sent = self.as_sent(forwarded)
        if self.pacer is not None:
            self.pacer.spend(len(sent.data))
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


def _is_later(time: int, other: int) -> bool:
    return 0 < (time - other) & _WRAP < 0x80000000


def shifted(data: bytearray, shift: Shift, picture_at: int, base_layer_at: int) -> None:
    """Moves the numbers of one packet in place, as the sending twins do for whole audiences."""
    data[2:4] = ((int.from_bytes(data[2:4], "big") - shift.number) & 0xFFFF).to_bytes(2, "big")
    if picture_at:
        picture = int.from_bytes(data[picture_at : picture_at + 2], "big") - shift.picture
        data[picture_at : picture_at + 2] = (picture & 0x7FFF | 0x8000).to_bytes(2, "big")
    if base_layer_at:
        data[base_layer_at] = (data[base_layer_at] - shift.base_layer) & 0xFF
