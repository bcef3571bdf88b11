"""One WebSocket of one user: frames in, calls, frames out.

Requests of one connection run one after the other. What goes out waits in a bounded queue: a client that does not read
fast enough is disconnected, and slows nobody.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Any, cast

import msgspec
from aiohttp import WSMsgType, web

from rooms.interface import RoomId, Rooms
from signaling.calls import TABLE, Calls
from signaling.conductor import Conductor
from signaling.errors import (
    ProtocolError,
    as_protocol_error,
    invalid_params,
    invalid_request,
    not_logged_in,
    parse_error,
    too_many_requests,
    unknown_method,
)
from signaling.identity import Identity
from signaling.online import Online

__all__ = ["Connection", "Sockets", "MAX_FRAME"]

logger = logging.getLogger(__name__)

MAX_FRAME = 256 * 1024
MAX_QUEUED = 1024
"""Notifications a client may be behind."""
MAX_UNSENT = 1 << 20
"""Bytes that the system has not taken from us yet."""
HEARTBEAT = 15.0
LOGIN_WITHIN = 10.0
CLOSE_WITHIN = 3.0
"""Seconds that all clients together have to answer the server's goodbye."""
NO_LOGIN = 4001
"""A close code of ours (RFC 6455 section 7.4.2)."""


class Connection:
    """A WebSocket as callers and the conductor see it."""

    takes_offers = True

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.WriteTransport) -> None:
        self.id = f"conn_{secrets.token_hex(8)}"
        self.identity: Identity | None = None
        self.name = ""
        self.room_id: RoomId | None = None
        self._ws = ws
        self._transport = transport
        self._cut = transport.abort  # without waiting for the client
        self._out: asyncio.Queue[str | None] = asyncio.Queue(MAX_QUEUED)
        self._overrun = False

    @property
    def who(self) -> Identity:
        if self.identity is None:
            raise not_logged_in()
        return self.identity

    def push(self, text: str) -> None:
        """Queues a frame; a client that is too far behind is cut off instead."""
        if self._overrun:
            return
        try:
            self._out.put_nowait(text)
        except asyncio.QueueFull:
            self._overrun = True
            asyncio.get_running_loop().call_soon(self._cut)

    def write(self, frames: bytes) -> None:
        """Writes finished frames past the queue, in one go; a client that takes nothing is cut off instead."""
        transport = self._transport
        if self._overrun or self._ws.closed or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_UNSENT:
            self._overrun = True
            asyncio.get_running_loop().call_soon(self._cut)
        else:
            transport.write(frames)

    def left(self, reason: str) -> None:
        self.room_id = None

    async def send_queued(self) -> None:
        """Sends what is queued, for as long as the connection lives."""
        while (text := await self._out.get()) is not None:
            await self._ws.send_str(text)


class Sockets:
    """The `/ws` endpoint."""

    def __init__(
        self, calls: Calls, rooms: Rooms, conductor: Conductor, online: Online, *, requests_per_second: int,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._calls = calls
        self._rooms = rooms
        self._conductor = conductor
        self._online = online
        self._rate = requests_per_second
        self._clock = clock
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=MAX_FRAME, compress=False)
        await ws.prepare(request)
        assert request.transport is not None, "a prepared request has a transport"
        connection = Connection(ws, cast(asyncio.WriteTransport, request.transport))
        self._open.add(ws)
        self._conductor.open(connection)
        writer = asyncio.create_task(connection.send_queued())
        try:
            await self._read(ws, connection)
        finally:
            self._open.discard(ws)
            writer.cancel()
            self._conductor.shut(connection)
            if connection.identity is not None:
                self._online.remove(connection.identity.app, connection.identity.user, connection)
            if connection.identity is not None and connection.room_id is not None:
                await self._rooms.disconnected(
                    connection.identity.app, connection.room_id, connection.identity.user, connection.id
                )
        return ws

    async def close(self) -> None:
        """Tells every client that the server is going away."""
        going = [ws.close(code=1001, message=b"the server is stopping") for ws in self._open]
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await asyncio.gather(*going, return_exceptions=True)
        except TimeoutError:
            pass

    async def _read(self, ws: web.WebSocketResponse, connection: Connection) -> None:
        tokens, at = float(2 * self._rate), self._clock()
        deadline = asyncio.get_running_loop().time() + LOGIN_WITHIN
        while True:
            try:
                async with asyncio.timeout_at(deadline if connection.identity is None else None):
                    frame = await ws.receive()
            except TimeoutError:
                await ws.close(code=NO_LOGIN, message=b"log in within 10 seconds")
                return
            if frame.type is not WSMsgType.TEXT:
                if frame.type is WSMsgType.BINARY:
                    connection.push(_failure(None, parse_error()))
                    continue
                return
            now = self._clock()
            tokens, at = min(2.0 * self._rate, tokens + (now - at) * self._rate), now
            tokens -= 1
            stranger = connection.identity is None
            connection.push(await self._answer(connection, frame.data, allowed=tokens >= 0))
            if stranger and connection.identity is not None:
                self._online.add(connection.identity.app, connection.identity.user, connection)

    async def _answer(self, connection: Connection, text: str, *, allowed: bool) -> str:
        """The response to one frame; never raises."""
        identifier: Any = None
        try:
            identifier, method, params = _request(text)
            if not allowed:
                raise too_many_requests()
            call = TABLE.get(method)
            if call is None:
                raise unknown_method(method)
            try:
                values = msgspec.convert(params, call.params)
            except msgspec.ValidationError as error:
                raise invalid_params(str(error)) from error
            result = await call.run(self._calls, connection, values)
        except _Unreadable as error:
            return _failure(error.identifier, error.told)
        except Exception as error:
            return _failure(identifier, as_protocol_error(error))
        return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "result": result}).decode()


class _Unreadable(Exception):
    """The frame is not a request; the id, if one could be read, goes back with the error."""

    def __init__(self, identifier: Any, told: ProtocolError) -> None:
        super().__init__()
        self.identifier = identifier
        self.told = told


def _request(text: str) -> tuple[Any, str, Any]:
    """(id, method, params) of a JSON-RPC 2.0 request."""
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Unreadable(None, parse_error()) from error
    if not isinstance(frame, dict):
        raise _Unreadable(None, invalid_request("it is not an object"))
    identifier = frame.get("id")
    if not isinstance(identifier, str | int) or isinstance(identifier, bool):
        raise _Unreadable(None, invalid_request("id is not a string or a number"))
    if isinstance(identifier, str) and len(identifier) > 64:
        raise _Unreadable(None, invalid_request("id has more than 64 characters"))
    if frame.get("jsonrpc") != "2.0":
        raise _Unreadable(identifier, invalid_request('jsonrpc is not "2.0"'))
    method = frame.get("method")
    if not isinstance(method, str):
        raise _Unreadable(identifier, invalid_request("method is not a string"))
    params = frame.get("params", {})
    if not isinstance(params, dict):
        raise _Unreadable(identifier, invalid_params("they are not an object"))
    return identifier, method, params


def _failure(identifier: Any, error: ProtocolError) -> str:
    body = {"code": error.code, "message": error.message, "data": error.data}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "error": body}).decode()
