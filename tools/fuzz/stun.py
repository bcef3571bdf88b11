"""Target `stun`: what strangers reach. Whole datagrams go through a port, as the socket would give them.

The first byte of an input names the sender's address, the rest is the datagram. Behind the ufrag there is a peer with
keys, so media and DTLS from an address that passed a check go as far as they do in a node.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Sequence
from typing import Any

from media.drops import Drops
from media.rtp.packets import MAX_DATAGRAM
from media.transport import stun
from media.transport.aiortc_seam import NodeCertificate, srtp_pair
from media.transport.batch_sender import make_sender
from media.transport.ingress import Clients
from media.transport.peer import Peer
from media.transport.port import Port
from tools.fuzz.mutation import Mutator
from tools.fuzz.target import Target

__all__ = ["TARGET", "UFRAG", "PASSWORD"]

UFRAG, PASSWORD = "ours", b"p" * 24
_PROFILE, _KEY = "SRTP_AEAD_AES_128_GCM", bytes(28)
_KINDS = (0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802A, 0xC057, 0x0000, 0xFFFF)
_USERNAME, _INTEGRITY, _FINGERPRINT = 0x0006, 0x0008, 0x8028


class _Wire(socket.socket):
    """A socket that gives what it was told to and takes what it is given."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind(("127.0.0.1", 0))
        self.incoming: list[tuple[bytes, Any]] = []
        self.sent = 0

    def recvfrom_into(self, buffer: Any, *_: Any) -> tuple[int, Any]:
        if not self.incoming:
            raise BlockingIOError
        data, address = self.incoming.pop()
        size = min(len(data), len(buffer))
        buffer[:size] = data[:size]
        return size, address

    def sendto(self, data: Any, address: Any) -> int:  # type: ignore[override]
        assert data[:2] == b"\x01\x01", "only success responses are sent"
        assert len(data) <= MAX_DATAGRAM
        self.sent += 1
        return len(data)


class _State:
    """A port and one peer that has keys."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._loop = asyncio.new_event_loop()
        self._wire = _Wire()
        self._loop.run_until_complete(self._open())

    async def _open(self) -> None:
        clients, drops = Clients(), Drops()
        self._port = Port(self._wire, clients, drops, sender=make_sender, clock=lambda: self._now)
        self._peer = Peer(clients, NodeCertificate.generateCertificate(), drops, now=self._now)
        clients.clear()
        self._peer.ufrag, self._peer.password = UFRAG, PASSWORD
        clients[UFRAG.encode()] = self._peer
        self._peer.srtp = srtp_pair(_PROFILE, rx=_KEY, tx=_KEY)

    def feed(self, data: bytes) -> None:
        self._now += 0.01
        sender = data[0] if data else 0
        address = (f"192.0.2.{sender & 31}", 1024 + (sender >> 5)) if sender < 240 else ("198.51.100.1", sender)
        datagram = data[1:]
        request = stun.parse_request(datagram)
        before = self._wire.sent
        self._wire.incoming.append((datagram, address))
        self._port._readable()
        answered = self._wire.sent > before
        if answered:
            assert request is not None, "an answer to what is not a request"
            assert stun.is_authentic(datagram, request, PASSWORD), "an answer to a stranger"
        assert self._port.addresses <= 9, "addresses pile up"

    def close(self) -> None:
        self._port.close()
        self._loop.close()


class _Shaper:
    """Requests attribute by attribute, most of them signed again."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        words = [UFRAG.encode(), PASSWORD, b"ours:theirs", b"\x21\x12\xa4\x42", b":", b"\x00\x08\x00\x14"]
        self._mutator = Mutator(seed, corpus, words)

    def shape(self) -> bytes:
        mutator = self._mutator
        data = mutator.pick()
        if mutator.chance(0.3):
            return bytes(mutator.mangle(data))
        sender = bytes((mutator.below(256) if mutator.chance(0.5) or not data else data[0],))
        head, attributes = data[1:21], _attributes(data[21:])
        for _ in range(mutator.below(4)):
            self._change(attributes)
        signs, lies = mutator.chance(0.85), mutator.chance(0.1)
        if signs:
            attributes = [item for item in attributes if item[0] not in (_INTEGRITY, _FINGERPRINT)]
        body = b"".join(kind.to_bytes(2, "big") + _sized(value) for kind, value in attributes)
        if signs:
            head = head[:2] + (len(body) + 24).to_bytes(2, "big") + head[4:]
            body += b"\x00\x08\x00\x14" + hmac.digest(PASSWORD, head + body, "sha1")
        if mutator.chance(0.3):
            body += b"\x80\x28\x00\x04" + mutator.random.randbytes(4)
        if not lies:
            head = head[:2] + len(body).to_bytes(2, "big") + head[4:]
        datagram = head + body
        return sender + (bytes(mutator.mangle(datagram, most=1)) if mutator.chance(0.2) else datagram)

    def _change(self, attributes: list[tuple[int, bytes]]) -> None:
        mutator = self._mutator
        at = mutator.below(len(attributes) + 1)
        choice = mutator.below(5)
        if choice == 0 or at == len(attributes):
            kind = _KINDS[mutator.below(len(_KINDS))]
            attributes.insert(at, (kind, mutator.random.randbytes(mutator.below(40))))
        elif choice == 1:
            del attributes[at]
        elif choice == 2:
            attributes[at] = (attributes[at][0], bytes(mutator.mangle(attributes[at][1], most=1)[:600]))
        elif choice == 3:
            attributes[at] = (_KINDS[mutator.below(len(_KINDS))], attributes[at][1])
        else:
            attributes[at] = (_USERNAME, b"ours" + (b":" if mutator.chance(0.8) else b"") + mutator.word())


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + 4 + size]))
        at += 4 + size + (-size & 3)
    return found


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value + bytes(-len(value) & 3)


TARGET = Target("stun", _State, _Shaper)
