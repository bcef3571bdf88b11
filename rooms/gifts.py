"""Gifts: what can be given in an app, in which languages, on which shelves.

Pure: gifts in, gifts or refusals out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from rooms.errors import bad_parameter
from rooms.ids import refuse_faults, text_fault
from rooms.talk_errors import no_such_gift, too_many

__all__ = [
    "MAX_CATEGORIES", "MAX_COINS", "MAX_EXTENSION", "MAX_GIFTS", "MAX_GIFTS_OF_CATEGORY", "MAX_ID", "MAX_LANGUAGES",
    "MAX_TEXT", "MAX_URL", "CatalogueView", "CategoryView", "Gift", "GiftCatalogue", "GiftCategory", "Naming",
]  # fmt: skip

MAX_GIFTS = 64
"""Gifts of one app."""
MAX_CATEGORIES = 16
"""Categories of one app."""
MAX_GIFTS_OF_CATEGORY = 16
"""Gifts in one category."""
MAX_LANGUAGES = 16
"""Languages one gift or category is named in, besides the default."""
MAX_ID = 20
"""Bytes of UTF-8; of a gift's and of a category's id."""
MAX_TEXT = 20
"""Bytes of UTF-8; of a name and of a description, in any language."""
MAX_URL = 200
"""Bytes of UTF-8; of a picture's URL."""
MAX_COINS = 10**9
"""What one gift may cost; and the highest level."""
MAX_EXTENSION = 100
"""Bytes of UTF-8; of the JSON an app adds."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift that can be given."""

    gift_id: str
    """Unique within its app."""
    name: str
    """What it is called where no other language has a name for it."""
    desc: str = ""
    """What is said about it, likewise."""
    icon_url: str = ""
    """A small picture."""
    resource_url: str = ""
    """What is played when it is given."""
    coins: int = 0
    """What it costs, in the app's own coins."""
    level: int = 0
    """How much is made of it; the app's own scale."""
    extension: str = ""
    """JSON that the app adds, or empty."""

    def __post_init__(self) -> None:
        refuse_faults(
            *_named_faults("A gift", self.gift_id, self.name, self.desc, self.extension),
            text_fault("A gift's icon URL", self.icon_url, MAX_URL),
            text_fault("A gift's resource URL", self.resource_url, MAX_URL),
            f"A gift costs 0 to {MAX_COINS} coins." if not 0 <= self.coins <= MAX_COINS else None,
            f"A gift's level is 0 to {MAX_COINS}." if not 0 <= self.level <= MAX_COINS else None,
        )


@dataclass(frozen=True, slots=True)
class GiftCategory:
    """A shelf of gifts; a gift may be on several, or on none."""

    category_id: str
    """Unique within its app."""
    name: str
    """What it is called where no other language has a name for it."""
    desc: str = ""
    """What is said about it, likewise."""
    extension: str = ""
    """JSON that the app adds, or empty."""

    def __post_init__(self) -> None:
        refuse_faults(*_named_faults("A category", self.category_id, self.name, self.desc, self.extension))


@dataclass(frozen=True, slots=True)
class Naming:
    """What something is called in one language."""

    name: str
    """Empty: as in the default language."""
    desc: str
    """Empty: as in the default language."""

    def __post_init__(self) -> None:
        refuse_faults(text_fault("A name", self.name, MAX_TEXT), text_fault("A description", self.desc, MAX_TEXT))


_UNNAMED = Naming("", "")


@dataclass(frozen=True, slots=True)
class CategoryView:
    """One category with its gifts, in one language."""

    category: GiftCategory
    """The category itself."""
    gifts: tuple[Gift, ...]
    """Its gifts, in the order in which they were put there."""


@dataclass(frozen=True, slots=True)
class CatalogueView:
    """All that can be given in an app, in one language."""

    gifts: tuple[Gift, ...]
    """All gifts, in a category or not, in the order in which they were added."""
    categories: tuple[CategoryView, ...]
    """All categories, in the order in which they were added."""


