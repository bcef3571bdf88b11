"""RTCP beside aiortc's classes, and the transport feedback beside a decoder written from the draft."""

from __future__ import annotations

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import rtcp
from media.rtp.arrivals import MAX_SPAN, Arrivals


def only(data: bytes) -> rtcp.Block:
    (block,) = rtcp.blocks(data)
    return block


@pytest.mark.parametrize(
    "numbers", [[1], [1, 2, 3], [10, 26, 27], [65530, 65535, 65536, 65540], list(range(100, 160, 3))]
)
def test_a_nack_is_what_both_read(numbers: list[int]) -> None:
    data = rtcp.nack(1, 2, numbers)
    (parsed,) = reference.RtcpPacket.parse(data)

    assert rtcp.nack_numbers(only(data)) == [number & 0xFFFF for number in numbers]
    assert isinstance(parsed, reference.RtcpRtpfbPacket)
    assert [number & 0xFFFF for number in parsed.lost] == [number & 0xFFFF for number in numbers]


def test_a_key_frame_request_is_a_pli() -> None:
    (parsed,) = reference.RtcpPacket.parse(rtcp.key_frame_request(1, 2))

    assert isinstance(parsed, reference.RtcpPsfbPacket)
    assert (parsed.fmt, parsed.ssrc, parsed.media_ssrc) == (1, 1, 2)


@pytest.mark.parametrize("bits", [0, 1, 262143, 300_000, 1_500_000, 20_000_000])
def test_an_estimate_is_what_both_read(bits: int) -> None:
    data = rtcp.estimate(1, bits, [7, 8])
    (parsed,) = reference.RtcpPacket.parse(data)
    assert isinstance(parsed, reference.RtcpPsfbPacket)
    read, ssrcs = reference.unpack_remb_fci(parsed.fci)

    assert rtcp.estimate_of(only(data)) == read
    assert ssrcs == [7, 8]
    assert abs(read - bits) <= bits / 2**17


def test_reports_are_what_aiortc_reads() -> None:
    report = rtcp.ReportBlock(7, 12, -3, 0x10005, 44, 55, 66)
    data = rtcp.receiver_report(1, [report]) + rtcp.source_description(1, "tally")
    rr, sdes = reference.RtcpPacket.parse(data)

    assert isinstance(rr, reference.RtcpRrPacket)
    assert isinstance(sdes, reference.RtcpSdesPacket)
    assert (rr.reports[0].ssrc, rr.reports[0].packets_lost, rr.reports[0].highest_sequence) == (7, -3, 0x10005)
    assert sdes.chunks[0].items == [(1, b"tally")]
    block = next(rtcp.blocks(data))
    assert list(rtcp.report_blocks(block)) == [report]


def test_a_sender_report_goes_there_and_back() -> None:
    report = rtcp.SenderReport(9, 0x1122334455667788, 90000, 5, 600)
    block = only(report.pack())

    assert rtcp.sender_report(block) == report
    assert rtcp.compact_ntp(report.ntp) == 0x33445566


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    for block in rtcp.blocks(data):
        rtcp.sender_report(block)
        list(rtcp.report_blocks(block)) if block.kind in (rtcp.SR, rtcp.RR) else None
        rtcp.nack_numbers(block)
        rtcp.estimate_of(block)
        assert block.ssrc >= 0
        assert block.media_ssrc >= 0


def decode_feedback(data: bytes) -> dict[int, float | None]:
    """draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1: number -> seconds, None when it did not come."""
    block = only(data)
    assert (block.kind, block.count) == (rtcp.TRANSPORT_FEEDBACK, rtcp.TRANSPORT_CC)
    body = bytes(block.body)
    base, count = int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big")
    at = int.from_bytes(body[12:15], "big") * 0.064
    symbols: list[int] = []
    position = 16
    while len(symbols) < count:
        chunk = int.from_bytes(body[position : position + 2], "big")
        position += 2
        if chunk >> 15 == 0:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        else:
            assert chunk >> 14 & 1, "one-bit vectors are not written by us"
            symbols += [chunk >> shift & 3 for shift in range(12, -1, -2)]
    found: dict[int, float | None] = {}
    for index, symbol in enumerate(symbols[:count]):
        if symbol:
            size = symbol
            at += int.from_bytes(body[position : position + size], "big", signed=size == 2) * 0.00025
            position += size
        found[(base + index) & 0xFFFF] = at if symbol else None
    assert position == len(body)
    return found


