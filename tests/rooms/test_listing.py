from __future__ import annotations

import pytest

from billing.interface import AppId
from rooms.commands import Enter
from rooms.errors import RoomRefused
from rooms.ids import RoomId, UserId
from rooms.listing import page_of_rooms
from rooms.room import Room
from rooms.seats import Seats
from rooms.views import RoomInfo


def room(name: str, *, audience: int, created_at: float = 1000.0) -> Room:
    made = Room(AppId(1), RoomId(name), RoomInfo(name), UserId("o"), created_at, Seats(2))
    made.open("O", "c", created_at)
    for number in range(audience):
        made.apply(Enter(UserId(f"u{number}"), "U", "c"), created_at)
    return made


def walk(rooms: list[Room], count: int) -> list[list[str]]:
    pages, cursor = [], ""
    while True:
        cards, cursor = page_of_rooms(rooms, cursor, count)
        pages.append([str(card.room_id) for card in cards])
        if not cursor:
            return pages


def test_the_largest_audience_comes_first_then_the_oldest_then_the_id() -> None:
    rooms = [
        room("b", audience=1, created_at=1000.002),
        room("late", audience=1, created_at=2000.0),
        room("a", audience=1, created_at=1000.002),
        room("big", audience=3, created_at=3000.0),
    ]

    assert walk(rooms, 10) == [["big", "a", "b", "late"]]


def test_pages_cover_every_room_once() -> None:
    rooms = [room(f"r{number}", audience=number % 3) for number in range(7)]

    for count in range(1, 9):
        pages = walk(rooms, count)
        assert sorted(name for page in pages for name in page) == sorted(str(each.room_id) for each in rooms)
        assert all(len(page) <= count for page in pages)
        assert all(pages)


def test_no_rooms_are_one_empty_page() -> None:
    assert page_of_rooms([], "", 5) == ([], "")


def test_a_room_that_ends_between_two_pages_shifts_nothing() -> None:
    rooms = [room(name, audience=0) for name in "abcd"]
    _, cursor = page_of_rooms(rooms, "", 2)

    cards, _ = page_of_rooms(rooms[2:], cursor, 2)

    assert [card.room_id for card in cards] == ["c", "d"]


@pytest.mark.parametrize("cursor", ["x", "1:2", "a:b:c", "1:2:3:4", "9" * 200])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(RoomRefused) as refused:
        page_of_rooms([], cursor, 1)

    assert refused.value.code == 100002
