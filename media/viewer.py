"""A peer that receives: which section of its description carries which publication, and what its browser reports.

The server makes the offers, one at a time: what changes while an answer is due goes into the next one. A section keeps
its publication, its SSRC and its mid; when the publication is no longer wanted the section is made inactive and may be
given to another publication of the same kind. A WHEP player made the offer itself: then `play` answers it, once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from media.drops import Drops
from media.errors import BadDescription, MediaRefused, UnsupportedCodec
from media.forwarding.down_track import DownTrack
from media.forwarding.formats import WireFormat
from media.forwarding.publication import Publication
from media.interface import StreamOffer
from media.rtp import rtcp
from media.sdp.codecs import EXTENSION_IDS, KEPT, Codec, canonical
from media.sdp.description import Section, parse
from media.sdp.writing import VIEWER_FEEDBACK, Endpoint, LocalSection, describe
from media.transport.peer import Peer

__all__ = ["Viewer"]

MAX_SECTIONS = 60


@dataclass(slots=True)
class _Slot:
    """One m-section of the viewer's description, for the life of its connection."""

    mid: str
    kind: str
    codec: Codec
    publication: Publication | None
    extensions: dict[str, int]
    down: DownTrack | None = None
    """There once the viewer agreed."""
    rejected: bool = False


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
        self._find = find
        self._revision = 0
        self._offered: list[Publication | None] | None = None  # by slot, while an answer is due
        self._settled: list[str | None] = []  # publication ids by slot, as last agreed

        # tracks
        self._by_ssrc: dict[int, DownTrack] = {}
        self._resume_at: dict[str, int] = {}
        self._connected = False
        self._drops = drops
        self.estimate: int | None = None
        """Bits per second this viewer believes it can receive (REMB)."""
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
        self._attach_all()

    @property
    def last_seen(self) -> float:
        return self.connection.last_seen

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
            if publication is None or slot.publication is not publication:
                continue
            if section.rejected or not section.receives:
                rejected.append(publication.id)
                slot.rejected = section.rejected
                self._drop(slot)
                self._wanted.remove(publication.id)
            elif slot.down is None:
                slot.down = self._down(slot, publication, WireFormat.own(slot.codec), section)
        self._settled = [publication.id if publication is not None else None for publication in offered]
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
            slot = _Slot(section.mid, section.kind, codec, publication, kept)
            slot.down = self._down(slot, publication, WireFormat.of(codec, kept), section)
            self._slots.append(slot)
            sections.append(self._local(slot))
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
            codec = publication.up.codec
            extensions = {uri: EXTENSION_IDS[uri] for uri in KEPT[codec.kind]}
            free = next(
                (slot for slot in self._slots if slot.publication is None and slot.kind == codec.kind
                 and not slot.rejected),
                None,
            )  # fmt: skip
            if free is not None:
                free.publication, free.codec = publication, codec
            elif len(self._slots) < MAX_SECTIONS:
                self._slots.append(_Slot(str(len(self._slots)), codec.kind, codec, publication, extensions))

    def _drop(self, slot: _Slot) -> None:
        publication, down = slot.publication, slot.down
        slot.publication = slot.down = None
        if publication is not None and down is not None:
            publication.detach(down)
            self._by_ssrc.pop(publication.up.ssrc, None)
            following = down.next_number
            if following is not None and not publication.ended:
                self._resume_at[publication.id] = following

    def _down(self, slot: _Slot, publication: Publication, wire: WireFormat, section: Section) -> DownTrack:
        offered_rtx = any(codec.retransmission is not None for codec in section.codecs)
        if not offered_rtx:
            wire = WireFormat(wire.payload_type, None, wire.ids)
        down = DownTrack(
            publication.up, self.connection, wire, publication.rtx_ssrc, self._drops,
            self._resume_at.get(publication.id),
        )  # fmt: skip
        self._by_ssrc[publication.up.ssrc] = down
        return down

    def _attach_all(self) -> None:
        for slot in self._slots:
            if slot.down is not None and slot.publication is not None:
                slot.publication.attach(slot.down, self.connection)

    def _describe(self, *, offer: bool) -> str:
        sections = [
            LocalSection(slot.kind, slot.mid, "inactive", None) if slot.rejected else self._local(slot)
            for slot in self._slots
        ]
        return describe(sections, self._endpoint, session=self._session, version=self._revision, offer=offer)

    def _local(self, slot: _Slot) -> LocalSection:
        publication = slot.publication
        section = LocalSection(
            slot.kind,
            slot.mid,
            "sendonly" if publication is not None else "inactive",
            slot.codec,
            extensions=slot.extensions,
            feedback=VIEWER_FEEDBACK if slot.kind == "video" else (),
        )
        if publication is not None:
            section.ssrc = publication.up.ssrc
            section.retransmission_ssrc = publication.rtx_ssrc if slot.codec.retransmission is not None else None
            section.stream, section.track = publication.stream, publication.id
        return section

    # Reports

    def _handle_rtcp(self, data: bytes, now: float) -> None:
        for block in rtcp.blocks(data):
            if block.kind == rtcp.TRANSPORT_FEEDBACK and block.count == rtcp.NACK:
                down = self._by_ssrc.get(block.media_ssrc)
                if down is not None:
                    down.resend(rtcp.nack_numbers(block), now)
            elif block.kind == rtcp.PAYLOAD_FEEDBACK:
                self._handle_payload_feedback(block)

    def _handle_payload_feedback(self, block: rtcp.Block) -> None:
        if block.count == rtcp.APPLICATION:
            estimate = rtcp.estimate_of(block)
            self.estimate = estimate if estimate is not None else self.estimate
            return
        ssrc = block.media_ssrc
        if block.count == rtcp.FIR and len(block.body) >= 12:
            ssrc = int.from_bytes(block.body[8:12], "big")  # RFC 5104 section 4.3.1: the target is in the entry
        elif block.count != rtcp.PLI:
            return
        for slot in self._slots:
            if slot.publication is not None and slot.publication.up.ssrc == ssrc:
                slot.publication.want_key_frame()


def _fitting(section: Section, waiting: Sequence[Publication]) -> tuple[Publication, Codec] | None:
    """The first publication that `section` can receive, and the section's codec for it."""
    if section.rejected or not section.receives:
        return None
    for publication in waiting:
        for codec in section.codecs:
            own = canonical(codec)
            if own is not None and own.payload_type == publication.up.codec.payload_type:
                return publication, codec
    return None


def _unused(section: Section) -> LocalSection:
    return LocalSection(section.kind, section.mid, "inactive", None, section.protocol, " ".join(section.formats))
