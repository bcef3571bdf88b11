"""Pages, the demo's credentials, and the books over HTTP (`/v1`).

`/v1` is opened by the operator's key (a file in the data folder) or, for one app, by the UserSig of its
`administrator`. Bodies and answers are JSON; a refusal is `{code, name, message}` with a fitting status.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from aiohttp import hdrs, web

from billing.interface import AppId, Bucket, UsageReader
from signaling import usersig
from signaling.errors import ProtocolError, bad_parameter, invalid_params
from signaling.http_refusals import told
from signaling.identity import ADMINISTRATOR, Identities

__all__ = ["Books", "HttpApi", "HEADERS"]

DEMO_EXPIRE = 12 * 3600
"""Seconds that a demo credential holds."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cache-Control": "no-cache",
}
"""Of every page; scripts and styles come from this server only."""


class Books(UsageReader, Protocol):
    """What the HTTP surface needs of billing beyond the interface: the making of accounts and apps."""

    async def app_secret(self, app: AppId) -> str: ...
    async def create_account(self, name: str) -> str: ...
    async def create_app(self, account: str, name: str) -> tuple[AppId, str]: ...
    async def start_trial(self, app: AppId) -> Any: ...
    async def assign_edition(self, app: AppId, edition: str, until: float | None) -> None: ...


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """What a POST carries."""


Title = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


_T = TypeVar("_T", bound=_Body)


class _Account(_Body):
    name: Title


class _App(_Body):
    account: str
    name: Title


class _Edition(_Body):
    edition: str
    until: float | None = None


class HttpApi:
    """The routes."""

    def __init__(
        self,
        books: Books,
        identities: Identities,
        *,
        operator_key: str,
        demo_app: AppId | None,
        clock: Callable[[], float],
        admins: Collection[str] = (ADMINISTRATOR,),
    ) -> None:
        """`demo_app` is None in production: then nobody is given credentials. `admins` never are."""
        self._books = books
        self._identities = identities
        self._operator_key = operator_key
        self._demo_app = demo_app
        self._clock = clock
        self._admins = {*admins, ADMINISTRATOR}
        self._web = Path(str(files("signaling"))) / "web"

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.get("/", self._page("index.html")),
            web.get("/room/{room_id}", self._page("room.html")),
            web.get("/favicon.ico", self._page("icon.svg")),
            web.static("/web", self._web),
            web.get("/demo/credentials", told(self._demo_credentials)),
            web.get("/v1/apps/{app}/usage", told(self._usage)),
            web.post("/v1/accounts", told(self._create_account)),
            web.post("/v1/apps", told(self._create_app)),
            web.post("/v1/apps/{app}/trial", told(self._start_trial)),
            web.put("/v1/apps/{app}/edition", told(self._assign_edition)),
        ]

    def _page(self, name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        path = self._web / name

        async def handle(request: web.Request) -> web.StreamResponse:
            return web.FileResponse(path)

        return handle

    async def _demo_credentials(self, request: web.Request) -> web.Response:
        if self._demo_app is None:
            raise ProtocolError(100004, "no_demo", "This server gives no credentials away.", status=404)
        user = request.query.get("userid", "")
        if not (0 < len(user) <= 32 and user.isascii() and user.replace("-", "_").replace("_", "a").isalnum()):
            raise bad_parameter("userid has 1 to 32 letters, digits, _ or -.")
        if user in self._admins:
            raise bad_parameter("That user is an administrator.")
        secret = await self._books.app_secret(self._demo_app)
        signature = usersig.make(self._demo_app, secret, user, DEMO_EXPIRE, self._clock())
        return web.json_response({"sdkappid": self._demo_app, "userid": user, "usersig": signature})

    # The books

    async def _usage(self, request: web.Request) -> web.Response:
        app = await self._authorize(request)
        bucket = _choice(request.query.get("bucket", "day"))
        now = int(self._clock())
        end = _seconds(request, "end", now + 1)
        start = _seconds(request, "start", end - (86400 if bucket is Bucket.FIVE_MINUTES else 30 * 86400))
        rows = await self._books.usage(app, start=start, end=end, bucket=bucket)
        return web.json_response(
            {
                "sdkappid": app,
                "bucket": str(bucket),
                "start": start,
                "end": end,
                "usage": [
                    {"start": row.start, "tier": str(row.tier), "seconds": row.seconds, "minutes": row.minutes}
                    for row in rows
                ],
            }
        )

    async def _create_account(self, request: web.Request) -> web.Response:
        self._operator_only(request)
        body = await _body(request, _Account)
        return web.json_response({"account": await self._books.create_account(body.name)}, status=201)

    async def _create_app(self, request: web.Request) -> web.Response:
        self._operator_only(request)
        body = await _body(request, _App)
        app, secret = await self._books.create_app(body.account, body.name)
        return web.json_response({"sdkappid": app, "secret": secret}, status=201)

    async def _start_trial(self, request: web.Request) -> web.Response:
        self._operator_only(request)
        await self._books.start_trial(_app(request))
        return web.json_response({}, status=201)

    async def _assign_edition(self, request: web.Request) -> web.Response:
        self._operator_only(request)
        body = await _body(request, _Edition)
        await self._books.assign_edition(_app(request), body.edition, body.until)
        return web.json_response({})

    # Who may

    def _is_operator(self, request: web.Request) -> bool:
        return hmac.compare_digest(_bearer(request).encode(), self._operator_key.encode())

    def _operator_only(self, request: web.Request) -> None:
        if not self._is_operator(request):
            raise ProtocolError(100006, "no_permission", "This needs the operator's key.", status=401)

    async def operated_app(self, request: web.Request) -> AppId:
        """The app in the path, for the operator. Raises 401 for others, and 60006."""
        self._operator_only(request)
        app = _app(request)
        await self._books.app_secret(app)
        return app

    async def _authorize(self, request: web.Request) -> AppId:
        """The app in the path, if the caller may read its books."""
        app = _app(request)
        if self._is_operator(request):
            await self._books.app_secret(app)
        else:
            await self._identities.verify(_bearer(request), app=app, user=ADMINISTRATOR)
        return app


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _app(request: web.Request) -> AppId:
    text = request.match_info["app"]
    if not text.isdecimal() or len(text) > 15:
        raise bad_parameter("An SDKAppID is a number.")
    return AppId(int(text))


def _seconds(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > 12:
        raise bad_parameter(f"{name} is a time in Unix seconds.")
    return int(text)


def _choice(text: str) -> Bucket:
    try:
        return Bucket(text)
    except ValueError:
        raise bad_parameter("bucket is 5m or day.") from None


async def _body(request: web.Request, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise invalid_params(str(error)) from error
