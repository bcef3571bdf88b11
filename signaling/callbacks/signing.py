"""How the receiver of a callback knows that it comes from here: both published ways.

    the token's   query `Sign` and `RequestTime` (research/tencent.md 5.6). The body is not signed.
    the body's    header `Sign` (6.1). Whoever can choose takes this one.

Pure: keys and bytes in, text out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

__all__ = ["body_sign", "token_sign"]


def token_sign(token: str, request_time: int) -> str:
    """Lowercase hex SHA-256 of the token and the time in Unix seconds."""
    return hashlib.sha256(f"{token}{request_time}".encode()).hexdigest()


def body_sign(key: str, body: bytes) -> str:
    """Standard base64 of HMAC-SHA256 of the body's bytes, as they are sent."""
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
