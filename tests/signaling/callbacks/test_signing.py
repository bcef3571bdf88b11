"""Both signatures, the request that carries them, and what an answer means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.interface import AppId
from signaling.callbacks.config import Config, LiveCallbacks, RtcCallbacks, Token
from signaling.callbacks.lanes import Callback
from signaling.callbacks.replies import Answer, fault_of, refusal_of, verdict_of
from signaling.callbacks.signing import body_sign, token_sign
from signaling.callbacks.wire import request_of

APP = AppId(1400000001)
BODY = json.dumps({"Operator_Account": "administrator", "Text": "日"}, ensure_ascii=False)
LIVE = Callback(7, APP, "live", "r", "Live.CallbackAfterCreateRoom", BODY, 1.0)
RTC = Callback(8, APP, "rtc", "r", "101", BODY, 1.0)


def test_the_published_vector_of_the_token() -> None:
    assert token_sign("xxxxyyyy", 1669872112) == "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"


def test_the_body_is_signed_as_it_is_sent() -> None:
    body = BODY.encode()
    assert body_sign("key", body) == base64.b64encode(hmac.new(b"key", body, hashlib.sha256).digest()).decode()
    rfc_4231 = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")  # its test case 2
    assert base64.b64decode(body_sign("Jefe", b"what do ya want for nothing?")) == rfc_4231


def test_a_live_callback_carries_what_the_published_url_does() -> None:
    config = Config(
        live=LiveCallbacks(url="http://example.com/a?b=c", commands=frozenset(), key="k1"),
        token=Token(value="xxxxyyyy", enabled=True),
    )
    request = request_of(config, LIVE, 1669872112.9)

    assert request is not None
    url = urlsplit(request.url)
    assert url._replace(query="").geturl() == "http://example.com/a"
    assert parse_qs(url.query, keep_blank_values=True) == {
        "b": ["c"], "SdkAppid": ["1400000001"], "CallbackCommand": ["Live.CallbackAfterCreateRoom"],
        "contenttype": ["json"], "ClientIP": [""], "OptPlatform": ["RESTAPI"], "RequestTime": ["1669872112"],
        "Sign": ["17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061"],
    }  # fmt: skip
    assert request.body == BODY.encode()
    assert request.headers["Sign"] == body_sign("k1", request.body)
    assert (request.headers["SdkAppId"], request.headers["X-Tally-Callback"]) == ("1400000001", "7")


def test_who_sets_neither_gets_no_signature() -> None:
    config = Config(
        live=LiveCallbacks(url="http://example.com", commands=frozenset()), token=Token(value="t", enabled=False)
    )
    request = request_of(config, LIVE, 1.0)

    assert request is not None
    assert "Sign" not in request.url
    assert "Sign" not in request.headers


def test_a_rtc_callback_is_signed_in_its_head_and_keeps_its_url() -> None:
    config = Config(rtc=RtcCallbacks(url="https://example.com/rtc", key="k2"), token=Token(value="t", enabled=True))
    request = request_of(config, RTC, 1.0)

    assert request is not None
    assert request.url == "https://example.com/rtc"
    assert request.headers["Sign"] == body_sign("k2", request.body)
    assert request_of(config, LIVE, 1.0) is None, "there is no receiver"


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}', None),
        (200, b'{"code": 0}', None),
        (200, b"thank you", None),
        (200, b"", None),
        (200, b"[" * 2000, None),
        (200, b'{"ErrorCode": "0"}', None),
        (200, b'{"ErrorCode": null}', None),
        (204, b"", None),
        (200, b'{"code": 5}', "code 5"),
        (200, b'{"ErrorCode": 1}', "code 1"),
        (200, b'{"ActionStatus": "FAIL"}', "ActionStatus FAIL"),
        (302, b"", "HTTP 302"),
        (500, b'{"code": 0}', "HTTP 500"),
    ],
)
def test_what_counts_as_delivered(status: int, body: bytes, fault: str | None) -> None:
    answer = Answer(status, body)
    assert fault_of(answer) == (fault if status >= 300 else None)
    assert refusal_of(answer) == (fault if status < 300 else None)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b'{"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}', (0, "")),
        (200, b'{"ErrorCode": 102150, "ErrorInfo": "too poor"}', (102150, "too poor")),
        (200, b'{"ErrorCode": 1, "ErrorInfo": "' + b"x" * 999 + b'"}', (1, "x" * 200)),
        (200, b'{"ErrorCode": "0"}', None),
        (200, b'{"ErrorCode": true}', None),
        (200, b"yes", None),
        (200, b"", None),
        (500, b'{"ErrorCode": 0}', None),
    ],
)
def test_what_counts_as_an_answer_to_a_question(status: int, body: bytes, verdict: tuple[int, str] | None) -> None:
    assert verdict_of(Answer(status, body)) == verdict


def test_no_secret_is_shown() -> None:
    config = Config(
        live=LiveCallbacks(url="http://a", commands=frozenset(), key="secret"),
        rtc=RtcCallbacks(url="b", key="secret"),
        token=Token(value="secret", enabled=True),
    )
    assert "secret" not in repr(config)
