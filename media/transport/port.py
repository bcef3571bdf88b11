"""One UDP socket for all peers of one local address: datagrams are read until there are none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from media.drops import Drop, Drops
from media.forwarding.fan_out import FanOut
from media.transport.aiortc_seam import srtp_ffi
from media.transport.batch_sender import BatchSender
from media.transport.ingress import Address, Clients, Ingress

__all__ = ["Port"]

READS_PER_TURN = 256
"""Datagrams read before the loop gets its turn."""
SOCKET_BUFFER = 8 << 20
"""Bytes asked for in each direction; the system may grant less."""


class Port(Ingress):
    """A bound UDP socket."""

    def __init__(
        self,
        sock: socket.socket,
        clients: Clients,
        drops: Drops,
        *,
        sender: Callable[[socket.socket, Drops], BatchSender],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(clients, drops)
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        self._socket = sock
        self._clock = clock
        self._buffer = srtp_ffi.new("char[]", 2048)
        self._view = memoryview(srtp_ffi.buffer(self._buffer))
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

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """See Ingress."""
        try:
            self._socket.sendto(data, address)
        except OSError:
            self._drops.count(Drop.SEND_FAILED)

    def _readable(self) -> None:
        now = self._clock()
        receive, buffer, view, take = self._socket.recvfrom_into, self._buffer, self._view, self.take
        for _ in range(READS_PER_TURN):
            try:
                size, address = receive(view)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send; the socket goes on
                continue
            self.packets_received += 1
            take(buffer, view, size, address, now)
