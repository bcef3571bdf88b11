from __future__ import annotations

import pytest

from rooms.errors import RoomRefused
from rooms.ids import UserId
from rooms.seats import Seats

A, B, C = UserId("a"), UserId("b"), UserId("c")


def code_of(seats: Seats, user: UserId, index: int | None) -> int:
    with pytest.raises(RoomRefused) as refused:
        seats.take(user, index)
    return refused.value.code


def test_the_first_free_seat_is_given_when_none_is_named() -> None:
    seats = Seats(3)

    assert [seats.take(A, None), seats.take(B, 2), seats.take(C, None)] == [0, 2, 1]
    assert seats.users == (A, C, B)


def test_a_freed_seat_can_be_taken_by_another() -> None:
    seats = Seats(1)
    seats.take(A, 0)

    assert seats.free(A) == 0
    assert seats.free(A) is None
    assert seats.take(B, 0) == 0
    assert (seats.of(A), seats.of(B), seats.taken) == (None, 0, 1)


def test_a_refusal_has_its_code_and_changes_nothing() -> None:
    seats = Seats(2)
    seats.take(A, 0)

    assert code_of(seats, B, 0) == 100201
    assert code_of(seats, A, 1) == 100203
    assert code_of(seats, A, None) == 100203
    for outside in (-1, 2, 10**9):
        assert code_of(seats, B, outside) == 100002
    seats.take(B, 1)
    assert code_of(seats, C, None) == 100205
    assert code_of(seats, C, 1) == 100201
    with pytest.raises(RoomRefused) as refused:
        seats.check_seated(C)
    assert refused.value.code == 100206
    assert seats.users == (A, B)
