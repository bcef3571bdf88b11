"""UserSig, made and judged exactly as TLSSigAPIv2 does, and the privateMapKey in the same envelope.

A UserSig is JSON, deflated, in base64 with `*`, `-` and `_` for `+`, `/` and `=`. It binds a user to an app for a time
by an HMAC-SHA256 over five lines of text. What comes from outside is bounded before it is inflated, and compared in
constant time. Sources and vectors: the public tls-sig-api-v2 library.

Pure: text, secrets and `now` (Unix seconds) in, text or claims out.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import struct
import zlib
from dataclasses import dataclass

__all__ = [
    "Claims",
    "UserSigError",
    "Expired",
    "Malformed",
    "Mismatch",
    "make",
    "read",
    "make_private_map_key",
]

MAX_LENGTH = 2048
"""Characters of a UserSig; real ones have about 200, with a user buffer 400."""
MAX_INFLATED = 4096
_OUT, _IN = str.maketrans("+/=", "*-_"), str.maketrans("*-_", "+/=")


class UserSigError(Exception):
    """The signature does not hold. `code` is the public one."""

    code = 70003
    name = "usersig_malformed"


class Malformed(UserSigError):
    """It cannot be read, or was not made with this app's secret."""


class Expired(UserSigError):
    """It was good once."""

    code = 70001
    name = "usersig_expired"


class Mismatch(UserSigError):
    """It is somebody else's."""

    code = 70013
    name = "usersig_mismatch"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a UserSig says; believed only after `verify`."""

    app: int
    user: str
    time: int
    expire: int
    user_buffer: str | None
    signature: str

    def verify(self, secret: str, now: float) -> None:
        """Raises Malformed unless made with `secret`, Expired when its time is over."""
        expected = _sign(self.app, secret, self.user, self.time, self.expire, self.user_buffer)
        if not hmac.compare_digest(expected.encode(), self.signature.encode()):
            raise Malformed("The UserSig was not made with this app's secret.")
        if self.time + self.expire <= now:
            raise Expired("The UserSig has expired; ask your own server for a new one.")


def make(app: int, secret: str, user: str, expire: int, now: float, user_buffer: bytes | None = None) -> str:
    """A UserSig of `user` for `expire` seconds from `now`."""
    buffer = base64.b64encode(user_buffer).decode() if user_buffer is not None else None
    time = int(now)
    envelope = {
        "TLS.ver": "2.0",
        "TLS.identifier": user,
        "TLS.sdkappid": app,
        "TLS.expire": expire,
        "TLS.time": time,
    }
    if buffer is not None:
        envelope["TLS.userbuf"] = buffer
    envelope["TLS.sig"] = _sign(app, secret, user, time, expire, buffer)
    return base64.b64encode(zlib.compress(json.dumps(envelope).encode())).decode().translate(_OUT)


def read(usersig: str) -> Claims:
    """The claims of `usersig`, believed by nobody yet. Raises Malformed."""
    if not usersig or len(usersig) > MAX_LENGTH or not usersig.isascii():
        raise Malformed("The UserSig is empty, too long, or has foreign characters.")
    try:
        packed = base64.b64decode(usersig.translate(_IN), validate=True)
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, MAX_INFLATED)
        if inflater.unconsumed_tail or not inflater.eof:
            raise Malformed("The UserSig inflates to too much.")
        return _claims(json.loads(raw))
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Malformed("The UserSig cannot be read.") from error


def make_private_map_key(
    app: int, secret: str, user: str, expire: int, now: float, *, room: int | str, rights: int
) -> str:
    """A UserSig whose user buffer grants `rights` in one room, numeric or by name."""
    return make(app, secret, user, expire, now, private_map(app, user, room, int(now) + expire, rights))


def private_map(app: int, user: str, room: int | str, expires_at: int, rights: int) -> bytes:
    """The user buffer of a privateMapKey: big-endian, the name of a string room behind."""
    account = user.encode()
    named = isinstance(room, str)
    number = 0 if isinstance(room, str) else room
    data = struct.pack(f"!BH{len(account)}sIIIII", named, len(account), account, app, number, expires_at, rights, 0)
    if isinstance(room, str):
        data += struct.pack("!H", len(room.encode())) + room.encode()
    return data


def _claims(envelope: object) -> Claims:
    if not isinstance(envelope, dict) or envelope.get("TLS.ver") != "2.0":
        raise Malformed("The UserSig is not of version 2.0.")
    app, time, expire = (envelope.get(key) for key in ("TLS.sdkappid", "TLS.time", "TLS.expire"))
    user, signature, buffer = (envelope.get(key) for key in ("TLS.identifier", "TLS.sig", "TLS.userbuf"))
    numbers = [value for value in (app, time, expire) if type(value) is int and 0 <= value < 1 << 40]
    if len(numbers) != 3 or not isinstance(user, str) or not isinstance(signature, str):
        raise Malformed("The UserSig lacks a field.")
    if buffer is not None and not isinstance(buffer, str):
        raise Malformed("The UserSig has a bad user buffer.")
    return Claims(numbers[0], user, numbers[1], numbers[2], buffer, signature)


def _sign(app: int, secret: str, user: str, time: int, expire: int, buffer: str | None) -> str:
    lines = f"TLS.identifier:{user}\nTLS.sdkappid:{app}\nTLS.time:{time}\nTLS.expire:{expire}\n"
    if buffer is not None:
        lines += f"TLS.userbuf:{buffer}\n"
    return base64.b64encode(hmac.digest(secret.encode(), lines.encode(), "sha256")).decode()
