"""One stream on its way up, a track or a layer of it: a publisher's packets are counted, checked for gaps, remembered,
and made into the bytes that all viewers share.

`receive` is the publisher's half of the packet's way. It answers what to forward, or None after counting why not. It
asks for nothing by itself: retransmissions and key frames that are due are taken by `Publisher`, which owns the clock.

Pure: packets and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from media.drops import Drop, Drops
from media.forwarding.key_frames import KeyFrameWish
from media.forwarding.timeline import LayerClock
from media.rtp import rtcp
from media.rtp.frames import key_frame_of
from media.rtp.history import History
from media.rtp.losses import Losses
from media.rtp.packets import PacketError, RtpPacket, remap_extensions, rewrite
from media.rtp.picture_numbers import NOWHERE, places_of
from media.rtp.redundancy import primary_of, rename_blocks
from media.rtp.sequence import Unwrapper
from media.sdp.codecs import AUDIO_LEVEL, EXTENSION_IDS, RED, Codec

__all__ = ["Forwarded", "UpTrack"]

FLOWING = 1.5
"""Seconds without a packet after which a track is silent: a camera that was switched off costs nobody minutes."""
HISTORY = {"audio": 256, "video": 1024}
"""Packets that are remembered: three to five seconds of a 2.5 Mbit/s video."""
MAX_HISTORY = 8192
"""The same while a key frame is to be kept with all that follows: 12 s of 6 Mbit/s."""
LONGEST_REPLAY = 12.0
"""Seconds: OBS makes a key frame every 10 s if nobody sets it up."""
LOSSY = 0.05
"""Fraction lost from which requests are made twice."""
FORGET = 0.00003
"""Seconds by which the fastest way is taken for longer with each frame, since ways and clocks change."""
MEASURE = 0.5
"""Seconds over which the bit rate is measured."""


class Forwarded:
    """What `receive` gives: the shared bytes of a packet and what viewers need to know of it."""

    __slots__ = ("base_layer_at", "data", "more", "number", "picture_at", "starts_key_frame")

    def __init__(
        self,
        data: bytes,
        number: int,
        picture_at: int = 0,
        base_layer_at: int = 0,
        *,
        starts_key_frame: bool,
        more: bool,
    ) -> None:
        self.data = data
        self.number = number
        """Extended sequence number."""
        self.picture_at = picture_at
        """Where the picture id stands in `data`, 0 for nowhere."""
        self.base_layer_at = base_layer_at
        """Where tl0picidx stands."""
        self.starts_key_frame = starts_key_frame
        self.more = more
        """The frame does not end here."""

    @property
    def time(self) -> int:
        return int.from_bytes(self.data[4:8], "big")

    @property
    def picture(self) -> int:
        """The picture id, 15 bits; 0 without."""
        at = self.picture_at
        return int.from_bytes(self.data[at : at + 2], "big") & 0x7FFF if at else 0

    @property
    def base_layer(self) -> int:
        return self.data[self.base_layer_at] if self.base_layer_at else 0


class UpTrack:
    """State of one incoming stream."""

    def __init__(
        self,
        received: Codec,
        sent: Codec,
        ssrc: int,
        ids: Sequence[int],
        drops: Drops,
        *,
        rid: str = "",
        clock: LayerClock | None = None,
    ) -> None:
        """`received` has the publisher's payload types, `sent` ours; `ssrc` is ours; `ids` maps extension ids. A layer
        of several has a name, `rid`, and a `clock` that maps its times."""
        # agreement
        self.codec = sent
        self.ssrc = ssrc
        self.rid = rid
        self._clock = clock
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
        self.history = History[Forwarded](HISTORY[sent.kind])
        self._key_frame: tuple[int, float] | None = None  # its first number, and when it came
        self.key_frames = KeyFrameWish()
        self._find_key_frame = key_frame_of(sent.name) if sent.kind == "video" else None
        self._find_places = places_of(sent.name)
        self.gate: Callable[[int | None, float], bool] | None = None
        """Whether a packet of sound of that level is forwarded now."""
        self.newest: Forwarded | None = None
        """The packet with the highest number that was forwarded so far."""

        # picture
        self.width = 0
        self.height = 0
        self.max_pixels: int | None = None
        self.forbidden = False
        """Nothing is forwarded; afterwards, a picture goes on with its next key frame."""
        self._rests = False
        self._key_frame_time = -1  # RTP time of the latest key frame
        self._key_frame_octets = 0

        # statistics
        self.packets = 0
        self.octets = 0
        self.last_packet = float("-inf")
        self.bits_per_second = 0.0
        """Of payload, while it flows; what it was when it last did."""
        self.loss = 0.0
        """Fraction that had to be asked for between the last two reports."""
        self._missed = 0
        self._measured = (0, float("-inf"))
        self._first: int | None = None  # number of the first packet
        self._jitter = 0.0
        self._transit: tuple[float, int] = (0.0, -1)  # of the latest frame's first packet, and its RTP time
        self._least_transit = float("inf")
        self.lateness = 0.0
        """Seconds that frames come later than the fastest lately: what waits in queues on the way."""
        self._reported = (0, 0)  # expected and received at the last report
        self._last_sr: tuple[int, float] = (0, 0.0)

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def blocked(self) -> bool:
        """The picture is larger than allowed; nothing is forwarded until a key frame of a smaller one."""
        return self.max_pixels is not None and self.pixels > self.max_pixels

    @property
    def lossy(self) -> bool:
        """Much had to be asked for lately."""
        return self.loss >= LOSSY

    def flowing(self, now: float) -> bool:
        return now - self.last_packet < FLOWING

    def forwarded(self, now: float) -> bool:
        """Whether packets of it are going to those who watch it."""
        return self.flowing(now) and not self.blocked and not self.forbidden

    @property
    def key_frame_cost(self) -> float:
        """Seconds of the bit rate that the latest key frame took."""
        return 8 * self._key_frame_octets / self.bits_per_second if self.bits_per_second else 0.0

    def measure(self, now: float) -> None:
        """Brings the bit rate up to date; called some times a second."""
        octets, since = self._measured
        elapsed = now - since
        if elapsed < MEASURE:
            return
        self._measured = (self.octets, now)
        if elapsed < 4 * MEASURE and self.octets > octets:
            bits = 8 * (self.octets - octets) / elapsed
            self.bits_per_second += (bits - self.bits_per_second) * (0.4 if self.bits_per_second else 1)

    def receive(self, packet: RtpPacket, elements: Sequence[tuple[int, int, int]], now: float) -> Forwarded | None:
        """One packet of the primary stream, or unwrapped from a retransmission. `elements`: its extensions."""
        redundant = packet.payload_type == self._received.redundancy
        if packet.payload_type != self._received.payload_type and not redundant:
            self._drops.count(Drop.UNKNOWN_PAYLOAD_TYPE)
            return None
        if redundant and primary_of(packet.data, packet.payload_start, packet.payload_stop) is None:
            self._drops.count(Drop.BAD_RTP)
            return None
        number = self._track_number(packet.sequence, now)
        if number is None:
            self._drops.count(Drop.DUPLICATE)
            return None
        self.packets += 1
        self.octets += packet.payload_stop - packet.payload_start
        self.last_packet = now
        if number == self._unwrap.newest and packet.timestamp != self._transit[1]:
            self._track_transit(packet.timestamp, now)
        starts = self._find_key_frame is not None and self._look_for_key_frame(packet, now)
        if packet.timestamp == self._key_frame_time:
            self._key_frame_octets += packet.payload_stop - packet.payload_start
        if self._clock is not None:
            self._map_time(self._clock, packet, starts, number, now)
        if self.blocked or number < self._visible_from:
            self._hide(number, Drop.BLOCKED)
            return None
        if self.forbidden or (self._rests and not starts and self.codec.kind == "video"):
            self._rests = True
            self._hide(number, Drop.FORBIDDEN)
            return None
        self._rests = False
        if self.gate is not None and not self.gate(self._level(packet, elements), now):
            self._hide(number, Drop.NOT_LOUDEST)
            return None
        number -= self._hidden
        remap_extensions(packet, elements, self._ids)
        if redundant:
            rename_blocks(packet.data, packet.payload_start, self.codec.payload_type)
        rewrite(packet.data, RED if redundant else self.codec.payload_type, number, self.ssrc)
        more = self._find_key_frame is not None and not packet.marker
        picture_at, base_layer_at = self.places(packet)
        forwarded = Forwarded(bytes(packet.data), number, picture_at, base_layer_at, starts_key_frame=starts, more=more)
        if number > self._last_number:
            self._last_number = number
            self.newest = forwarded
        self._remember(forwarded, now)
        return forwarded

    def replay(self, now: float) -> range | None:
        """The numbers from the latest key frame's first packet to the newest, if it flows and all are remembered."""
        if self._key_frame is None or self.blocked or not self.flowing(now):
            return None
        numbers = range(self._key_frame[0], self._last_number + 1)
        if len(numbers) > self.history.capacity or None in map(self.history.get, numbers):
            return None
        return numbers

    def _remember(self, packet: Forwarded, now: float) -> None:
        """The history grows with what follows a key frame, so that who joins can be shown it; a publisher that makes
        none for long will make one when asked."""
        if packet.starts_key_frame and (self._key_frame is None or packet.number > self._key_frame[0]):
            self._key_frame = (packet.number, now)
        if self._key_frame is not None:
            number, since = self._key_frame
            history, usual = self.history, HISTORY[self.codec.kind]
            if now - since > LONGEST_REPLAY:
                self._key_frame = None
                if history.capacity > usual:
                    self.history = history.resized(usual, packet.number - 1)
            elif packet.number - number >= history.capacity < MAX_HISTORY:
                self.history = history.resized(2 * history.capacity, packet.number - 1)
        self.history.put(packet.number, packet)

    @property
    def last_sender_report(self) -> tuple[int, float]:
        """The middle 32 bits of its NTP time, 0 for none, and when it came and was passed on."""
        return self._last_sr

    def places(self, packet: RtpPacket) -> tuple[int, int]:
        """Where picture id and tl0picidx stand in `packet`."""
        if self._find_places is None:
            return NOWHERE
        picture, base_layer = self._find_places(packet.payload)
        start = packet.payload_start
        return picture and picture + start, base_layer and base_layer + start

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
        received = self._received
        return payload_type in (received.payload_type, received.retransmission, received.redundancy)

    def is_retransmission(self, payload_type: int) -> bool:
        return payload_type == self._received.retransmission

    def handle_sender_report(self, report: rtcp.SenderReport, now: float) -> bytes:
        """Remembers the publisher's clocks, and gives the report as viewers get it."""
        self._last_sr = (rtcp.compact_ntp(report.ntp), now)
        time = report.rtp_time
        if self._clock is not None:
            self._clock.note_report(report.ntp, time)
            time = self._clock.map(time)
        return rtcp.SenderReport(
            self.ssrc, report.ntp, time, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF
        ).pack()

    def report(self, now: float, hidden: float = 0.0) -> rtcp.ReportBlock | None:
        """What a receiver report says of this stream, or None before its first packet. `hidden`: so many seconds
        shorter shall the publisher take its round trip to be."""
        if self._first is None or self.remote_ssrc is None:
            return None
        newest = self._unwrap.newest
        expected = newest - self._first + 1
        before_expected, before_received = self._reported
        expected_now, received_now = expected - before_expected, self.packets - before_received
        lost_now = max(0, expected_now - received_now)
        missed, self._missed = self.losses.missed - self._missed, self.losses.missed
        self.loss = missed / expected_now if expected_now > 0 else 0.0
        self._reported = (expected, self.packets)
        middle, at = self._last_sr
        return rtcp.ReportBlock(
            ssrc=self.remote_ssrc,
            fraction_lost=min(255, 256 * lost_now // expected_now) if expected_now > 0 else 0,
            lost=max(-0x800000, min(0x7FFFFF, expected - self.packets)),
            highest=newest - 0x10000,
            jitter=int(self._jitter),
            last_sr=middle,
            delay=min(0xFFFFFFFF, int((now - at + hidden) * 65536)) if middle else 0,
        )

    def _map_time(self, clock: LayerClock, packet: RtpPacket, starts: bool, number: int, now: float) -> None:
        if number == self._unwrap.newest:
            clock.note_arrival(packet.timestamp, now)
            if starts:
                clock.settle(packet.timestamp)
        packet.data[4:8] = clock.map(packet.timestamp).to_bytes(4, "big")

    def missing(self, now: float) -> list[int]:
        """The numbers to ask the publisher for now. A packet that never came can only be made good by a key frame, and
        on a lossy way that is asked for as well before all hope is gone."""
        abandoned = self.losses.abandoned
        numbers = self.losses.due(now, eager=self.lossy)
        if self.codec.kind != "video":
            return []
        key_frame = self._key_frame[0] if self._key_frame is not None else -1
        if self.losses.abandoned > abandoned or (self.lossy and self.losses.stuck(key_frame, now)):
            self.key_frames.want()
        return numbers

    def _level(self, packet: RtpPacket, elements: Sequence[tuple[int, int, int]]) -> int | None:
        """What the sender says of the packet's loudness (RFC 6464), or None."""
        for number, start, _ in elements:
            if self._ids[number] == EXTENSION_IDS[AUDIO_LEVEL]:
                return packet.data[start] & 0x7F
        return None

    def _hide(self, number: int, reason: Drop) -> None:
        """Takes `number` out of the viewers' numbering: libsrtp would not survive a gap of half its range."""
        self._drops.count(reason)
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
        elif number <= newest and not self.losses.arrived(number, now):
            return None
        return number

    def _track_transit(self, timestamp: int, now: float) -> None:
        """Jitter as in RFC 3550 section 6.4.1, in units of the clock, and lateness."""
        clock = self.codec.clock
        transit = now * clock - timestamp
        difference = abs(transit - self._transit[0])
        if self._transit[1] >= 0 and difference < 10 * clock:  # else the time wrapped, or the stream jumped
            self._jitter += (difference - self._jitter) / 16
            self._least_transit = min(transit, self._least_transit + FORGET * clock)
        else:
            self._least_transit = transit
        self._transit = (transit, timestamp)
        self.lateness = (transit - self._least_transit) / clock

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
        self._key_frame_octets = 0
        self.key_frames.came(now)
        return True
