from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.errors import RoomRefused
from rooms.ids import UserId
from rooms.likes import BATCH_EVERY_S, MAX_CALLS, MAX_LIKES, LikeBatch, Likes

A, B = UserId("a"), UserId("b")
T = 1_700_000_000.0


def code_of(likes: Likes, count: int, now: float = T) -> int:
    with pytest.raises(RoomRefused) as refused:
        likes.add(A, count, now)
    return refused.value.code


def test_likes_of_all_are_told_together() -> None:
    likes = Likes()
    assert likes.add(A, 3, T) == 3
    assert likes.add(B, 4, T) == 7

    assert likes.take_due(T) == LikeBatch(T, 7, 7)
    assert likes.total == 7


def test_nothing_is_told_when_nothing_was_liked() -> None:
    likes = Likes()

    assert likes.take_due(T) is None
    likes.add(A, 1, T)
    likes.take_due(T)
    assert likes.take_due(T + 100) is None


def test_batches_are_half_a_second_apart() -> None:
    likes = Likes()
    likes.add(A, 1, T)
    assert likes.take_due(T) is not None
    likes.add(B, 2, T + 0.1)

    assert likes.take_due(T + 0.4) is None
    assert likes.take_due(T + BATCH_EVERY_S) == LikeBatch(T + 0.5, 2, 3)


@pytest.mark.parametrize("count", [0, -1, MAX_LIKES + 1])
def test_a_call_has_one_to_a_thousand_likes(count: int) -> None:
    likes = Likes()

    assert code_of(likes, count) == 100002
    assert likes.total == 0
    assert likes.add(A, MAX_LIKES, T) == 1000
    assert likes.add(A, 1, T) == 1001


def test_a_user_may_call_twice_a_second() -> None:
    likes = Likes()
    likes.add(A, 1, T)
    likes.add(A, 1, T + 0.5)

    assert code_of(likes, 1, T + 0.9) == 100012
    assert likes.add(B, 1, T + 0.9) == 3
    assert likes.add(A, 1, T + 1) == 4
    assert code_of(likes, 1, T + 1.4) == 100012
    assert likes.add(A, 1, T + 1.5) == 5


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    likes = Likes()
    likes.add(A, 1, T)
    likes.add(A, 1, T)
    likes.take_due(T)

    likes.add(A, 1, T - 3600)
    assert likes.take_due(T - 3600) == LikeBatch(T - 3600, 1, 3)


def test_only_the_users_of_the_last_second_are_remembered() -> None:
    likes = Likes()
    for number in range(1000):
        likes.add(UserId(f"u{number}"), 1, T + number / 100)

    assert len(likes._calls) <= 101
    assert likes.total == 1000


@given(st.lists(st.tuples(st.floats(0, 0.7), st.sampled_from([A, B]), st.integers(0, 1001)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_like_is_told_once_and_no_call_too_many_counts(steps: list[tuple[float, UserId, int]]) -> None:
    likes, now, batches = Likes(), T, []
    calls: dict[UserId, list[float]] = {A: [], B: []}
    counted = 0
    for wait, user, count in steps:
        now += wait
        try:
            likes.add(user, count, now)
        except RoomRefused:
            pass
        else:
            calls[user].append(now)
            counted += count
        batch = likes.take_due(now)
        if batch:
            batches.append(batch)
    last = likes.take_due(now + 1)
    batches += [last] if last else []

    assert sum(batch.count for batch in batches) == counted == likes.total
    assert all(later.at - batch.at >= BATCH_EVERY_S for batch, later in pairwise(batches))
    for times in calls.values():
        assert all(third - first >= 1 for first, third in zip(times, times[MAX_CALLS:], strict=False))
