"""UserSig against the vectors of the public library (TLSSigAPIv2)."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling import usersig

APP, SECRET = 1400000001, "0123456789abcdef"
NOW = 1_700_000_000


def envelope(signature: str) -> dict[str, object]:
    packed = base64.b64decode(signature.translate(str.maketrans("*-_", "+/=")))
    return dict(json.loads(zlib.decompress(packed)))


def pack(fields: object) -> str:
    raw = zlib.compress(json.dumps(fields).encode())
    return base64.b64encode(raw).decode().translate(str.maketrans("+/=", "*-_"))


def test_the_vector_of_the_public_library() -> None:
    made = envelope(usersig.make(APP, SECRET, "alice", 86400, NOW))

    assert made == {
        "TLS.ver": "2.0",
        "TLS.identifier": "alice",
        "TLS.sdkappid": 1400000001,
        "TLS.expire": 86400,
        "TLS.time": 1700000000,
        "TLS.sig": "tuXtWXCh7hrUmYsZvwDyjYkmYcKwPDMlz+0e66CD070=",
    }


@pytest.mark.parametrize(
    ("room", "rights", "buffer", "signature"),
    [
        (10000, 42, "AAAFYWxpY2VTck4BAAAnEGVVQoAAAAAqAAAAAA==", "p98LWJ1SyatQT618yzZ+eSU2SwXhl4e6r5kGMUuqi0s="),
        (
            "room_1",
            255,
            "AQAFYWxpY2VTck4BAAAAAGVVQoAAAAD/AAAAAAAGcm9vbV8x",
            "QKn5e/JpNRsvxLoO9BVNmBQgOfQ6JKNUbL3hFPYteeM=",
        ),
    ],
)
def test_the_private_map_key_vectors(room: int | str, rights: int, buffer: str, signature: str) -> None:
    made = envelope(usersig.make_private_map_key(APP, SECRET, "alice", 86400, NOW, room=room, rights=rights))

    assert made["TLS.userbuf"] == buffer
    assert made["TLS.sig"] == signature


def test_what_was_made_is_verified_until_it_expires() -> None:
    claims = usersig.read(usersig.make(APP, SECRET, "alice", 60, NOW))

    assert (claims.app, claims.user) == (APP, "alice")
    claims.verify(SECRET, NOW + 59.9)
    with pytest.raises(usersig.Expired) as refusal:
        claims.verify(SECRET, NOW + 60)
    assert refusal.value.code == 70001


@pytest.mark.parametrize("field", ["TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire"])
def test_a_changed_field_breaks_the_signature(field: str) -> None:
    fields = envelope(usersig.make(APP, SECRET, "alice", 60, NOW))
    value = fields[field]
    fields[field] = value + 1 if isinstance(value, int) else f"{value}x"

    with pytest.raises(usersig.Malformed) as refusal:
        usersig.read(pack(fields)).verify(SECRET, NOW)
    assert refusal.value.code == 70003


def test_an_added_user_buffer_breaks_the_signature() -> None:
    fields = envelope(usersig.make(APP, SECRET, "alice", 60, NOW)) | {"TLS.userbuf": "AAAA"}

    with pytest.raises(usersig.Malformed):
        usersig.read(pack(fields)).verify(SECRET, NOW)


def test_another_secret_breaks_the_signature() -> None:
    with pytest.raises(usersig.Malformed):
        usersig.read(usersig.make(APP, SECRET, "alice", 60, NOW)).verify("another", NOW)


def test_a_bomb_is_not_inflated() -> None:
    bomb = base64.b64encode(zlib.compress(b" " * 1_000_000)).decode().translate(str.maketrans("+/=", "*-_"))
    assert len(bomb) < usersig.MAX_LENGTH

    with pytest.raises(usersig.Malformed, match="too much"):
        usersig.read(bomb)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        {},
        {"TLS.ver": "1.0"},
        {"TLS.ver": "2.0", "TLS.identifier": "a", "TLS.sdkappid": "1", "TLS.expire": 1, "TLS.time": 1, "TLS.sig": ""},
        {"TLS.ver": "2.0", "TLS.identifier": "a", "TLS.sdkappid": True, "TLS.expire": 1, "TLS.time": 1, "TLS.sig": ""},
        {"TLS.ver": "2.0", "TLS.identifier": 1, "TLS.sdkappid": 1, "TLS.expire": 1, "TLS.time": 1, "TLS.sig": ""},
        {"TLS.ver": "2.0", "TLS.identifier": "a", "TLS.sdkappid": 1, "TLS.expire": -1, "TLS.time": 1, "TLS.sig": ""},
    ],
)
def test_fields_of_the_wrong_kind_are_malformed(fields: object) -> None:
    with pytest.raises(usersig.Malformed):
        usersig.read(pack(fields))


@given(st.text(max_size=300))
def test_no_text_is_anything_but_read_or_malformed(text: str) -> None:
    try:
        usersig.read(text)
    except usersig.Malformed:
        pass
