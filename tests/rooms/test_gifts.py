from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms import gifts as gifts_module
from rooms.errors import RoomRefused
from rooms.gifts import (
    MAX_CATEGORIES,
    MAX_COINS,
    MAX_COUNT,
    MAX_GIFTS,
    MAX_GIFTS_OF_CATEGORY,
    MAX_LANGUAGES,
    MAX_RECEIVERS,
    REMEMBERED_S,
    Gift,
    GiftBook,
    GiftCatalogue,
    GiftCategory,
    GiftTotals,
    Naming,
    SenderTotals,
    Sending,
)
from rooms.ids import UserId

A, B, HOST = UserId("a"), UserId("b"), UserId("host")
T = 1_700_000_000.0
ROSE = Gift("rose", "Rose", "A red one", coins=5)
ROCKET = Gift("rocket", "Rocket", coins=1000, level=3)
Call = tuple[Callable[..., object], tuple[object, ...]]


def code_of(call: Callable[..., object], *args: object, **more: object) -> int:
    with pytest.raises(RoomRefused) as refused:
        call(*args, **more)
    return refused.value.code


def catalogue(*gifts: Gift) -> GiftCatalogue:
    made = GiftCatalogue()
    for gift in gifts:
        made.add(gift)
    return made


def send(
    book: GiftBook, send_id: str, sender: UserId = A, gift: Gift = ROSE, count: int = 1, now: float = T
) -> Sending:
    return book.settle(book.begin(send_id, sender, gift, count, (HOST,), now), now)


# What a gift is


def test_what_just_fits_is_a_gift() -> None:
    Gift("é" * 10, "é" * 10, "é" * 10, "u" * 200, "u" * 200, MAX_COINS, MAX_COINS, '"' + "x" * 98 + '"')
    Gift("g", "", extension="")


@pytest.mark.parametrize(
    "wrong",
    [
        {"gift_id": "é" * 10 + "x"},
        {"gift_id": ""},
        {"gift_id": " "},
        {"name": "x" * 21},
        {"name": "\ud800"},
        {"desc": "x" * 21},
        {"icon_url": "x" * 201},
        {"resource_url": "x" * 201},
        {"coins": -1},
        {"coins": MAX_COINS + 1},
        {"level": -1},
        {"level": MAX_COINS + 1},
        {"extension": '"' + "x" * 99 + '"'},
        {"extension": "{"},
        {"extension": "NaN"},
        {"extension": "[" * 100},
    ],
)
def test_what_does_not_fit_is_no_gift(wrong: dict[str, str | int]) -> None:
    assert code_of(Gift, **({"gift_id": "g", "name": "G"} | wrong)) == 100002


@pytest.mark.parametrize(
    "wrong",
    [{"category_id": "x" * 21}, {"category_id": ""}, {"name": "x" * 21}, {"desc": "x" * 21}, {"extension": "x"}],
)
def test_what_does_not_fit_is_no_category(wrong: dict[str, str]) -> None:
    assert code_of(GiftCategory, **({"category_id": "c", "name": "C"} | wrong)) == 100002


# The catalogue


def test_gifts_are_added_edited_and_deleted() -> None:
    shop = catalogue(ROSE, ROCKET)
    dearer = replace(ROSE, coins=6)

    shop.edit(dearer)
    assert shop.gifts() == (dearer, ROCKET)
    assert shop.get("rose") == dearer
    shop.delete("rose")
    assert shop.gifts() == (ROCKET,)


def test_a_gift_that_is_not_there_has_its_code() -> None:
    shop = catalogue(ROCKET)
    shop.add_category(GiftCategory("c", "C"))

    calls: list[Call] = [
        (shop.get, ("rose",)),
        (shop.edit, (ROSE,)),
        (shop.delete, ("rose",)),
        (shop.set_language, ("rose", "en", "Rose", "")),
        (shop.delete_language, ("rose", "en")),
        (shop.languages, ("rose",)),
        (shop.relate, ("c", ["rocket", "rose"])),
    ]
    for call, args in calls:
        assert code_of(call, *args) == 102002
    assert shop.view().categories[0].gifts == (), "all gifts are put into a category, or none"


def test_an_id_is_one_gifts() -> None:
    assert code_of(catalogue(ROSE).add, replace(ROCKET, gift_id="rose")) == 100002


def test_an_app_has_so_many_gifts_and_categories() -> None:
    shop = catalogue(*(Gift(f"g{number}", "G") for number in range(MAX_GIFTS)))
    for number in range(MAX_CATEGORIES):
        shop.add_category(GiftCategory(f"c{number}", "C"))

    assert code_of(shop.add, ROSE) == 100002
    assert code_of(shop.add_category, GiftCategory("another", "C")) == 100002
    shop.delete("g0")
    shop.add(ROSE)
    assert len(shop.gifts()) == MAX_GIFTS


def test_a_category_has_so_many_gifts() -> None:
    shop = catalogue(*(Gift(f"g{number}", "G") for number in range(MAX_GIFTS_OF_CATEGORY + 1)))
    shop.add_category(GiftCategory("c", "C"))
    full = [f"g{number}" for number in range(MAX_GIFTS_OF_CATEGORY)]
    shop.relate("c", full)

    assert code_of(shop.relate, "c", ["g16"]) == 100002
    shop.relate("c", full)
    shop.unrelate("c", ["g3", "never there"])
    shop.relate("c", ["g16"])
    assert [gift.gift_id for gift in shop.view().categories[0].gifts] == [*full[:3], *full[4:], "g16"]


