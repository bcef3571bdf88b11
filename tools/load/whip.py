"""A publisher over WHIP and viewers over WHEP, made of `ClientPeer`s and plain HTTP.

The publisher sends at the pace of a browser: frames of VP8 packets in bursts, a key frame every two seconds or when
asked for, Opus every 20 ms, sender reports, answers to NACKs. Each packet ends with the time at which it was sent. A
viewer counts, notes gaps, checks a sample of packets, and reports as Chromium does. Leaner than tools.load.members, for
benches that need many.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from struct import Struct, unpack_from

import aiohttp

from media.rtp import rtcp
from media.rtp.history import History
from tools.load.peer import ClientPeer
from tools.load.session import Session

__all__ = ["Publisher", "Stream", "Viewer"]

FRAMES = 30
PACKETS_PER_FRAME = 5
AUDIO_EVERY = 0.020
KEY_FRAME_EVERY = 60
SAMPLE = 50
"""Every so many packets a viewer decrypts one, and reports whether it was authentic."""
VIDEO, AUDIO = 96, 111
_HEADER = Struct("!BBHII")


class Publisher(Session):
    """Sends `bitrate` bits per second of VP8 and Opus until it is closed."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None, bitrate: int) -> None:
        super().__init__(http, url, token, ClientPeer())
        self._payload = max(100, bitrate // 8 // (FRAMES * PACKETS_PER_FRAME) - 12)
        self._ssrc = {VIDEO: random.getrandbits(31), AUDIO: random.getrandbits(31)}
        self._number = {VIDEO: random.getrandbits(15), AUDIO: random.getrandbits(15)}
        self._history = History[bytes](1024)
        self._key_frame_wanted = True
        self._tasks: list[asyncio.Task[None]] = []
        self.packets = 0
        self.key_frame_requests = 0
        self.peer.on_rtcp = self._handle_rtcp

    async def start(self) -> None:
        await self.connect(_offer(self.peer, "sendonly"))
        self._tasks = [asyncio.create_task(work()) for work in (self._video, self._audio, self._report)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await super().close()

    async def _video(self) -> None:
        began = time.monotonic()
        frame = 0
        while True:
            key = self._key_frame_wanted or frame % KEY_FRAME_EVERY == 0
            self._key_frame_wanted = False
            for index in range(PACKETS_PER_FRAME):
                payload = _vp8(key, index == 0) + bytes(self._payload - 11)
                self._send(VIDEO, index == PACKETS_PER_FRAME - 1, frame * 90000 // FRAMES, payload)
            frame += 1
            await asyncio.sleep(max(0.0, began + frame / FRAMES - time.monotonic()))

    async def _audio(self) -> None:
        began = time.monotonic()
        spoken = 0
        while True:
            self._send(AUDIO, False, spoken * 960, b"\xfc" + bytes(79))
            spoken += 1
            await asyncio.sleep(max(0.0, began + spoken * AUDIO_EVERY - time.monotonic()))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.time()
            for ssrc in self._ssrc.values():
                ntp = int((now + 2_208_988_800) * 2**32)
                self.peer.send_rtcp(rtcp.SenderReport(ssrc, ntp, 0, self.packets & 0xFFFFFFFF, 0).pack())

    def _send(self, kind: int, marker: bool, timestamp: int, payload: bytes) -> None:
        self._number[kind] += 1
        number = self._number[kind]
        head = _HEADER.pack(0x80, marker << 7 | kind, number & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc[kind])
        packet = head + payload[:-8] + time.time_ns().to_bytes(8, "big")
        if kind == VIDEO:
            self._history.put(number, packet)
        self.packets += 1
        self.peer.send_rtp(packet)

    def _handle_rtcp(self, data: bytes) -> None:
        for block in rtcp.blocks(data):
            if block.kind == rtcp.PAYLOAD_FEEDBACK and block.count == rtcp.PLI:
                self._key_frame_wanted = True
                self.key_frame_requests += 1
            elif block.kind == rtcp.TRANSPORT_FEEDBACK and block.count == rtcp.NACK:
                newest = self._number[VIDEO]
                for sequence in rtcp.nack_numbers(block):
                    packet = self._history.get(newest - ((newest - sequence) & 0xFFFF))
                    if packet is not None:
                        self.peer.send_rtp(packet)


@dataclass(slots=True)
class Stream:
    """What a viewer saw of one SSRC."""

    first: int
    highest: int
    """Extended by counting cycles."""
    began: float
    """Monotonic seconds of its first packet."""
    is_video: bool
    packets: int = 1

    @property
    def expected(self) -> int:
        return self.highest - self.first + 1


@dataclass(slots=True)
class _Counts:
    streams: dict[int, Stream] = field(default_factory=dict)
    packets: int = 0
    octets: int = 0
    sampled: int = 0
    bad: int = 0


class Viewer(Session):
    """Receives until it is closed."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None, *, timed: bool = False) -> None:
        """`timed`: `delays` gets what each packet took, by the kernel's clock; each is decrypted for that."""
        super().__init__(http, url, token, ClientPeer(timestamps=timed))
        self.counts = _Counts()
        self.delays: list[int] = []
        """Nanoseconds."""
        self.reports = True
        self._timed = timed
        self._ssrc = random.getrandbits(31)
        self._started = 0.0
        self._task: asyncio.Task[None] | None = None
        self.peer.on_packet = self._count

    async def start(self) -> None:
        self._started = time.monotonic()
        await self.connect(_offer(self.peer, "recvonly"))
        self._task = asyncio.create_task(self._report())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await super().close()

    @property
    def expected(self) -> int:
        return sum(stream.expected for stream in self.counts.streams.values())

    @property
    def first_key_frame_s(self) -> float | None:
        """Seconds from the request to the first video packet, which starts a key frame; None before it."""
        return next((each.began - self._started for each in self.counts.streams.values() if each.is_video), None)

    def _count(self, packet: memoryview) -> None:
        counts = self.counts
        counts.packets += 1
        counts.octets += len(packet)
        sequence, _, ssrc = unpack_from("!HII", packet, 2)
        stream = counts.streams.get(ssrc)
        if stream is None:
            counts.streams[ssrc] = Stream(sequence, sequence, time.monotonic(), packet[1] & 0x7F == VIDEO)
            return
        stream.packets += 1
        delta = (sequence - stream.highest) & 0xFFFF
        if delta < 0x8000:
            stream.highest += delta
        if self._timed:
            plain = self.peer.decrypted(packet)
            if plain is not None:
                self.delays.append(self.peer.arrived_ns - int.from_bytes(plain[-8:], "big"))
        elif counts.packets % SAMPLE == 0 and self.peer.srtp is not None:
            counts.sampled += 1
            counts.bad += not self.peer.decrypts(packet)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            blocks = [
                rtcp.ReportBlock(ssrc, 0, 0, stream.highest, 0, 0, 0) for ssrc, stream in self.counts.streams.items()
            ]
            if blocks and self.reports:
                ntp = int((time.time() + 2_208_988_800) * 2**32)
                self.peer.send_rtcp(
                    rtcp.receiver_report(self._ssrc, blocks)
                    + rtcp.reference_request(self._ssrc, ntp)
                    + rtcp.estimate(self._ssrc, 20_000_000, [block.ssrc for block in blocks])
                )


def _vp8(key: bool, first: bool) -> bytes:
    """The descriptor of a packet and, at the start of a frame, the frame's header of 1280x720 (RFC 7741)."""
    if not first:
        return bytes(11)
    tag = bytes((0x10 if key else 0x11, 2, 0))  # P bit zero: a key frame
    return b"\x10" + tag + b"\x9d\x01\x2a" + (1280).to_bytes(2, "little") + (720).to_bytes(2, "little")


def _offer(peer: ClientPeer, direction: str) -> str:
    lines = ["v=0", f"o=- {random.getrandbits(62)} 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
    for mid, kind, number, codec in ((0, "audio", AUDIO, "opus/48000/2"), (1, "video", VIDEO, "VP8/90000")):
        lines += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}", "c=IN IP4 0.0.0.0", f"a=ice-ufrag:{peer.ufrag}",
            f"a=ice-pwd:{peer.password}", f"a=fingerprint:{peer.fingerprint}", "a=setup:actpass", f"a=mid:{mid}",
            f"a={direction}", "a=rtcp-mux", "a=rtcp-rsize", f"a=rtpmap:{number} {codec}",
        ]  # fmt: skip
        if kind == "video":
            lines += [f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
    return "\r\n".join(lines) + "\r\n"
