"""Seconds become segments: they tile, never cross a local midnight, and never count twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from billing.interface import AppId, Session, Tier, tier_of
from billing.metering import SLICE, Meters, Segment, day_start, split

ANN = Session(AppId(1), "stay_a", "room", "ann")
HD = 1280 * 720
MIDNIGHT = 1_795_449_600  # 2026-11-24 00:00:00 in Shanghai, 16:00 UTC the day before


def observe_all(seconds: list[tuple[int, int]]) -> list[Segment]:
    meters = Meters()
    found = [segment for second, pixels in seconds if (segment := meters.observe(ANN, second, pixels))]
    last = meters.end(ANN)
    return found + ([last] if last else [])


def spans(segments: list[Segment]) -> list[tuple[Tier, int, int]]:
    return [(segment.tier, segment.start, segment.stop) for segment in segments]


def test_a_change_of_tier_closes_the_segment() -> None:
    assert spans(observe_all([(100, 0), (101, 0), (102, HD), (103, HD)])) == [
        (Tier.AUDIO, 100, 102), (Tier.HD, 102, 104),
    ]  # fmt: skip


def test_a_second_that_was_left_out_is_not_billed() -> None:
    assert spans(observe_all([(100, 0), (101, 0), (105, 0)])) == [(Tier.AUDIO, 100, 102), (Tier.AUDIO, 105, 106)]


def test_a_repeat_and_an_older_second_are_ignored() -> None:
    assert spans(observe_all([(100, 0), (100, HD), (99, HD), (101, 0)])) == [(Tier.AUDIO, 100, 102)]


def test_a_long_run_is_written_in_slices() -> None:
    segments = observe_all([(second, HD) for second in range(100, 112)])

    assert [segment.seconds for segment in segments] == [SLICE, SLICE, 2]


def test_no_segment_crosses_the_local_midnight() -> None:
    segments = observe_all([(second, 0) for second in range(MIDNIGHT - 2, MIDNIGHT + 2)])

    assert spans(segments) == [(Tier.AUDIO, MIDNIGHT - 2, MIDNIGHT), (Tier.AUDIO, MIDNIGHT, MIDNIGHT + 2)]
    assert day_start(MIDNIGHT) == MIDNIGHT
    assert day_start(MIDNIGHT - 1) == MIDNIGHT - 86400


def test_what_was_used_is_known_before_it_is_written() -> None:
    meters = Meters()
    for second in range(100, 103):
        meters.observe(ANN, second, HD)
    meters.observe(ANN, 103, 0)

    assert meters.used(ANN) == {Tier.HD: 3, Tier.AUDIO: 1}
    meters.end(ANN)
    assert meters.used(ANN) == {}
    assert len(meters) == 0


@given(st.lists(st.tuples(st.integers(MIDNIGHT - 40, MIDNIGHT + 40), st.sampled_from([0, 1, HD])), max_size=120))
def test_segments_are_the_seconds_and_nothing_else(seconds: list[tuple[int, int]]) -> None:
    naive: dict[int, Tier] = {}
    newest = 0
    for second, pixels in seconds:
        if second > newest:
            naive[second] = tier_of(pixels)
            newest = second

    segments = observe_all(seconds)

    billed = [(second, segment.tier) for segment in segments for second in range(segment.start, segment.stop)]
    assert sorted(billed) == sorted(naive.items())
    assert all(segment.seconds <= SLICE for segment in segments)
    assert all(day_start(segment.start) == day_start(segment.stop - 1) for segment in segments)


@given(st.integers(0, 10_000), st.integers(0, 2_000))
def test_splitting_over_buckets_keeps_every_second(start: int, length: int) -> None:
    parts = list(split(start, start + length))
    naive = Counter(second - second % 300 for second in range(start, start + length))

    assert dict(parts) == dict(naive)
