"""Media over TCP, for those who can send no UDP: ICE-TCP (RFC 6544), we are always the passive side.

Each packet has its length before it (RFC 4571). A connection is a way in and out like a UDP socket, with one address.
What a slow connection does not take is dropped rather than queued: late media is of no use, and memory is bounded. A
connection on which no authentic check came is closed soon; only so many of those are open at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from media.drops import Drop, Drops
from media.forwarding.audience import Audience, Burst, Shift
from media.forwarding.down_track import shifted
from media.forwarding.fan_out import FanOut
from media.rtp.packets import MAX_DATAGRAM
from media.transport.aiortc_seam import protect, protect_rtcp, srtp_ffi
from media.transport.ingress import Address, Client, Clients, Ingress

__all__ = ["Streams"]

PROVE = 10.0
"""Seconds in which a new connection has to show an authentic check."""
MAX_STRANGERS = 512
"""Connections that have not; beyond that the oldest is closed."""
MAX_UNSENT = 256 << 10
"""Bytes that may wait in a connection: a second of a large picture."""
_LENGTH = 2

# One packet at a time is worked on: all connections share the room for it.
_buffer = srtp_ffi.new("char[]", 2048)
_view = memoryview(srtp_ffi.buffer(_buffer))
_size = srtp_ffi.new("int *")


class Streams:
    """All TCP connections of a node that carry media."""

    def __init__(self, clients: Clients, drops: Drops, clock: Callable[[], float]) -> None:
        self.clients = clients
        self.drops = drops
        self.clock = clock
        self.packets_received = 0
        self.packets_sent = 0
        self.octets_sent = 0
        self._open: dict[_Stream, None] = {}
        self._strangers: dict[_Stream, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def accept(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return _Stream(self)

    def close(self) -> None:
        for stream in list(self._open):
            stream.abort()

    def opened(self, stream: _Stream) -> None:
        self._open[stream] = None
        self._strangers[stream] = None
        if len(self._strangers) > MAX_STRANGERS:
            next(iter(self._strangers)).abort()

    def proven(self, stream: _Stream) -> None:
        self._strangers.pop(stream, None)

    def closed(self, stream: _Stream) -> None:
        self._open.pop(stream, None)
        self._strangers.pop(stream, None)


class _Stream(Ingress, asyncio.Protocol):
    """One connection."""

    def __init__(self, streams: Streams) -> None:
        super().__init__(streams.clients, streams.drops)
        self._streams = streams
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._address: Address = ("", 0)
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.family = 0
        self.fan_out = FanOut(_StreamSender(self, streams), streams.drops, self._loop, -1)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._address = transport.get_extra_info("peername")
        self.family = transport.get_extra_info("socket").family
        self._timer = self._loop.call_later(PROVE, self.abort)
        self._streams.opened(self)

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        waiting += data
        at, now = 0, self._streams.clock()
        while len(waiting) - at >= _LENGTH:
            size = waiting[at] << 8 | waiting[at + 1]
            if size > MAX_DATAGRAM:
                self._drops.count(Drop.OVERSIZE)
                self.abort()
                return
            stop = at + _LENGTH + size
            if len(waiting) < stop:
                break
            self._streams.packets_received += 1
            _view[:size] = waiting[at + _LENGTH : stop]
            self.take(_buffer, _view, size, self._address, now)
            at = stop
        del waiting[:at]

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self.fan_out.close()
        self._streams.closed(self)

    # Ingress

    def learn(self, address: Address, client: Client) -> None:
        """See Ingress: somebody has proven to be a peer."""
        super().learn(address, client)
        if self._timer is not None:
            self._timer.cancel()
        self._streams.proven(self)

    def send(self, data: bytes | memoryview, address: Address) -> None:
        """See Ingress."""
        self.write(len(data).to_bytes(_LENGTH, "big") + data)

    # What its sender needs

    def write(self, data: bytes) -> bool:
        """Writes whole packets with their lengths, or drops them when the connection is too slow or gone."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > MAX_UNSENT:
            self._drops.count(Drop.SEND_FAILED)
            return False
        transport.write(data)
        return True

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _StreamSender:
    """The sending half of one connection (media.forwarding.fan_out.Sender): its audience is one viewer."""

    blocked = False

    def __init__(self, stream: _Stream, streams: Streams) -> None:
        self._stream = stream
        self._streams = streams
        self.packets_sent = 0
        self.octets_sent = 0

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        function = protect_rtcp if burst.is_rtcp else protect
        for index in range(start, len(audience)):
            self._send(audience, index, burst, function)
        return len(audience)

    def resume(self) -> None:
        """Nothing ever waits here."""

    def _send(self, audience: Audience, index: int, burst: Burst, function: Callable[[Any, Any, Any], int]) -> None:
        shift = None
        if audience.shifted and not burst.is_rtcp:
            columns = (audience.numbers, audience.pictures, audience.base_layers)
            shift = Shift(*(int(column[index]) for column in columns))
        out = bytearray()
        count = 0
        for packet, picture_at, base_layer_at in zip(burst.packets, burst.picture_at, burst.base_layer_at, strict=True):
            data = packet
            if shift is not None:
                moved = bytearray(packet)
                shifted(moved, shift, picture_at, base_layer_at)
                data = bytes(moved)
            _view[: len(data)] = data
            _size[0] = len(data)
            if function(audience.contexts[index], _buffer, _size):
                self._streams.drops.count(Drop.PROTECT_FAILED)
                continue
            out += _size[0].to_bytes(_LENGTH, "big") + _view[: _size[0]]
            count += 1
        if out and self._stream.write(bytes(out)):
            self._streams.packets_sent += count
            self._streams.octets_sent += len(out)
