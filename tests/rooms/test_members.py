from __future__ import annotations

import pytest

from rooms.errors import RoomRefused
from rooms.ids import UserId
from rooms.members import Members

OWNER = UserId("owner")


def members(count: int) -> Members:
    made = Members()
    made.add(OWNER, "Owner", "c")
    for number in range(count):
        made.add(UserId(f"u{number}"), f"U{number}", f"c{number}")
    return made


def test_pages_go_from_the_newest_to_the_oldest_without_the_owner() -> None:
    here = members(5)

    first, cursor = here.page("", 2, but=OWNER)
    second, cursor = here.page(cursor, 2, but=OWNER)
    third, end = here.page(cursor, 2, but=OWNER)

    assert [[member.user for member in page] for page in (first, second, third)] == [["u4", "u3"], ["u2", "u1"], ["u0"]]
    assert end == ""


def test_a_page_that_just_fits_is_the_last() -> None:
    page, cursor = members(3).page("", 3, but=OWNER)

    assert len(page) == 3
    assert cursor == ""


def test_who_comes_and_goes_between_two_pages_shifts_nothing() -> None:
    here = members(6)
    _, cursor = here.page("", 2, but=OWNER)  # u5, u4

    here.remove(UserId("u4"))
    here.remove(UserId("u2"))
    here.add(UserId("late"), "Late", "c")
    page, _ = here.page(cursor, 2, but=OWNER)

    assert [member.user for member in page] == ["u3", "u1"]


def test_who_enters_again_is_the_newest() -> None:
    here = members(3)

    here.remove(UserId("u0"))
    here.add(UserId("u0"), "U0", "c")

    assert [member.user for member in here.page("", 9, but=OWNER)[0]] == ["u0", "u2", "u1"]
    assert [member.user for member in here] == [OWNER, "u1", "u2", "u0"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, " 1", "\u0663"])
def test_a_cursor_that_was_not_given_out_is_refused(cursor: str) -> None:
    with pytest.raises(RoomRefused) as refused:
        members(1).page(cursor, 1, but=OWNER)

    assert refused.value.code == 100002
