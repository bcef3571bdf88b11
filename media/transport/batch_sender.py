"""The one way in which many packets leave: a burst for an audience, laid out, encrypted for each, sent in batches.

There are two twins behind it. The pure one (`send_ring.SendRing`: cffi and numpy) is always there and is the oracle;
the compiled one (`compiled_sender.CompiledSender`: C) is used where it was built and does the same, byte for byte.
Nobody else knows which one runs.
"""

from __future__ import annotations

import socket
from typing import Protocol

from media.drops import Drops
from media.forwarding.audience import Audience, Burst
from media.transport import compiled_sender
from media.transport.compiled_sender import CompiledSender
from media.transport.send_ring import SendRing

__all__ = ["BatchSender", "TWINS", "chosen_twin", "make_sender"]

TWINS = ("auto", "pure", "compiled")


class BatchSender(Protocol):
    """The sending half of one UDP socket. Not thread-safe; used between two turns of the event loop only."""

    packets_sent: int
    octets_sent: int
    blocked: bool
    """The socket took not everything: `resume` when it is writable, before anything else is sent."""

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        """Sends all of `burst` to some of `audience`, beginning with number `start`. Answers the first that was not
        taken; calls take about a millisecond at most. What cannot be encrypted or sent is counted and passed over."""
        ...

    def resume(self) -> None:
        """Sends what the socket did not take."""
        ...


def chosen_twin(wanted: str) -> str:
    """`pure` or `compiled`, for one of TWINS. Raises RuntimeError when the compiled one is asked for and not there."""
    if wanted == "compiled" and not compiled_sender.is_available():
        raise RuntimeError(f"the compiled fan-out cannot be used: {compiled_sender.unavailable_because()}")
    return "compiled" if wanted != "pure" and compiled_sender.is_available() else "pure"


def make_sender(sock: socket.socket, drops: Drops, *, twin: str = "auto", offload: bool = False) -> BatchSender:
    """A sender for `sock`. `offload`: UDP segment offload, where the system has it."""
    if chosen_twin(twin) == "compiled":
        return CompiledSender(sock, drops, offload=offload)
    return SendRing(sock, drops, offload=offload)
