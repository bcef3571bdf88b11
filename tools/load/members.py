"""A publisher that sends clips as a browser would, and a viewer that counts what it gets and complains as one would."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct, unpack_from

import aiohttp

from media.rtp import rtcp
from media.rtp.history import History
from media.rtp.packets import PacketError, RtpPacket
from tools.load import clips
from tools.load.peer import ClientPeer
from tools.load.reception import Reception
from tools.load.session import Session

__all__ = ["Sender", "SentAt", "Watcher"]

PAYLOAD_TYPES = {"opus": 111, "VP8": 96, "H264": 102}
_CODECS = {number: codec for codec, number in PAYLOAD_TYPES.items()}
_FORMATS = {
    "opus": "opus/48000/2",
    "VP8": "VP8/90000",
    "H264": "H264/90000",
}
_H264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
_MID, _RID, _LEVEL, _TRANSPORT = 4, 10, 1, 3
_EXTENSIONS = {
    _LEVEL: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    _TRANSPORT: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    _MID: "urn:ietf:params:rtp-hdrext:sdes:mid",
    _RID: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
}
_HEADER = Struct("!BBHII")
CHECKED = 50
"""Every so many packets a viewer decrypts one, and compares what is inside."""
REPORT_EVERY = 1.0
ASK_FRAMES_EVERY = 0.5
"""Seconds between two requests for a key frame."""
KEPT_STAMPS = 1 << 14

SentAt = dict[bytes, int]
"""When a frame was sent, in nanoseconds of the system's clock, by its stamp."""


