from __future__ import annotations

import pytest

from rooms.commands import Create, Enter
from rooms.errors import RoomRefused
from rooms.ids import UserId


def create(**wish: object) -> Create:
    fields = {"by": "olga", "name": "Olga", "connection": "c", "room_id": None, "room_name": None, "seats": None,
              "cover": None, "max_members": None}  # fmt: skip
    return Create(**(fields | wish))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish",
    [
        {"room_id": "a" * 48},
        {"room_id": "Az09_-"},
        {"by": "u" * 32},
        {"room_name": "é" * 50},
        {"name": "n" * 100},
        {"cover": "c" * 200},
        {"seats": 1},
        {"max_members": 1},
    ],
)
def test_what_just_fits_is_taken(wish: dict[str, object]) -> None:
    create(**wish)


@pytest.mark.parametrize(
    "wish",
    [
        {"room_id": ""},
        {"room_id": "a" * 49},
        {"room_id": "with space"},
        {"room_id": "room\n"},
        {"room_id": "r:1"},
        {"room_id": "zimmer_ä"},
        {"by": ""},
        {"by": "u" * 33},
        {"by": "a/b"},
        {"room_name": "é" * 51},
        {"name": "n" * 101},
        {"name": "\ud800"},
        {"cover": "c" * 201},
        {"seats": 0},
        {"seats": -1},
        {"max_members": 0},
    ],
)
def test_what_does_not_fit_is_refused_and_never_cut(wish: dict[str, object]) -> None:
    with pytest.raises(RoomRefused) as refused:
        create(**wish)

    assert (refused.value.code, refused.value.name) == (100002, "bad_parameter")


def test_all_faults_are_told_together() -> None:
    with pytest.raises(RoomRefused) as refused:
        create(room_id="a b", seats=0, cover="c" * 201)

    for word in ("room id", "seats", "cover"):
        assert word in refused.value.sentence


def test_who_enters_is_checked_like_who_creates() -> None:
    Enter(UserId("anna"), "Anna", "c")

    for user, name in (("an na", "Anna"), ("", ""), ("anna", "n" * 101)):
        with pytest.raises(RoomRefused):
            Enter(UserId(user), name, "c")
