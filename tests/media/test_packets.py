"""RTP headers: read, rewritten in place, wrapped for retransmission."""

from __future__ import annotations

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.history import History
from media.rtp.losses import FIRST_ROUND_TRIP, MAX_AGE, MAX_TRIES, REORDER, Losses
from media.rtp.packets import PacketError, RtpPacket, remap_extensions, retransmission, rewrite
from media.rtp.sequence import Unwrapper


def packet(payload: bytes = b"payload", sequence: int = 7, extension: bytes = b"", kind: int = 0xBEDE) -> bytearray:
    data = bytearray(b"\x80\xe0" + sequence.to_bytes(2, "big") + bytes(4) + b"\x00\x00\x00\x09")
    if extension:
        extension += bytes(-len(extension) % 4)
        data[0] |= 0x10
        data += kind.to_bytes(2, "big") + (len(extension) // 4).to_bytes(2, "big") + extension
    return data + payload


def test_numbers_are_extended_over_the_wrap_and_back() -> None:
    unwrap = Unwrapper()

    assert [unwrap.extend(number) - 0x10000 for number in (65534, 65535, 0, 65533, 1)] == [
        65534, 65535, 65536, 65533, 65537,
    ]  # fmt: skip


def test_the_fields_of_a_packet_with_extension_and_padding() -> None:
    data = packet(b"abc\x00\x02", extension=b"\x10\xaa\x32\x01\x02\x03")
    data[0] |= 0x20
    parsed = RtpPacket(data)

    assert (parsed.marker, parsed.payload_type, parsed.sequence, parsed.ssrc) == (1, 96, 7, 9)
    assert bytes(parsed.payload) == b"abc"
    assert [(number, bytes(data[at : at + size])) for number, at, size in parsed.extensions()] == [
        (1, b"\xaa"), (3, b"\x01\x02\x03"),
    ]  # fmt: skip


def test_remapping_renames_removes_and_touches_nothing_else() -> None:
    data = packet(extension=b"\x10\xaa\x32\x01\x02\x03\x40\xbb")
    before = bytes(data)
    parsed = RtpPacket(data)
    ids = [0] * 256
    ids[1], ids[3] = 5, 0
    ids[4] = 4
    remap_extensions(parsed, parsed.extensions(), ids)

    assert [(number, bytes(data[at : at + size])) for number, at, size in RtpPacket(data).extensions()] == [
        (5, b"\xaa"), (4, b"\xbb"),
    ]  # fmt: skip
    assert len(data) == len(before)
    assert data[:16] == before[:16]
    assert bytes(parsed.payload) == b"payload"


def test_two_byte_extensions_are_renamed_too() -> None:
    data = packet(extension=b"\x11\x02\xaa\xbb\x12\x00", kind=0x1000)
    parsed = RtpPacket(data)
    remap_extensions(parsed, parsed.extensions(), [0] * 17 + [200, 0] + [0] * 240)

    assert [(number, size) for number, _, size in RtpPacket(data).extensions()] == [(200, 2)]


def test_rewriting_keeps_marker_and_time() -> None:
    data = packet()
    rewrite(data, 111, 0x1FFFF, 0xAABBCCDD)
    parsed = RtpPacket(data)

    assert (parsed.marker, parsed.payload_type, parsed.sequence, parsed.ssrc) == (1, 111, 0xFFFF, 0xAABBCCDD)


def test_a_retransmission_is_what_aiortc_unwraps() -> None:
    original = packet(sequence=65535, extension=b"\x10\xaa")
    wrapped = retransmission(bytes(original), RtpPacket(original).payload_start, 97, 0x1234, 5)

    unwrapped = reference.unwrap_rtx(reference.RtpPacket.parse(wrapped), payload_type=96, ssrc=9)
    assert (unwrapped.sequence_number, unwrapped.payload, unwrapped.marker) == (65535, b"payload", 1)
    assert RtpPacket(bytearray(wrapped)).sequence == 5


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_packet_error(data: bytes) -> None:
    try:
        parsed = RtpPacket(bytearray(data))
    except PacketError:
        return
    elements = parsed.extensions()
    remap_extensions(parsed, elements, [0] * 256)
    assert len(parsed.data) == len(data)
    assert 12 <= parsed.payload_start <= parsed.payload_stop <= len(data)


def test_the_history_forgets_what_is_older_than_its_capacity() -> None:
    history = History(4)
    for number in range(10, 16):
        history.put(number, bytes((number,)))

    assert history.get(11) is None
    assert history.get(12) == b"\x0c"
    assert history.get(15) == b"\x0f"
    with pytest.raises(ValueError, match="power of two"):
        History(5)


def test_a_missing_number_is_asked_for_after_a_moment_and_again_after_a_round_trip() -> None:
    losses = Losses()
    losses.gap(5, 7, 0.0)

    assert losses.due(REORDER / 2) == []
    assert losses.due(REORDER) == [5, 6]
    assert losses.due(REORDER + 0.05) == []
    assert losses.arrived(5, REORDER + 0.06)
    assert losses.due(REORDER + 1.2 * FIRST_ROUND_TRIP) == [6]
    assert not losses.arrived(5, 0.2)
    assert losses.recovered == 1


def test_on_a_lossy_way_what_is_missing_is_asked_for_again_and_again() -> None:
    losses = Losses()
    losses.gap(5, 6, 0.0)
    asked = [moment for moment in range(1, 300) if losses.due(moment / 1000, eager=True)]
    assert asked[:6] == [10, 61, 101, 122, 142, 162], "twice in a round trip, and then without a pause"
    assert losses.missed == 1
    assert losses.arrived(5, 0.3)
    assert losses.round_trip == FIRST_ROUND_TRIP, "nobody knows which request that was an answer to"


def test_the_time_between_two_requests_follows_the_round_trip() -> None:
    losses = Losses()
    for number in range(0, 200, 2):
        now = float(number)
        losses.gap(number, number + 1, now)
        assert losses.due(now + REORDER) == [number]
        assert losses.arrived(number, now + REORDER + 0.3)
    assert abs(losses.round_trip - 0.3) < 0.001

    losses.gap(300, 301, 300.0)
    assert losses.due(300.1) == [300]
    assert losses.due(300.1 + 0.35) == []
    assert losses.due(300.1 + 0.37) == [300]


def test_asking_ends_after_some_tries_or_some_time() -> None:
    losses = Losses()
    losses.gap(1, 2, 0.0)
    now, tries = 0.0, 0
    while len(losses):
        now += 0.03
        tries += len(losses.due(now))

    assert tries <= MAX_TRIES
    assert now <= MAX_AGE + 0.1
    assert losses.abandoned == 1


def test_a_huge_gap_is_a_new_start() -> None:
    losses = Losses()

    assert not losses.gap(0, 10_000, 0.0)
    assert len(losses) == 0
