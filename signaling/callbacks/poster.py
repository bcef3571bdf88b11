"""Callbacks over HTTP: one POST, no redirects, only to addresses that may be called, and only so much is read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp

from signaling.callbacks.guard import address_fault, host_of, url_fault
from signaling.callbacks.replies import MAX_ANSWER, Answer
from signaling.callbacks.wire import Request
from signaling.errors import bad_parameter

__all__ = ["PostFailed", "Poster"]

RESOLVE_WITHIN = 5.0


class PostFailed(Exception):
    """There is no answer; the message says why."""


class Poster:
    """The node's HTTP client for callbacks."""

    def __init__(self, *, private: bool) -> None:
        """`private`: addresses that are not public may be called as well."""
        self._private = private
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, socket_factory=self._socket)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(self, request: Request, timeout_s: float) -> Answer:
        """Raises PostFailed when no answer came in time."""
        assert self._session is not None, "start() comes first"
        fault = url_fault(request.url.partition("?")[0], private=self._private)
        if fault is not None:
            raise PostFailed(fault)
        headers = {**request.headers, "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.post(
                    request.url, data=request.body, headers=headers, allow_redirects=False
                ) as response,
            ):  # fmt: skip
                return Answer(response.status, await _read(response))
        except TimeoutError:
            raise PostFailed(f"no answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PostFailed(str(error) or type(error).__name__) from error

    async def check(self, url: str) -> None:
        """Raises 100002 for a URL that would not be called, now that its name leads where it does."""
        fault = url_fault(url, private=self._private)
        if fault is not None:
            raise bad_parameter(fault)
        host, port = host_of(url)
        try:
            async with asyncio.timeout(RESOLVE_WITHIN):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise bad_parameter(f"The host {host!r} of the callback URL is not found.") from None
        for *_, address in found:
            fault = address_fault(str(address[0]), private=self._private)
            if fault is not None:
                raise bad_parameter(fault)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket to an address that is about to be called: the last look at it, whatever led there."""
        family, kind, protocol, _, address = info
        fault = address_fault(str(address[0]), private=self._private)
        if fault is not None:
            raise OSError(fault)
        return socket.socket(family, kind, protocol)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; nothing when it is too long."""
    body = b""
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            return b""
    return body
