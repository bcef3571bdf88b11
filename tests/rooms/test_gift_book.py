from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms import gift_book
from rooms.errors import RoomRefused
from rooms.gift_book import MAX_COUNT, MAX_RECEIVERS, REMEMBERED_S, GiftBook, GiftTotals, SenderTotals, Sending
from rooms.gifts import Gift
from rooms.ids import UserId

A, B, HOST = UserId("a"), UserId("b"), UserId("host")
T = 1_700_000_000.0
ROSE = Gift("rose", "Rose", "A red one", coins=5)
ROCKET = Gift("rocket", "Rocket", coins=1000, level=3)


def code_of(call: Callable[..., object], *args: object) -> int:
    with pytest.raises(RoomRefused) as refused:
        call(*args)
    return refused.value.code


def send(
    book: GiftBook, send_id: str, sender: UserId = A, gift: Gift = ROSE, count: int = 1, now: float = T
) -> Sending:
    return book.settle(book.begin(send_id, sender, gift, count, (HOST,), now), now)


def test_a_gift_counts_when_it_is_settled() -> None:
    book = GiftBook()
    pending = book.begin("1", A, ROCKET, 3, (HOST, B), T)
    assert (pending.settled, pending.coins) == (False, 3000)
    assert book.totals() == GiftTotals(0, 0, 0)

    given = book.settle(pending, T + 1)
    assert given == replace(pending, number=1)
    assert given.settled
    assert book.totals() == GiftTotals(3, 3000, 1)


def test_totals_are_those_of_all_and_of_each() -> None:
    book = GiftBook()
    send(book, "1", A, ROSE, 2)
    send(book, "2", A, ROCKET)
    send(book, "1", B, ROSE)

    assert book.totals() == GiftTotals(4, 1015, 2)
    assert book.totals_of(A) == SenderTotals(3, 1010)
    assert book.totals_of(B) == SenderTotals(1, 5)
    assert book.totals_of(HOST) == SenderTotals(0, 0)


def test_the_same_id_again_is_the_same_gift() -> None:
    book = GiftBook()
    given = send(book, "1", count=2)

    again = book.begin("1", A, replace(ROSE, coins=99), 2, (HOST,), T + 5)
    assert again == given
    assert book.settle(again, T + 5) == given
    book.fail(again)
    assert book.begin("1", A, ROSE, 2, (HOST,), T + 6) == given
    assert book.totals() == GiftTotals(2, 10, 1)


def test_an_id_is_its_senders_own() -> None:
    book = GiftBook()

    assert [send(book, "1", A).number, send(book, "1", B).number] == [1, 2]


def test_the_same_id_while_pending_is_a_conflict() -> None:
    book = GiftBook()
    book.begin("1", A, ROSE, 1, (), T)

    assert code_of(book.begin, "1", A, ROSE, 1, (), T + 9999) == 100102
    book.begin("1", B, ROSE, 1, (), T)


def test_an_id_that_was_another_gifts_is_a_conflict() -> None:
    book = GiftBook()
    send(book, "1")

    assert code_of(book.begin, "1", A, ROCKET, 1, (HOST,), T) == 100102
    assert code_of(book.begin, "1", A, ROSE, 2, (HOST,), T) == 100102
    assert code_of(book.begin, "1", A, ROSE, 1, (B,), T) == 100102
    assert book.totals() == GiftTotals(1, 5, 1)


def test_what_failed_can_be_tried_again() -> None:
    book = GiftBook()
    first = book.begin("1", A, ROSE, 1, (HOST,), T)
    book.fail(first)
    book.fail(first)

    assert code_of(book.settle, first, T) == 100102
    assert send(book, "1", now=T + 1).number == 1
    assert book.totals() == GiftTotals(1, 5, 1)


def test_a_late_answer_does_not_end_a_later_try() -> None:
    book = GiftBook()
    first = book.begin("1", A, ROSE, 1, (), T)
    book.fail(first)
    second = book.begin("1", A, ROSE, 1, (), T + 1)

    book.fail(first)
    assert code_of(book.settle, first, T + 2) == 100102
    assert book.settle(second, T + 2).settled
    assert code_of(book.settle, second, T + 3) == 100102