def test_categories_are_added_edited_and_deleted_and_their_gifts_stay() -> None:
    shop = catalogue(ROSE, ROCKET)
    shop.add_category(GiftCategory("hot", "Hot"))
    shop.add_category(GiftCategory("new", "New"))
    shop.relate("hot", ["rocket", "rose"])
    shop.relate("new", ["rose"])

    shop.edit_category(GiftCategory("hot", "Very hot"))
    assert shop.categories() == (GiftCategory("hot", "Very hot"), GiftCategory("new", "New"))
    assert [each.gifts for each in shop.view().categories] == [(ROCKET, ROSE), (ROSE,)]
    shop.delete("rose")
    assert [each.gifts for each in shop.view().categories] == [(ROCKET,), ()]
    shop.delete_category("hot")
    assert shop.gifts() == (ROCKET,)


def test_a_category_that_is_not_there_or_there_twice_is_a_bad_parameter() -> None:
    shop = catalogue(ROSE)
    shop.add_category(GiftCategory("c", "C"))

    calls: list[Call] = [
        (shop.add_category, (GiftCategory("c", "Other"),)),
        (shop.edit_category, (GiftCategory("x", "X"),)),
        (shop.get_category, ("x",)),
        (shop.delete_category, ("x",)),
        (shop.relate, ("x", ["rose"])),
        (shop.unrelate, ("x", ["rose"])),
        (shop.set_category_language, ("x", "en", "X", "")),
        (shop.delete_category_language, ("x", "en")),
        (shop.category_languages, ("x",)),
    ]
    for call, args in calls:
        assert code_of(call, *args) == 100002


def test_names_are_seen_in_a_language_or_a_wider_one_or_the_default() -> None:
    shop = catalogue(ROSE, ROCKET)
    shop.add_category(GiftCategory("hot", "Hot", "D"))
    shop.relate("hot", ["rose"])
    shop.set_language("rose", "zh", "玫瑰", "")
    shop.set_language("rose", "zh-TW", "玫瑰花", "紅")
    shop.set_category_language("hot", "zh", "热门", "")

    def names(language: str) -> list[str]:
        view = shop.view(language)
        shelf = view.categories[0]
        return [shelf.category.name, shelf.gifts[0].name, shelf.gifts[0].desc, *(gift.name for gift in view.gifts)]

    assert names("zh-TW") == names("ZH-tw") == ["热门", "玫瑰花", "紅", "玫瑰花", "Rocket"]
    assert names("zh-CN") == names("zh-Hans-CN") == ["热门", "玫瑰", "A red one", "玫瑰", "Rocket"]
    for unknown in ("", "de", "zhx", "-", "no language at all"):
        assert names(unknown) == ["Hot", "Rose", "A red one", "Rose", "Rocket"]
    assert shop.gifts() == (ROSE, ROCKET)


def test_languages_stay_when_a_gift_is_edited_and_go_with_it() -> None:
    shop = catalogue(ROSE)
    shop.set_language("rose", "DE", "Rosi", "")
    shop.set_language("rose", "de", "Rose", "rot")

    shop.edit(replace(ROSE, coins=1))
    assert shop.languages("rose") == {"de": Naming("Rose", "rot")}
    shop.delete("rose")
    shop.add(ROSE)
    assert shop.languages("rose") == {}


def test_a_language_can_be_taken_away() -> None:
    shop = catalogue(ROSE)
    shop.add_category(GiftCategory("c", "C"))
    shop.set_language("rose", "de", "Rose", "rot")
    shop.set_category_language("c", "de", "K", "")

    assert shop.category_languages("c") == {"de": Naming("K", "")}
    assert shop.delete_language("rose", "De")
    assert not shop.delete_language("rose", "de")
    assert shop.delete_category_language("c", "De")
    assert not shop.delete_category_language("c", "de")
    assert shop.view("de").gifts == (ROSE,)


def test_languages_have_their_bounds() -> None:
    shop = catalogue(ROSE)

    for language in ("", "e", "en_US", "en-", "x" * 9, "zh-Hans-CN-a-b", "德"):
        assert code_of(shop.set_language, "rose", language, "R", "") == 100002
    assert code_of(shop.set_language, "rose", "en", "x" * 21, "") == 100002
    assert code_of(shop.set_language, "rose", "en", "x", "x" * 21) == 100002
    for number in range(MAX_LANGUAGES):
        shop.set_language("rose", f"en-{number}", "R", "")
    assert code_of(shop.set_language, "rose", "de", "R", "") == 100002
    shop.set_language("rose", "en-0", "Again", "")


# The book


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
    monkeypatch.setattr(gifts_module, "MAX_REMEMBERED", 3)
    book = GiftBook()
    for send_id in ("1", "2", "3", "4"):
        send(book, send_id)

    assert book.remembered == 3
    assert [send(book, "2").number, send(book, "1").number] == [2, 5]


def test_pending_ones_are_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gifts_module, "MAX_REMEMBERED", 2)
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
