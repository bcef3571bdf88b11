"""One TCP port for HTTP and for media: the first byte of a connection tells which.

A request begins with a letter; a framed STUN check begins with its length, which is below 1,500 (RFC 4571), so its
first byte is at most 5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

__all__ = ["FrontDoor"]

PATIENCE = 30.0
"""Seconds until the first byte; browsers open connections ahead of need."""
LAST_OF_LENGTH = 5


class FrontDoor(asyncio.Protocol):
    """Stands in for the protocol of a new connection until it is known."""

    def __init__(self, http: Callable[[], asyncio.Protocol], media: Callable[[], asyncio.Protocol]) -> None:
        self._http = http
        self._media = media
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        assert self._timer is not None
        self._timer.cancel()
        protocol = (self._media if data[0] <= LAST_OF_LENGTH else self._http)()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
