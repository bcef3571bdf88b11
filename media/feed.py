"""A source inside the node: whole frames from RTMP, or sound from a codec worker, as publications like any other.

Nothing gets lost on its way, so nobody is asked for retransmissions; and nobody makes a key frame when asked, so
viewers start with the last one and what followed it (KeyFrameWish.ignored). Sound and picture count on one clock, in
milliseconds, which sender reports tie to ours: they are together from the first report on, whatever that clock is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

from media.drops import Drops
from media.errors import MediaRefused
from media.forwarding.publication import Publication
from media.forwarding.up_track import UpTrack
from media.published import Published, Registry, ntp_of
from media.rtp import rtcp
from media.rtp.packets import RtpPacket
from media.sdp.codecs import Codec

__all__ = ["Feed"]

SILENCE = 60.0
"""Seconds without a frame after which a source is gone; who feeds it has a shorter patience of its own."""
REPORT_PERIOD = 0.5
"""Seconds between two sender reports: who joins can put sound and picture together after one."""
ADRIFT = 2.0
"""Seconds by which the source's clock may be off ours before it is tied anew: it jumped."""


class Feed(Published):
    """See media.interface.Publishing: one that is fed, instead of connected."""

    def __init__(
        self, identifier: str, drops: Drops, registry: Registry, clock: Callable[[], float], group: str = ""
    ) -> None:
        super().__init__(identifier, registry, group)
        self.answer = ""
        self.on_connected: Callable[[], None] = lambda: None
        self.on_closed: Callable[[str], None] = lambda reason: None
        """For the node."""
        self.on_ended: Callable[[str], None] = lambda reason: None
        """For who feeds it: nothing that comes from now on is taken."""
        self._drops = drops
        self._clock = clock
        self._ids = list(range(256))  # header extensions have our numbers
        self._seen = clock()
        self._fed = False
        self._closed = False
        self._tie: tuple[float, float] | None = None  # milliseconds of the source's clock, and ours
        self._reported = float("-inf")

    # Publications

    def add(self, mid: str, codec: Codec, source: str) -> None:
        """A publication of `codec`, which has our own payload types (media.sdp.codecs.canonical)."""
        layer = UpTrack(codec, codec, self._registry.new_ssrc(), self._ids, self._drops)
        layer.key_frames.ignore()
        publication = Publication(
            f"pub_{secrets.token_hex(8)}", source, self.peer, [layer], self._registry.new_ssrc(), self._group
        )
        self._adopt(mid, publication)

    def send(self, mid: str, packets: Sequence[bytearray], time: int) -> None:
        """The RTP packets of one frame, whose numbers follow each other; payload type and SSRC are set here. `time`:
        milliseconds of the source's clock, on which RTP times count from 0."""
        publication = self.by_mid.get(mid)
        if publication is None or self._closed:
            return
        now = self._clock()
        self._seen = now
        if not self._fed:
            self._fed = True
            self.on_connected()
        up = publication.layers[0]
        first = not up.packets
        for data in packets:
            data[1] = data[1] & 0x80 | up.codec.payload_type
            packet = RtpPacket(data)
            forwarded = up.receive(packet, (), now)
            if up.width and (forwarded is None or forwarded.starts_key_frame):
                self._notice_picture(publication)
            if forwarded is not None:
                publication.forward(up, forwarded)
        self._tie_clocks(time, now)
        if first:
            self._report(publication, now)

    def _tie_clocks(self, time: int, now: float) -> None:
        if self._tie is None or abs(time - self._source_time(now)) > 1000 * ADRIFT:
            self._tie = (time, now)

    def _source_time(self, now: float) -> float:
        """Milliseconds of the source's clock."""
        assert self._tie is not None, "a frame came before"
        time, at = self._tie
        return time + 1000 * (now - at)

    def _report(self, publication: Publication, now: float) -> None:
        up = publication.layers[0]
        ticks = int(self._source_time(now) * up.codec.clock / 1000)
        report = rtcp.SenderReport(up.ssrc, ntp_of(now), ticks & 0xFFFFFFFF, 0, 0)
        publication.forward_rtcp(up, up.handle_sender_report(report, now))

    # As the node sees it

    @property
    def connected(self) -> bool:
        return self._fed

    @property
    def last_seen(self) -> float:
        return self._seen

    @property
    def misses_packets(self) -> bool:
        return False

    def expired(self, now: float) -> str | None:
        return f"nothing came for {SILENCE:.0f} s" if now - self._seen > SILENCE else None

    def tick(self, now: float, feedback_period: float) -> None:
        for layer in self._layers():
            layer.measure(now)
        for publication in self.by_mid.values():
            publication.serve_ignored(now)
        if self._tie is not None and now - self._reported >= REPORT_PERIOD:
            self._reported = now
            for publication in self.by_mid.values():
                if publication.layers[0].flowing(now):
                    self._report(publication, now)

    def close(self, reason: str) -> None:
        """Harmless when repeated."""
        if not self._closed:
            self._closed = True
            self.on_closed(reason)
            self.on_ended(reason)

    # There is nothing to negotiate

    def renegotiate(self, offer: str, sources: Mapping[str, str]) -> None:
        """See media.interface.Publishing."""
        raise MediaRefused("what is fed into the node has no description")

    def continues(self, offer: str) -> bool:
        """See media.interface.Publishing."""
        return False