class GiftCatalogue:
    """The gifts of one app and their categories."""

    def __init__(self) -> None:
        self._gifts: dict[str, Gift] = {}
        self._categories: dict[str, GiftCategory] = {}
        self._relations: dict[str, dict[str, None]] = {}  # category: its gifts, in order
        self._gift_names: dict[str, dict[str, Naming]] = {}
        self._category_names: dict[str, dict[str, Naming]] = {}

    # Records

    def record(self) -> str:
        """All of it as a text, for a store."""
        return json.dumps(
            {
                "gifts": [asdict(gift) for gift in self._gifts.values()],
                "categories": [asdict(category) for category in self._categories.values()],
                "relations": {category_id: list(gifts) for category_id, gifts in self._relations.items()},
                "gift_names": _names_record(self._gift_names),
                "category_names": _names_record(self._category_names),
            },
            separators=(",", ":"),
        )

    @classmethod
    def of_record(cls, record: str) -> GiftCatalogue:
        """What `record` gave; an empty catalogue for an empty text."""
        made = cls()
        if record:
            read = json.loads(record)
            made._gifts = {gift["gift_id"]: Gift(**gift) for gift in read["gifts"]}
            made._categories = {each["category_id"]: GiftCategory(**each) for each in read["categories"]}
            made._relations = {category_id: dict.fromkeys(gifts) for category_id, gifts in read["relations"].items()}
            made._gift_names = _names_of_record(read["gift_names"])
            made._category_names = _names_of_record(read["category_names"])
        return made

    # Gifts

    def get(self, gift_id: str) -> Gift:
        """The gift in the default language. Raises 102002."""
        gift = self._gifts.get(gift_id)
        if gift is None:
            raise no_such_gift()
        return gift

    def gifts(self) -> tuple[Gift, ...]:
        return tuple(self._gifts.values())

    def add(self, gift: Gift) -> None:
        """Raises 100002 when there is one with this id, or no place for another."""
        if gift.gift_id in self._gifts:
            raise bad_parameter("There is a gift with this id already.")
        if len(self._gifts) >= MAX_GIFTS:
            raise too_many(f"An app has at most {MAX_GIFTS} gifts.", MAX_GIFTS)
        self._gifts[gift.gift_id] = gift
        self._gift_names[gift.gift_id] = {}

    def edit(self, gift: Gift) -> None:
        """Puts `gift` in the place of the one with its id; categories and other languages stay. Raises 102002."""
        self.get(gift.gift_id)
        self._gifts[gift.gift_id] = gift

    def delete(self, gift_id: str) -> None:
        """Takes a gift out of the app and of all categories. Raises 102002."""
        self.get(gift_id)
        del self._gifts[gift_id], self._gift_names[gift_id]
        for relation in self._relations.values():
            relation.pop(gift_id, None)

    # Categories

    def get_category(self, category_id: str) -> GiftCategory:
        """The category in the default language. Raises 100002."""
        category = self._categories.get(category_id)
        if category is None:
            raise bad_parameter("There is no such category of gifts.")
        return category

    def categories(self) -> tuple[GiftCategory, ...]:
        return tuple(self._categories.values())

    def add_category(self, category: GiftCategory) -> None:
        """Raises 100002 when there is one with this id, or no place for another."""
        if category.category_id in self._categories:
            raise bad_parameter("There is a category with this id already.")
        if len(self._categories) >= MAX_CATEGORIES:
            raise too_many(f"An app has at most {MAX_CATEGORIES} categories of gifts.", MAX_CATEGORIES)
        self._categories[category.category_id] = category
        self._relations[category.category_id] = {}
        self._category_names[category.category_id] = {}

    def edit_category(self, category: GiftCategory) -> None:
        """Puts `category` in the place of the one with its id; its gifts and other languages stay. Raises 100002."""
        self.get_category(category.category_id)
        self._categories[category.category_id] = category

    def delete_category(self, category_id: str) -> None:
        """Takes a category out; its gifts stay in the app. Raises 100002."""
        self.get_category(category_id)
        del self._categories[category_id], self._relations[category_id], self._category_names[category_id]

    def relate(self, category_id: str, gift_ids: Iterable[str]) -> None:
        """Puts gifts into a category, all or none; those in it stay where they are. Raises 100002, 102002."""
        self.get_category(category_id)
        after = dict(self._relations[category_id])
        for gift_id in gift_ids:
            after[self.get(gift_id).gift_id] = None
        if len(after) > MAX_GIFTS_OF_CATEGORY:
            raise too_many(f"A category has at most {MAX_GIFTS_OF_CATEGORY} gifts.", MAX_GIFTS_OF_CATEGORY)
        self._relations[category_id] = after

    def unrelate(self, category_id: str, gift_ids: Iterable[str]) -> None:
        """Takes gifts out of a category; those not in it do not matter. Raises 100002."""
        self.get_category(category_id)
        for gift_id in gift_ids:
            self._relations[category_id].pop(gift_id, None)

    # Languages

    def set_language(self, gift_id: str, language: str, name: str, desc: str) -> None:
        """What a gift is called in `language`. Raises 102002, 100002."""
        self.get(gift_id)
        _set_naming(self._gift_names[gift_id], language, Naming(name, desc))

    def delete_language(self, gift_id: str, language: str) -> bool:
        """Whether there was a name in `language`. Raises 102002."""
        self.get(gift_id)
        return self._gift_names[gift_id].pop(language.lower(), None) is not None

    def languages(self, gift_id: str) -> dict[str, Naming]:
        """What a gift is called in all languages but the default, by language in small letters. Raises 102002."""
        self.get(gift_id)
        return dict(self._gift_names[gift_id])

    def set_category_language(self, category_id: str, language: str, name: str, desc: str) -> None:
        """What a category is called in `language`. Raises 100002."""
        self.get_category(category_id)
        _set_naming(self._category_names[category_id], language, Naming(name, desc))

    def delete_category_language(self, category_id: str, language: str) -> bool:
        """Whether there was a name in `language`. Raises 100002."""
        self.get_category(category_id)
        return self._category_names[category_id].pop(language.lower(), None) is not None

    def category_languages(self, category_id: str) -> dict[str, Naming]:
        """What a category is called in all languages but the default. Raises 100002."""
        self.get_category(category_id)
        return dict(self._category_names[category_id])

    def view(self, language: str = "") -> CatalogueView:
        """All of it in `language`; what has no name in it is called as in the wider one (zh for zh-CN) or the default.

        No language is refused here: one nobody has heard of has no names, and gets the default ones.
        """
        gifts = {gift_id: self._gift_in(gift_id, language) for gift_id in self._gifts}
        categories = (
            CategoryView(self._category_in(category_id, language), tuple(gifts[gift_id] for gift_id in relation))
            for category_id, relation in self._relations.items()
        )
        return CatalogueView(tuple(gifts.values()), tuple(categories))

    def _gift_in(self, gift_id: str, language: str) -> Gift:
        gift, naming = self._gifts[gift_id], _naming_in(self._gift_names[gift_id], language)
        return replace(gift, name=naming.name or gift.name, desc=naming.desc or gift.desc)

    def _category_in(self, category_id: str, language: str) -> GiftCategory:
        category, naming = self._categories[category_id], _naming_in(self._category_names[category_id], language)
        return replace(category, name=naming.name or category.name, desc=naming.desc or category.desc)


