"""The HTTP of the back office: who calls, how often, what is answered. The status is always 200."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from aiohttp import web

from billing.interface import AppId
from rooms.interface import People, Rooms
from signaling.back_office import codes
from signaling.back_office.call import Call, CallbackSettings, Reply
from signaling.back_office.openapi import document
from signaling.back_office.rates import Made, Rates
from signaling.back_office.table import TABLE, Command
from signaling.errors import as_protocol_error
from signaling.identity import Identities, Identity
from signaling.usersig import Mismatch, UserSigError

__all__ = ["BackOffice"]


class BackOffice:
    """The routes."""

    def __init__(
        self,
        rooms: Rooms,
        people: People,
        callbacks: CallbackSettings,
        identities: Identities,
        *,
        admins: Collection[str],
        clock: Callable[[], float],
    ) -> None:
        """`admins` are the users who may call, of every app. `clock` gives seconds that only grow."""
        self._rooms = rooms
        self._people = people
        self._callbacks = callbacks
        self._identities = identities
        self._admins = frozenset(admins)
        self._clock = clock
        self._rates = Rates()
        self._made = Made()
        self._document = document(TABLE)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.post("/v4/{service}/{command}", self._handle), web.get("/openapi.json", self._openapi)]

    async def _openapi(self, request: web.Request) -> web.Response:
        return web.json_response(self._document)

    async def _handle(self, request: web.Request) -> web.Response:
        frame: dict[str, Any] = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}
        try:
            frame |= await self._answer(request)
        except Exception as error:
            refusal = as_protocol_error(error)
            frame = {"ActionStatus": "FAIL", "ErrorCode": refusal.code, "ErrorInfo": refusal.message}
        return web.json_response(frame | {"RequestId": secrets.token_hex(16)})

    async def _answer(self, request: web.Request) -> Reply:
        name = f"{request.match_info['service']}/{request.match_info['command']}"
        command = TABLE.get(name)
        if command is None:
            raise codes.unknown_command(name)
        caller = await self._authenticate(request.query)
        now = self._clock()
        if not self._rates.take(caller.app, name, command.rate, now):
            raise codes.too_fast(command.rate)
        body = _decode(await _read(request), command)
        self._made.forget_old(now)
        call = Call(self._rooms, self._people, self._callbacks, caller.app, caller.user, self._made, now)
        reply = await command.run(call, body)
        return reply if command.beside or not reply else {"Response": reply}

    async def _authenticate(self, query: Mapping[str, str]) -> Identity:
        app, identifier = _query(query)
        try:
            caller = await self._identities.verify(query.get("usersig", ""), app=app, user=identifier)
        except Mismatch as error:
            raise codes.bad_account(str(error)) from error
        except UserSigError as error:
            raise codes.bad_signature(str(error)) from error
        if caller.user not in self._admins:
            raise codes.needs_admin(caller.user)
        return caller


def _query(query: Mapping[str, str]) -> tuple[AppId, str]:
    """The app and the identifier. Raises what is wrong with the query."""
    app, identifier = query.get("sdkappid", ""), query.get("identifier", "")
    if not app:
        raise codes.app_id_missing()
    if not _is_number(app, 15):
        raise codes.bad_app_id()
    if query.get("contenttype", "json") != "json":
        raise codes.bad_query("contenttype is json.")
    random = query.get("random", "0")
    if not _is_number(random, 10) or int(random) >= 1 << 32:
        raise codes.bad_query("random is a number of 32 bits.")
    if not identifier:
        raise codes.bad_account("identifier is missing in the URL.")
    return AppId(int(app)), identifier


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise codes.too_large() from error


def _decode(raw: bytes, command: Command) -> msgspec.Struct:
    try:
        return msgspec.json.decode(raw, type=command.body)
    except msgspec.ValidationError as error:
        raise codes.bad_body(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise codes.not_json() from error
