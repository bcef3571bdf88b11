from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rooms.errors import RoomRefused
from rooms.gifts import (
    MAX_CATEGORIES,
    MAX_COINS,
    MAX_GIFTS,
    MAX_GIFTS_OF_CATEGORY,
    MAX_LANGUAGES,
    Gift,
    GiftCatalogue,
    GiftCategory,
    Naming,
)

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