def _named_faults(what: str, own_id: str, name: str, desc: str, extension: str) -> tuple[str | None, ...]:
    return (
        f"{what} has an id." if not own_id.strip() else None,
        text_fault(f"{what}'s id", own_id, MAX_ID),
        text_fault(f"{what}'s name", name, MAX_TEXT),
        text_fault(f"{what}'s description", desc, MAX_TEXT),
        text_fault(f"{what}'s extension", extension, MAX_EXTENSION) or _json_fault(f"{what}'s extension", extension),
    )


def _json_fault(what: str, text: str) -> str | None:
    try:
        json.loads(text or "null", parse_constant=_no_constant)
    except ValueError:
        return f"{what} is JSON, or empty."
    return None


def _no_constant(name: str) -> None:
    """Python reads NaN and Infinity, which are no JSON and break others' parsers."""
    raise ValueError(name)


def _names_record(names: Mapping[str, Mapping[str, Naming]]) -> dict[str, dict[str, dict[str, str]]]:
    return {key: {language: asdict(naming) for language, naming in named.items()} for key, named in names.items()}


def _names_of_record(read: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, dict[str, Naming]]:
    return {key: {language: Naming(**naming) for language, naming in named.items()} for key, named in read.items()}


def _set_naming(names: dict[str, Naming], language: str, naming: Naming) -> None:
    if not _LANGUAGE.fullmatch(language):
        raise bad_parameter("A language is a tag like en or zh-CN.")
    key = language.lower()
    if key not in names and len(names) >= MAX_LANGUAGES:
        raise too_many(f"A thing is named in at most {MAX_LANGUAGES} languages.", MAX_LANGUAGES)
    names[key] = naming


def _naming_in(names: Mapping[str, Naming], language: str) -> Naming:
    key = language.lower()
    while key:
        if key in names:
            return names[key]
        key = key.rpartition("-")[0]
    return _UNNAMED
