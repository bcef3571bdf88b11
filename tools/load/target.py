"""The server that a load is pointed at: where WHIP and WHEP are, and who its users are."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

from signaling import usersig

__all__ = ["Plain", "Tally", "Target"]

TOKEN_FOR = 24 * 3600


class Target(Protocol):
    """What a load needs to know of a server."""

    def whip(self, room: str) -> str: ...
    def whep(self, room: str) -> str: ...

    async def token(self, http: aiohttp.ClientSession, user: str) -> str | None:
        """What `user` shows as Bearer."""
        ...

    async def seat(self, http: aiohttp.ClientSession, room: str, user: str) -> None:
        """Lets `user` publish in somebody else's room. The connection that this needs lives with `http`."""
        ...


@dataclass(frozen=True)
class Plain:
    """Any server: addresses with `{room}` in them, and one token for all."""

    whip_url: str
    whep_url: str
    bearer: str | None = None

    def whip(self, room: str) -> str:
        return self.whip_url.replace("{room}", room)

    def whep(self, room: str) -> str:
        return self.whep_url.replace("{room}", room)

    async def token(self, http: aiohttp.ClientSession, user: str) -> str | None:
        return self.bearer

    async def seat(self, http: aiohttp.ClientSession, room: str, user: str) -> None:
        return


class Tally:
    """A Tally node: users by UserSig, made from the app's secret, or given away by the node's demo."""

    def __init__(self, url: str, app: int | None = None, secret: str | None = None) -> None:
        self._url = url if url.endswith("/") else url + "/"
        self._app = app
        self._sign: Callable[[str], str] | None = None
        if app is not None and secret is not None:
            self._sign = lambda user: usersig.make(app, secret, user, TOKEN_FOR, time.time())
        self._connections: list[aiohttp.ClientWebSocketResponse] = []

    def whip(self, room: str) -> str:
        return f"{self._url}whip/{room}"

    def whep(self, room: str) -> str:
        return f"{self._url}whep/{room}"

    async def token(self, http: aiohttp.ClientSession, user: str) -> str | None:
        return str((await self._credentials(http, user))["usersig"])

    async def seat(self, http: aiohttp.ClientSession, room: str, user: str) -> None:
        """By WebSocket: enters and takes a seat."""
        socket = await http.ws_connect(self._url + "ws")
        self._connections.append(socket)
        credentials = await self._credentials(http, user)
        login = {name: credentials[name] for name in ("sdkappid", "userid", "usersig")}
        numbers = itertools.count(1)
        for method, params in (("login", login), ("room.enter", {"room_id": room}), ("seat.take", {})):
            number = next(numbers)
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            answer: dict[str, Any] = {}
            while answer.get("id") != number:
                answer = await socket.receive_json(timeout=10)
            if "error" in answer:
                raise ConnectionError(f"{method} of {user}: {answer['error']['message']}")

    async def _credentials(self, http: aiohttp.ClientSession, user: str) -> dict[str, Any]:
        if self._sign is not None:
            return {"sdkappid": self._app, "userid": user, "usersig": self._sign(user)}
        async with http.get(f"{self._url}demo/credentials", params={"userid": user}) as answer:
            if answer.status != 200:
                raise ConnectionError(
                    f"{self._url} gives no demo credentials ({answer.status}): give --app and TALLY_SECRET"
                )
            return dict(await answer.json())
