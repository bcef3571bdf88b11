"""Target `trickle`: the PATCH of a WHIP session, as aiohttp hands it over.

An input is the headers that the handler looks at, an empty line, and the fragment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.web_exceptions import HTTPException
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from rooms.interface import RoomId
from signaling.errors import as_protocol_error
from signaling.whip import Whip, _Resource
from tools.fuzz.mutation import Mutator
from tools.fuzz.target import Target

__all__ = ["TARGET"]

_ETAG = '"0123456789abcdef"'
_URL = URL("/whip/room/session")
_WORDS = [
    word.encode()
    for word in (
        "application/trickle-ice-sdpfrag", "application/sdp", "utf-8", "utf-16", "latin-1", "idna", "hex", "zlib", "\0",
        '"', "*", _ETAG, f"W/{_ETAG}", "candidate", "udp", "tcp", "host", "srflx", "typ", "192.0.2.1", "2001:db8::1",
        "a8b2.local", "0", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=end-of-candidates", "a=ice-ufrag:abcd", "é", "\u2028",
    )
]  # fmt: skip


class _Stream:
    """What a request needs of its connection's protocol."""

    _reading_paused = False
    transport = ssl_context = peername = sockname = None

    def resume_reading(self, **_: Any) -> None: ...
    def pause_reading(self) -> None: ...


class _State:
    """The endpoints, with one session."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        nothing = cast(Any, None)
        self._whip = Whip(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
        resource = _Resource("session", nothing, RoomId("room"), lambda resource: None, _ETAG)
        self._whip._resources[resource.id] = resource

    def feed(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        try:
            answer = _finished(self._whip._patch(self._request(head, body)))
        except HTTPException as error:
            if error.status >= 500:
                raise
        except Exception as error:
            if as_protocol_error(error).status >= 500:
                raise
        else:
            assert answer.status < 300

    def close(self) -> None:
        self._loop.close()

    def _request(self, head: bytes, body: bytes) -> web.Request:
        lines = (line.partition(":") for line in head.decode("utf-8", "surrogateescape").split("\r\n"))
        headers = CIMultiDict((name, value.strip()) for name, _, value in lines if name)
        for name in ("Authorization", "Content-Length"):
            headers.popall(name, None)
        message = RawRequestMessage(
            "PATCH", "/whip/room/session", HttpVersion11, CIMultiDictProxy(headers), (), False, None, False, False, _URL
        )
        protocol = cast(Any, _Stream())
        payload = StreamReader(protocol, 2**16, loop=self._loop)
        payload.feed_data(body)
        payload.feed_eof()
        request = web.Request(message, payload, protocol, cast(Any, None), cast(Any, None), self._loop)
        request._client_max_size = 256 * 1024
        request._match_info = cast(Any, {"room_id": "room", "resource": "session"})
        return request


def _finished(coroutine: Any) -> web.Response:
    """What it returns; it has nothing to wait for, since the whole request is there."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(web.Response, stop.value)
    raise AssertionError("the handler waits although everything has come")


class _Shaper:
    """Real fragments and headers, changed line by line and word by word."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        self._mutator = Mutator(seed, corpus, _WORDS)

    def shape(self) -> bytes:
        mutator = self._mutator
        text = mutator.pick()
        if mutator.chance(0.1):
            return bytes(mutator.mangle(text))
        head, separator, body = text.partition(b"\r\n\r\n")
        if mutator.chance(0.3):
            head = mutator.rewrite(head, most=2)
        return head + separator + mutator.rewrite(body)


TARGET = Target("trickle", _State, _Shaper)
