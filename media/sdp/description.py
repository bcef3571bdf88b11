"""A remote session description, read into plain values (RFC 8866, RFC 8829, RFC 8843).

Written by us although aiortc has a parser: that one loses rid, simulcast and extension directions, and answers hostile
input with five kinds of exceptions. Here every fault is one BadDescription that names the line, and everything is
bounded.

Pure: text in, values out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from media.errors import BadDescription
from media.sdp.codecs import Codec, clock_rate

__all__ = ["Description", "Section", "Stream", "parse", "MAX_SIZE"]

MAX_SIZE = 128 * 1024
"""Characters; a browser's offer of audio and video is 8,000."""
MAX_SECTIONS = 64
MAX_LINES = 4096
MAX_LAYERS = 3
"""Of a simulcast; further ones are not answered and stay silent."""

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]{1,64}")
_FINGERPRINT = re.compile(r"(sha-256|sha-384|sha-512) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31,63})")
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_RTPMAP = re.compile(r"(\d{1,3}) ([A-Za-z0-9\-_.]{1,32})/(\d{1,8})(?:/(\d))?")
_MEDIA = re.compile(r"([a-z]{1,16}) (\d{1,5})(?:/\d+)? ([A-Za-z0-9/]{1,32})((?: [^ ]{1,32}){1,200})")
_NAMES = {"vp8": "VP8", "vp9": "VP9", "h264": "H264", "av1": "AV1", "opus": "opus"}


@dataclass(slots=True)
class Stream:
    """One SSRC a section announces."""

    ssrc: int
    retransmission: int | None = None
    """SSRC of its RTX (ssrc-group FID)."""


@dataclass(slots=True)
class Section:
    """One m-section."""

    kind: str
    """`audio`, `video`, `application`, or whatever else the line says."""
    port: int
    protocol: str
    formats: list[str]
    mid: str = ""
    direction: str = "sendrecv"
    codecs: list[Codec] = field(default_factory=list)
    """Those we know how to forward, in the remote's order of preference, with their RTX."""
    extensions: dict[str, int] = field(default_factory=dict)
    """URI to id."""
    feedback: set[str] = field(default_factory=set)
    """All feedback any of its codecs offers, such as `nack pli` or `transport-cc`."""
    streams: list[Stream] = field(default_factory=list)
    rids: list[str] = field(default_factory=list)
    """Simulcast layers it sends, in its order."""
    bundled: bool = False
    bundle_only: bool = False
    """Its port is 0 although it is meant: it has no transport but the bundled one (RFC 9143 section 6)."""
    rtcp_mux: bool = False
    sctp_port: int | None = None
    """Of a data channel (RFC 8841)."""
    max_message_size: int = 65_536
    """Bytes of a message that the remote takes; the default is that of RFC 8841 section 6.1."""
    ufrag: str = ""
    password: str = ""
    fingerprint: str = ""
    setup: str = ""

    @property
    def rejected(self) -> bool:
        return self.port == 0 and not (self.bundle_only and self.bundled)

    @property
    def carries_data(self) -> bool:
        """A data channel as browsers make it."""
        if self.kind != "application" or self.protocol != "UDP/DTLS/SCTP" or self.rejected:
            return False
        return "webrtc-datachannel" in self.formats and self.sctp_port is not None

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


@dataclass(slots=True)
class Description:
    """The whole."""

    sections: list[Section]
    fingerprint: str
    """`sha-256 AA:BB...` of the transport that all sections share."""
    ufrag: str
    password: str
    setup: str

    @property
    def makes_us_active(self) -> bool:
        """The remote insists on being the DTLS server (RFC 8842 section 5.3)."""
        return self.setup == "passive"

    def section(self, mid: str) -> Section | None:
        return next((section for section in self.sections if section.mid == mid), None)


