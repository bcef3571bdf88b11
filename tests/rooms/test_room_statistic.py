from __future__ import annotations

from rooms.ids import UserId
from rooms.room_statistic import RoomFigures, RoomStatistic

A, B, C, OWNER = UserId("a"), UserId("b"), UserId("c"), UserId("owner")


def test_a_room_begins_with_nothing() -> None:
    assert RoomFigures(OWNER).statistic() == RoomStatistic(0, 0, 0, 0, 0, 0, 0)


def test_viewers_are_counted_once_and_the_owner_never() -> None:
    figures = RoomFigures(OWNER)
    for user, audience in ((OWNER, 0), (A, 1), (B, 2), (A, 1), (C, 2)):
        figures.note_entered(user, audience)

    assert figures.statistic().total_viewers == 3
    assert figures.statistic().peak_audience == 2


def test_gifts_likes_and_messages_add_up() -> None:
    figures = RoomFigures(OWNER)
    figures.note_gift(A, 3, 30)
    figures.note_gift(A, 1, 5)
    figures.note_gift(B, 2, 0)
    figures.note_likes(10)
    figures.note_likes(1)
    figures.note_message()

    assert figures.statistic() == RoomStatistic(
        total_viewers=0, total_gifts_sent=6, total_gift_coins=35, total_unique_gift_senders=2,
        total_likes_received=11, total_msg_count=1, peak_audience=0,
    )  # fmt: skip


def test_beyond_the_bound_unique_users_stand_still_and_sums_go_on() -> None:
    figures = RoomFigures(OWNER, max_unique=2)
    for user in (A, B, C, A):
        figures.note_entered(user, 1)
        figures.note_gift(user, 1, 1)

    statistic = figures.statistic()
    assert (statistic.total_viewers, statistic.total_unique_gift_senders) == (2, 2)
    assert (statistic.total_gifts_sent, statistic.total_gift_coins) == (4, 4)
