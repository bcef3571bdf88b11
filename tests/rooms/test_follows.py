from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.errors import RoomRefused
from rooms.follows import MAX_FOLLOWED, FollowCounts, Follows
from rooms.ids import UserId

A, B, C, STAR = UserId("a"), UserId("b"), UserId("c"), UserId("star")


def users(count: int) -> list[UserId]:
    return [UserId(f"u{number}") for number in range(count)]


def starred(count: int) -> Follows:
    follows = Follows()
    for user in users(count):
        follows.follow(user, STAR)
    return follows


def code_of(follows: Follows, user: UserId, target: UserId) -> int:
    with pytest.raises(RoomRefused) as refused:
        follows.follow(user, target)
    return refused.value.code


def test_following_twice_changes_nothing_the_second_time() -> None:
    follows = Follows()

    assert follows.follow(A, B)
    assert not follows.follow(A, B)
    assert follows.is_following(A, B)
    assert not follows.is_following(B, A)
    assert (follows.counts(A), follows.counts(B)) == (FollowCounts(0, 1), FollowCounts(1, 0))
    assert follows.unfollow(A, B)
    assert not follows.unfollow(A, B)
    assert not follows.unfollow(A, C)
    assert (follows.counts(A), follows.counts(B)) == (FollowCounts(0, 0), FollowCounts(0, 0))


def test_nobody_follows_itself_or_a_name_that_is_none() -> None:
    follows = Follows()

    assert code_of(follows, A, A) == 100002
    assert code_of(follows, A, UserId("no name")) == 100002
    assert code_of(follows, UserId(""), A) == 100002
    assert follows.counts(A) == FollowCounts(0, 0)


def test_a_user_follows_five_thousand_others_and_no_more() -> None:
    follows = Follows()
    for user in users(MAX_FOLLOWED):
        follows.follow(A, user)

    with pytest.raises(RoomRefused) as refused:
        follows.follow(A, B)
    assert (refused.value.code, refused.value.limit) == (100002, MAX_FOLLOWED)
    assert not follows.follow(A, UserId("u0")), "it is followed already, so nothing more is asked for"
    follows.unfollow(A, UserId("u0"))
    assert follows.follow(A, B)
    assert follows.counts(B).followers == 1


def test_both_lists_are_newest_first() -> None:
    follows = starred(3)
    for target in (B, C):
        follows.follow(A, target)

    assert follows.followers(STAR, "", 9) == (["u2", "u1", "u0"], "")
    assert follows.following(A, "", 9) == (["c", "b"], "")
    assert follows.followers(A, "", 9) == follows.following(STAR, "", 9) == ([], "")


def test_a_page_that_just_fits_is_the_last() -> None:
    follows = starred(4)

    first, cursor = follows.followers(STAR, "", 2)
    second, end = follows.followers(STAR, cursor, 2)

    assert (first, second, end) == (["u3", "u2"], ["u1", "u0"], "")


def test_who_comes_and_goes_between_two_pages_shifts_nothing() -> None:
    follows = starred(6)
    _, cursor = follows.followers(STAR, "", 2)  # u5, u4

    follows.unfollow(UserId("u4"), STAR)
    follows.unfollow(UserId("u2"), STAR)
    follows.follow(A, STAR)

    assert follows.followers(STAR, cursor, 2) == (["u3", "u1"], follows.followers(STAR, cursor, 2)[1])
    assert follows.followers(STAR, "", 2)[0] == ["a", "u5"]


def test_who_follows_again_is_the_newest() -> None:
    follows = starred(3)

    follows.unfollow(UserId("u0"), STAR)
    follows.follow(UserId("u0"), STAR)

    assert follows.followers(STAR, "", 9)[0] == ["u0", "u2", "u1"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, " 1", "\u0663"])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    for page in (starred(1).followers, Follows().following):
        with pytest.raises(RoomRefused) as refused:
            page(STAR, cursor, 1)
        assert refused.value.code == 100002


def test_a_page_has_at_least_one_place() -> None:
    with pytest.raises(RoomRefused) as refused:
        starred(1).followers(STAR, "", 0)

    assert refused.value.code == 100002


def test_nothing_is_left_of_who_follows_nobody() -> None:
    follows = starred(3)
    for user in users(3):
        follows.unfollow(user, STAR)

    assert not follows._followers
    assert not follows._following


@given(st.sets(st.integers(0, 19)), st.lists(st.lists(st.integers(0, 29), max_size=6), max_size=30), st.integers(1, 7))
@settings(max_examples=80, deadline=None)
def test_who_stays_is_seen_once_however_others_come_and_go(
    staying: set[int], churn: list[list[int]], count: int
) -> None:
    follows = starred(20)
    seen, cursor, turns = list[UserId](), "", iter(churn)
    while True:
        page, cursor = follows.followers(STAR, cursor, count)
        assert len(page) <= count
        seen += page
        if not cursor:
            break
        for number in next(turns, []):
            user = UserId(f"u{number}")
            if number not in staying:
                _ = follows.unfollow(user, STAR) or follows.follow(user, STAR)

    assert len(seen) == len(set(seen)), "who follows again is newer than any page to come"
    assert {UserId(f"u{number}") for number in staying} <= set(seen)
    assert follows.counts(STAR).followers == len(follows.followers(STAR, "", 99)[0])
