"""A peer that receives: which section of its description carries which publication, and what its browser reports.

The server makes the offers, one at a time: what changes while an answer is due goes into the next one. A section keeps
its publication, its SSRC and its mid; when the publication is no longer wanted the section is made inactive and may be
given to another publication of the same kind. A WHEP player made the offer itself: then `play` answers it, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from media.drops import Drops
from media.errors import BadDescription, MediaRefused, UnsupportedCodec
from media.forwarding.allocation import OVERHEAD, PAUSED, Rung, Track, allocate, needed_for_more
from media.forwarding.bandwidth import Bandwidth, LossMeter
from media.forwarding.down_track import DownTrack, Position
from media.forwarding.fan_out import FanOut
from media.forwarding.formats import WireFormat
from media.forwarding.pacer import Pacer
from media.forwarding.publication import Publication
from media.forwarding.up_track import UpTrack
from media.interface import StreamOffer
from media.rtp import rtcp
from media.sdp.codecs import EXTENSION_IDS, KEPT, Codec, canonical
from media.sdp.description import Section, parse
from media.sdp.writing import VIEWER_FEEDBACK, Endpoint, LocalSection, describe
from media.transport.peer import Peer

__all__ = ["Viewer"]

MAX_SECTIONS = 60
DATA = "application"
"""The kind of a section with a data channel."""
GUESS = 1.6
"""Bits per second of a pixel, for a layer that was never seen: 1.5 Mbit/s for 1280 x 720."""
REFERENCE_PERIOD = 0.5
"""Seconds between two answers to a viewer that wants to know its round trip."""
RESEND_SHARE = 1.0
"""Of a limited budget, what retransmissions may take."""
FAR_TOO_MUCH = 1.3
"""Times the budget: then the old layer stops at once, since it only delays the first frame of the new one."""
MAX_PADDING = 24
"""Packets of one turn of a trial."""


class _Carried(NamedTuple):
    """How a description names a publication."""

    ssrc: int
    rtx_ssrc: int
    stream: str
    track: str

    @classmethod
    def by(cls, publication: Publication) -> _Carried:
        return cls(publication.ssrc, publication.rtx_ssrc, publication.stream, publication.id)


@dataclass(slots=True)
class _Slot:
    """One m-section of the viewer's description, for the life of its connection."""

    mid: str
    kind: str
    codec: Codec | None
    """None for the section of the data channel."""
    publication: Publication | None
    extensions: dict[str, int]
    down: DownTrack | None = None
    """There once the viewer agreed."""
    rejected: bool = False
    told: UpTrack | None = None
    """The layer it was last told of, None for a pause."""
    is_told: bool = False
    """Whether it was told of any. Who gets the only layer at once needs no telling."""
    carried: _Carried | None = None
    """What it carries, or carried last. An inactive section goes on naming it: else a Chromium (156) makes the stream
    anew when it comes back under the same SSRC, and shows nothing of it, though it decodes every frame."""


