from __future__ import annotations

import pytest

from rooms.errors import RoomRefused
from rooms.ids import UserId
from rooms.members import Members
from rooms.search import needle_of

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


def test_a_search_knows_neither_case_nor_width_and_finds_names_and_ids() -> None:
    here = Members()
    for user, name in (("u1", "Änne"), ("u2", "ＡＢＣ"), ("u3", "Groß"), ("aBc4", "小明"), ("u5", "")):
        here.add(UserId(user), name, "c")

    def found(text: str) -> list[str]:
        return [member.user for member in here.search(needle_of(text), "", 9)[0]]

    assert found("ABC") == found("ａｂｃ") == ["aBc4", "u2"]
    assert found("äNN") == ["u1"]
    assert found("GROSS") == ["u3"]
    assert found("明") == ["aBc4"]
    assert found(" u ") == ["u5", "u3", "u2", "u1"]
    assert found("c\nu") == [], "a name's end and an id's beginning are no word"
    here.get(UserId("u5")).call("Zoe")
    assert found("zoe") == ["u5"]


def test_the_pages_of_a_search_shift_nothing() -> None:
    here = members(9)
    first, cursor = here.search("u", "", 4)
    here.remove(UserId("u7"))
    here.remove(UserId("u3"))
    here.add(UserId("u9"), "U9", "c")
    second, end = here.search("u", cursor, 4)

    assert [member.user for member in first] == ["u8", "u7", "u6", "u5"]
    assert [member.user for member in second] == ["u4", "u2", "u1", "u0"]
    assert end, "the owner was not looked at yet"
    assert here.search("u", end, 4) == ([], "")


def test_a_search_walks_so_far_and_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.members.MAX_WALKED", 4)
    here = members(9)  # and the owner, who is the oldest

    pages, cursor = [], ""
    while True:
        page, cursor = here.search("u1", cursor, 4)
        pages.append([member.user for member in page])
        if not cursor:
            break

    assert pages == [[], ["u1"], []]


@pytest.mark.parametrize("text", ["", "  ", "\t\n", "é" * 51, "\ud800"])
def test_what_cannot_be_searched_is_refused(text: str) -> None:
    with pytest.raises(RoomRefused) as refused:
        needle_of(text)
    assert refused.value.code == 100002
