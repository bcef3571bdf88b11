"""The server's own descriptions: answers to publishers and WHEP players, offers to viewers.

Always ICE-lite with all candidates inside, one bundled transport; the passive DTLS side unless the remote insists on
it.

Pure: values in, text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from media.sdp.codecs import Codec

__all__ = [
    "MAX_MESSAGE", "PUBLISHER_FEEDBACK", "VIEWER_FEEDBACK", "Candidate", "Endpoint", "LocalSection", "describe",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where the node can be reached."""

    host: str
    port: int
    tcp: bool = False

    def line(self, index: int) -> str:
        """RFC 8839 section 5.1; a host candidate's priority (RFC 8445 section 5.1.2.1), earlier ones preferred, and UDP
        before TCP, of which we are the passive side (RFC 6544 section 4.2)."""
        if self.tcp:
            priority = 90 << 24 | (4 << 13 | 8191 - index) << 8 | 255
            return f"a=candidate:{index + 1} 1 tcp {priority} {self.host} {self.port} typ host tcptype passive"
        priority = 126 << 24 | (65535 - index) << 8 | 255
        return f"a=candidate:{index + 1} 1 udp {priority} {self.host} {self.port} typ host"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The transport all sections share."""

    ufrag: str
    password: str
    fingerprint: str
    candidates: Sequence[Candidate]
    setup: str = "passive"
    """Our DTLS role in an answer; an offer always says `actpass`."""


@dataclass(slots=True)
class LocalSection:
    """One m-section as the server writes it."""

    kind: str
    mid: str
    direction: str
    codec: Codec | None
    """None rejects the section, unless it is for data."""
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: str = "0"
    """What a rejected section repeats of the remote's media line."""
    extensions: Mapping[str, int] = field(default_factory=dict)
    feedback: Sequence[str] = ()
    rids: Sequence[str] = ()
    """Layers of a simulcast that will be received."""
    ssrc: int | None = None
    retransmission_ssrc: int | None = None
    stream: str = ""
    """The media stream (msid) and cname: what is played together."""
    track: str = ""
    carries_data: bool = False
    """It is for a data channel."""


SCTP_PORT = 5000
MAX_MESSAGE = 16 << 10
"""Bytes of a message on a data channel."""
ENVELOPE = 20
"""Bytes of the publication's id before it."""
PUBLISHER_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc", "goog-remb")
VIEWER_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "rrtr")
"""Without transport-cc a viewer sends a fifth of the RTCP, and an estimate (REMB) all the same."""


def describe(sections: Sequence[LocalSection], endpoint: Endpoint, *, session: int, version: int, offer: bool) -> str:
    """The text of an offer or answer with these sections."""
    lines = ["v=0", f"o=- {session} {version} IN IP4 127.0.0.1", "s=-", "t=0 0"]
    bundle = " ".join(section.mid for section in sections if section.codec is not None or section.carries_data)
    if bundle:  # Chromium refuses an empty group
        lines.append(f"a=group:BUNDLE {bundle}")
    lines += ["a=ice-lite", "a=msid-semantic: WMS *"]
    for section in sections:
        lines += _section(section, endpoint, offer)
    return "\r\n".join(lines) + "\r\n"


def _section(section: LocalSection, endpoint: Endpoint, offer: bool) -> list[str]:
    codec = section.codec
    if section.carries_data:
        return [*_data_section(section, endpoint, offer), *_candidates(endpoint)]
    if codec is None:
        return [
            f"m={section.kind} 0 {section.protocol} {section.formats}",
            "c=IN IP4 0.0.0.0",
            "a=inactive",
            f"a=mid:{section.mid}",
        ]
    numbers = [codec.payload_type]
    if codec.retransmission is not None:
        numbers.append(codec.retransmission)
    if codec.redundancy is not None:  # the order of a publisher's offer decides what it sends
        numbers.insert(0 if codec.prefers_redundancy else 1, codec.redundancy)
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *_transport(section, endpoint, offer),
        f"a={section.direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
    ]
    lines += [f"a=extmap:{number} {uri}" for uri, number in section.extensions.items()]
    lines += _codec(codec, section.feedback)
    if len(section.rids) > 1:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append(f"a=simulcast:recv {';'.join(section.rids)}")
    if section.stream:
        lines.append(f"a=msid:{section.stream} {section.track}")
    if section.ssrc is not None:
        if section.retransmission_ssrc is not None:
            lines.append(f"a=ssrc-group:FID {section.ssrc} {section.retransmission_ssrc}")
        for ssrc in (section.ssrc, section.retransmission_ssrc):
            if ssrc is not None:
                lines.append(f"a=ssrc:{ssrc} cname:{section.stream}")
    return lines + _candidates(endpoint)


def _data_section(section: LocalSection, endpoint: Endpoint, offer: bool) -> list[str]:
    """RFC 8841."""
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        *_transport(section, endpoint, offer),
        f"a=sctp-port:{SCTP_PORT}",
        # A Chromium takes no more than we said that we take; and viewers get messages behind an id.
        f"a=max-message-size:{MAX_MESSAGE + ENVELOPE if offer else MAX_MESSAGE}",
    ]


def _transport(section: LocalSection, endpoint: Endpoint, offer: bool) -> list[str]:
    return [
        f"a=ice-ufrag:{endpoint.ufrag}",
        f"a=ice-pwd:{endpoint.password}",
        f"a=fingerprint:{endpoint.fingerprint}",
        f"a=setup:{'actpass' if offer else endpoint.setup}",
        f"a=mid:{section.mid}",
    ]


def _candidates(endpoint: Endpoint) -> list[str]:
    lines = [candidate.line(index) for index, candidate in enumerate(endpoint.candidates)]
    return [*lines, "a=end-of-candidates"]


def _codec(codec: Codec, feedback: Sequence[str]) -> list[str]:
    number = codec.payload_type
    lines = [f"a=rtpmap:{number} {codec.rtpmap}"]
    if codec.parameters:
        lines.append(f"a=fmtp:{number} {codec.fmtp}")
    lines += [f"a=rtcp-fb:{number} {item}" for item in feedback]
    if codec.redundancy is not None:
        lines.append(f"a=rtpmap:{codec.redundancy} red/{codec.clock}/{codec.channels}")
        lines.append(f"a=fmtp:{codec.redundancy} {number}/{number}")
    if codec.retransmission is not None:
        lines.append(f"a=rtpmap:{codec.retransmission} rtx/{codec.clock}")
        lines.append(f"a=fmtp:{codec.retransmission} apt={number}")
    return lines