def parse(text: str) -> Description:
    """Reads a description. Raises BadDescription."""
    session, groups = _split(text)
    bundle = {mid for line in session if line.startswith("a=group:BUNDLE") for mid in line.split()[1:]}
    sections = [_section(lines, index) for index, lines in enumerate(groups)]
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids):
        raise BadDescription("two sections have the same a=mid")
    for section in sections:
        section.bundled = section.mid in bundle
    shared = Section("session", 9, "", [])
    for line in session:
        _attribute(shared, line, {}, {})
    return _transport(sections, shared)


def _split(text: str) -> tuple[list[str], list[list[str]]]:
    if len(text) > MAX_SIZE:
        raise BadDescription(f"the description has more than {MAX_SIZE} characters")
    if not text.strip():
        raise BadDescription("the description is empty")
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > MAX_LINES:
        raise BadDescription(f"the description has more than {MAX_LINES} lines")
    if lines[0].strip() != "v=0":
        raise BadDescription("the description does not start with v=0")
    session: list[str] = []
    groups: list[list[str]] = []
    for number, line in enumerate(lines, start=1):
        line = line.rstrip()
        if len(line) < 2 or line[1] != "=" or not line.isprintable():
            raise BadDescription(f"line {number} is not a line of SDP")
        if line.startswith("m="):
            groups.append([])
        (groups[-1] if groups else session).append(line)
    if not groups:
        raise BadDescription("the description has no media section")
    if len(groups) > MAX_SECTIONS:
        raise BadDescription(f"the description has more than {MAX_SECTIONS} media sections")
    return session, groups


def _section(lines: list[str], index: int) -> Section:
    match = _MEDIA.fullmatch(lines[0][2:])
    if match is None or int(match[2]) > 65535:
        raise BadDescription(f"this is not a media line: {lines[0][:80]}")
    section = Section(match[1], int(match[2]), match[3], match[4].split())
    section.mid = str(index)
    rtpmaps: dict[int, re.Match[str]] = {}
    fmtps: dict[int, dict[str, str]] = {}
    for line in lines[1:]:
        _attribute(section, line, rtpmaps, fmtps)
    section.codecs = list(_codecs(section, rtpmaps, fmtps))
    return section


def _attribute(
    section: Section, line: str, rtpmaps: dict[int, re.Match[str]], fmtps: dict[int, dict[str, str]]
) -> None:
    """One a= line; unknown ones are passed over (RFC 8866 section 5.13)."""
    if not line.startswith("a="):
        return
    name, _, value = line[2:].partition(":")
    if name in _DIRECTIONS:
        section.direction = name
    elif name == "mid":
        if not _TOKEN.fullmatch(value):
            raise BadDescription("a=mid is not a short token")
        section.mid = value
    elif name == "rtcp-mux":
        section.rtcp_mux = True
    elif name == "bundle-only":
        section.bundle_only = True
    elif name == "sctp-port":
        section.sctp_port = _number(value, 65535)
    elif name == "max-message-size":
        section.max_message_size = _number(value, 0xFFFFFFFF) or 0xFFFFFFFF  # 0 is without limit
    elif name == "ice-ufrag":
        section.ufrag = value[:256]
    elif name == "ice-pwd":
        section.password = value[:256]
    elif name == "setup":
        section.setup = value
    elif name == "fingerprint":
        match = _FINGERPRINT.fullmatch(value.strip().replace("SHA", "sha"))
        if match and (not section.fingerprint or match[1] == "sha-256"):
            section.fingerprint = f"{match[1]} {match[2].upper()}"
    elif name == "rtpmap":
        rtpmap = _RTPMAP.fullmatch(value)
        if rtpmap and int(rtpmap[1]) < 128:
            rtpmaps[int(rtpmap[1])] = rtpmap
    elif name == "fmtp":
        _fmtp(value, fmtps)
    elif name == "rtcp-fb":
        section.feedback.add(value.partition(" ")[2])
    elif name == "extmap":
        _extmap(section, value)
    elif name == "ssrc":
        _stream(section, value.partition(" ")[0])
    elif name == "ssrc-group":
        _group(section, value.split())
    elif name == "rid":
        words = value.split()
        known = len(words) >= 2 and words[1] == "send" and _RID.fullmatch(words[0])
        if known and words[0] not in section.rids and len(section.rids) < MAX_LAYERS:
            section.rids.append(words[0])


