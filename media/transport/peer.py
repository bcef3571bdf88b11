"""One browser connection: ICE-lite below, DTLS beside, SRTP above.

A peer is found by the user name of its first check, then by its address. The handshake starts with the first authentic
check (waiting for nomination costs a browser 50 ms). The address may change at any time by a nominated check from
another one. A peer that gives no authentic sign of life is closed by `Sfu`'s sweep; a closed tab says nothing.

What the decrypted packets mean is not known here: they go to the callbacks.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from media.drops import Drop, Drops
from media.errors import BadDescription
from media.forwarding.fan_out import FanOut
from media.sdp.writing import MAX_MESSAGE
from media.transport import gnutls_client
from media.transport.aiortc_seam import (
    REPLAYED,
    DataAssociation,
    DtlsClient,
    DtlsServer,
    NodeCertificate,
    SrtpPair,
    protect,
    protect_rtcp,
    srtp_ffi,
    unprotect,
    unprotect_rtcp,
)
from media.transport.gnutls_client import GnutlsClient
from media.transport.ingress import Address, Clients, Ingress
from media.transport.send_ring import Name

__all__ = ["Peer"]

logger = logging.getLogger(__name__)

MAX_DTLS_WAITING = 64
"""Datagrams: a handshake has ten, a message of a data channel up to fifteen."""
MAX_DATA_WAITING = 64 << 10
"""Bytes of messages that may wait for a slow viewer."""
MAX_DATA_UNFINISHED = 256 << 10
"""Bytes of messages of which parts have not come."""
DATA_RESENDS = 3
"""How often a message is tried again; it waits for no other one, so that costs no delay to those behind it."""
MAX_ADDRESSES = 8
"""Validated addresses of one peer: a browser checks from each of its interfaces."""
HANDSHAKE_TIMEOUT = 15.0
"""Seconds from creation to keys, candidates of a slow network included."""
SILENCE = 15.0
"""Seconds without anything authentic after which a peer is gone; Firefox checks every 5 s."""
CONSENT = 25.0
"""Seconds without a check after which a peer that used to check is gone, even if it still sends (RFC 7675)."""
_USED_TO_CHECK = 4

# One packet at a time is worked on: all peers share the room for it.
_length = srtp_ffi.new("int *")
_scratch = srtp_ffi.new("char[]", 2048)
_scratch_view = memoryview(srtp_ffi.buffer(_scratch))


class Peer:
    """State of one connection. `close` is harmless when repeated."""

    def __init__(self, clients: Clients, certificate: NodeCertificate, drops: Drops, *, now: float) -> None:
        # identity
        self.ufrag = secrets.token_urlsafe(6).replace("-", "+").replace("_", "/")
        self.password = secrets.token_urlsafe(18).replace("-", "+").replace("_", "/").encode()
        self.fingerprint = certificate.fingerprint

        # callbacks
        self.on_rtp: Callable[[bytearray, float], None] = _ignore
        self.on_rtcp: Callable[[bytes, float], None] = _ignore
        self.on_connected: Callable[[], None] = _nothing
        self.on_moved: Callable[[], None] = _nothing
        self.on_data: Callable[[bytes], None] = _ignore
        self.on_closed: Callable[[str], None] = _ignore
        self.on_ending: Callable[[asyncio.Task[None]], None] = _ignore

        # addresses
        self.port: Ingress | None = None
        self.address: Address | None = None
        self._addresses: deque[tuple[Ingress, Address]] = deque()
        self._name: Name | None = None

        # life
        self.created = now
        self.last_check = now
        self.last_seen = now
        self.closed = False
        self._checks = 0

        # security
        self.srtp: SrtpPair | None = None
        self.remote_fingerprint: str | None = None
        self._clients = clients
        self._drops = drops
        self._certificate = certificate
        self._wire = _DtlsWire(self)
        self._dtls: DtlsServer | DtlsClient | GnutlsClient | None = None
        self._task: asyncio.Task[None] | None = None
        self._data: DataAssociation | None = None
        self._data_port: int | None = None
        self._data_most = 0
        self._data_task: asyncio.Task[None] | None = None
        self._first_check = asyncio.Event()
        clients[self.ufrag.encode()] = self

    def start(self, fingerprint: str, *, active: bool) -> None:
        """The remote description is known: `fingerprint` as SDP writes it. The handshake waits for the first check.

        `active`: we are the DTLS client, only for a remote that insists on being the server (FFmpeg's WHIP muxer).
        Raises BadDescription when a later description names another fingerprint."""
        if self.remote_fingerprint is None:
            self.remote_fingerprint = fingerprint
            self._dtls = self._client_end() if active else DtlsServer(self._wire, self._certificate)
            self._dtls.on_closed(lambda: self.close("closed by the peer" if self.srtp else "handshake failed"))
            self._task = asyncio.create_task(self._run(self._dtls, fingerprint))
        elif self.remote_fingerprint != fingerprint:
            raise BadDescription("the fingerprint changed: another certificate needs another connection")

    def open_data(self, remote_port: int, most: int) -> bool:
        """Opens the data channel when the handshake is done, or now. False when this connection cannot have one.
        Harmless when repeated. `most`: bytes of a message that the remote takes."""
        if not isinstance(self._dtls, DtlsServer | DtlsClient):
            return False
        if self._data_port is None:
            self._data_port, self._data_most = remote_port, most
            if self.srtp is not None:
                self._begin_data()
        return True

    def send_data(self, message: bytes) -> None:
        """Sends a message on the data channel, or drops it when too much waits there already."""
        association = self._data
        if association is None or not association.is_open or self.closed:
            return
        if len(message) > self._data_most:
            self._drops.count(Drop.DATA_TOO_LONG)
        elif association.waiting + len(message) > MAX_DATA_WAITING:
            self._drops.count(Drop.DATA_SLOW)
        else:
            association.send(message)

    def close(self, reason: str) -> None:
        """Ends the connection, telling the peer by close_notify if there was a handshake."""
        if self.closed:
            return
        self.closed = True
        self._clients.pop(self.ufrag.encode(), None)
        if self._dtls is not None:
            self._dtls.remove_all_listeners()
        self.on_ending(asyncio.get_running_loop().create_task(self._end()))
        self.on_closed(reason)

    def expired(self, now: float) -> str | None:
        """Why this peer has to be taken for gone, or None while it lives."""
        if self.srtp is None:
            return "no connection came about" if now - self.created > HANDSHAKE_TIMEOUT else None
        if now - self.last_seen > SILENCE:
            return "no sign of life"
        if self._checks > _USED_TO_CHECK and now - self.last_check > CONSENT:
            return "its checks stopped"
        return None

    # What a group of viewers needs (media.forwarding.publication.Subscriber)

    @property
    def transmit_context(self) -> Any:
        assert self.srtp is not None, "only connected peers are in an audience"
        return self.srtp.tx

    @property
    def transmit_pointer(self) -> int:
        assert self.srtp is not None, "only connected peers are in an audience"
        return self.srtp.tx_pointer

    @property
    def fan_out(self) -> FanOut | None:
        return self.port.fan_out if self.port is not None and self.srtp is not None else None

    @property
    def name(self) -> Name:
        assert self._name is not None, "only connected peers are in an audience"
        return self._name

    # Sending to this peer alone

    def send_rtp(self, packet: bytes) -> None:
        self._send(packet, protect)

    def send_rtcp(self, packet: bytes) -> None:
        self._send(packet, protect_rtcp)

    def _send(self, packet: bytes, function: Callable[[Any, Any, Any], int]) -> None:
        if self.srtp is None or self.closed or self.port is None or self.address is None:
            return
        size = len(packet)
        _scratch_view[:size] = packet
        _length[0] = size
        if function(self.srtp.tx, _scratch, _length):
            self._drops.count(Drop.PROTECT_FAILED)
            return
        self.port.send(_scratch_view[: _length[0]], self.address)

    # What the port brings (media.transport.port.Client)

    def handle_check(self, port: Ingress, address: Address, nominated: bool, now: float) -> None:
        self._checks += 1
        self.last_check = self.last_seen = now
        if (port, address) not in self._addresses:
            self._addresses.append((port, address))
            port.learn(address, self)
            if len(self._addresses) > MAX_ADDRESSES:
                old_port, old = self._addresses.popleft()
                old_port.forget(old, self)
        if self.address is None or (nominated and (port, address) != (self.port, self.address)):
            moved = self.address is not None
            self.port, self.address = port, address
            self._name = Name(port.family, address)
            if moved:
                self.on_moved()
        self._first_check.set()

    def handle_dtls(self, data: bytes) -> None:
        if not self._wire.put(data):
            self._drops.count(Drop.DTLS_FLOOD)

    def handle_media(self, buffer: Any, size: int, now: float) -> None:
        srtp = self.srtp
        if srtp is None or size < 12:
            self._drops.count(Drop.BEFORE_KEYS if srtp is None else Drop.BAD_RTP)
            return
        length = _length
        length[0] = size
        is_rtcp = 192 <= buffer[1][0] <= 223  # RFC 5761 section 4
        code = (unprotect_rtcp if is_rtcp else unprotect)(srtp.rx, buffer, length)
        if code:
            self._drops.count(Drop.REPLAYED if code in REPLAYED else Drop.UNAUTHENTIC_SRTP)
            return
        self.last_seen = now
        if is_rtcp:
            self.on_rtcp(srtp_ffi.buffer(buffer, length[0])[:], now)
        else:
            self.on_rtp(bytearray(srtp_ffi.buffer(buffer, length[0])), now)

    # Life

    def _client_end(self) -> DtlsClient | GnutlsClient:
        if gnutls_client.is_available():
            return GnutlsClient(self._wire, self._certificate)
        return DtlsClient(self._wire, self._certificate)

    async def _run(self, dtls: DtlsServer | DtlsClient | GnutlsClient, fingerprint: str) -> None:
        await self._first_check.wait()
        try:
            pair = await dtls.handshake(fingerprint)
        except Exception:  # whatever OpenSSL or aiortc makes of hostile bytes ends this peer and nothing else
            logger.exception("handshake failed")
            self.close("handshake failed")
            return
        if pair is not None and not self.closed:
            self.srtp = pair
            if self._data_port is not None:
                self._begin_data()
            self.on_connected()

    def _begin_data(self) -> None:
        assert isinstance(self._dtls, DtlsServer | DtlsClient), "open_data has looked"
        assert self._data_port is not None, "open_data has set it"
        self._data = DataAssociation(self._dtls, self._take_data, resends=DATA_RESENDS, most=MAX_DATA_UNFINISHED)
        begun = self._data.begin(self._data_port, self._data_most)
        self._data_task = asyncio.get_running_loop().create_task(begun)

    def _take_data(self, message: bytes) -> None:
        if len(message) > MAX_MESSAGE:
            self._drops.count(Drop.DATA_TOO_LONG)
        else:
            self.on_data(message)

    async def _end(self) -> None:
        if self._data is not None:
            if self._data_task is not None:
                self._data_task.cancel()
            with suppress(ConnectionError):
                await self._data.stop()
        if self._dtls is not None:
            await self._dtls.stop()
        if self._task is not None:
            self._task.cancel()
        for port, address in self._addresses:
            port.forget(address, self)
        self._addresses.clear()
        # Break the cycles: OpenSSL's memory is invisible to the collector, which would let hundreds of peers pile up.
        self._dtls = self._task = self._data = self._data_task = self._wire.peer = None
        self.on_rtp = self.on_rtcp = self.on_data = self.on_closed = self.on_ending = _ignore
        self.on_connected = self.on_moved = _nothing


class _DtlsWire:
    """What aiortc's DTLS takes for its ICE transport (media.transport.aiortc_seam.DatagramWire)."""

    role = "controlled"

    def __init__(self, peer: Peer) -> None:
        self.peer: Peer | None = peer
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_DTLS_WAITING)

    def put(self, data: bytes) -> bool:
        if self._waiting.full():
            return False
        self._waiting.put_nowait(data)
        return True

    async def _recv(self) -> bytes:
        return await self._waiting.get()

    async def _send(self, data: bytes) -> None:
        peer = self.peer
        if peer is None or peer.port is None or peer.address is None:
            raise ConnectionError("no address")
        peer.port.send(data, peer.address)


def _ignore(*_: object) -> None:
    """Nobody listens yet."""


def _nothing() -> None:
    """Nobody listens yet."""
