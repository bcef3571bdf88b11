"""What an operator does about callbacks over HTTP: set them, look at them, tell them again.

PUT  /v1/apps/{app}/callbacks           what TRTC's own console sets, and more than `live_config` can say
GET  /v1/apps/{app}/callbacks           what is set, without its secrets; and the callbacks
POST /v1/apps/{app}/callbacks/replay    tells ended ones again
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from aiohttp import web

from billing.interface import AppId
from signaling.callbacks.config import Config, LiveCallbacks, RtcCallbacks, Token, known_commands
from signaling.callbacks.rtc import EVENT_TYPES
from signaling.callbacks.service import Callbacks
from signaling.callbacks.store import Kept, State
from signaling.errors import bad_parameter, invalid_params
from signaling.http_refusals import told

__all__ = ["CallbacksApi"]

PAGE = 200
"""Callbacks shown at once, at most."""
STATES: tuple[State, ...] = ("pending", "delivered", "dead")

T = TypeVar("T")
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""The number of a callback, as far as a database goes."""


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    enabled: bool = True


class _Set(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; null takes it away."""

    live: LiveCallbacks | msgspec.UnsetType | None = msgspec.UNSET
    rtc: RtcCallbacks | msgspec.UnsetType | None = msgspec.UNSET
    token: _Token | msgspec.UnsetType | None = msgspec.UNSET


class _Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Those of the app that fit; the oldest first."""

    state: Literal["delivered", "dead"] = "dead"
    room: str | None = None
    numbers: Annotated[list[Number], msgspec.Meta(min_length=1, max_length=1000)] | None = None


class CallbacksApi:
    """The routes."""

    def __init__(self, callbacks: Callbacks, *, authorize: Callable[[web.Request], Awaitable[AppId]]) -> None:
        """`authorize` gives the app in the path, or raises a refusal."""
        self._callbacks = callbacks
        self._authorize = authorize

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/v1/apps/{app}/callbacks", told(self._set)),
            web.get("/v1/apps/{app}/callbacks", told(self._list)),
            web.post("/v1/apps/{app}/callbacks/replay", told(self._replay)),
        ]

    async def _set(self, request: web.Request) -> web.Response:
        app = await self._authorize(request)
        wish = await _body(request, _Set)
        changed = _changed(wish)
        await self._callbacks.change(app, lambda config: msgspec.structs.replace(config, **changed))
        return web.json_response({})

    async def _list(self, request: web.Request) -> web.Response:
        app = await self._authorize(request)
        states, room = _states(request), request.query.get("room")
        after, count = _number(request, "after", 0), _number(request, "count", 50)
        if not 1 <= count <= PAGE:
            raise bad_parameter(f"count is 1 to {PAGE}.")
        found = await self._callbacks.list(app, states, subject=room, after=after, most=count + 1)
        page = found[:count]
        answer = _shown(self._callbacks.config(app)) | {
            "callbacks": [_row(each) for each in page],
            "next": page[-1].number if len(found) > count else 0,
        }
        return web.json_response(answer)

    async def _replay(self, request: web.Request) -> web.Response:
        app = await self._authorize(request)
        wish = await _body(request, _Replay)
        count = await self._callbacks.replay(app, [wish.state], subject=wish.room, numbers=wish.numbers)
        return web.json_response({"replayed": count})


def _changed(wish: _Set) -> dict[str, Any]:
    """Raises 100002 for a callback that is not published."""
    changed: dict[str, Any] = {}
    if wish.live is not msgspec.UNSET:
        names = None if wish.live is None else known_commands(wish.live.commands)
        changed["live"] = wish.live and msgspec.structs.replace(wish.live, commands=names)
    if wish.rtc is not msgspec.UNSET:
        unknown = set() if wish.rtc is None or wish.rtc.events is None else wish.rtc.events - EVENT_TYPES
        if unknown:
            raise bad_parameter(f"There is no event type {min(unknown)}.")
        changed["rtc"] = wish.rtc
    if wish.token is not msgspec.UNSET:
        changed["token"] = wish.token and Token(value=wish.token.value, enabled=wish.token.enabled)
    return changed


def _shown(config: Config) -> dict[str, Any]:
    """What is set; of a secret only that there is one."""
    shown: dict[str, Any] = {"live": None, "rtc": None, "token": None}
    for name, target in (("live", config.live), ("rtc", config.rtc)):
        if target is not None:
            shown[name] = msgspec.to_builtins(target) | {"key": bool(target.key)}
    if config.live is not None:
        shown["live"]["commands"] = sorted(config.live.commands)
    if config.token is not None:
        shown["token"] = {"enabled": config.token.enabled}
    return shown


def _row(kept: Kept) -> dict[str, Any]:
    return {
        "number": kept.number,
        "kind": kept.kind,
        "room": kept.subject,
        "command": kept.command,
        "body": msgspec.json.decode(kept.body),
        "state": kept.state,
        "attempts": kept.attempts,
        "made_at": kept.made_at,
        "due_at": kept.due_at,
        "ended_at": kept.ended_at,
        "error": kept.error,
    }


def _states(request: web.Request) -> tuple[State, ...]:
    wanted = request.query.get("state")
    if wanted is None:
        return STATES
    found = tuple(state for state in STATES if state == wanted)
    if not found:
        raise bad_parameter(f"state is one of {', '.join(STATES)}.")
    return found


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise bad_parameter(f"{name} is a number.")
    return int(text)


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise invalid_params(str(error)) from error
