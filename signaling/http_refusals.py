"""How a refusal looks over HTTP: a fitting status and `{code, name, message}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from signaling.errors import as_protocol_error

__all__ = ["told"]

Handler = Callable[[web.Request], Awaitable[web.Response]]

_HINTS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "10"}}


def told(handler: Handler, headers: Mapping[str, str] | None = None) -> Handler:
    """`handler`, with what it raises answered in words; `headers` go with every refusal."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception as error:
            refusal = as_protocol_error(error)
            body = {"code": refusal.code, "message": refusal.message} | refusal.data
            return web.json_response(
                body, status=refusal.status, headers={**(headers or {}), **_HINTS.get(refusal.status, {})}
            )

    return handle
