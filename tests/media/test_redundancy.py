"""Redundant audio: passed on to who takes it, unwrapped for the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.drops import Drop, Drops
from media.forwarding.formats import WireFormat
from media.forwarding.up_track import UpTrack
from media.rtp.packets import RtpPacket
from media.rtp.redundancy import primary_of, rename_blocks
from media.sdp.codecs import RED, Codec, canonical

REMOTE = Codec("audio", "opus", 48000, 2, 109, None, {}, 120)


def block(payload_type: int, offset: int, size: int) -> bytes:
    """RFC 2198 section 3."""
    return bytes((0x80 | payload_type,)) + (offset << 10 | size).to_bytes(3, "big")


def redundant(payload_type: int = 109) -> bytes:
    return block(payload_type, 1920, 3) + block(payload_type, 960, 2) + bytes((payload_type,)) + b"abcdeNOW"


def test_the_primary_encoding_is_found() -> None:
    payload = redundant()
    at = primary_of(payload, 0, len(payload))
    assert at is not None
    assert payload[at:] == b"NOW"


def test_sound_that_carries_nothing_earlier_has_one_byte_before_it() -> None:
    assert primary_of(b"\x6fNOW", 0, 4) == 1


@pytest.mark.parametrize(
    "payload", [b"", b"\xed", b"\xed\0\0", block(109, 960, 9) + b"\x6dab", block(109, 960, 2), block(1, 1, 1023) * 3]
)
def test_lengths_that_point_outside_are_refused(payload: bytes) -> None:
    assert primary_of(payload, 0, len(payload)) is None


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(payload: bytes) -> None:
    at = primary_of(payload, 0, len(payload))
    assert at is None or 0 < at <= len(payload)
    if at is not None:
        changed = bytearray(payload)
        rename_blocks(changed, 0, 111)
        assert primary_of(changed, 0, len(changed)) == at


@pytest.fixture
def up() -> UpTrack:
    sent = canonical(REMOTE)
    assert sent is not None
    return UpTrack(REMOTE, sent, 77, [0] * 256, Drops())


def packet(payload_type: int, payload: bytes, number: int = 1) -> RtpPacket:
    return RtpPacket(bytearray(bytes((0x80, payload_type)) + number.to_bytes(2, "big") + bytes(8) + payload))


def test_who_takes_it_gets_it_under_our_numbers_and_others_the_primary(up: UpTrack) -> None:
    forwarded = up.receive(packet(120, redundant()), [], 1.0)
    assert forwarded is not None
    codec = up.codec

    assert forwarded.data[1] == RED
    assert forwarded.data[12:] == redundant(111)
    assert WireFormat.own(codec, redundancy=True).apply(forwarded.data) == forwarded.data
    plain = WireFormat.own(codec).apply(forwarded.data)
    assert (plain[1], plain[12:]) == (111, b"NOW")
    assert plain[2:12] == forwarded.data[2:12]


def test_a_player_gets_it_under_its_own_numbers(up: UpTrack) -> None:
    forwarded = up.receive(packet(120, redundant()), [], 1.0)
    assert forwarded is not None
    there = Codec("audio", "opus", 48000, 2, 96, None, {}, 97)

    wrapped = WireFormat.of(there, {}).apply(forwarded.data)
    assert (wrapped[1], wrapped[12:]) == (97, redundant(96))
    plain = WireFormat.of(Codec("audio", "opus", 48000, 2, 96, None), {}).apply(forwarded.data)
    assert (plain[1], plain[12:]) == (96, b"NOW")


def test_plain_sound_of_such_a_track_goes_to_all(up: UpTrack) -> None:
    forwarded = up.receive(packet(109, b"opus"), [], 1.0)
    assert forwarded is not None
    for redundancy in (True, False):
        assert WireFormat.own(up.codec, redundancy=redundancy).apply(forwarded.data) == forwarded.data


def test_what_cannot_be_unwrapped_is_not_forwarded() -> None:
    drops, sent = Drops(), canonical(REMOTE)
    assert sent is not None
    up = UpTrack(REMOTE, sent, 77, [0] * 256, drops)
    assert up.receive(packet(120, block(109, 960, 900) + b"\x6dx"), [], 1.0) is None
    assert drops[Drop.BAD_RTP] == 1
