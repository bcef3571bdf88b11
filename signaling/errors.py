"""Every "no" of the outside surface: where a refusal of any package becomes a code, a name and a sentence.

    ProtocolError           what goes to a client, over JSON-RPC or HTTP

The wire form is derived here and nowhere else (livekit's lesson: codes next to their sentences, one place).
"""

from __future__ import annotations

import logging

from billing.interface import Refused
from media.interface import MediaRefused, Overloaded, UnsupportedCodec
from rooms.interface import RoomRefused
from signaling.usersig import UserSigError

__all__ = [
    "ProtocolError", "as_protocol_error", "parse_error", "invalid_request", "unknown_method", "invalid_params",
    "not_logged_in", "too_many_requests", "bad_sdp", "media_state", "bad_parameter",
]  # fmt: skip

logger = logging.getLogger(__name__)


class ProtocolError(Exception):
    """What a client is told."""

    def __init__(
        self,
        code: int,
        name: str,
        message: str,
        *,
        limit: int | None = None,
        used: int | None = None,
        seconds: int | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message
        self.limit = limit
        self.used = used
        self.seconds = seconds
        self.status = status
        """For HTTP."""

    @property
    def data(self) -> dict[str, object]:
        numbers = {"limit": self.limit, "used": self.used, "seconds": self.seconds}
        return {"name": self.name} | {key: value for key, value in numbers.items() if value is not None}


_STATUS = {
    60006: 401, 70001: 401, 70003: 401, 70013: 401,
    100003: 409, 100004: 404, 100005: 404, 100006: 403, 100007: 403, 100008: 403, 100013: 403, 101011: 403,
    100016: 403, 100017: 403, 100020: 403, 100012: 429, 100102: 409, 100200: 409, 100201: 409, 100202: 409, 100203: 409,
    100205: 403, 100206: 409, -2108: 409, -2311: 404,
    100400: 409, 100401: 409, 100402: 409, 100403: 409, 100404: 403,
    80001: 403, 102004: 403,
    100411: 404, 100412: 409, 100414: 409, 100415: 409, 100416: 409, 100419: 409, 100420: 409, 100421: 409,
}  # fmt: skip
"""HTTP status by public code; 400 for the others."""


def as_protocol_error(error: Exception) -> ProtocolError:
    """What a client is told of `error`. What is nobody's refusal is our fault: logged here, told as 100001."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, Refused | RoomRefused):
        return ProtocolError(
            error.code, error.name, error.sentence,
            limit=error.limit, used=error.used, seconds=error.seconds if isinstance(error, RoomRefused) else None,
            status=_STATUS.get(error.code, 400),
        )  # fmt: skip
    if isinstance(error, UserSigError):
        return ProtocolError(error.code, error.name, str(error), status=401)
    if isinstance(error, Overloaded):
        return ProtocolError(
            100432, "overloaded", "This server cannot take more people at the moment; try again soon.", status=503
        )
    if isinstance(error, MediaRefused):
        return bad_sdp(str(error), status=422 if isinstance(error, UnsupportedCodec) else 400)
    logger.error("a request failed", exc_info=error)
    return ProtocolError(100001, "internal", "Something failed on the server; it has been logged.", status=500)


def parse_error() -> ProtocolError:
    return ProtocolError(-32700, "parse_error", "This is not JSON.")


def invalid_request(detail: str) -> ProtocolError:
    return ProtocolError(-32600, "invalid_request", f"This is not a JSON-RPC 2.0 request: {detail}.")


def unknown_method(method: str) -> ProtocolError:
    return ProtocolError(-32601, "unknown_method", f"There is no method {method[:64]!r}.")


def invalid_params(detail: str) -> ProtocolError:
    return ProtocolError(-32602, "invalid_params", f"The parameters do not fit: {detail}.")


def not_logged_in() -> ProtocolError:
    return ProtocolError(-1002, "not_logged_in", "Log in first.", status=401)


def too_many_requests() -> ProtocolError:
    return ProtocolError(-2, "too_many_requests", "Too many requests; wait a second.", status=429)


def bad_sdp(detail: str, status: int = 400) -> ProtocolError:
    return ProtocolError(100430, "bad_sdp", f"The session description cannot be used: {detail}.", status=status)


def media_state(message: str, status: int = 409) -> ProtocolError:
    return ProtocolError(100431, "media_state", message, status=status)


def bad_parameter(message: str) -> ProtocolError:
    return ProtocolError(100002, "bad_parameter", message)