def test_a_sending_is_known_again_for_ten_minutes() -> None:
    book = GiftBook()
    send(book, "1", now=T)

    assert send(book, "1", now=T + REMEMBERED_S - 1).number == 1
    assert send(book, "1", now=T + REMEMBERED_S).number == 2
    assert book.remembered == 1


def test_the_oldest_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gift_book, "MAX_REMEMBERED", 3)
    book = GiftBook()
    for send_id in ("1", "2", "3", "4"):
        send(book, send_id)

    assert book.remembered == 3
    assert [send(book, "2").number, send(book, "1").number] == [2, 5]


def test_pending_ones_are_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gift_book, "MAX_REMEMBERED", 2)
    book = GiftBook()
    pending = [book.begin(send_id, A, ROSE, 1, (), T) for send_id in ("1", "2")]

    assert code_of(book.begin, "3", A, ROSE, 1, (), T + 9999) == 100012
    book.settle(pending[0], T)
    book.begin("3", A, ROSE, 1, (), T)
    assert book.settle(pending[1], T).number == 2


@pytest.mark.parametrize(
    ("send_id", "count", "receivers"),
    [
        ("", 1, ()),
        ("é" * 32 + "x", 1, ()),
        ("\ud800", 1, ()),
        ("1", 0, ()),
        ("1", MAX_COUNT + 1, ()),
        ("1", 1, (A, A)),
        ("1", 1, ("no name",)),
        ("1", 1, tuple(f"u{number}" for number in range(MAX_RECEIVERS + 1))),
    ],
)
def test_what_does_not_fit_is_not_sent(send_id: str, count: int, receivers: tuple[UserId, ...]) -> None:
    book = GiftBook()

    assert code_of(book.begin, send_id, A, ROSE, count, receivers, T) == 100002
    assert book.remembered == 0


def test_what_just_fits_is_sent() -> None:
    receivers = tuple(UserId(f"u{number}") for number in range(MAX_RECEIVERS))

    assert GiftBook().begin("é" * 32, A, ROSE, MAX_COUNT, receivers, T).coins == 5000


def test_beyond_the_bound_of_senders_the_rooms_totals_go_on() -> None:
    book = GiftBook(max_senders=1)
    for number, sender in enumerate((A, B, A)):
        send(book, str(number), sender)

    assert book.totals() == GiftTotals(3, 15, 1)
    assert (book.totals_of(A).count, book.totals_of(B).count) == (2, 0)


STEPS = st.tuples(st.sampled_from(["begin", "settle", "fail"]), st.sampled_from([A, B]), st.sampled_from("123"))


@given(st.lists(STEPS, max_size=50))
@settings(max_examples=80, deadline=None)
def test_no_id_counts_twice_whatever_is_tried(steps: list[tuple[str, UserId, str]]) -> None:
    book = GiftBook()
    begun: dict[tuple[UserId, str], Sending] = {}
    outcomes: dict[tuple[UserId, str], Sending] = {}
    codes = set[int]()
    for number, (what, sender, send_id) in enumerate(steps):
        key, now = (sender, send_id), T + number
        try:
            if what == "begin":
                begun[key] = book.begin(send_id, sender, ROSE, 1, (), now)
                assert begun[key] == outcomes.get(key, begun[key])
            elif key in begun and what == "fail":
                book.fail(begun[key])
            elif key in begun:
                given_now = book.settle(begun[key], now)
                assert given_now == outcomes.setdefault(key, given_now)
        except RoomRefused as refused:
            codes.add(refused.code)

    assert codes <= {100102}
    assert book.totals() == GiftTotals(len(outcomes), 5 * len(outcomes), len({sender for sender, _ in outcomes}))
    per_sender = Counter(sender for sender, _ in outcomes)
    assert all(book.totals_of(sender) == SenderTotals(per_sender[sender], 5 * per_sender[sender]) for sender in (A, B))
    assert sorted(each.number or 0 for each in outcomes.values()) == list(range(1, len(outcomes) + 1))
