"""One UDP socket for all peers of one local address: datagrams are read until there are none, told apart by their first
byte (RFC 7983), and given to the peer they belong to.

Strangers reach only the STUN parser, and of that only what is cheaper than a hash: a check for an unknown user name is
dropped before any HMAC is computed. Nothing is logged here; every drop has a name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

from media.drops import Drop, Drops
from media.forwarding.fan_out import FanOut
from media.rtp.packets import MAX_DATAGRAM
from media.transport import stun
from media.transport.aiortc_seam import srtp_ffi
from media.transport.batch_sender import BatchSender

__all__ = ["Address", "Client", "Port", "Clients"]

Address = tuple[Any, ...]
"""What the socket module gives: (host, port) or (host, port, flow, scope)."""

READS_PER_TURN = 256
"""Datagrams read before the loop gets its turn."""
SOCKET_BUFFER = 8 << 20
"""Bytes asked for in each direction; the system may grant less."""


class Client(Protocol):
    """The peer behind an address, as the port sees it."""

    password: bytes

    def handle_check(self, port: Port, address: Address, nominated: bool, now: float) -> None:
        """An authentic binding request came; it has been answered."""
        ...

    def handle_dtls(self, data: bytes) -> None: ...

    def handle_media(self, buffer: Any, size: int, now: float) -> None:
        """An encrypted RTP or RTCP packet stands in the first `size` bytes of `buffer`, and may be decrypted there."""
        ...


class Clients(dict[bytes, Client]):
    """The peers of a node by their ufrag; shared by its ports."""


class Port:
    """A bound socket and what is known of the addresses that talk to it."""

    def __init__(
        self,
        sock: socket.socket,
        clients: Clients,
        drops: Drops,
        *,
        sender: Callable[[socket.socket, Drops], BatchSender],
        clock: Callable[[], float],
    ) -> None:
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        self._socket = sock
        self._clients = clients
        self._drops = drops
        self._clock = clock
        self._buffer = srtp_ffi.new("char[]", 2048)
        self._view = memoryview(srtp_ffi.buffer(self._buffer))
        self._by_address: dict[Address, Client] = {}
        self._loop = asyncio.get_running_loop()
        self.family = sock.family
        self.host, self.port = sock.getsockname()[:2]
        self.fan_out = FanOut(sender(sock, drops), drops, self._loop, sock.fileno())
        self.packets_received = 0
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self.fan_out.close()
        self._socket.close()

    def learn(self, address: Address, client: Client) -> None:
        """From now on what comes from `address` belongs to `client`."""
        self._by_address[address] = client

    def forget(self, address: Address, client: Client) -> None:
        if self._by_address.get(address) is client:
            del self._by_address[address]

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """Sends one datagram at once, or drops it when the system does not take it."""
        try:
            self._socket.sendto(data, address)
        except OSError:
            self._drops.count(Drop.SEND_FAILED)

    @property
    def addresses(self) -> int:
        """How many addresses are known."""
        return len(self._by_address)

    def _readable(self) -> None:
        now = self._clock()
        receive, view = self._socket.recvfrom_into, self._view
        for _ in range(READS_PER_TURN):
            try:
                size, address = receive(view)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send; the socket goes on
                continue
            self.packets_received += 1
            if not 0 < size <= MAX_DATAGRAM:
                self._drops.count(Drop.OVERSIZE if size else Drop.EMPTY)
                continue
            first = view[0]
            if first < 4:
                self._handle_stun(bytes(view[:size]), address, now)
                continue
            client = self._by_address.get(address)
            if client is None:
                self._drops.count(Drop.STRANGER)
            elif 127 < first < 192:
                client.handle_media(self._buffer, size, now)
            elif 19 < first < 64:
                client.handle_dtls(bytes(view[:size]))
            else:
                self._drops.count(Drop.UNKNOWN_KIND)

    def _handle_stun(self, data: bytes, address: Address, now: float) -> None:
        request = stun.parse_request(data)
        if request is None:
            self._drops.count(Drop.BAD_STUN)
            return
        client = self._clients.get(request.username.partition(b":")[0])
        if client is None:
            self._drops.count(Drop.UNKNOWN_UFRAG)
        elif not stun.is_authentic(data, request, client.password):
            self._drops.count(Drop.UNAUTHENTIC_STUN)
        else:
            self.send(stun.success(request.transaction, address[0], address[1], client.password), address)
            client.handle_check(self, address, request.nominated, now)
