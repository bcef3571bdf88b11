"""The compiled twin: the same as SendRing, in C (compiled/fan_out.c), over libsrtp's functions by pointer.

Optional: where it was not built, or does not fit the libsrtp that is installed, `is_available` is False and the reason
can be asked for.
"""

from __future__ import annotations

import importlib
import socket
from typing import Any

from media.drops import Drop, Drops
from media.forwarding.audience import Audience, Burst
from media.transport.aiortc_seam import SeamBroken, srtp_addresses

__all__ = ["CompiledSender", "is_available", "unavailable_because"]

MOST_PACKETS = 1024
"""Datagrams of one call: about two milliseconds."""

_module: Any = None
_reason = ""
try:
    _module = importlib.import_module("media.transport.compiled._fan_out")
    _PROTECT, _PROTECT_RTCP = srtp_addresses()
except ImportError:
    _reason = "it was not built (python -m media.transport.compiled.build; it needs a C compiler)"
except SeamBroken as error:
    _reason = str(error)


def is_available() -> bool:
    return not _reason


def unavailable_because() -> str:
    """Why it is not, in words; empty when it is."""
    return _reason


class CompiledSender:
    """See media.transport.batch_sender.BatchSender."""

    def __init__(self, sock: socket.socket, drops: Drops, *, offload: bool = False) -> None:
        ffi, lib = _module.ffi, _module.lib
        self._ffi, self._lib = ffi, lib
        self._drops = drops
        sender = lib.tally_sender_new(
            sock.fileno(),
            28 if sock.family == socket.AF_INET6 else 16,
            ffi.cast("tally_protect", _PROTECT),
            ffi.cast("tally_protect", _PROTECT_RTCP),
            offload,
        )
        if not sender:
            raise MemoryError
        self._sender = ffi.gc(sender, lib.tally_sender_free)
        self._result = ffi.new("tally_result *")
        self._burst = ffi.new("tally_burst *")
        self._audience_of: Audience | None = None
        self._audience = ffi.new("tally_audience *")
        self.packets_sent = 0
        self.octets_sent = 0
        self.blocked = False

    @property
    def offloads(self) -> bool:
        """Whether segment offload is in use: False also after the system refused it once."""
        return bool(self._lib.tally_sender_offloads(self._sender))

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        """See BatchSender."""
        if audience is not self._audience_of:
            self._take(audience)
        given, firsts = self._burst, burst.messages(joined=self.offloads)
        packets = burst.packets
        given.count = len(packets)
        given.is_rtcp = burst.is_rtcp
        pointers = [self._ffi.from_buffer("uint8_t[]", packet) for packet in packets]  # kept until the call is over
        given.packets[0 : len(packets)] = pointers
        given.sizes[0 : len(packets)] = [len(packet) for packet in packets]
        given.picture_at[0 : len(packets)] = burst.picture_at
        given.base_layer_at[0 : len(packets)] = burst.base_layer_at
        given.messages = len(firsts)
        given.first[0 : len(firsts) + 1] = [*firsts, len(packets)]
        most = max(1, MOST_PACKETS // len(packets))
        stop = int(self._lib.tally_send(self._sender, self._audience, given, start, most, self._result))
        self._count()
        return stop

    def resume(self) -> None:
        """See BatchSender."""
        self._lib.tally_resume(self._sender, self._result)
        self._count()

    def _take(self, audience: Audience) -> None:
        given, from_buffer = self._audience, self._ffi.from_buffer
        given.count = len(audience)
        given.shifted = audience.shifted
        given.contexts = from_buffer("uintptr_t[]", audience.pointers)
        given.names = from_buffer("uintptr_t[]", audience.names)
        given.numbers = from_buffer("uint16_t[]", audience.numbers)
        given.pictures = from_buffer("uint16_t[]", audience.pictures)
        given.base_layers = from_buffer("uint8_t[]", audience.base_layers)
        self._audience_of = audience  # keeps the columns alive

    def _count(self) -> None:
        result = self._result
        self.packets_sent += result.sent
        self.octets_sent += result.octets
        self.blocked = bool(result.blocked)
        if result.protect_failed:
            self._drops.count(Drop.PROTECT_FAILED, result.protect_failed)
        if result.send_failed:
            self._drops.count(Drop.SEND_FAILED, result.send_failed)
