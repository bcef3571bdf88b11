from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ParamSpec

import pytest

from billing.interface import AppId
from rooms.errors import RoomRefused
from rooms.ids import RoomId
from rooms.link_events import LinkChanged, LinkEnded, LinkEvent, LinkRequested, LinkRequestEnded
from rooms.links import MAX_REQUESTS_OF_ROOM, Links
from rooms.requests import Outcome, Pending, Request

APP = AppId(1)
A, B, C, D, E = (RoomId(name) for name in "abcde")

P = ParamSpec("P")


def new_links() -> Links:
    numbers = count(1)
    return Links(APP, new_id=lambda: f"id{next(numbers)}")


def ask(links: Links, by: RoomId, to: RoomId, *, timeout_s: float = 0, limit: int = 9, now: float = 0.0) -> str:
    return links.request(by, to, timeout_s=timeout_s, extra="", limit=limit, now=now).request_id


def connect(links: Links, by: RoomId, to: RoomId, *, limit: int = 9) -> list[LinkEvent]:
    return links.accept(ask(links, by, to, limit=limit), to, limit=limit, now=0.0)


def code_of(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> int:
    with pytest.raises(RoomRefused) as refused:
        work(*args, **kwargs)
    return refused.value.code


def rooms_of(links: Links, room: RoomId) -> tuple[RoomId, ...]:
    link = links.of(room)
    return () if link is None else link.rooms


# Requests


def test_a_request_is_told_to_both_rooms() -> None:
    links = new_links()

    asked = links.request(A, B, timeout_s=10, extra="hi", limit=9, now=100.0)

    assert asked == LinkRequested(APP, (A, B), 100.0, "id1", A, B, 110.0, "hi")
    assert [request.request_id for request in links.requests_of(B)] == ["id1"]
    assert links.requests_of(A) == links.requests_of(B)
    assert links.of(A) is None


def test_accepting_links_the_two() -> None:
    links = new_links()
    request = ask(links, A, B)

    events = links.accept(request, B, limit=9, now=5.0)

    assert events == [
        LinkRequestEnded(APP, (A, B), 5.0, request, A, B, Outcome.ACCEPTED),
        LinkChanged(APP, (A, B), 5.0, "id2", (A, B), None),
    ]
    assert links.linked_with(A) == (B,)
    assert links.linked_with(B) == (A,)
    assert links.requests_of(A) == ()


def test_a_third_room_joins_the_link_of_whoever_asked() -> None:
    links = new_links()
    connect(links, A, B)

    events = connect(links, B, C)

    assert events[1] == LinkChanged(APP, (A, B, C), 0.0, "id2", (A, B, C), None)
    assert links.linked_with(A) == (B, C)


def test_a_request_may_be_accepted_after_the_requester_got_linked() -> None:
    links = new_links()
    request = ask(links, A, C)
    connect(links, A, B)

    links.accept(request, C, limit=9, now=0.0)

    assert rooms_of(links, C) == (A, B, C)


def test_rejecting_and_cancelling_end_a_request() -> None:
    links = new_links()
    first = ask(links, A, B)
    assert links.reject(first, B, now=1.0) == [LinkRequestEnded(APP, (A, B), 1.0, first, A, B, Outcome.REJECTED)]
    second = ask(links, A, B)
    assert links.cancel(second, A, now=2.0) == [LinkRequestEnded(APP, (A, B), 2.0, second, A, B, Outcome.CANCELLED)]
    assert links.of(A) is None
    assert links.requests_of(A) == ()


def test_only_the_asked_room_answers_and_only_the_requester_cancels() -> None:
    links = new_links()
    request = ask(links, A, B)

    for room in (A, C):
        assert code_of(links.accept, request, room, limit=9, now=0.0) == -2311
        assert code_of(links.reject, request, room, now=0.0) == -2311
    for room in (B, C):
        assert code_of(links.cancel, request, room, now=0.0) == -2311
    assert code_of(lambda: links.accept("none", B, limit=9, now=0.0)) == -2311


def test_an_ended_request_cannot_be_answered_again() -> None:
    links = new_links()
    request = ask(links, A, B)
    links.reject(request, B, now=0.0)

    assert code_of(lambda: links.accept(request, B, limit=9, now=0.0)) == -2311
    assert code_of(lambda: links.cancel(request, A, now=0.0)) == -2311


# Time


def test_requests_time_out_in_the_order_of_their_times() -> None:
    links = new_links()
    late = ask(links, A, B, timeout_s=30)
    never = ask(links, A, C, timeout_s=0)
    early = ask(links, B, C, timeout_s=10)

    assert links.next_due == 10.0
    assert links.due(9.9) == []
    events = links.due(40.0)

    assert events == [
        LinkRequestEnded(APP, (B, C), 10.0, early, B, C, Outcome.TIMEOUT),
        LinkRequestEnded(APP, (A, B), 30.0, late, A, B, Outcome.TIMEOUT),
    ]
    assert [request.request_id for request in links.requests_of(C)] == [never]
    assert links.next_due is None


def test_an_answer_that_comes_too_late_is_refused_although_nobody_looked_at_the_clock() -> None:
    links = new_links()
    request = ask(links, A, B, timeout_s=10)

    assert code_of(lambda: links.accept(request, B, limit=9, now=10.0)) == -2311
    assert [type(event) for event in links.due(10.0)] == [LinkRequestEnded]


# Refusals


@pytest.mark.parametrize("timeout_s", [-1, 3601, float("nan"), float("inf")])
def test_a_timeout_is_0_to_3600_seconds(timeout_s: float) -> None:
    links = new_links()

    assert code_of(lambda: ask(links, A, B, timeout_s=timeout_s)) == 100002
    assert ask(links, A, B, timeout_s=3600)


def test_the_extra_information_has_at_most_a_kilobyte_and_is_never_cut() -> None:
    links = new_links()

    for extra in ("x" * 1025, "ä" * 513, "\ud800"):
        with pytest.raises(RoomRefused) as refused:
            links.request(A, B, timeout_s=0, extra=extra, limit=9, now=0.0)
        assert refused.value.code == 100002
    assert links.request(A, B, timeout_s=0, extra="ä" * 512, limit=9, now=0.0).extra == "ä" * 512


def test_a_room_is_not_linked_with_itself() -> None:
    assert code_of(lambda: ask(new_links(), A, A)) == 100002


def test_linked_rooms_cannot_ask_each_other() -> None:
    links = new_links()
    connect(links, A, B)

    assert code_of(lambda: ask(links, A, B)) == 100401
    assert code_of(lambda: ask(links, B, A)) == 100401


def test_one_request_between_two_rooms_is_enough_in_either_direction() -> None:
    links = new_links()
    ask(links, A, B)

    assert code_of(lambda: ask(links, A, B)) == 100402
    assert code_of(lambda: ask(links, B, A)) == 100402


def test_a_room_in_another_link_cannot_be_asked_even_by_one_that_is_in_none() -> None:
    links = new_links()
    connect(links, A, B)
    connect(links, C, D)

    assert code_of(lambda: ask(links, A, C)) == 100403
    assert code_of(lambda: ask(links, E, A)) == 100403


def test_a_room_that_got_linked_meanwhile_cannot_accept_until_it_is_free_again() -> None:
    links = new_links()
    request = ask(links, A, B)
    connect(links, B, C)

    assert code_of(lambda: links.accept(request, B, limit=9, now=0.0)) == 100403
    links.exit(B, now=0.0)
    links.accept(request, B, limit=9, now=0.0)

    assert rooms_of(links, B) == (A, B)


def test_a_link_has_no_more_rooms_than_the_limit() -> None:
    links = new_links()
    connect(links, A, B, limit=2)

    assert code_of(lambda: ask(links, A, C, limit=9)) == 100404
    assert code_of(lambda: ask(links, C, D, limit=1)) == 100404
    assert code_of(lambda: ask(links, C, D, limit=0)) == 100404


def test_the_smallest_limit_of_its_rooms_is_the_limit_of_a_link() -> None:
    links = new_links()
    links.accept(ask(links, A, B, limit=9), B, limit=3, now=0.0)
    requests = [ask(links, A, C), ask(links, A, D)]
    links.accept(requests[0], C, limit=9, now=0.0)

    assert code_of(lambda: links.accept(requests[1], D, limit=9, now=0.0)) == 100404
    assert code_of(lambda: ask(links, B, E)) == 100404


def test_a_room_with_a_smaller_limit_brings_it_along() -> None:
    links = new_links()
    connect(links, A, B, limit=9)
    connect(links, A, C, limit=3)

    assert code_of(lambda: ask(links, A, D, limit=9)) == 100404
    links.exit(C, now=0.0)
    connect(links, A, D, limit=9)
    assert rooms_of(links, A) == (A, B, D)


def test_a_room_with_a_smaller_limit_cannot_join_a_link_too_large_for_it() -> None:
    links = new_links()
    connect(links, A, B)
    request = ask(links, A, C)

    assert code_of(lambda: links.accept(request, C, limit=2, now=0.0)) == 100404
    assert [each.request_id for each in links.requests_of(C)] == [request]


def test_nine_rooms_are_the_most_whatever_the_edition_says() -> None:
    links = new_links()
    rooms = [RoomId(f"r{number}") for number in range(10)]
    for room in rooms[1:9]:
        connect(links, rooms[0], room, limit=99)

    assert len(rooms_of(links, rooms[0])) == 9
    assert code_of(lambda: ask(links, rooms[0], rooms[9], limit=99)) == 100404


def test_a_room_has_only_so_many_pending_requests() -> None:
    links = new_links()
    for number in range(MAX_REQUESTS_OF_ROOM):
        ask(links, A, RoomId(f"r{number}"))

    assert code_of(lambda: ask(links, A, B)) == 100012
    assert ask(links, B, A)


# Leaving


def test_leaving_a_link_of_three_shrinks_it() -> None:
    links = new_links()
    connect(links, A, B)
    connect(links, A, C)

    assert links.exit(A, now=7.0) == [LinkChanged(APP, (A, B, C), 7.0, "id2", (B, C), A)]
    assert links.linked_with(B) == (C,)
    assert links.of(A) is None


def test_leaving_a_link_of_two_ends_it() -> None:
    links = new_links()
    connect(links, A, B)

    assert links.exit(B, now=7.0) == [LinkEnded(APP, (A, B), 7.0, "id2", B)]
    assert links.of(A) is None
    assert links.of(B) is None


def test_a_room_without_link_cannot_leave_it() -> None:
    assert code_of(lambda: new_links().exit(A, now=0.0)) == 100400


def test_a_request_between_rooms_that_got_linked_otherwise_ends() -> None:
    links = new_links()
    moot = ask(links, A, B)
    connect(links, C, A)

    events = links.accept(ask(links, A, D), D, limit=9, now=0.0)
    assert [type(event) for event in events] == [LinkRequestEnded, LinkChanged]
    events = links.accept(ask(links, C, B), B, limit=9, now=3.0)

    assert events[2:] == [LinkRequestEnded(APP, (A, B), 3.0, moot, A, B, Outcome.ERROR)]
    assert links.requests_of(B) == ()


def test_a_room_that_is_over_leaves_no_request_and_no_link() -> None:
    links = new_links()
    others = ask(links, D, A)
    connect(links, A, B)
    own, expired, with_others = ask(links, A, C), ask(links, A, E, timeout_s=2), ask(links, C, D)

    events = links.forget(A, now=9.0)

    assert events == [
        LinkRequestEnded(APP, (A, E), 2.0, expired, A, E, Outcome.TIMEOUT),
        LinkRequestEnded(APP, (D, A), 9.0, others, D, A, Outcome.ERROR),
        LinkRequestEnded(APP, (A, C), 9.0, own, A, C, Outcome.CANCELLED),
        LinkEnded(APP, (A, B), 9.0, "id3", A),
    ]
    assert links.requests_of(A) == ()
    assert [request.request_id for request in links.requests_of(C)] == [with_others]
    assert links.forget(A, now=9.0) == []


# The container, which other subjects use as well


def request(name: str, by: str, to: str, *, kind: str = "k", expires_at: float | None = None) -> Request:
    return Request(name, kind, by, to, 0.0, expires_at)


def test_pending_requests_are_bounded_in_all() -> None:
    pending = Pending[Request](per_requester=2, in_all=3)
    pending.add(request("1", "a", "x"))
    pending.add(request("2", "a", "y"))
    assert code_of(lambda: pending.add(request("3", "a", "z"))) == 100012
    pending.add(request("4", "b", "x"))
    assert code_of(lambda: pending.add(request("5", "c", "x"))) == 100012

    pending.take("1")
    pending.add(request("6", "c", "x"))
    assert len(pending) == 3


def test_two_of_one_kind_between_a_pair_are_refused_and_two_kinds_are_not() -> None:
    pending = Pending[Request](per_requester=5, in_all=5)
    pending.add(request("1", "a", "b"))

    assert code_of(lambda: pending.add(request("2", "b", "a"))) == 100102
    pending.add(request("3", "b", "a", kind="other"))
    assert [each.request_id for each in pending.of("a")] == ["1", "3"]


def test_what_is_due_is_taken_out_once() -> None:
    pending = Pending[Request](per_requester=5, in_all=5)
    pending.add(request("late", "a", "b", expires_at=9.0))
    pending.add(request("never", "a", "c"))
    pending.add(request("early", "a", "d", expires_at=3.0))

    assert pending.next_due == 3.0
    assert [each.request_id for each in pending.due(9.0)] == ["early", "late"]
    assert pending.due(9.0) == []
    assert pending.find("never", 10.0**12).request_id == "never"
