"""Session descriptions: what browsers say, what hostile ones say, and what the server writes."""

from __future__ import annotations

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from media.errors import BadDescription
from media.sdp import codecs
from media.sdp.codecs import Codec, canonical
from media.sdp.description import MAX_SIZE, parse
from media.sdp.writing import Candidate, Endpoint, LocalSection, describe

FINGERPRINT = "sha-256 " + ":".join(f"{number:02X}" for number in range(32))
CHROMIUM = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
a=msid-semantic: WMS stream
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:Xyz/
a=ice-pwd:aaaabbbbccccddddeeeeffff
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:stream audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10; useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=ssrc:1001 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 35
c=IN IP4 0.0.0.0
a=ice-ufrag:Xyz/
a=ice-pwd:aaaabbbbccccddddeeeeffff
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:1
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:35 H266/90000
a=ssrc-group:FID 2001 2002
a=ssrc:2001 cname:x
a=ssrc:2002 cname:x
a=rid:q send
a=rid:h send
a=simulcast:send q;h
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
""".replace("\n", "\r\n")


def test_what_chromium_offers() -> None:
    description = parse(CHROMIUM)
    audio, video, data = description.sections

    assert (description.ufrag, description.fingerprint) == ("Xyz/", FINGERPRINT)
    assert (audio.kind, audio.mid, audio.sends, audio.receives, audio.bundled) == ("audio", "0", True, False, True)
    assert [codec.name for codec in audio.codecs] == ["opus"]
    assert audio.codecs[0].parameters == {"minptime": "10", "useinbandfec": "1"}
    assert audio.extensions["urn:ietf:params:rtp-hdrext:sdes:mid"] == 4
    assert [(codec.name, codec.payload_type, codec.retransmission) for codec in video.codecs] == [
        ("VP8", 96, 97), ("H264", 103, 104),
    ]  # fmt: skip
    assert [(stream.ssrc, stream.retransmission) for stream in video.streams] == [(2001, 2002)]
    assert video.rids == ["q", "h"]
    assert {"transport-cc", "nack pli"} <= video.feedback
    assert data.kind == "application"
    assert data.codecs == []


@pytest.mark.parametrize(
    ("change", "rejected"),
    [
        ("a=mid:1", True),
        ("a=mid:1\r\na=bundle-only", False),
        ("a=mid:3\r\na=bundle-only", True),  # not in the group: it has no transport at all
    ],
)
def test_port_zero_is_a_refusal_unless_the_bundle_is_the_only_transport(change: str, rejected: bool) -> None:
    """Firefox offers so under max-bundle (RFC 9143 section 6); Chromium gives every section a port."""
    video = parse(CHROMIUM.replace("m=video 9", "m=video 0").replace("a=mid:1", change)).sections[1]

    assert video.rejected is rejected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("x" * (MAX_SIZE + 1), "characters"),
        ("v=0\r\ns=-\r\n", "no media section"),
        (CHROMIUM.replace("a=fingerprint", "a=nothing"), "fingerprint"),
        (CHROMIUM.replace("a=ice-pwd", "a=nothing"), "ice-pwd"),
        (CHROMIUM.replace("a=mid:1", "a=mid:0"), "same a=mid"),
        (CHROMIUM.replace("v=0", "v=1"), "v=0"),
        (CHROMIUM.replace("t=0 0", "t"), "line 4"),
        (CHROMIUM.replace("m=audio 9", "m=audio 99999"), "media line"),
        ("v=0\r\n" + "m=audio 9 X 0\r\n" * 65, "sections"),
        ("v=0\r\n" + "a=x\r\n" * 5000 + "m=audio 9 X 0\r\n", "lines"),
        (CHROMIUM.replace(FINGERPRINT, FINGERPRINT[:-2] + "FF", 1), "different fingerprints"),
    ],
)
def test_what_cannot_be_used_is_one_error_that_says_why(text: str, reason: str) -> None:
    with pytest.raises(BadDescription, match=reason):
        parse(text)


LINES = CHROMIUM.split("\r\n")
CHANGE = st.tuples(
    st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "double", "cut", "text"]), st.text(max_size=30)
)


@given(st.lists(CHANGE, max_size=6))
def test_a_mangled_offer_is_read_or_refused(changes: list[tuple[int, str, str]]) -> None:
    lines = list(LINES)
    for at, change, text in changes:
        line = lines[at]
        lines[at] = {
            "drop": "",
            "double": line + "\r\n" + line,
            "cut": line[: len(line) // 2],
            "text": line[:8] + text,
        }[change]
    try:
        parse("\r\n".join(line for line in lines if line))
    except BadDescription:
        pass


def test_every_configuration_has_payload_types_of_its_own() -> None:
    numbers = [number for pair in codecs._NUMBERS.values() for number in pair if number is not None]

    assert len(set(numbers)) == len(numbers)
    assert all(35 <= number <= 127 and not 64 <= number <= 95 for number in numbers)  # RFC 5761 section 4


@pytest.mark.parametrize(
    ("name", "parameters", "known"),
    [
        ("VP8", {}, True), ("VP9", {"profile-id": "2"}, True), ("VP9", {"profile-id": "1"}, False), ("AV1", {}, True),
        ("H264", {"profile-level-id": "42E01F", "packetization-mode": "1"}, True),
        ("H264", {"profile-level-id": "640C1F"}, True), ("H264", {"profile-level-id": "7a0010"}, False),
    ],
)  # fmt: skip
def test_what_has_no_number_is_not_forwarded(name: str, parameters: dict[str, str], known: bool) -> None:
    codec = Codec("video", name, 90000, 1, 120, None, parameters)

    assert (canonical(codec) is not None) == known


def test_what_is_written_is_what_was_meant() -> None:
    vp8 = canonical(Codec("video", "VP8", 90000, 1, 120, 121))
    endpoint = Endpoint("ours", "p" * 24, FINGERPRINT, [Candidate("192.0.2.1", 8080), Candidate("2001:db8::1", 8080)])
    sections = [
        LocalSection("video", "v", "sendonly", vp8, feedback=("nack", "nack pli"), ssrc=7, retransmission_ssrc=8,
                     stream="up_1", track="pub_1"),
        LocalSection("application", "d", "inactive", None, "UDP/DTLS/SCTP", "webrtc-datachannel"),
    ]  # fmt: skip
    text = describe(sections, endpoint, session=1, version=2, offer=True)

    read = parse(text)
    video, data = read.sections
    assert (read.ufrag, read.fingerprint, read.setup) == ("ours", FINGERPRINT, "actpass")
    assert [(codec.payload_type, codec.retransmission) for codec in video.codecs] == [(96, 97)]
    assert [(stream.ssrc, stream.retransmission) for stream in video.streams] == [(7, 8)]
    assert video.bundled
    assert data.rejected
    assert not data.bundled
    theirs = SessionDescription.parse(text)
    assert theirs.media[0].direction == "sendonly"
    assert theirs.media[0].ice.iceLite
    assert [candidate.ip for candidate in theirs.media[0].ice_candidates] == ["192.0.2.1", "2001:db8::1"]


def test_a_description_of_rejected_sections_has_no_group() -> None:
    endpoint = Endpoint("ours", "p" * 24, FINGERPRINT, [])

    text = describe([LocalSection("audio", "0", "inactive", None)], endpoint, session=1, version=1, offer=False)
    assert "BUNDLE" not in text
