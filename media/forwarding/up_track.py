"""One stream on its way up: a publisher's packets are counted, checked for gaps, remembered, and made into the bytes
that all viewers share.

`receive` is the publisher's half of the packet's way. It answers what to forward, or None after counting why not. It
asks for nothing by itself: retransmissions and key frames that are due are taken by `Publisher`, which owns the clock.

Pure: packets and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.drops import Drop, Drops
from media.forwarding.key_frames import KeyFrameWish
from media.rtp import rtcp
from media.rtp.frames import key_frame_of
from media.rtp.history import History
from media.rtp.losses import Losses
from media.rtp.packets import PacketError, RtpPacket, remap_extensions, rewrite
from media.rtp.sequence import Unwrapper
from media.sdp.codecs import Codec

__all__ = ["Forwarded", "UpTrack"]

FLOWING = 1.5
"""Seconds without a packet after which a track is silent: a camera that was switched off costs nobody minutes."""


class Forwarded:
    """What `receive` gives: the shared bytes of a packet and what viewers need to know of it."""

    __slots__ = ("data", "more", "number", "starts_key_frame")

    def __init__(self, data: bytes, number: int, *, starts_key_frame: bool, more: bool) -> None:
        self.data = data
        self.number = number
        """Extended sequence number."""
        self.starts_key_frame = starts_key_frame
        self.more = more
        """The frame does not end here."""


class UpTrack:
    """State of one incoming stream."""

    def __init__(self, received: Codec, sent: Codec, ssrc: int, ids: Sequence[int], drops: Drops) -> None:
        """`received` has the publisher's payload types, `sent` ours; `ssrc` is ours; `ids` maps extension ids."""
        # agreement
        self.codec = sent
        self.ssrc = ssrc
        self._received = received
        self._ids = ids
        self._drops = drops

        # stream
        self.remote_ssrc: int | None = None
        self._unwrap = Unwrapper()
        self._last_number = 0
        self._hidden = 0  # numbers that viewers never saw, taken out so that theirs stay contiguous
        self._visible_from = 0
        self.losses = Losses()
        self.history = History(1024 if sent.kind == "video" else 256)
        self.key_frames = KeyFrameWish()
        self._find_key_frame = key_frame_of(sent.name) if sent.kind == "video" else None

        # picture
        self.width = 0
        self.height = 0
        self.max_pixels: int | None = None
        self._key_frame_time = -1  # RTP time of the key frame that is passing

        # statistics
        self.packets = 0
        self.octets = 0
        self.last_packet = float("-inf")
        self._first: int | None = None  # number of the first packet
        self._jitter = 0.0
        self._transit: float | None = None
        self._reported = (0, 0)  # expected and received at the last report
        self._last_sr: tuple[int, float] = (0, 0.0)
        self.sender_report: rtcp.SenderReport | None = None

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def blocked(self) -> bool:
        """The picture is larger than allowed; nothing is forwarded until a key frame of a smaller one."""
        return self.max_pixels is not None and self.pixels > self.max_pixels

    def flowing(self, now: float) -> bool:
        return now - self.last_packet < FLOWING

    def receive(self, packet: RtpPacket, elements: Sequence[tuple[int, int, int]], now: float) -> Forwarded | None:
        """One packet of the primary stream, or unwrapped from a retransmission. `elements`: its extensions."""
        if packet.payload_type != self._received.payload_type:
            self._drops.count(Drop.UNKNOWN_PAYLOAD_TYPE)
            return None
        number = self._track_number(packet.sequence, now)
        if number is None:
            self._drops.count(Drop.DUPLICATE)
            return None
        self.packets += 1
        self.octets += packet.payload_stop - packet.payload_start
        self.last_packet = now
        self._track_jitter(packet.timestamp, now)
        starts = self._find_key_frame is not None and self._look_for_key_frame(packet, now)
        if self.blocked or number < self._visible_from:
            self._hide(number)
            return None
        number -= self._hidden
        self._last_number = max(self._last_number, number)
        remap_extensions(packet, elements, self._ids)
        rewrite(packet.data, self.codec.payload_type, number, self.ssrc)
        data = bytes(packet.data)
        self.history.put(number, data)
        more = self._find_key_frame is not None and not packet.marker
        return Forwarded(data, number, starts_key_frame=starts, more=more)

    @property
    def newest(self) -> int:
        """The highest extended number forwarded so far."""
        return self._last_number

    def unwrap_retransmission(self, packet: RtpPacket) -> RtpPacket | None:
        """The original inside an RTX packet (RFC 4588), or None for a probe."""
        start, stop = packet.payload_start, packet.payload_stop
        if stop - start <= 2:
            self._drops.count(Drop.PROBE)
            return None
        data = packet.data[:start] + packet.data[start + 2 : stop]
        data[0] &= 0xDF  # the padding was left behind
        data[1] = data[1] & 0x80 | self._received.payload_type
        data[2:4] = packet.data[start : start + 2]
        try:
            return RtpPacket(data)
        except PacketError:
            self._drops.count(Drop.BAD_RTP)
            return None

    def uses(self, payload_type: int) -> bool:
        return payload_type in (self._received.payload_type, self._received.retransmission)

    def is_retransmission(self, payload_type: int) -> bool:
        return payload_type == self._received.retransmission

    def handle_sender_report(self, report: rtcp.SenderReport, now: float) -> bytes:
        """Remembers the publisher's clocks, and gives the report as viewers get it."""
        self._last_sr = (rtcp.compact_ntp(report.ntp), now)
        self.sender_report = report
        return rtcp.SenderReport(
            self.ssrc, report.ntp, report.rtp_time, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF
        ).pack()

    def report(self, now: float) -> rtcp.ReportBlock | None:
        """What a receiver report says of this stream, or None before its first packet."""
        if self._first is None or self.remote_ssrc is None:
            return None
        newest = self._unwrap.newest
        expected = newest - self._first + 1
        before_expected, before_received = self._reported
        expected_now, received_now = expected - before_expected, self.packets - before_received
        lost_now = max(0, expected_now - received_now)
        self._reported = (expected, self.packets)
        middle, at = self._last_sr
        return rtcp.ReportBlock(
            ssrc=self.remote_ssrc,
            fraction_lost=min(255, 256 * lost_now // expected_now) if expected_now > 0 else 0,
            lost=max(-0x800000, min(0x7FFFFF, expected - self.packets)),
            highest=newest - 0x10000,
            jitter=int(self._jitter),
            last_sr=middle,
            delay=min(0xFFFFFFFF, int((now - at) * 65536)) if middle else 0,
        )

    def _hide(self, number: int) -> None:
        """Takes `number` out of the viewers' numbering: libsrtp would not survive a gap of half its range."""
        self._drops.count(Drop.BLOCKED)
        if number >= self._visible_from:
            self._hidden = number - self._last_number
            self._visible_from = number + 1

    def _track_number(self, sequence: int, now: float) -> int | None:
        newest = self._unwrap.newest
        number = self._unwrap.extend(sequence)
        if newest < 0:
            self._first = number
        elif number > newest + 1:
            if not self.losses.gap(newest + 1, number, now) and self.codec.kind == "video":
                self.key_frames.want()
        elif number <= newest and not self.losses.arrived(number):
            return None
        return number

    def _track_jitter(self, timestamp: int, now: float) -> None:
        """RFC 3550 section 6.4.1, in units of the clock."""
        transit = now * self.codec.clock - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < 10 * self.codec.clock:  # else the time wrapped, or the stream jumped
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    def _look_for_key_frame(self, packet: RtpPacket, now: float) -> bool:
        """Whether a key frame starts here: only its first packet counts, not a parameter set behind it."""
        assert self._find_key_frame is not None
        frame = self._find_key_frame(packet.payload)
        if frame is None:
            return False
        if frame.width:
            self.width, self.height = frame.width, frame.height
        if packet.timestamp == self._key_frame_time:
            return False
        self._key_frame_time = packet.timestamp
        self.key_frames.came(now)
        return True
