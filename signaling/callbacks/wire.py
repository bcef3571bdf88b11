"""A callback as an HTTP request: address, query, headers, signature.

Pure: values in, a request out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import msgspec

from signaling.callbacks.config import Config
from signaling.callbacks.lanes import Callback
from signaling.callbacks.payloads import ADMINISTRATOR
from signaling.callbacks.signing import body_sign, token_sign

__all__ = ["Request", "request_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """A POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class _Operator(msgspec.Struct):
    Operator_Account: str = ""


def request_of(config: Config, callback: Callback, now: float) -> Request | None:
    """None: the app has no such receiver any more."""
    target = config.live if callback.kind == "live" else config.rtc
    if target is None:
        return None
    body = callback.body.encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Tally", "SdkAppId": str(callback.app)}
    if target.key:
        headers["Sign"] = body_sign(target.key, body)
    if callback.number:
        headers["X-Tally-Callback"] = str(callback.number)
    url = target.url if callback.kind == "rtc" else _with_query(target.url, _query(config, callback, now))
    return Request(url, headers, body)


def _query(config: Config, callback: Callback, now: float) -> dict[str, str]:
    operator = msgspec.json.decode(callback.body, type=_Operator).Operator_Account
    query = {
        "SdkAppid": str(callback.app),
        "CallbackCommand": callback.command,
        "contenttype": "json",
        "ClientIP": "",
        "OptPlatform": "RESTAPI" if operator == ADMINISTRATOR else "Unknown",
    }
    if config.token is not None and config.token.enabled:
        time = int(now)
        query |= {"Sign": token_sign(config.token.value, time), "RequestTime": str(time)}
    return query


def _with_query(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    return parts._replace(query="&".join(filter(None, [parts.query, urlencode(query)]))).geturl()