class Viewer:
    """One receiving peer."""

    def __init__(
        self,
        identifier: str,
        peer: Peer,
        endpoint: Endpoint,
        drops: Drops,
        *,
        find: Callable[[str], Publication | None],
        make_pacer: Callable[[FanOut, float], Pacer],
        clock: Callable[[], float],
    ) -> None:
        # identity
        self.peer = identifier
        self.connection = peer
        self.answer = ""
        self._endpoint = endpoint
        self._session = secrets.randbits(62)

        # sections
        self._slots: list[_Slot] = []
        self._wanted: list[str] = []
        self.group: str | None = None
        """Whose messages it wants."""
        self._find = find
        self._revision = 0
        self._offered: list[Publication | None] | None = None  # by slot, while an answer is due
        self._settled: list[str | None] = []  # publication ids by slot, as last agreed

        # tracks
        self._by_ssrc: dict[int, DownTrack] = {}
        self._by_rtx: set[int] = set()
        self._resume_at: dict[str, Position] = {}
        self._connected = False
        self._drops = drops

        # bandwidth
        self.bandwidth = Bandwidth()
        self._losses = LossMeter()
        self.on_limited: Callable[[Viewer], None] = lambda viewer: None
        """Its budget fell: `tick` is wanted from now on."""
        self.on_layer: Callable[[Viewer, Publication, UpTrack | None], None] = lambda viewer, publication, layer: None
        """It will be sent another layer of a publication, or none."""
        self.on_listening: Callable[[Viewer, str | None], None] = lambda viewer, before: None
        """It wants the messages of another group than before."""
        self._wishes: dict[str, int] = {}
        self.modest = False
        """The node is overloaded: the smallest layers must do."""
        self.smallest = False
        """It never gets more than the smallest layers."""
        self._ticked_at = 0.0
        self._owed = 0.0  # bytes of padding
        self._trying = 0.0  # bits per second in all, during a trial
        self._shared_out: float | None = None  # the bandwidth for which layers were chosen last
        self._make_pacer = make_pacer
        self._pacer: Pacer | None = None  # while the budget is limited
        self._referred_at = float("-inf")
        self._clock = clock
        peer.on_rtcp = self._handle_rtcp

    # What is received

    @property
    def down_tracks(self) -> Sequence[DownTrack]:
        return [slot.down for slot in self._slots if slot.down is not None]

    def want(self, publications: Sequence[str]) -> None:
        """See media.interface.Viewing."""
        self._wanted = list(publications)
        for slot in self._slots:
            if slot.publication is not None and slot.publication.id not in self._wanted:
                self._drop(slot)

    def forget(self, publication: Publication) -> None:
        """The publication ended."""
        self._resume_at.pop(publication.id, None)
        self._wishes.pop(publication.id, None)
        self._wanted = [identifier for identifier in self._wanted if identifier != publication.id]
        for slot in self._slots:
            if slot.publication is publication:
                self._drop(slot)

    def connected(self) -> None:
        """The handshake is done: agreed tracks begin to flow."""
        self._connected = True
        self._attach_all()

    def moved(self) -> None:
        """The address changed: the tracks must be sent from another socket, or under another name."""
        for slot in self._slots:
            if slot.down is not None and slot.publication is not None:
                slot.publication.detach(slot.down)
        self._pace(None)
        self._attach_all()
        self._pace(self.bandwidth.budget)

    def receives(self, publication: Publication) -> bool:
        return any(slot.publication is publication and slot.down is not None for slot in self._slots)

    def listen(self, group: str | None) -> None:
        """See media.interface.Viewing."""
        before, self.group = self.group, group
        if group is not None and not any(slot.kind == DATA for slot in self._slots) and len(self._slots) < MAX_SECTIONS:
            self._slots.append(_Slot(str(len(self._slots)), DATA, None, None, {}))
        if before != group:
            self.on_listening(self, before)

    def wish(self, publication: str, pixels: int) -> None:
        """See media.interface.Viewing."""
        if publication not in self._wanted:
            return
        self._wishes[publication] = pixels
        self.allocate(self._clock())

    def received(self) -> Mapping[str, int]:
        """See media.interface.Viewing."""
        now = self._clock()
        return {
            slot.publication.id: slot.down.layer.pixels
            for slot in self._slots
            if slot.publication is not None and slot.down is not None
            if slot.down.layer is not None and slot.down.layer.pixels and slot.down.layer.forwarded(now)
        }

    @property
    def last_seen(self) -> float:
        return self.connection.last_seen

    def expired(self, now: float) -> str | None:
        """Why it is to be closed, or None while it lives."""
        return self.connection.expired(now)

    def close(self, reason: str) -> None:
        self.connection.close(reason)

    def end_all(self) -> None:
        """The connection is gone."""
        for slot in self._slots:
            self._drop(slot)
        self._wanted.clear()

    # The server's offers

    def offer(self) -> tuple[int, str, Sequence[StreamOffer]] | None:
        """See media.interface.Viewing."""
        if self._offered is not None or self.connection.closed:
            return None
        self._place_wanted()
        placed = [slot.publication.id if slot.publication is not None else None for slot in self._slots]
        if placed == self._settled:
            return None
        self._offered = [slot.publication for slot in self._slots]
        self._revision += 1
        streams = [StreamOffer(slot.mid, slot.publication.id) for slot in self._slots if slot.publication is not None]
        return self._revision, self._describe(offer=True), streams

    def accept(self, revision: int, answer: str) -> Sequence[str]:
        """See media.interface.Viewing."""
        if self._offered is None or revision != self._revision:
            raise MediaRefused(f"no answer is due to revision {revision}")
        remote = parse(answer)
        if len(remote.sections) != len(self._slots):
            raise BadDescription(f"the answer has {len(remote.sections)} sections, the offer had {len(self._slots)}")
        self.connection.start(remote.fingerprint, active=remote.makes_us_active)
        offered, self._offered = self._offered, None
        rejected = []
        for slot, section, publication in zip(self._slots, remote.sections, offered, strict=True):
            if slot.kind == DATA and section.carries_data and section.sctp_port is not None:
                self.connection.open_data(section.sctp_port, section.max_message_size)
            if publication is None or slot.publication is not publication:
                continue
            if section.rejected or not section.receives:
                rejected.append(publication.id)
                slot.rejected = section.rejected
                self._drop(slot)
                self._wanted.remove(publication.id)
            elif slot.down is None:
                redundancy = any(codec.redundancy is not None for codec in section.codecs)
                wire = WireFormat.own(publication.codec, redundancy=redundancy)
                slot.down = self._down(slot, publication, wire, section)
        self._settled = [publication.id if publication is not None else None for publication in offered]
        self.allocate(self._clock())
        if self._connected:
            self._attach_all()
        return rejected

    # A player's offer

    def play(self, offer: str, publications: Sequence[Publication]) -> None:
        """Answers a WHEP player: its sections to receive get the first publications that fit. Raises MediaRefused."""
        remote = parse(offer)
        waiting = list(publications)
        sections: list[LocalSection] = []
        for section in remote.sections:
            found = _fitting(section, waiting)
            if found is None:
                sections.append(_unused(section))
                continue
            publication, codec = found
            waiting.remove(publication)
            kept = {uri: number for uri, number in section.extensions.items() if uri in KEPT[section.kind]}
            slot = _Slot(section.mid, section.kind, codec, publication, kept, carried=_Carried.by(publication))
            slot.down = self._down(slot, publication, WireFormat.of(codec, kept), section)
            self._slots.append(slot)
            sections.append(self._local(slot))
        self.allocate(self._clock())
        if not self._slots:
            raise UnsupportedCodec("nothing that is published fits what the offer can receive")
        self.connection.start(remote.fingerprint, active=remote.makes_us_active)
        if remote.makes_us_active:
            self._endpoint = replace(self._endpoint, setup="active")
        self.answer = describe(sections, self._endpoint, session=self._session, version=1, offer=False)

    # Sections

    def _place_wanted(self) -> None:
        placed = {slot.publication.id for slot in self._slots if slot.publication is not None}
        for identifier in self._wanted:
            publication = self._find(identifier)
            if publication is None or identifier in placed:
                continue
            codec = publication.codec
            extensions = {uri: EXTENSION_IDS[uri] for uri in KEPT[codec.kind]}
            slot = self._free_slot(publication)
            if slot is not None:
                slot.publication, slot.codec = publication, codec
            elif len(self._slots) < MAX_SECTIONS:
                slot = _Slot(str(len(self._slots)), codec.kind, codec, publication, extensions)
                self._slots.append(slot)
            else:
                continue
            slot.carried = _Carried.by(publication)

    def _free_slot(self, publication: Publication) -> _Slot | None:
        """The one that carried it before, for no SSRC may be in two sections; else any."""
        free = [
            slot
            for slot in self._slots
            if slot.publication is None and slot.kind == publication.kind and not slot.rejected
        ]
        again = (slot for slot in free if slot.carried is not None and slot.carried.ssrc == publication.ssrc)
        return next(again, free[0] if free else None)

    def _drop(self, slot: _Slot) -> None:
        publication, down = slot.publication, slot.down
        slot.publication = slot.down = None
        if publication is not None and down is not None:
            publication.detach(down)
            self._by_ssrc.pop(publication.ssrc, None)
            self._by_rtx.discard(publication.rtx_ssrc)
            following = down.next_position
            slot.told, slot.is_told = None, False
            if following is not None and not publication.ended:
                self._resume_at[publication.id] = following

    def _down(self, slot: _Slot, publication: Publication, wire: WireFormat, section: Section) -> DownTrack:
        offered_rtx = any(codec.retransmission is not None for codec in section.codecs)
        if not offered_rtx:
            wire = replace(wire, retransmission=None)
        down = DownTrack(
            publication.kind, self.connection, wire, publication.rtx_ssrc, self._drops,
            self._resume_at.get(publication.id),
        )  # fmt: skip
        down.pacer = self._pacer if publication.kind == "video" else None
        self._by_ssrc[publication.ssrc] = down
        self._by_rtx.add(publication.rtx_ssrc)
        return down

    # Layers and bandwidth

    def allocate(self, now: float, *, urgent: bool = False) -> None:
        """Chooses the layer of each track anew: something has changed. `urgent`: what is sent now is far too much."""
        slots, ladders, tracks = self._tracks(now)
        self._shared_out = self.bandwidth.usable
        for slot, ladder, rung in zip(slots, ladders, allocate(tracks, self._shared_out), strict=True):
            publication, down = slot.publication, slot.down
            assert publication is not None, "_tracks gives agreed slots only"
            assert down is not None, "_tracks gives agreed slots only"
            layer = ladder[rung] if rung != PAUSED else None
            if layer is not down.target:
                publication.aim(down, layer, now, at_once=urgent)
            if layer is not slot.told or not slot.is_told:
                if slot.is_told or layer is None or len(publication.layers) > 1:
                    self.on_layer(self, publication, layer)
                slot.told, slot.is_told = layer, True

    def tick(self, now: float) -> bool:
        """Tries whether more can be sent; called every few ten milliseconds while the budget is limited. False when it
        no longer is."""
        elapsed, self._ticked_at = min(0.1, now - self._ticked_at), now
        _, _, tracks = self._tracks(now)
        chosen = allocate(tracks, self.bandwidth.usable)
        self._trying = self.bandwidth.trial(needed_for_more(tracks, chosen), now)
        if self._trying:
            self._pad((self._trying - self._sending()) / 8 * elapsed)
        elif self.bandwidth.usable != self._shared_out:
            self.allocate(now)
        budget = self.bandwidth.budget
        if budget is not None and self.bandwidth.repeats:
            self._pace(max(budget, 2 * self._sending()))
        else:
            self._pace(max(budget, self._trying) if budget is not None else None)
        if budget is None:
            for down in self.down_tracks:
                down.limit_resends(None)
        elif self.bandwidth.repeats and self._sending() <= budget:
            for down in self.down_tracks:
                if down.needs_key_frame:
                    down.repeat()
        return budget is not None

    def _pace(self, budget: float | None) -> None:
        """Pictures go out at the pace of `budget` from now on, or at once."""
        before, fan_out = self._pacer, self.connection.fan_out
        if before is not None and budget is not None:
            before.set_budget(budget)
            return
        self._pacer = self._make_pacer(fan_out, budget) if budget is not None and fan_out is not None else None
        if before is self._pacer:
            return
        if before is not None:
            before.flush()
        for slot in self._slots:
            if slot.publication is not None and slot.down is not None and slot.kind == "video":
                slot.publication.pace(slot.down, self._pacer)

    def _tracks(self, now: float) -> tuple[list[_Slot], list[list[UpTrack]], list[Track]]:
        slots = [slot for slot in self._slots if slot.down is not None and slot.publication is not None]
        ladders = [slot.publication.ladder(now) for slot in slots if slot.publication is not None]
        tracks = [
            Track(
                [Rung(layer.bits_per_second or GUESS * layer.pixels, layer.pixels) for layer in ladder],
                slot.kind == "audio",
                self._wish(slot.publication) if slot.publication is not None else None,
            )
            for slot, ladder in zip(slots, ladders, strict=True)
        ]
        return slots, ladders, tracks

    def _wish(self, publication: Publication) -> int | None:
        wish = self._wishes.get(publication.id)
        return 1 if (self.modest or self.smallest) and wish != 0 else wish

    def _sending(self) -> float:
        """Bits per second, as they go out."""
        layers = (down.layer for down in self.down_tracks)
        return OVERHEAD * sum(layer.bits_per_second for layer in layers if layer is not None)

    def _pad(self, octets: float) -> None:
        self._owed += max(0.0, octets)
        for down in self.down_tracks:
            if self._owed < 600:
                return
            if down.needs_key_frame:
                self._owed -= down.pad(min(MAX_PADDING, int(self._owed / 1000) + 1))
        self._owed = min(self._owed, 0.0)  # what could not be padded is not owed for ever

    def _attach_all(self) -> None:
        now = self._clock()
        for slot in self._slots:
            if slot.down is not None and slot.publication is not None:
                slot.publication.attach(slot.down, self.connection, now)

    def _describe(self, *, offer: bool) -> str:
        sections = [
            LocalSection(slot.kind, slot.mid, "inactive", None) if slot.rejected else self._local(slot)
            for slot in self._slots
        ]
        return describe(sections, self._endpoint, session=self._session, version=self._revision, offer=offer)

    def _local(self, slot: _Slot) -> LocalSection:
        if slot.codec is None:
            return LocalSection(DATA, slot.mid, "sendrecv", None, carries_data=True)
        publication = slot.publication
        section = LocalSection(
            slot.kind,
            slot.mid,
            "sendonly" if publication is not None else "inactive",
            slot.codec,
            extensions=slot.extensions,
            feedback=VIEWER_FEEDBACK if slot.kind == "video" else (),
        )
        if slot.carried is not None:
            section.ssrc = slot.carried.ssrc
            section.retransmission_ssrc = slot.carried.rtx_ssrc if slot.codec.retransmission is not None else None
            section.stream, section.track = slot.carried.stream, slot.carried.track
        return section

    # Reports

    def _handle_rtcp(self, data: bytes, now: float) -> None:
        for block in rtcp.blocks(data):
            if block.kind == rtcp.RR:
                self._handle_reports(block, now)
            elif block.kind == rtcp.TRANSPORT_FEEDBACK and block.count == rtcp.NACK:
                down = self._by_ssrc.get(block.media_ssrc)
                if down is not None:
                    down.resend(rtcp.nack_numbers(block), now)
            elif block.kind == rtcp.EXTENDED:
                self._answer_reference(block, now)
            elif block.kind == rtcp.PAYLOAD_FEEDBACK:
                self._handle_payload_feedback(block, now)

    def _handle_reports(self, block: rtcp.Block, now: float) -> None:
        fell = False
        for report in rtcp.report_blocks(block):
            down = self._by_ssrc.get(report.ssrc)
            if down is None and report.ssrc not in self._by_rtx:
                continue
            round_trip = down.note_report(report, now) if down is not None else None
            if round_trip is not None:
                fell |= self.bandwidth.note_round_trip(round_trip, now)
            share = self._losses.note(report.ssrc, report.highest, report.lost, now)
            if share is not None:
                fell |= self.bandwidth.note_loss(share, max(self._sending(), self._trying), now)
        if fell:
            self._limited(now)

    def _answer_reference(self, block: rtcp.Block, now: float) -> None:
        """A browser that knows its round trip waits so long for retransmissions; else it shows half of the frames."""
        ntp = rtcp.reference_time(block)
        if ntp is not None and self._by_ssrc and now - self._referred_at >= REFERENCE_PERIOD:
            self._referred_at = now
            self.connection.send_rtcp(rtcp.reference_answer(next(iter(self._by_ssrc)), block.ssrc, ntp))

    def _limited(self, now: float) -> None:
        budget = self.bandwidth.budget
        assert budget is not None, "a budget that fell is there"
        self._trying = self._owed = 0.0
        self._ticked_at = now
        self._pace(budget)
        for down in self.down_tracks:
            down.limit_resends(budget * RESEND_SHARE)
        self.allocate(now, urgent=self._sending() > FAR_TOO_MUCH * budget)
        self.on_limited(self)

    def _handle_payload_feedback(self, block: rtcp.Block, now: float) -> None:
        if block.count == rtcp.APPLICATION:
            estimate = rtcp.estimate_of(block)
            if estimate is not None and self.bandwidth.note_estimate(estimate, max(self._sending(), self._trying), now):
                self._limited(now)
            return
        ssrc = block.media_ssrc
        if block.count == rtcp.FIR and len(block.body) >= 12:
            ssrc = int.from_bytes(block.body[8:12], "big")  # RFC 5104 section 4.3.1: the target is in the entry
        elif block.count != rtcp.PLI:
            return
        for slot in self._slots:
            if slot.publication is not None and slot.down is not None and slot.publication.ssrc == ssrc:
                slot.publication.want_key_frame(slot.down)


def _fitting(section: Section, waiting: Sequence[Publication]) -> tuple[Publication, Codec] | None:
    """The first publication that `section` can receive, and the section's codec for it."""
    if section.rejected or not section.receives:
        return None
    for publication in waiting:
        for codec in section.codecs:
            own = canonical(codec)
            if own is not None and own.payload_type == publication.codec.payload_type:
                return publication, codec
    return None


def _unused(section: Section) -> LocalSection:
    return LocalSection(section.kind, section.mid, "inactive", None, section.protocol, " ".join(section.formats))