def _number(text: str, most: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most else None


def _fmtp(value: str, fmtps: dict[int, dict[str, str]]) -> None:
    number, _, rest = value.partition(" ")
    payload_type = _number(number, 127)
    if payload_type is not None:
        pairs = (part.strip().partition("=") for part in rest.split(";")[:32])
        fmtps[payload_type] = {key.lower(): setting for key, _, setting in pairs if key}


def _extmap(section: Section, value: str) -> None:
    number, _, rest = value.partition(" ")
    identifier = _number(number.partition("/")[0], 255)
    uri = rest.split(" ")[0]
    if identifier and uri:
        section.extensions[uri] = identifier


def _stream(section: Section, text: str) -> Stream | None:
    ssrc = _number(text, 0xFFFFFFFF)
    if ssrc is None:
        return None
    for stream in section.streams:
        if ssrc in (stream.ssrc, stream.retransmission):
            return stream
    if len(section.streams) < 16:
        section.streams.append(Stream(ssrc))
        return section.streams[-1]
    return None


def _group(section: Section, words: list[str]) -> None:
    """`FID primary rtx`: lines may come before or after the a=ssrc lines."""
    if len(words) != 3 or words[0] != "FID":
        return
    rtx = _number(words[2], 0xFFFFFFFF)
    primary = _stream(section, words[1])
    if primary is not None and rtx is not None:
        section.streams = [stream for stream in section.streams if stream.ssrc != rtx]
        primary.retransmission = rtx


def _codecs(section: Section, rtpmaps: dict[int, re.Match[str]], fmtps: dict[int, dict[str, str]]) -> list[Codec]:
    if section.kind not in ("audio", "video"):
        return []
    retransmissions: dict[int, int] = {}
    redundancies: dict[int, int] = {}
    for payload_type, rtpmap in rtpmaps.items():
        if rtpmap[2].lower() == "red" and section.kind == "audio":
            carried = _number(next(iter(fmtps.get(payload_type, {})), "").partition("/")[0], 127)
            if carried is not None and str(payload_type) in section.formats:
                redundancies[carried] = payload_type
        if rtpmap[2].lower() == "rtx":
            apt = _number(fmtps.get(payload_type, {}).get("apt", ""), 127)
            if apt is not None:
                retransmissions[apt] = payload_type
    found = []
    for text in section.formats:
        number = _number(text, 127)
        if number is None or number not in rtpmaps:
            continue
        rtpmap = rtpmaps[number]
        name = _NAMES.get(rtpmap[2].lower())
        if name is None or (name == "opus") != (section.kind == "audio") or int(rtpmap[3]) != clock_rate(name):
            continue
        redundancy = redundancies.get(number)
        found.append(
            Codec(
                section.kind, name, int(rtpmap[3]), int(rtpmap[4] or 1), number, retransmissions.get(number),
                fmtps.get(number, {}), redundancy, _stands_before(redundancy, text, section),
            )
        )  # fmt: skip
    return found


def _stands_before(payload_type: int | None, text: str, section: Section) -> bool:
    return payload_type is not None and section.formats.index(str(payload_type)) < section.formats.index(text)


def _transport(sections: list[Section], session: Section) -> Description:
    """What the bundled sections share; attributes of a section win over those of the session."""
    alive = [section for section in sections if not section.rejected] or sections
    first = alive[0]
    fingerprint = first.fingerprint or session.fingerprint
    ufrag, password = first.ufrag or session.ufrag, first.password or session.password
    if not fingerprint:
        raise BadDescription("there is no a=fingerprint (sha-256, sha-384 or sha-512)")
    if not ufrag or not password:
        raise BadDescription("a=ice-ufrag or a=ice-pwd is missing")
    for section in alive[1:]:
        if section.fingerprint and section.fingerprint != fingerprint:
            raise BadDescription("the sections have different fingerprints: use one bundled transport")
    return Description(sections, fingerprint, ufrag, password, first.setup or session.setup)
