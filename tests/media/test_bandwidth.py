"""What one viewer can receive, and which layers that makes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.forwarding.allocation import OVERHEAD, PAUSED, SQUEEZE, Rung, Track, allocate, needed_for_more
from media.forwarding.bandwidth import (
    CAUTIOUS,
    FLOOR,
    LOSSY,
    MAX_PATIENCE,
    MAX_WINDOW,
    MUCH_WORSE,
    PATIENCE,
    PROOFS,
    QUEUED,
    TRIAL,
    UNREPEATED,
    WINDOW,
    Bandwidth,
    LossMeter,
)

CAMERA = [Rung(150e3, 320 * 180), Rung(500e3, 640 * 360), Rung(1500e3, 1280 * 720)]
VOICE = Track([Rung(40e3, 0)], is_audio=True)


# Allocation


def test_without_a_limit_everybody_is_as_large_as_it_is_shown() -> None:
    tracks = [
        VOICE, Track(CAMERA), Track(CAMERA, wish=1), Track(CAMERA, wish=640 * 360), Track(CAMERA, wish=640 * 361),
        Track(CAMERA, wish=0), Track(CAMERA, wish=4096 * 2160),
    ]  # fmt: skip

    assert allocate(tracks, None) == [0, 2, 0, 1, 2, PAUSED, 2]


def test_sound_comes_first_then_all_small_pictures_then_the_largest_on_the_screen() -> None:
    stage = [Track(CAMERA, wish=320 * 180), Track(CAMERA, wish=1280 * 720), VOICE]
    cost = [OVERHEAD * rung.bits for rung in CAMERA]
    voice = OVERHEAD * 40e3

    assert allocate(stage, 0.9 * voice) == [PAUSED, PAUSED, 0]
    assert allocate(stage, voice + SQUEEZE * cost[0]) == [PAUSED, 0, 0]
    assert allocate(stage, voice + 2 * cost[0]) == [0, 0, 0]
    assert allocate(stage, voice + cost[0] + cost[1]) == [0, 1, 0]
    assert allocate(stage, voice + cost[0] + cost[2] - 1) == [0, 1, 0]
    assert allocate(stage, voice + cost[0] + cost[2]) == [0, 2, 0]


def test_equal_pictures_grow_in_turns() -> None:
    cost = [OVERHEAD * rung.bits for rung in CAMERA]

    assert allocate([Track(CAMERA), Track(CAMERA)], 2 * cost[1]) == [1, 1]


@given(
    st.lists(
        st.builds(
            lambda bits, wish, audio: Track([Rung(b, 1000 << i) for i, b in enumerate(sorted(bits))], audio, wish),
            st.lists(st.floats(1e4, 4e6), min_size=1, max_size=3),
            st.none() | st.integers(0, 8000),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.floats(0, 2e7),
)
def test_what_is_needed_for_more_is_enough_and_growth_never_exceeds_the_budget(
    tracks: list[Track], budget: float
) -> None:
    chosen = allocate(tracks, budget)
    spent = sum(OVERHEAD * track.rungs[rung].bits for track, rung in zip(tracks, chosen, strict=True) if rung > 0)
    assert spent <= budget
    assert all(rung <= track.top or track.is_audio for track, rung in zip(tracks, chosen, strict=True))
    needed = needed_for_more(tracks, chosen)
    if needed is not None and needed > budget:
        assert allocate(tracks, 1.001 * needed) != chosen


# The budget


def test_an_estimate_far_below_what_is_sent_is_believed_at_once() -> None:
    bandwidth = Bandwidth()
    assert not bandwidth.note_estimate(2e6, 1.5e6, 0.0)
    assert bandwidth.note_estimate(4e5, 1.5e6, 1.0)
    assert bandwidth.budget == 4e5
    assert bandwidth.note_estimate(3e5, 5e5, 1.5)
    assert bandwidth.budget == 3e5
    assert not bandwidth.note_estimate(1.5e5, 1e5, 2.0), "it falls because less is sent"


def test_a_small_fall_may_be_noise_and_counts_when_repeated() -> None:
    bandwidth = Bandwidth()
    bandwidth.note_estimate(2e6, 1.5e6, 0.0)
    assert not bandwidth.note_estimate(1.3e6, 1.5e6, 1.0)
    assert not bandwidth.note_estimate(1.2e6, 1.5e6, 9.0)
    assert bandwidth.note_estimate(1.1e6, 1.5e6, 10.0)


def test_a_low_estimate_that_does_not_fall_says_only_that_little_was_sent() -> None:
    bandwidth = Bandwidth()
    bandwidth.note_estimate(3e5, 2e5, 0.0)
    assert not bandwidth.note_estimate(3e5, 1.5e6, 1.0)
    assert not bandwidth.note_estimate(3.3e5, 1.5e6, 2.0)
    assert bandwidth.budget is None


def test_loss_counts_when_retransmissions_will_not_do() -> None:
    bandwidth = Bandwidth()
    for second in range(20):
        assert not bandwidth.note_loss(LOSSY - 0.01, 1e6, float(second))
    assert bandwidth.note_loss(0.3, 1e6, 20.0)
    assert bandwidth.budget == 850e3
    for second in range(21, 60):
        bandwidth.note_loss(1.0, bandwidth.budget, float(second))
    assert bandwidth.budget == CAUTIOUS, "less would not mend it"


def test_an_estimate_alone_does_not_silence_a_picture() -> None:
    """Without losses and without longer round trips it may be jitter."""
    bandwidth = Bandwidth()
    bandwidth.note_round_trip(0.05, 0.0)
    bandwidth.note_estimate(1e6, 1e6, 0.0)
    assert bandwidth.note_estimate(6e4, 1e6, 1.0)
    assert bandwidth.budget == CAUTIOUS
    bandwidth.note_round_trip(0.05 + QUEUED + 0.01, 2.0)
    assert bandwidth.note_estimate(5e4, 2e5, 3.0)
    assert bandwidth.budget == FLOOR


def test_one_bad_window_may_be_chance() -> None:
    bandwidth = Bandwidth()
    assert not bandwidth.note_loss(0.3, 1e6, 1.0)
    assert not bandwidth.note_loss(0.05, 1e6, 2.0)
    assert not bandwidth.note_loss(0.2, 1e6, 3.0)
    assert bandwidth.budget is None


def limited(at: float = 0.0) -> Bandwidth:
    bandwidth = Bandwidth()
    bandwidth.note_estimate(2.5e5, 1.5e6, at)
    assert bandwidth.budget == 2.5e5
    return bandwidth


def test_after_a_calm_time_more_is_tried_and_given() -> None:
    bandwidth = limited()
    assert bandwidth.trial(5e5, PATIENCE - 0.1) == 0
    assert bandwidth.trial(5e5, PATIENCE) == 5e5
    assert bandwidth.trial(5e5, PATIENCE + TRIAL - 0.1) == 5e5
    assert bandwidth.budget == 2.5e5
    assert bandwidth.trial(5e5, PATIENCE + TRIAL) == 0
    assert bandwidth.budget is not None
    assert bandwidth.budget >= 5e5
    assert bandwidth.trial(1.6e6, PATIENCE + TRIAL) == 1.6e6, "what went well goes on"


def test_a_trial_that_fills_a_queue_or_loses_ends_and_the_next_one_waits_longer() -> None:
    for fails in (
        lambda bandwidth, now: bandwidth.note_loss(0.3, 5e5, now),
        lambda bandwidth, now: bandwidth.note_estimate(2e5, 5e5, now),
        lambda bandwidth, now: bandwidth.note_round_trip(0.02 + QUEUED + 0.01, now),
    ):
        bandwidth = limited()
        bandwidth.note_round_trip(0.02, 0.5)
        now = PATIENCE
        assert bandwidth.trial(5e5, now)
        fails(bandwidth, now + 0.2)
        assert bandwidth.budget == 2.5e5, "what was sent before went well"
        assert bandwidth.trial(5e5, now + 0.2 + 2 * PATIENCE - 0.01) == 0
        assert bandwidth.trial(5e5, now + 0.2 + 2 * PATIENCE) == 5e5


def test_the_limit_is_forgotten_when_nothing_more_is_needed() -> None:
    bandwidth = limited()
    assert bandwidth.trial(None, 1.0) == 0
    assert bandwidth.budget is not None
    bandwidth.trial(None, 2 * MAX_PATIENCE + 0.1)
    assert bandwidth.budget is None
    assert bandwidth.trial(1e6, 100.0) == 0


def test_loss_is_the_share_of_all_streams_over_a_window() -> None:
    meter = LossMeter()
    meter.note(1, 100, 0, 10.0)
    assert meter.note(2, 1000, 5, 10.1) is None
    assert meter.note(1, 160, 6, 10.2) is None
    assert meter.note(2, 1040, 9, 10.1 + WINDOW) == 0.1
    assert meter.note(2, 1040, 9, 10.2 + 2 * WINDOW) is None, "nothing came: no judgement yet"
    assert meter.note(2, 1040, 9, 10.2 + WINDOW + MAX_WINDOW) == 0.0


def lossy(windows: int, *, share: float = 0.3, sending: float = 2e5) -> Bandwidth:
    """What loses so much in so many windows, of a second each."""
    bandwidth = Bandwidth()
    for number in range(windows):
        bandwidth.note_loss(share, sending, float(number))
    return bandwidth


def test_on_a_way_that_loses_by_chance_all_is_sent_twice_within_half_the_budget() -> None:
    bandwidth = lossy(10)
    assert bandwidth.repeats
    assert bandwidth.budget == CAUTIOUS
    assert bandwidth.usable == CAUTIOUS / 2
    for number in range(10):
        bandwidth.note_loss(0.02, 2e5, 10.0 + number)
    assert not bandwidth.repeats
    assert bandwidth.usable == bandwidth.budget


def test_loss_is_no_chance_before_the_smaller_layer_was_tried() -> None:
    begun = next(windows for windows in range(1, 20) if lossy(windows).repeats)
    assert begun >= 1 + PROOFS, "the first windows lower the budget"

    bandwidth = Bandwidth()
    for number in range(20):
        bandwidth.note_loss(0.3, 2e6 if bandwidth.budget is None else 1.2 * bandwidth.budget, float(number))
    assert not bandwidth.repeats, "more is sent than the budget"


def test_nothing_is_sent_twice_where_that_fills_a_queue_or_loses_more() -> None:
    bandwidth = lossy(10)
    bandwidth.note_loss(0.3 + MUCH_WORSE + 0.05, 2e5, 10.0)
    assert not bandwidth.repeats
    for number in range(8):
        bandwidth.note_loss(0.3, 2e5, 11.0 + number)
    assert not bandwidth.repeats, "not again so soon"
    for number in range(PROOFS):
        bandwidth.note_loss(0.3, 2e5, 11.0 + UNREPEATED + number)
    assert bandwidth.repeats

    bandwidth.note_round_trip(0.05, 40.0)
    bandwidth.note_round_trip(0.05 + QUEUED + 0.01, 41.0)
    bandwidth.note_loss(0.3, 2e5, 42.0)
    assert not bandwidth.repeats
