"""What comes in, told apart by its first byte (RFC 7983), and given to the peer it belongs to: what a UDP socket and a
TCP connection share.

Strangers reach only the STUN parser, and of that only what is cheaper than a hash: a check for an unknown user name is
dropped before any HMAC is computed. Nothing is logged here; every drop has a name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

from media.drops import Drop, Drops
from media.forwarding.fan_out import FanOut
from media.rtp.packets import MAX_DATAGRAM
from media.transport import stun

__all__ = ["Address", "Client", "Clients", "Ingress"]

Address = tuple[Any, ...]
"""What the socket module gives: (host, port) or (host, port, flow, scope)."""


class Client(Protocol):
    """The peer behind an address."""

    password: bytes

    def handle_check(self, port: Ingress, address: Address, nominated: bool, now: float) -> None:
        """An authentic binding request came; it has been answered."""
        ...

    def handle_dtls(self, data: bytes) -> None: ...

    def handle_media(self, buffer: Any, size: int, now: float) -> None:
        """An encrypted RTP or RTCP packet stands in the first `size` bytes of `buffer`, and may be decrypted there."""
        ...


class Clients(dict[bytes, Client]):
    """The peers of a node by their ufrag; shared by its ports."""


class Ingress(ABC):
    """One way in and out of the node, and what is known of the addresses that talk to it."""

    family: int
    fan_out: FanOut

    def __init__(self, clients: Clients, drops: Drops) -> None:
        self._clients = clients
        self._drops = drops
        self._by_address: dict[Address, Client] = {}

    @abstractmethod
    def send(self, data: bytes | memoryview, address: Address) -> None:
        """Sends one datagram at once, or drops it when the system does not take it."""

    def learn(self, address: Address, client: Client) -> None:
        """From now on what comes from `address` belongs to `client`."""
        self._by_address[address] = client

    def forget(self, address: Address, client: Client) -> None:
        if self._by_address.get(address) is client:
            del self._by_address[address]

    @property
    def addresses(self) -> int:
        """How many addresses are known."""
        return len(self._by_address)

    def take(self, buffer: Any, view: memoryview, size: int, address: Address, now: float) -> None:
        """One datagram stands in the first `size` bytes of `buffer` (for libsrtp) and `view` (the same memory)."""
        if not 0 < size <= MAX_DATAGRAM:
            self._drops.count(Drop.OVERSIZE if size else Drop.EMPTY)
            return
        first = view[0]
        if first < 4:
            self._handle_stun(bytes(view[:size]), address, now)
            return
        client = self._by_address.get(address)
        if client is None:
            self._drops.count(Drop.STRANGER)
        elif 127 < first < 192:
            client.handle_media(buffer, size, now)
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
