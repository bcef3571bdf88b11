"""One track on its way down to one viewer: its numbers there, and what it may have retransmitted.

The viewer's numbers are those of the up track less a shift, which is zero unless the viewer took the track up again
after a pause: then the shift hides the pause, because libsrtp must never see a gap of half the number space.

Pure: numbers, bytes and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from media.drops import Drop, Drops
from media.forwarding.formats import WireFormat
from media.forwarding.up_track import UpTrack
from media.rtp.packets import RtpPacket, retransmission

__all__ = ["DownTrack"]

NACK_BUDGET = 400
"""Retransmissions one viewer may have in a second, per track: half of a 2.5 Mbit/s video."""


class _Peer(Protocol):
    def send_rtp(self, packet: bytes) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...


class DownTrack:
    """State of one subscription of one viewer."""

    __slots__ = (
        "_budget", "_budget_at", "_drops", "_resume_at", "_rtx_number", "format", "packets_resent", "peer",
        "rtx_ssrc", "shift", "started", "up",
    )  # fmt: skip

    def __init__(
        self, up: UpTrack, peer: _Peer, wire: WireFormat, rtx_ssrc: int | None, drops: Drops, resume_at: int | None
    ) -> None:
        """`resume_at`: the viewer's next number when it had this track before on the same connection."""
        self.up = up
        self.peer = peer
        self.format = wire
        self.rtx_ssrc = rtx_ssrc if wire.retransmission is not None else None
        self.started = False
        self.shift = 0
        self.packets_resent = 0
        self._resume_at = resume_at
        self._rtx_number = 0
        self._budget = float(NACK_BUDGET)
        self._budget_at = 0.0
        self._drops = drops

    @property
    def needs_key_frame(self) -> bool:
        return self.up.codec.kind == "video"

    @property
    def next_number(self) -> int | None:
        """Where the viewer's numbers would go on, or None when nothing was sent."""
        return self.up.newest + 1 - self.shift if self.started else self._resume_at

    def start(self, number: int) -> None:
        """The packet `number` of the up track is the first that this viewer gets."""
        self.started = True
        if self._resume_at is not None:
            self.shift = number - self._resume_at

    def send_shifted(self, data: bytes, number: int) -> None:
        """Sends one packet alone, under this viewer's number."""
        packet = bytearray(data)
        packet[2:4] = ((number - self.shift) & 0xFFFF).to_bytes(2, "big")
        self.peer.send_rtp(bytes(packet))

    def resend(self, sequences: Sequence[int], now: float) -> None:
        """Answers a NACK for 16-bit `sequences` as this viewer knows them."""
        self._budget = min(float(NACK_BUDGET), self._budget + (now - self._budget_at) * NACK_BUDGET)
        self._budget_at = now
        newest = self.up.newest - self.shift
        for sequence in sequences:
            behind = (newest - sequence) & 0xFFFF
            number = newest - behind + self.shift
            data = self.up.history.get(number) if behind < 0x8000 else None
            if data is None:
                self._drops.count(Drop.NACK_GONE)
                continue
            if self._budget < 1:
                self._drops.count(Drop.NACK_BUDGET)
                continue
            self._budget -= 1
            self._resend(data, number)

    def _resend(self, data: bytes, number: int) -> None:
        self.packets_resent += 1
        data = self.format.apply(data)
        if self.rtx_ssrc is None or self.format.retransmission is None:
            self.send_shifted(data, number)
            return
        shifted = bytearray(data)
        shifted[2:4] = ((number - self.shift) & 0xFFFF).to_bytes(2, "big")
        start = RtpPacket(shifted).payload_start
        self._rtx_number += 1
        self.peer.send_rtp(
            retransmission(bytes(shifted), start, self.format.retransmission, self.rtx_ssrc, self._rtx_number)
        )
