"""How a refusal looks over HTTP: a fitting status and `{code, name, message}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from signaling.errors import as_protocol_error

__all__ = ["told"]

Handler = Callable[[web.Request], Awaitable[web.Response]]


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
            challenge = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
            return web.json_response(body, status=refusal.status, headers={**(headers or {}), **challenge})

    return handle
