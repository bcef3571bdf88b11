"""The first 3,073 bytes of an RTMP connection, each way: simple (RTMP specification 1.0, section 5.2) or with digests.

The digests are no secret, every encoder has their keys: they only let old Flash players and FFmpeg take us for a server
that they know. A client that sends none gets the simple handshake. Their layout is in no public standard; it is as
FFmpeg, OBS and nginx-rtmp have it.

Pure: bytes, random bytes and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

import hashlib
import hmac

from media.rtmp.errors import BadHandshake

__all__ = ["ENTROPY", "ClientHandshake", "ServerHandshake"]

SIZE = 1536
"""Bytes of C1, S1, C2 and S2."""
ENTROPY = 2 * SIZE
"""Random bytes that one handshake needs."""
VERSION = 3
_DIGEST = 32
_SCHEMES = (8, 772)
"""Where the four bytes stand whose sum says where the digest stands."""
_SERVER_VERSION = bytes((4, 5, 0, 1))
_CLIENT_VERSION = bytes((9, 0, 124, 2))
_COMMON = bytes.fromhex("f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae")
_CLIENT_KEY = b"Genuine Adobe Flash Player 001"
_SERVER_KEY = b"Genuine Adobe Flash Media Server 001"


class ServerHandshake:
    """Our side, when a client comes."""

    def __init__(self, entropy: bytes) -> None:
        """`entropy`: ENTROPY random bytes."""
        self._entropy = entropy
        self._answered = False
        self.done = False
        self.with_digest = False

    def receive(self, buffer: bytearray, now: float) -> bytes:
        """Takes what it can off the front of `buffer`, and gives what is to be sent. Raises BadHandshake."""
        if buffer and not self._answered and buffer[0] != VERSION:
            raise BadHandshake(f"the first byte is {buffer[0]}, not {VERSION}: this is no plain RTMP")
        if not self._answered and len(buffer) >= 1 + SIZE:
            theirs = bytes(buffer[1 : 1 + SIZE])
            del buffer[: 1 + SIZE]
            self._answered = True
            return self._answer(theirs, now)
        if self._answered and not self.done and len(buffer) >= SIZE:
            del buffer[:SIZE]  # C2: many clients echo wrongly, and nothing depends on it
            self.done = True
        return b""

    def _answer(self, theirs: bytes, now: float) -> bytes:
        scheme = _scheme_of(theirs, _CLIENT_KEY)
        self.with_digest = scheme is not None
        random = self._entropy
        if scheme is None:
            ours = _clock(now) + bytes(4) + random[: SIZE - 8]
            echo = theirs[:4] + _clock(now) + theirs[8:]
        else:
            ours = _signed(_clock(now) + _SERVER_VERSION + random[: SIZE - 8], scheme, _SERVER_KEY)
            echo = _response(random[SIZE:ENTROPY], _digest_in(theirs, scheme), _SERVER_KEY)
        return bytes((VERSION,)) + ours + echo


class ClientHandshake:
    """Our side, when we push to somebody else's server."""

    def __init__(self, entropy: bytes, *, with_digest: bool = False, scheme: int = 0) -> None:
        """`entropy`: ENTROPY random bytes. `scheme`: which of the two layouts, 0 or 1."""
        self._entropy = entropy
        self._place = _SCHEMES[scheme] if with_digest else None
        self._digest = b""
        self.done = False

    def start(self, now: float) -> bytes:
        """What goes out first."""
        if self._place is None:
            return bytes((VERSION,)) + _clock(now) + bytes(4) + self._entropy[: SIZE - 8]
        ours = _signed(_clock(now) + _CLIENT_VERSION + self._entropy[: SIZE - 8], self._place, _CLIENT_KEY)
        self._digest = _digest_in(ours, self._place)
        return bytes((VERSION,)) + ours

    def receive(self, buffer: bytearray, now: float) -> bytes:
        """See ServerHandshake."""
        if buffer and buffer[0] != VERSION:
            raise BadHandshake(f"the first byte is {buffer[0]}, not {VERSION}: this is no plain RTMP")
        if len(buffer) < 1 + 2 * SIZE:
            return b""
        theirs, echo = bytes(buffer[1 : 1 + SIZE]), bytes(buffer[1 + SIZE : 1 + 2 * SIZE])
        del buffer[: 1 + 2 * SIZE]
        self.done = True
        scheme = _scheme_of(theirs, _SERVER_KEY) if self._place is not None else None
        if scheme is None:  # a server that knows no digests echoes
            return theirs[:4] + _clock(now) + theirs[8:]
        if not hmac.compare_digest(echo, _response(echo, self._digest, _SERVER_KEY)):
            raise BadHandshake("the server signs its answer wrongly")
        return _response(self._entropy[SIZE:ENTROPY], _digest_in(theirs, scheme), _CLIENT_KEY)


def _clock(now: float) -> bytes:
    return (int(now * 1000) & 0xFFFFFFFF).to_bytes(4, "big")


def _place_of(block: bytes, scheme: int) -> int:
    return sum(block[scheme : scheme + 4]) % 728 + scheme + 4


def _digest_in(block: bytes, scheme: int) -> bytes:
    at = _place_of(block, scheme)
    return block[at : at + _DIGEST]


def _digest_for(block: bytes, scheme: int, key: bytes) -> bytes:
    at = _place_of(block, scheme)
    return hmac.digest(key, block[:at] + block[at + _DIGEST :], hashlib.sha256)


def _signed(block: bytes, scheme: int, key: bytes) -> bytes:
    at = _place_of(block, scheme)
    return block[:at] + _digest_for(block, scheme, key) + block[at + _DIGEST :]


def _scheme_of(block: bytes, key: bytes) -> int | None:
    """Which layout `block` has, or None when it carries no digest."""
    if not any(block[4:8]):
        return None
    for scheme in _SCHEMES:
        if hmac.compare_digest(_digest_in(block, scheme), _digest_for(block, scheme, key)):
            return scheme
    return None


def _response(random: bytes, digest: bytes, key: bytes) -> bytes:
    """C2 or S2: random bytes, signed by a key that is made from the other side's digest."""
    signed = random[: SIZE - _DIGEST]
    return signed + hmac.digest(hmac.digest(key + _COMMON, digest, hashlib.sha256), signed, hashlib.sha256)
