"""A node without a network: the real Sfu over connections that only look at what they are given to send.

Time is virtual, SSRCs are counted, nothing waits for anything: an input does the same wherever it is replayed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from media.errors import BadDescription
from media.forwarding.audience import Audience
from media.interface import MediaEvent
from media.publisher import Publisher
from media.rtp.packets import MAX_DATAGRAM, RtpPacket
from media.sdp.writing import Candidate, Endpoint
from media.sfu import REVIEW, Sfu
from media.transport.peer import Peer
from media.viewer import Viewer

__all__ = ["Stage", "FINGERPRINT", "FIRST_SSRC", "OFFER", "PLAYER", "answer_to", "ext_ids"]

FINGERPRINT = "sha-256 " + ":".join(f"{number:02X}" for number in range(32))
FIRST_SSRC = 0x00C0FFE0
"""The node's SSRCs count from here."""
MAX_PIXELS = 1920 * 1080

_EXTENSIONS = {
    1: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    2: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    3: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    4: "urn:ietf:params:rtp-hdrext:sdes:mid",
    5: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    10: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    11: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    12: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    13: "urn:3gpp:video-orientation",
}


def _section(kind: str, mid: str, direction: str, codecs: str, more: str = "") -> str:
    """Of an offer as Chromium writes it; `codecs` such as `96 VP8/90000 97`."""
    number, name, rtx = codecs.split()
    lines = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}" + (f" {rtx}" if rtx != "-" else ""), "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:Xyz/", "a=ice-pwd:aaaabbbbccccddddeeeeffff", f"a=fingerprint:{FINGERPRINT}", "a=setup:actpass",
        f"a=mid:{mid}", *(f"a=extmap:{identifier} {uri}" for identifier, uri in _EXTENSIONS.items()), f"a={direction}",
        "a=rtcp-mux", "a=rtcp-rsize", f"a=rtpmap:{number} {name}", f"a=rtcp-fb:{number} transport-cc",
        f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli",
    ]  # fmt: skip
    if rtx != "-":
        lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={number}"]
    return "\r\n".join(lines) + "\r\n" + more


_H264 = "a=fmtp:{} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
_LAYERS = "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
_HEAD = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3 4\r\n"
OFFER = _HEAD + "".join(
    (
        _section("audio", "0", "sendonly", "111 opus/48000/2 -"),
        _section("video", "1", "sendonly", "96 VP8/90000 97", _LAYERS),
        _section("video", "2", "sendonly", "98 VP9/90000 99"),
        _section("video", "3", "sendonly", "102 H264/90000 103", _H264.format(102)),
        _section("video", "4", "sendonly", "45 AV1/90000 46", "a=ssrc-group:FID 45 46\r\na=ssrc:45 cname:x\r\n"),
    )
)
"""A publisher with every codec: Opus, VP8 in three layers, VP9, H.264, AV1."""
PLAYER = _HEAD + "".join(
    (
        _section("audio", "0", "recvonly", "120 opus/48000/2 -"),
        _section("video", "1", "recvonly", "121 VP8/90000 122"),
        _section("video", "2", "recvonly", "123 VP9/90000 -"),
        _section("video", "3", "recvonly", "125 H264/90000 126", _H264.format(125)),
        _section("video", "4", "recvonly", "35 AV1/90000 36"),
    )
)
"""A WHEP player with payload types and extension ids of its own."""


def ext_ids() -> dict[str, int]:
    """Id by URI in OFFER."""
    return {uri: number for number, uri in _EXTENSIONS.items()}


def answer_to(offer: str) -> str:
    """What a browser answers to the server's own offer."""
    text = offer.replace("a=sendonly", "a=recvonly").replace("a=setup:actpass", "a=setup:active")
    lines = [line for line in text.split("\r\n") if not line.startswith(("a=candidate", "a=ssrc", "a=fingerprint"))]
    at = next(index for index, line in enumerate(lines) if line.startswith("m="))
    return "\r\n".join([*lines[:at], f"a=fingerprint:{FINGERPRINT}", *lines[at:]])