def test_every_arrival_is_told_once_with_its_time() -> None:
    arrivals = Arrivals()
    times = {number & 0xFFFF: 100 + index * 0.007 for index, number in enumerate(range(65500, 65600)) if number % 9}
    for number, time in times.items():
        arrivals.arrived(number, time)

    (feedback,) = arrivals.feedbacks(1, 2)
    told = decode_feedback(feedback)

    assert {number for number, time in told.items() if time is not None} == set(times)
    for number, time in times.items():
        found = told[number]
        assert found is not None
        assert abs(found - time) < 0.001
    assert arrivals.feedbacks(1, 2) == []


def test_what_was_told_as_lost_is_told_no_more() -> None:
    arrivals = Arrivals()
    for number in (1, 3):
        arrivals.arrived(number, 1.0)
    arrivals.feedbacks(1, 2)
    arrivals.arrived(2, 1.1)
    arrivals.arrived(4, 1.1)

    (feedback,) = arrivals.feedbacks(1, 2)
    assert list(decode_feedback(feedback)) == [4]


def test_more_than_one_feedback_covers_is_told_in_several_also_when_losses_are_left_out() -> None:
    """Found by fuzzing: 1,001 arrivals without a gap between two feedbacks ended the feedback of everybody."""
    arrivals = Arrivals()
    for number in range(3 * MAX_SPAN + 1):
        arrivals.arrived(number, 1 + number / 10_000)

    told = [number for feedback in arrivals.feedbacks(1, 2, forgiving=True) for number in decode_feedback(feedback)]
    assert told == list(range(3 * MAX_SPAN + 1))


STEP = st.tuples(st.integers(1, 3000), st.floats(0, 30))


@given(st.lists(STEP, min_size=1, max_size=40), st.integers(0, 65535))
def test_feedback_always_ends_and_fits_a_datagram(steps: list[tuple[int, float]], start: int) -> None:
    arrivals, number, now = Arrivals(), start, 0.0
    for ahead, later in steps:
        number, now = number + ahead, now + later
        arrivals.arrived(number & 0xFFFF, now)
        for feedback in arrivals.feedbacks(1, 2):
            assert len(feedback) <= 1400
            decode_feedback(feedback)


def test_a_receiver_that_asks_for_its_round_trip_is_answered() -> None:
    """As seen from Chromium 156: one RRTR block, from SSRC 1."""
    asked = next(iter(rtcp.blocks(bytes.fromhex("80cf00040000000104000002eeaf566840449dbe"))))
    ntp = rtcp.reference_time(asked)
    assert ntp == 0xEEAF566840449DBE
    assert rtcp.reference_request(1, ntp) == bytes.fromhex("80cf00040000000104000002eeaf566840449dbe")
    assert rtcp.reference_answer(9, asked.ssrc, ntp) == bytes.fromhex(
        "80cf00050000000905000003000000015668404400000000"
    )


def test_what_a_sender_answers_to_our_reference_time_is_read() -> None:
    answer = next(iter(rtcp.blocks(rtcp.reference_answer(9, 7, 0xEEAF566840449DBE))))
    assert rtcp.since_reference(answer, 7) == (0x56684044, 0)
    assert rtcp.since_reference(answer, 8) is None, "of somebody else"

    for body in ("00000009 05000006 00000001 56684044 00000001 00000007 56684044 00010000",
                 "00000009 04000002 eeaf566840449dbe 05000003 00000007 56684044 00010000"):  # fmt: skip
        block = rtcp.Block(rtcp.EXTENDED, 0, memoryview(bytes.fromhex(body)))
        assert rtcp.since_reference(block, 7) == (0x56684044, 65536)
    for body in (
        "00000009 05000003 00000007 56684044",
        "00000009 05ffffff",
        "00000009 05000003 00000007 00000000 00010000",
    ):
        block = rtcp.Block(rtcp.EXTENDED, 0, memoryview(bytes.fromhex(body)))
        assert rtcp.since_reference(block, 7) is None, "cut, or never got one"


def test_an_extended_report_of_another_kind_or_cut_asks_nothing() -> None:
    for body in ("00000001 01000001 00000000", "00000001 04000002 eeaf5668", "00000001 0400ffff eeaf566840449dbe"):
        data = bytes.fromhex(body)
        block = rtcp.Block(rtcp.EXTENDED, 0, memoryview(data))
        assert rtcp.reference_time(block) is None
