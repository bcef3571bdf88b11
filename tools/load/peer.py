"""The client's end of one WebRTC connection, as lean as it can be: one UDP socket, a controlling ICE agent that checks
one candidate, DTLS, SRTP.

It is pointed at any WHIP or WHEP endpoint, so it believes only what the answer says. Its way can be made bad, in each
direction by itself.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import socket
import struct
import time
from binascii import crc32
from collections.abc import Callable
from typing import Any

from media.sdp.description import parse
from media.transport.aiortc_seam import (
    DtlsClient,
    NodeCertificate,
    SrtpPair,
    protect,
    protect_rtcp,
    srtp_ffi,
    unprotect,
    unprotect_rtcp,
)
from tools.load.impairment import CLEAR, Impairment, Link

__all__ = ["ClientPeer", "shared_certificate"]

CHECK_EVERY = 2.5
"""Seconds between checks once connected, as Chromium does."""
RETRY = 0.1
_TIMESTAMPS = 35
"""SO_TIMESTAMPNS of Linux: the kernel notes when each datagram came."""
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.IGNORECASE)

_certificate: NodeCertificate | None = None


def shared_certificate() -> NodeCertificate:
    """One certificate for all peers of this process: making one costs more than a handshake."""
    global _certificate
    if _certificate is None:
        _certificate = NodeCertificate.generateCertificate()
    return _certificate


class ClientPeer:
    """One connection. `on_packet` gets each RTP packet as it came (encrypted), `on_rtcp` decrypted feedback."""

    def __init__(
        self, *, up: Impairment = CLEAR, down: Impairment = CLEAR, seed: int = 0, timestamps: bool = False
    ) -> None:
        """`timestamps`: `arrived_ns` tells when the kernel got the packet that `on_packet` is given."""
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(12)
        self.fingerprint = shared_certificate().fingerprint
        self.on_packet: Callable[[memoryview], None] = lambda packet: None
        self.on_rtcp: Callable[[bytes], None] = lambda packet: None
        self.srtp: SrtpPair | None = None
        self.arrived_ns = 0
        """Of the system's clock."""
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._buffer = srtp_ffi.new("char[]", 2048)
        self._view = memoryview(srtp_ffi.buffer(self._buffer))
        self._scratch = srtp_ffi.new("char[]", 2048)
        self._scratch_view = memoryview(srtp_ffi.buffer(self._scratch))
        self._length = srtp_ffi.new("int *")
        self._up = Link(self._put_now, seed) if up != CLEAR else None
        self._down = Link(self._take_late, seed + 1) if down != CLEAR else None
        for link, impairment in ((self._up, up), (self._down, down)):
            if link is not None:
                link.impairment = impairment
        self._timestamps = timestamps
        if timestamps:
            self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self._dtls_in: asyncio.Queue[bytes] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._dtls: DtlsClient | None = None
        self._remote = ("", "")

    async def connect(self, answer: str) -> None:
        """Connects to what `answer` describes. Raises ConnectionError when the handshake fails."""
        remote = parse(answer)
        candidate = _CANDIDATE.search(answer)
        if candidate is None:
            raise ConnectionError("the answer names no UDP candidate")
        self._remote = (remote.ufrag, remote.password)
        self._socket.connect((candidate[1], int(candidate[2])))
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._tasks.append(asyncio.create_task(self._check_for_ever()))
        await asyncio.wait_for(self._answered.wait(), 10)
        self._dtls = DtlsClient(_Wire(self), shared_certificate())
        self.srtp = await asyncio.wait_for(self._dtls.handshake(remote.fingerprint), 10)
        if self.srtp is None:
            raise ConnectionError("the DTLS handshake failed")

    async def close(self) -> None:
        """Harmless when repeated."""
        if self._socket.fileno() < 0:
            return
        for task in self._tasks:
            task.cancel()
        if self._dtls is not None:
            await self._dtls.stop()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._dtls = None
        self._tasks.clear()

    def send_rtp(self, packet: bytes) -> None:
        self._send(packet, protect)

    def send_rtcp(self, packet: bytes) -> None:
        self._send(packet, protect_rtcp)

    def decrypts(self, packet: memoryview) -> bool:
        """Whether a packet as it came is authentic; consumes its replay slot."""
        return self.decrypted(packet) is not None

    def decrypted(self, packet: memoryview) -> bytes | None:
        """A packet as it came, in plain; None when it is not authentic, or came before the keys. Only once each."""
        if self.srtp is None:
            return None
        size = len(packet)
        self._scratch_view[:size] = packet
        self._length[0] = size
        if unprotect(self.srtp.rx, self._scratch, self._length):
            return None
        return bytes(self._scratch_view[: self._length[0]])

    def _send(self, packet: bytes, function: Callable[[Any, Any, Any], int]) -> None:
        if self.srtp is None:
            return
        size = len(packet)
        self._scratch_view[:size] = packet
        self._length[0] = size
        if function(self.srtp.tx, self._scratch, self._length) == 0:
            self._put(self._scratch_view[: self._length[0]])

    def _put(self, data: bytes | memoryview) -> None:
        if self._up is not None:
            self._up.put(bytes(data))
        else:
            self._put_now(data)

    def _put_now(self, data: bytes | memoryview) -> None:
        try:
            self._socket.send(data)
        except OSError:
            pass

    def _readable(self) -> None:
        receive = self._receive_stamped if self._timestamps else self._socket.recv_into
        view, down = self._view, self._down
        while True:
            try:
                size = receive(view)
            except OSError:
                return
            if down is None:
                self._take(size)
            else:
                down.put(bytes(view[:size]))

    def _receive_stamped(self, view: memoryview) -> int:
        size, ancillary, _, _ = self._socket.recvmsg_into([view], 64)
        for _, kind, data in ancillary:
            if kind == _TIMESTAMPS:
                seconds, nanoseconds = struct.unpack("=qq", data[:16])
                self.arrived_ns = seconds * 1_000_000_000 + nanoseconds
        return size

    def _take_late(self, data: bytes) -> None:
        if self._socket.fileno() >= 0:
            self._view[: len(data)] = data
            self.arrived_ns = time.time_ns()
            self._take(len(data))

    def _take(self, size: int) -> None:
        """A datagram stands in the first `size` bytes of the buffer."""
        view = self._view
        first = view[0]
        if 127 < first < 192:
            if 192 <= view[1] <= 223:
                self._handle_rtcp(size)
            else:
                self.on_packet(view[:size])
        elif 19 < first < 64:
            self._dtls_in.put_nowait(bytes(view[:size]))
        elif first < 4 and size >= 20 and view[0] == 1:
            self._answered.set()

    def _handle_rtcp(self, size: int) -> None:
        if self.srtp is not None:
            self._length[0] = size
            if not unprotect_rtcp(self.srtp.rx, self._buffer, self._length):
                self.on_rtcp(srtp_ffi.buffer(self._buffer, self._length[0])[:])

    async def _check_for_ever(self) -> None:
        while True:
            self._put(self._check())
            await asyncio.sleep(CHECK_EVERY if self._answered.is_set() else RETRY)

    def _check(self) -> bytes:
        """A binding request that nominates at once (RFC 8445 section 7.1)."""
        ufrag, password = self._remote
        name = f"{ufrag}:{self.ufrag}".encode()
        body = struct.pack("!HH", 0x0006, len(name)) + name + bytes(-len(name) & 3)
        body += struct.pack("!HHI", 0x0024, 4, 0x6E7F00FF) + struct.pack("!HHQ", 0x802A, 8, secrets.randbits(64))
        body += struct.pack("!HH", 0x0025, 0)
        transaction = secrets.token_bytes(12)
        head = struct.pack("!HHI12s", 1, len(body) + 24, 0x2112A442, transaction)
        body += struct.pack("!HH", 0x0008, 20) + hmac.digest(password.encode(), head + body, "sha1")
        head = struct.pack("!HHI12s", 1, len(body) + 8, 0x2112A442, transaction)
        return head + body + struct.pack("!HHI", 0x8028, 4, crc32(head + body) ^ 0x5354554E)


class _Wire:
    """What aiortc's DTLS asks of its transport."""

    role = "controlling"

    def __init__(self, peer: ClientPeer) -> None:
        self._peer = peer

    async def _recv(self) -> bytes:
        return await self._peer._dtls_in.get()

    async def _send(self, data: bytes) -> None:
        self._peer._put(data)
