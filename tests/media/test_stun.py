"""STUN as an ICE-lite server needs it, beside aioice."""

from __future__ import annotations

import pytest
from aioice import stun as reference
from hypothesis import given
from hypothesis import strategies as st

from media.transport import stun

PASSWORD = b"a password of 24 letters"


def request(**attributes: object) -> bytes:
    given_attributes = {"USERNAME": "ours:theirs", "PRIORITY": 1, "ICE-CONTROLLING": 5, **attributes}
    message = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, attributes=given_attributes)
    message.add_message_integrity(PASSWORD)
    return bytes(message)


def test_a_request_of_aioice_is_read_and_believed() -> None:
    data = request()
    parsed = stun.parse_request(data)

    assert parsed is not None
    assert parsed.username == b"ours:theirs"
    assert not parsed.nominated
    assert stun.is_authentic(data, parsed, PASSWORD)
    assert not stun.is_authentic(data, parsed, b"another password")


def test_nomination_is_seen() -> None:
    parsed = stun.parse_request(request(**{"USE-CANDIDATE": None}))

    assert parsed is not None
    assert parsed.nominated


@pytest.mark.parametrize("address", [("192.0.2.7", 4242), ("2001:db8::1", 65535)])
def test_an_answer_equals_that_of_aioice_to_the_byte(address: tuple[str, int]) -> None:
    message = reference.Message(
        reference.Method.BINDING, reference.Class.RESPONSE, transaction_id=b"twelve bytes",
        attributes={"XOR-MAPPED-ADDRESS": address},
    )  # fmt: skip
    message.add_message_integrity(PASSWORD)

    assert stun.success(b"twelve bytes", *address, PASSWORD) == bytes(message)


@pytest.mark.parametrize("at", [0, 3, 5, 9, 25, 40])
def test_a_changed_byte_is_not_authentic(at: int) -> None:
    data = bytearray(request())
    data[at] ^= 1
    parsed = stun.parse_request(bytes(data))

    assert parsed is None or not stun.is_authentic(bytes(data), parsed, PASSWORD)


def test_what_follows_the_signature_is_not_believed() -> None:
    data = request()
    longer = data[:2] + (len(data) - 20 + 4).to_bytes(2, "big") + data[4:] + b"\x00\x25\x00\x00"
    parsed = stun.parse_request(longer)

    assert parsed is not None
    assert not parsed.nominated


@given(st.binary(max_size=700))
def test_no_bytes_raise(data: bytes) -> None:
    parsed = stun.parse_request(data)
    if parsed is not None:
        stun.is_authentic(data, parsed, PASSWORD)


@given(st.binary(max_size=80))
def test_no_attributes_raise(body: bytes) -> None:
    head = b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12)
    parsed = stun.parse_request(head + body)
    if parsed is not None:
        stun.is_authentic(head + body, parsed, PASSWORD)
