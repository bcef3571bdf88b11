from __future__ import annotations

from billing.interface import AppId
from rooms.interface import RoomId, UserId
from signaling.linked_rooms import LinkedRooms

APP = AppId(1)
A, B, C = RoomId("a"), RoomId("b"), RoomId("c")


def of_three() -> LinkedRooms:
    linked = LinkedRooms()
    for room in (A, B, C):
        linked.begin(APP, room, UserId(f"owner_{room}"))
    return linked


def test_who_joins_sees_all_others_and_is_seen_by_them() -> None:
    linked = of_three()
    assert linked.change(APP, (A, B), (A, B)) == ([(A, B), (B, A)], [])
    assert linked.change(APP, (A, B, C), (A, B, C)) == ([(A, C), (B, C), (C, A), (C, B)], [])
    assert linked.owners(APP, B) == [(A, "owner_a"), (C, "owner_c")]


def test_who_leaves_is_seen_no_more() -> None:
    linked = of_three()
    linked.change(APP, (A, B, C), (A, B, C))
    assert linked.change(APP, (A, B, C), (A, C)) == ([], [(A, B), (B, A), (B, C), (C, B)])
    assert linked.change(APP, (A, C), ()) == ([], [(A, C), (C, A)])
    assert linked.others(APP, A) == ()


def test_a_room_that_is_over_has_no_owner_before_its_link_is_over() -> None:
    linked = of_three()
    linked.change(APP, (A, B), (A, B))
    linked.end(APP, B)
    assert linked.owners(APP, A) == []
    assert not linked.is_owner(APP, B, UserId("owner_b"))
    assert not linked.is_there(APP, B)
    assert linked.change(APP, (A, B), ()) == ([], [(A, B), (B, A)])


def test_apps_have_rooms_of_their_own() -> None:
    linked = of_three()
    linked.change(APP, (A, B), (A, B))
    assert linked.others(AppId(2), A) == ()