def offer(peer: ClientPeer, direction: str, sections: Sequence[tuple[Sequence[str], Sequence[str]]]) -> str:
    """An offer with a section for each (codecs, rids)."""
    mids = " ".join(map(str, range(len(sections))))
    lines = ["v=0", f"o=- {random.getrandbits(62)} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    for mid, (codecs, rids) in enumerate(sections):
        numbers = [PAYLOAD_TYPES[codec] for codec in codecs]
        kind = "audio" if codecs[0] == "opus" else "video"
        lines += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}", "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{peer.ufrag}", f"a=ice-pwd:{peer.password}", f"a=fingerprint:{peer.fingerprint}",
            "a=setup:actpass", f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux", "a=rtcp-rsize",
        ]  # fmt: skip
        lines += [f"a=extmap:{number} {uri}" for number, uri in _EXTENSIONS.items() if _fits(number, kind)]
        for codec, number in zip(codecs, numbers, strict=True):
            lines.append(f"a=rtpmap:{number} {_FORMATS[codec]}")
            lines.append(f"a=rtcp-fb:{number} transport-cc")
            if kind == "video":
                lines += [f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
            if codec == "H264":
                lines.append(f"a=fmtp:{number} {_H264}")
        if rids:
            lines += [f"a=rid:{rid} send" for rid in rids]
            lines.append(f"a=simulcast:send {';'.join(rids)}")
    return "\r\n".join(lines) + "\r\n"


def _fits(extension: int, kind: str) -> bool:
    return extension not in ((_RID,) if kind == "audio" else (_LEVEL,))


@dataclass(slots=True)
class _Track:
    """One stream that is sent: the sound, or a layer of the picture."""

    clip: clips.Clip
    mid: int
    rid: str
    ssrc: int
    ticks: int
    """Of the RTP clock, a frame."""
    number: int = field(default_factory=lambda: random.getrandbits(15))
    picture: int = field(default_factory=lambda: random.getrandbits(15))
    frame: int = 0
    """The next one of the clip."""
    history: History[bytes] = field(default_factory=lambda: History[bytes](1024))


class Sender(Session):
    """Publishes a clip in `layers` with Opus. Call `tick` every few milliseconds."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        token: str | None,
        peer: ClientPeer,
        codec: str,
        layers: Sequence[clips.Layer],
        sent_at: SentAt,
    ) -> None:
        super().__init__(http, url, token, peer)
        self._codec = codec
        self._layers = layers
        self._sent_at = sent_at
        self._sound = _Track(clips.opus(), 0, "", random.getrandbits(31), 960)
        self._pictures = [
            _Track(clips.video(codec, layer), 1, layer.rid if len(layers) > 1 else "", random.getrandbits(31),
                   90000 // clips.FRAMES_PER_SECOND)
            for layer in layers
        ]  # fmt: skip
        self._by_ssrc = {track.ssrc: track for track in (self._sound, *self._pictures)}
        self._transport_number = 0
        self._began = 0.0
        self._frames = self._sounds = 0
        self._reported_at = 0.0
        self._stamp = random.getrandbits(20) << 32
        self.packets = 0
        self.retransmitted = 0
        self.key_frame_requests = 0
        peer.on_rtcp = self._handle_rtcp

    async def start(self) -> None:
        """Raises ConnectionError."""
        rids = [layer.rid for layer in self._layers] if len(self._layers) > 1 else []
        await self.connect(offer(self.peer, "sendonly", [(["opus"], []), ([self._codec], rids)]))
        self._began = time.monotonic()

    def tick(self, now: float) -> None:
        """Sends what is due; a stalled load catches up with at most half a second."""
        if not self._began:
            return
        self._began = max(self._began, now - 0.5 - max(self._frames / clips.FRAMES_PER_SECOND, self._sounds / 50))
        while self._began + self._frames / clips.FRAMES_PER_SECOND <= now:
            for track in self._pictures:
                self._send(track, self._frames)
            self._frames += 1
        while self._began + self._sounds / 50 <= now:
            self._send(self._sound, self._sounds)
            self._sounds += 1
        if now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            ntp = int((time.time() + 2_208_988_800) * 2**32)
            for track in self._by_ssrc.values():
                self.peer.send_rtcp(rtcp.SenderReport(track.ssrc, ntp, 0, track.number, 0).pack())

    def _send(self, track: _Track, index: int) -> None:
        self._stamp += 1
        stamp = clips.make_stamp(self._stamp)
        payloads = list(track.clip.payloads(track.frame, stamp, track.picture))
        track.frame += 1
        track.picture += 1
        timestamp = index * track.ticks & 0xFFFFFFFF
        self._sent_at[stamp] = time.time_ns()
        if len(self._sent_at) > KEPT_STAMPS:
            del self._sent_at[next(iter(self._sent_at))]
        for place, payload in enumerate(payloads, 1):
            marker = place == len(payloads) and track is not self._sound
            track.number += 1
            head = _HEADER.pack(
                0x90, marker << 7 | PAYLOAD_TYPES[track.clip.codec], track.number & 0xFFFF, timestamp, track.ssrc
            )
            packet = head + self._extensions(track) + payload
            track.history.put(track.number, packet)
            self.packets += 1
            self.peer.send_rtp(packet)

    def _extensions(self, track: _Track) -> bytes:
        self._transport_number = self._transport_number + 1 & 0xFFFF
        elements = bytes((_MID << 4, 0x30 + track.mid, _TRANSPORT << 4 | 1)) + self._transport_number.to_bytes(2, "big")
        if track.rid:
            elements += bytes((_RID << 4 | len(track.rid) - 1,)) + track.rid.encode()
        elif track is self._sound:
            elements += bytes((_LEVEL << 4, 0x80 | 30))
        elements += bytes(-len(elements) % 4)
        return b"\xbe\xde" + (len(elements) // 4).to_bytes(2, "big") + elements

    def _handle_rtcp(self, data: bytes) -> None:
        for block in rtcp.blocks(data):
            track = self._by_ssrc.get(block.media_ssrc)
            if track is None:
                continue
            if block.kind == rtcp.PAYLOAD_FEEDBACK and block.count == rtcp.PLI:
                self.key_frame_requests += 1
                track.frame = 0
            elif block.kind == rtcp.TRANSPORT_FEEDBACK and block.count == rtcp.NACK:
                for sequence in rtcp.nack_numbers(block):
                    packet = track.history.get(track.number - ((track.number - sequence) & 0xFFFF))
                    if packet is not None:
                        self.retransmitted += 1
                        self.peer.send_rtp(packet)


class Watcher(Session):
    """Plays what `publishers` publish. Call `tick` some times a second."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        token: str | None,
        peer: ClientPeer,
        publishers: int,
        sent_at: SentAt,
        sent: Sequence[clips.Clip],
        *,
        note_delay: Callable[[int], None] | None = None,
    ) -> None:
        """`sent`: what may be inside of packets. `note_delay`: is told of each stamped packet how many nanoseconds it
        took; every packet is decrypted then."""
        super().__init__(http, url, token, peer)
        self._publishers = publishers
        self._sent_at = sent_at
        self._clips = sent
        self._note_delay = note_delay
        self._ssrc = random.getrandbits(31)
        self._asked_at = self._reported_at = 0.0
        self.asked_for_it = 0.0
        """Monotonic seconds of the request."""
        self.connected_at: float | None = None
        self._connected_ns = 1 << 63
        self.streams: dict[int, Reception] = {}
        self.packets = 0
        self.octets = 0
        self.checked = 0
        self.bad = 0
        peer.on_packet = self._take

    async def start(self) -> None:
        """Raises ConnectionError."""
        self.asked_for_it = time.monotonic()
        sound: tuple[list[str], list[str]] = (["opus"], [])
        sections = [sound, (["VP8", "H264"], [])] * self._publishers
        await self.connect(offer(self.peer, "recvonly", sections))
        self.connected_at = time.monotonic()
        self._connected_ns = time.time_ns()

    @property
    def first_frame(self) -> float | None:
        """Seconds from the request to the first whole frame of any picture."""
        found = [stream.first_frame for stream in self.streams.values() if stream.first_frame is not None]
        return min(found) - self.asked_for_it if found else None

    def tick(self, now: float) -> None:
        """Asks for what is missing, and reports."""
        for ssrc, stream in self.streams.items():
            numbers = stream.missing(now)
            if numbers and stream.is_video:
                self.peer.send_rtcp(rtcp.nack(self._ssrc, ssrc, numbers))
        broken = [ssrc for ssrc, stream in self.streams.items() if stream.broken and now - stream.began > 0.2]
        if broken and now - self._asked_at >= ASK_FRAMES_EVERY:
            self._asked_at = now
            for ssrc in broken:
                self.peer.send_rtcp(rtcp.key_frame_request(self._ssrc, ssrc))
        if self.streams and now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            blocks = [_report(ssrc, stream) for ssrc, stream in self.streams.items()]
            self.peer.send_rtcp(rtcp.receiver_report(self._ssrc, blocks[:31]))

    def _take(self, packet: memoryview) -> None:
        now = time.monotonic()
        self.packets += 1
        self.octets += len(packet)
        sequence, timestamp, ssrc = unpack_from("!HII", packet, 2)
        codec = _CODECS.get(packet[1] & 0x7F, "")
        stream = self.streams.get(ssrc)
        if stream is None:
            if not codec or len(self.streams) >= 4 * self._publishers:
                return
            stream = self.streams[ssrc] = Reception(sequence, now, is_video=codec != "opus")
        before = stream.repeated
        number = stream.take(sequence, timestamp, packet[1] >> 7 != 0, now)
        if stream.repeated != before:
            return  # SRTP would refuse it, and rightly
        if stream.broken or self._note_delay is not None or self.packets % CHECKED == 0:
            self._look_inside(packet, codec, stream, number, now)

    def _look_inside(self, packet: memoryview, codec: str, stream: Reception, number: int, now: float) -> None:
        if self.peer.srtp is None:
            return
        plain = self.peer.decrypted(packet)
        self.checked += 1
        payload = _payload(plain) if plain is not None else None
        if payload is None:
            self.bad += 1
            return
        if not payload:
            return  # padding
        if not any(clip.knows(payload) for clip in self._clips if clip.codec == codec):
            self.bad += 1
        if stream.broken and clips.is_key_frame(codec, payload):
            stream.restart(number, now)
        stamp = clips.stamp_of(codec, payload)
        sent = self._sent_at.get(stamp) if stamp is not None else None
        if sent is not None and self._note_delay is not None and sent > self._connected_ns:
            self._note_delay(self.peer.arrived_ns - sent)  # what is older was meant to be shown late


def _payload(packet: bytes) -> bytes | None:
    try:
        return bytes(RtpPacket(bytearray(packet)).payload)
    except PacketError:
        return None


def _report(ssrc: int, stream: Reception) -> rtcp.ReportBlock:
    expected, received = stream.expected, stream.received
    since = expected - stream.reported[0]
    lost = max(0, since - (received - stream.reported[1]))
    stream.reported = (expected, received)
    return rtcp.ReportBlock(ssrc, 256 * lost // max(1, since), max(0, expected - received), stream.highest, 0, 0, 0)