class _Timer:
    """Stands for asyncio.TimerHandle."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback
        self._when = when

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.callback = None


class _Loop:
    """Stands for the event loop: timers in virtual time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, int, _Timer]] = []
        self._count = count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(self.now + delay, callback)
        heapq.heappush(self._timers, (timer.when(), next(self._count), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Time passes; as in a busy loop, a timer that is due several times runs once."""
        self.now += seconds
        due = []
        while self._timers and self._timers[0][0] <= self.now:
            due.append(heapq.heappop(self._timers)[2])
        for timer in due:
            if timer.callback is not None:
                timer.callback()


class Outbox:
    """Stands for a fan-out: what goes out must be what it says."""

    def submit(
        self,
        audience: Audience,
        packet: bytes,
        picture_at: int = 0,
        base_layer_at: int = 0,
        *,
        is_rtcp: bool = False,
        more: bool = False,
    ) -> None:
        assert len(audience), "a packet for nobody"
        if is_rtcp:
            _check_rtcp(packet)
            return
        start = _check_rtp(packet)
        assert picture_at == 0 or start <= picture_at <= len(packet) - 2, "a picture id outside of the payload"
        assert base_layer_at == 0 or start <= base_layer_at < len(packet), "a tl0picidx outside of the payload"


def _check_rtp(packet: bytes) -> int:
    assert len(packet) <= MAX_DATAGRAM + 2, "longer than a datagram"
    assert packet[0] >> 6 == 2, "not RTP"
    start: int = RtpPacket(bytearray(packet)).payload_start
    return start


def _check_rtcp(packet: bytes) -> None:
    at = 0
    assert len(packet) <= MAX_DATAGRAM, "longer than a datagram"
    while at < len(packet):
        assert packet[at] >> 6 == 2, "not RTCP"
        at += 4 + 4 * int.from_bytes(packet[at + 2 : at + 4], "big")
    assert at == len(packet), "lengths that do not add up"


class Connection:
    """Stands for media.transport.peer.Peer, connected."""

    def __init__(self, outbox: Outbox, now: float) -> None:
        self.on_rtp: Callable[[bytearray, float], None] = lambda data, now: None
        self.on_rtcp: Callable[[bytes, float], None] = lambda data, now: None
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.on_connected: Callable[[], None] = lambda: None
        self.on_moved: Callable[[], None] = lambda: None
        self.on_closed: Callable[[str], None] = lambda reason: None
        self.fan_out = outbox
        self.transmit_context: Any = None
        self.transmit_pointer = 0
        self.name = SimpleNamespace(pointer=0)
        self.srtp: Any = True
        self.last_seen = now
        self.closed = False
        self.remote_fingerprint: str | None = None

    def start(self, fingerprint: str, *, active: bool) -> None:
        if self.remote_fingerprint not in (None, fingerprint):
            raise BadDescription("the fingerprint changed")
        self.remote_fingerprint = fingerprint

    def open_data(self, remote_port: int, most: int) -> bool:
        return True

    def send_data(self, message: bytes) -> None:
        """Nobody listens."""

    def send_rtp(self, packet: bytes) -> None:
        _check_rtp(packet)

    def send_rtcp(self, packet: bytes) -> None:
        _check_rtcp(packet)

    def close(self, reason: str) -> None:
        if not self.closed:
            self.closed = True
            self.on_closed(reason)


class _Node(Sfu):
    """The real one but for its ports, peers and random numbers."""

    def __init__(self, loop: _Loop, listener: Callable[[MediaEvent], None]) -> None:
        super().__init__(listener=listener, clock=loop.time, fan_out="pure")
        self._loop = cast(Any, loop)
        self._outbox = Outbox()
        self._next_ssrc = FIRST_SSRC

    def _peer(self) -> tuple[Peer, Endpoint]:
        connection = Connection(self._outbox, self._loop.time())
        endpoint = Endpoint("ours", "p" * 24, FINGERPRINT, [Candidate("192.0.2.1", 8080)])
        return cast(Peer, connection), endpoint

    def new_ssrc(self) -> int:
        self._next_ssrc += 1
        self._ssrcs.add(self._next_ssrc)
        return self._next_ssrc

    def review(self) -> None:
        """What the task of the same name does."""
        for publisher in list(self._publishers.values()):
            for publication in publisher.by_mid.values():
                if len(publication.layers) > 1:
                    self._review_layers(publisher, publication, self._loop.time())


class Stage:
    """A node with a publisher of everything, a viewer who took the server's offer, and a WHEP player."""

    def __init__(self) -> None:
        self.loop = _Loop()
        self.sfu = _Node(self.loop, self._hear)
        self._reviewed_at = 0.0
        self.publisher: Publisher = self.sfu.publish(OFFER, {}, max_pixels=MAX_PIXELS)
        self.ids = [view.id for view in self.publisher.publications]
        self.viewer: Viewer = self.sfu.view()
        self.viewer.want(self.ids)
        made = self.viewer.offer()
        assert made is not None
        assert not self.viewer.accept(made[0], answer_to(made[1]))
        self.player: Viewer = self.sfu.play(PLAYER, self.ids)
        for peer in (self.publisher, self.viewer, self.player):
            peer.connection.on_connected()

    @property
    def now(self) -> float:
        return self.loop.now

    def advance(self, seconds: float) -> None:
        self.loop.advance(seconds)
        if self.now - self._reviewed_at >= REVIEW:
            self._reviewed_at = self.now
            self.sfu.review()

    def close(self) -> None:
        for peer in (self.publisher, self.viewer, self.player):
            peer.close("done")
        left = self.sfu.statistics()
        assert not any(left.values()), f"something is left behind: {left}"

    def _hear(self, event: MediaEvent) -> None:
        """The conductor would tell somebody."""
