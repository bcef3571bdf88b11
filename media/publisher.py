"""A peer that sends: whose packet is it, and what feedback does its browser need.

Packets are routed by SSRC, learnt from the description, from the MID extension, or from the payload type. Once a tick
the publisher is told what arrived (transport-cc, else REMB), what is missing (NACK), how it went (RR), and whether a
key frame is wanted (PLI).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from media.drops import Drop, Drops
from media.errors import BadDescription, UnsupportedCodec
from media.forwarding.messages import Allowance
from media.forwarding.publication import Publication
from media.forwarding.timeline import Timeline
from media.forwarding.up_track import UpTrack
from media.interface import PublicationView
from media.published import Published, Registry, ntp_of
from media.rtp import rtcp
from media.rtp.arrivals import Arrivals
from media.rtp.packets import PacketError, RtpPacket
from media.rtp.receive_estimate import ReceiveEstimate
from media.sdp.codecs import (
    ABS_SEND_TIME,
    DEPENDENCY_DESCRIPTOR,
    EXTENSION_IDS,
    KEPT,
    MID,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
    Codec,
    canonical,
)
from media.sdp.description import Description, Section, parse
from media.sdp.writing import PUBLISHER_FEEDBACK, Endpoint, LocalSection, describe
from media.transport.peer import Peer

__all__ = ["Publisher"]

MAX_STREAMS = 32
"""SSRCs of one peer: each costs libsrtp memory."""
MAX_TRACKS = 8
START_KBPS = "1200"
"""Kilobits per second a Chromium starts at, before feedback."""
FORGIVEN = 600_000.0
"""Bits per second below which loss alone is not told to a publisher: it would take it for congestion, and go down to
30 kbit/s, where nothing can be retransmitted. That a way is narrow shows in lateness as well."""
LATE = 0.25
"""Seconds."""
MUCH = 0.5
"""Fraction lost that is told whatever the reason."""
REPORT_PERIOD = 1.0


@dataclass(slots=True)
class _Route:
    publication: Publication
    layer: UpTrack
    is_retransmission: bool


class Publisher(Published):
    """One sending peer."""

    def __init__(
        self,
        identifier: str,
        peer: Peer,
        endpoint: Endpoint,
        drops: Drops,
        registry: Registry,
        clock: Callable[[], float],
        group: str = "",
    ) -> None:
        super().__init__(identifier, registry, group)

        # identity
        self.connection = peer
        self._endpoint = endpoint
        self._session = secrets.randbits(62)
        self._version = 0
        self.answer = ""

        # tracks
        self._routes: dict[int, _Route] = {}
        self._data: PublicationView | None = None  # its messages, while it has a data channel
        self._allowance = Allowance(clock())

        # feedback
        self.feedback_ssrc = registry.new_ssrc()
        self._ids = [0] * 256  # remote extension id -> ours
        self._layer_ids = [0] * 256  # the same for layers of a simulcast
        self._mid_id = self._rid_id = self._repaired_rid_id = 0
        self._transport_cc_id = 0
        self._arrivals = Arrivals()
        self._estimate = ReceiveEstimate()
        self._round_trip = 0.0  # seconds, 0 for unknown
        self._report_at = 0.0
        self._feedback_at = 0.0

        self._drops = drops
        self._clock = clock
        peer.on_rtp = self._handle_rtp
        peer.on_rtcp = self._handle_rtcp
        peer.on_data = self._handle_data

    @property
    def publications(self) -> Sequence[PublicationView]:
        views = super().publications
        return [*views, self._data] if self._data is not None else views

    def renegotiate(self, offer: str, sources: Mapping[str, str]) -> None:
        """See media.interface.Publishing. Tracks whose section stopped sending end; the others stay as they are."""
        remote = parse(offer)
        agreed = self._agree(remote)
        self.connection.start(remote.fingerprint, active=remote.makes_us_active)
        if remote.makes_us_active:
            self._endpoint = replace(self._endpoint, setup="active")
        self._learn_extensions(remote)
        for mid in list(self.by_mid):
            if mid not in agreed:
                self._end(mid)
        for mid, codec in agreed.items():
            section = remote.section(mid)
            assert section is not None
            if mid not in self.by_mid:
                self._begin(section, codec, sources.get(mid, "microphone" if section.kind == "audio" else "camera"))
            self._learn_streams(section, self.by_mid[mid])
        self._agree_on_data(remote)
        self._version += 1
        self.answer = describe(
            [self._local(section, agreed.get(section.mid)) for section in remote.sections],
            self._endpoint,
            session=self._session,
            version=self._version,
            offer=False,
        )

    def continues(self, offer: str) -> bool:
        """See media.interface.Publishing."""
        try:
            return parse(offer).fingerprint == self.connection.remote_fingerprint
        except BadDescription:
            return False

    @property
    def last_seen(self) -> float:
        return self.connection.last_seen

    def close(self, reason: str) -> None:
        self.connection.close(reason)

    @property
    def connected(self) -> bool:
        return self.connection.srtp is not None

    def expired(self, now: float) -> str | None:
        return self.connection.expired(now)

    def end_all(self) -> None:
        super().end_all()
        self._registry.free_ssrc(self.feedback_ssrc)

    # Descriptions

    def _agree(self, remote: Description) -> dict[str, Codec]:
        """The codec of each section that will be received: the remote's first that can be forwarded."""
        agreed: dict[str, Codec] = {}
        for section in remote.sections:
            if section.rejected or not section.sends or section.kind not in ("audio", "video"):
                continue
            if not section.rtcp_mux:
                raise BadDescription(f"section {section.mid} lacks a=rtcp-mux")
            if section.mid not in remote_bundle(remote):
                raise BadDescription(f"section {section.mid} is not in the BUNDLE group")
            codec = next((codec for codec in section.codecs if canonical(codec) is not None), None)
            if codec is None:
                raise UnsupportedCodec(f"section {section.mid} ({section.kind}) offers no codec that can be forwarded")
            agreed[section.mid] = codec
        if not agreed:
            raise UnsupportedCodec("the offer sends neither audio nor video")
        if len(agreed) > MAX_TRACKS:
            raise UnsupportedCodec(f"the offer sends more than {MAX_TRACKS} tracks")
        return agreed

    def _agree_on_data(self, remote: Description) -> None:
        """Takes the first data channel that is offered; there can be one."""
        section = next((section for section in remote.sections if section.carries_data and section.bundled), None)
        opened = (
            section is not None
            and section.sctp_port is not None
            and self.connection.open_data(section.sctp_port, section.max_message_size)
        )
        if section is None or not opened:
            self._data = None
        elif self._data is None:
            identifier = f"pub_{secrets.token_hex(8)}"
            self._data = PublicationView(identifier, section.mid, "data", "data", "", 0, 0, False)

    def _local(self, section: Section, codec: Codec | None) -> LocalSection:
        if self._data is not None and section.mid == self._data.mid:
            return LocalSection("application", section.mid, "sendrecv", None, carries_data=True)
        if codec is None:
            return LocalSection(
                section.kind, section.mid, "inactive", None, section.protocol, " ".join(section.formats)
            )
        wanted = (*KEPT[section.kind], MID, RID, REPAIRED_RID, TRANSPORT_CC, ABS_SEND_TIME)
        feedback = [item for item in PUBLISHER_FEEDBACK if item in section.feedback]
        if "transport-cc" in feedback and "goog-remb" in feedback:
            feedback.remove("goog-remb")
        return LocalSection(
            section.kind,
            section.mid,
            "recvonly",
            replace(codec, parameters=_answered_parameters(codec)),
            extensions={uri: number for uri, number in section.extensions.items() if uri in wanted},
            feedback=feedback,
            rids=section.rids,
        )

    def _learn_extensions(self, remote: Description) -> None:
        for section in remote.sections:
            for uri, number in section.extensions.items():
                if uri in EXTENSION_IDS and uri in KEPT.get(section.kind, ()):
                    self._ids[number] = EXTENSION_IDS[uri]
                    # Its frame numbers are one layer's own, and a viewer who changes the layer would stumble over them.
                    self._layer_ids[number] = 0 if uri == DEPENDENCY_DESCRIPTOR else EXTENSION_IDS[uri]
                elif uri == MID:
                    self._mid_id = number
                elif uri == RID:
                    self._rid_id = number
                elif uri == REPAIRED_RID:
                    self._repaired_rid_id = number
                elif uri == TRANSPORT_CC and "transport-cc" in section.feedback:
                    self._transport_cc_id = number

    def _begin(self, section: Section, received: Codec, source: str) -> None:
        sent = canonical(received)
        assert sent is not None, "_agree lets only codecs through that have a number of ours"
        ssrc = self._registry.new_ssrc()
        if len(section.rids) > 1:
            timeline = Timeline(sent.clock)
            layers = [
                UpTrack(received, sent, ssrc, self._layer_ids, self._drops, rid=rid, clock=timeline.layer())
                for rid in section.rids
            ]
        else:
            layers = [UpTrack(received, sent, ssrc, self._ids, self._drops, rid="".join(section.rids))]
        identifier = f"pub_{secrets.token_hex(8)}"
        publication = Publication(identifier, source, self.peer, layers, self._registry.new_ssrc(), self._group)
        publication.ask_key_frame = self._ask_key_frames
        publication.ask_layers = self._ask_layers
        self._adopt(section.mid, publication)

    def _end(self, mid: str) -> None:
        publication = self.by_mid[mid]
        self._routes = {ssrc: route for ssrc, route in self._routes.items() if route.publication is not publication}
        super()._end(mid)

    def _learn_streams(self, section: Section, publication: Publication) -> None:
        if len(publication.layers) > 1:
            return  # layers of a simulcast come with rid, not with several SSRCs
        layer = publication.layers[0]
        for stream in section.streams[:1]:
            self._routes[stream.ssrc] = _Route(publication, layer, False)
            layer.remote_ssrc = stream.ssrc
            if stream.retransmission is not None:
                self._routes[stream.retransmission] = _Route(publication, layer, True)

    # Packets

    def _handle_rtp(self, data: bytearray, now: float) -> None:
        try:
            packet = RtpPacket(data)
        except PacketError:
            self._drops.count(Drop.BAD_RTP)
            return
        elements = packet.extensions() if packet.extension_kind else []
        self._estimate.received(len(data), now)
        self._note_arrival(packet, elements, now)
        route = self._routes.get(packet.ssrc) or self._learn(packet, elements)
        if route is None:
            return
        publication, up = route.publication, route.layer
        if route.is_retransmission:
            original = up.unwrap_retransmission(packet)
            if original is None:
                return
            packet = original
            elements = packet.extensions() if packet.extension_kind else []
        forwarded = up.receive(packet, elements, now)
        if up.losses:
            self._registry.hurry()
        if up.width and (forwarded is None or forwarded.starts_key_frame):
            self._notice_picture(publication)
        if forwarded is not None:
            publication.forward(up, forwarded)

    def _note_arrival(self, packet: RtpPacket, elements: Sequence[tuple[int, int, int]], now: float) -> None:
        wanted = self._transport_cc_id
        if wanted:
            for number, start, length in elements:
                if number == wanted and length == 2:
                    self._arrivals.arrived(packet.data[start] << 8 | packet.data[start + 1], now)

    def _learn(self, packet: RtpPacket, elements: Sequence[tuple[int, int, int]]) -> _Route | None:
        """Whose stream a new SSRC is: by MID and RID, sent until our first report; else by a payload type of one."""
        if len(self._routes) >= MAX_STREAMS:
            self._drops.count(Drop.TOO_MANY_STREAMS)
            return None
        named = {
            number: packet.data[start : start + length].decode("ascii", "replace") for number, start, length in elements
        }
        publication = self.by_mid.get(named.get(self._mid_id, ""))
        if publication is None:
            owners = [owner for owner in self.by_mid.values() if owner.layers[0].uses(packet.payload_type)]
            publication = owners[0] if len(owners) == 1 else None
        layer = None
        if publication is not None:
            rid = named.get(self._rid_id) or named.get(self._repaired_rid_id)
            found = [layer for layer in publication.layers if len(publication.layers) == 1 or layer.rid == rid]
            layer = found[0] if found else None
        if publication is None or layer is None:
            self._drops.count(Drop.UNKNOWN_STREAM)
            return None
        route = _Route(publication, layer, layer.is_retransmission(packet.payload_type))
        if not route.is_retransmission:
            layer.remote_ssrc = packet.ssrc
        self._routes[packet.ssrc] = route
        return route

    def _handle_rtcp(self, data: bytes, now: float) -> None:
        for block in rtcp.blocks(data):
            if block.kind == rtcp.SR:
                report = rtcp.sender_report(block)
                route = self._routes.get(block.ssrc)
                if report is not None and route is not None and not route.is_retransmission:
                    route.publication.forward_rtcp(route.layer, route.layer.handle_sender_report(report, now))
            elif block.kind == rtcp.EXTENDED:
                self._note_round_trip(block, now)

    def _note_round_trip(self, block: rtcp.Block, now: float) -> None:
        since = rtcp.since_reference(block, self.feedback_ssrc)
        if since is None:
            return
        middle, delay = since
        passed = (rtcp.compact_ntp(ntp_of(now)) - middle - delay) & 0xFFFFFFFF
        if passed < 10 * 65536:  # else it is none of ours
            self._round_trip = passed / 65536
            for layer in self._layers():
                layer.losses.round_trip = self._round_trip

    def _handle_data(self, message: bytes) -> None:
        if self._data is None:
            return
        if not self._allowance.take(len(message), self._clock()):
            self._drops.count(Drop.DATA_RATE)
            return
        self._registry.message_came(self, self._data.id.encode() + message)

    # Feedback

    def tick(self, now: float, feedback_period: float) -> None:
        for layer in self._layers():
            layer.measure(now)
        for publication in self.by_mid.values():
            publication.serve_ignored(now)
        due = self._missing(now) + self._wanted_key_frames(now)
        if now - self._feedback_at >= feedback_period and self._transport_cc_id:
            self._feedback_at = now
            forgiving = self._loses_by_chance(now)
            due += self._arrivals.feedbacks(self.feedback_ssrc, next(iter(self._routes), 0), forgiving=forgiving)
        if now - self._report_at >= REPORT_PERIOD:
            self._report_at = now
            due += self._reports(now)
        for packet in due:
            self.connection.send_rtcp(packet)

    @property
    def misses_packets(self) -> bool:
        return any(layer.losses for layer in self._layers())

    def _ask_key_frames(self) -> None:
        for packet in self._wanted_key_frames(self._clock()):
            self.connection.send_rtcp(packet)

    def _loses_by_chance(self, now: float) -> bool:
        """Whether what is lost now says nothing of the rate: little is sent, and nothing waits on the way."""
        layers = [layer for layer in self._layers() if layer.flowing(now)]
        return (
            sum(layer.bits_per_second for layer in layers) < FORGIVEN
            and max((layer.lateness for layer in layers), default=0.0) < LATE
            and max((layer.loss for layer in layers), default=0.0) < MUCH
        )

    def _ask_layers(self, publication: Publication) -> None:
        self._registry.layers_wanted(self, publication)

    def _missing(self, now: float) -> list[bytes]:
        packets = []
        for up in self._layers():
            numbers = up.missing(now)
            if numbers and up.remote_ssrc is not None:
                packets.append(rtcp.nack(self.feedback_ssrc, up.remote_ssrc, numbers))
        return packets

    def _wanted_key_frames(self, now: float) -> list[bytes]:
        return [
            rtcp.key_frame_request(self.feedback_ssrc, up.remote_ssrc)
            for up in self._layers()
            if up.remote_ssrc is not None
            and self.connection.srtp is not None
            and up.flowing(now)  # for a layer that rests, a browser makes key frames of all others
            and up.key_frames.due(now, cost=up.key_frame_cost, lossy=up.lossy)
        ]

    def _reports(self, now: float) -> list[bytes]:
        """A browser answers a request for the same packet once in a round trip, as it knows it. On a lossy way, where
        more than one answer is needed, it is made to believe in a short one."""
        hidden = self._round_trip if any(layer.lossy for layer in self._layers()) else 0.0
        blocks = [report for layer in self._layers() if (report := layer.report(now, hidden))]
        if not blocks:
            return []
        packet = rtcp.receiver_report(self.feedback_ssrc, blocks) + rtcp.source_description(self.feedback_ssrc, "tally")
        packet += rtcp.reference_request(self.feedback_ssrc, ntp_of(now))
        if not self._transport_cc_id:
            worst = max(block.fraction_lost for block in blocks) / 256
            bits = self._estimate.update(now, worst)
            packet += rtcp.estimate(self.feedback_ssrc, bits, [block.ssrc for block in blocks])
        return [packet]


def remote_bundle(remote: Description) -> set[str]:
    """The mids of the bundled transport; a single section needs no group."""
    bundled = {section.mid for section in remote.sections if section.bundled}
    return bundled or {section.mid for section in remote.sections[:1]}


def _answered_parameters(codec: Codec) -> Mapping[str, str]:
    """What the answer repeats of the offered fmtp: what the sender must keep to; and where a Chromium starts.

    Without a start bitrate Chromium begins a 720p camera at 320x180 and stays small for many seconds.
    """
    kept = ("profile-level-id", "packetization-mode", "level-asymmetry-allowed", "profile-id", "profile",
            "minptime", "useinbandfec", "stereo", "sprop-stereo")  # fmt: skip
    answered = {key: value for key, value in codec.parameters.items() if key in kept}
    if codec.kind == "video":
        answered["x-google-start-bitrate"] = START_KBPS
    return answered
