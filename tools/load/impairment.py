"""A bad network for one's own tests: a UDP relay that loses, delays, reorders and throttles, the same way for a seed.

It stands between clients and a node: the node announces the relay's address, and sees each client under another port of
the relay. Every client is a flow of its own, whose two directions can be made worse or better at any time.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Impairment", "Flow", "Link", "Relay", "CLEAR"]

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Impairment:
    """What one direction does to packets."""

    loss: float = 0.0
    """Probability, each packet by itself."""
    delay: float = 0.0
    """Seconds."""
    jitter: float = 0.0
    """Seconds at most on top of `delay`, evenly spread."""
    reorders: bool = False
    """Whether jitter may change the order."""
    rate: float | None = None
    """Bits per second; what exceeds it waits in a queue."""
    queue: float = 0.3
    """Seconds of that queue; what exceeds it is dropped."""


CLEAR = Impairment()
TICK = 1e-6
"""Seconds between two packets at least."""


class Link:
    """One direction of one flow."""

    def __init__(self, deliver: Callable[[bytes], None], seed: int) -> None:
        self.impairment = CLEAR
        self.passed = 0
        self.dropped = 0
        self._deliver = deliver
        self._random = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._last_at = 0.0

    def put(self, data: bytes) -> None:
        impairment, now = self.impairment, self._loop.time()
        if impairment.loss and self._random.random() < impairment.loss:
            self.dropped += 1
            return
        at = now
        if impairment.rate is not None:
            self._free_at = max(now, self._free_at)
            if self._free_at - now > impairment.queue:
                self.dropped += 1
                return
            self._free_at += 8 * (len(data) + 28) / impairment.rate  # with IP and UDP headers
            at = self._free_at
        at += impairment.delay + impairment.jitter * self._random.random()
        if not impairment.reorders:  # asyncio keeps the order of calls at different times only
            at = self._last_at = max(at, self._last_at + TICK)
        self.passed += 1
        if at <= now:
            self._deliver(data)
        else:
            self._loop.call_at(at, self._deliver, data)


class Flow:
    """One client."""

    def __init__(self, relay: socket.socket, client: Address, node: Address, seed: int) -> None:
        self._relay = relay
        self._client = client
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(node)
        self.up = Link(self._send_up, seed)
        self.down = Link(self._send_down, seed + 1)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        for data in _drain(self._socket):
            self.down.put(data[0])

    def _send_up(self, data: bytes) -> None:
        _attempt(lambda: self._socket.send(data))

    def _send_down(self, data: bytes) -> None:
        _attempt(lambda: self._relay.sendto(data, self._client))


class Relay:
    """Listens on `address` and relays to `node`. Use inside a running loop; `close` it."""

    def __init__(self, address: Address, node: Address, *, seed: int = 1) -> None:
        self._node = node
        self._seed = seed
        self._flows: dict[Address, Flow] = {}
        self._rules: list[tuple[int, Impairment, Impairment]] = [(0, CLEAR, CLEAR)]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setblocking(False)
        self._socket.bind(address)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    @property
    def flows(self) -> list[Flow]:
        """In the order in which the clients came. A browser makes several, one for each of its addresses."""
        return list(self._flows.values())

    def impair(self, *, up: Impairment = CLEAR, down: Impairment = CLEAR, since: int = 0) -> None:
        """Makes all flows from number `since` on so good or bad, also those to come."""
        self._rules.append((since, up, down))
        for number, flow in enumerate(self.flows):
            if number >= since:
                flow.up.impairment, flow.down.impairment = up, down

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        for flow in self.flows:
            flow.close()
        self._socket.close()

    def _readable(self) -> None:
        for data, client in _drain(self._socket):
            flow = self._flows.get(client)
            if flow is None:
                seed = self._seed + 2 * len(self._flows)
                flow = Flow(self._socket, client, self._node, seed)
                _, flow.up.impairment, flow.down.impairment = next(
                    rule for rule in reversed(self._rules) if rule[0] <= len(self._flows)
                )
                self._flows[client] = flow
            flow.up.put(data)


def _drain(sock: socket.socket) -> Iterator[tuple[bytes, Address]]:
    with suppress(OSError):  # nothing more, or the other side is gone
        for _ in range(64):
            yield sock.recvfrom(2048)


def _attempt(send: Callable[[], int]) -> None:
    with suppress(OSError):  # like any network, it promises nothing
        send()
