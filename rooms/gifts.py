"""Gifts: what can be given in an app (`GiftCatalogue`), and what was given in one room (`GiftBook`).

Whether a gift may be given, and who pays for it, is asked elsewhere; that takes time, and the answer may get lost on
the way to whoever gave. So each sending has an id of its sender's making: sent again, it is the same gift and no second
one.

Pure: gifts, users and `now` (Unix seconds) in, gifts, totals or refusals out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rooms.errors import bad_parameter
from rooms.ids import UserId, refuse_faults, text_fault, user_id_fault
from rooms.talk_errors import no_such_gift, request_conflict, too_frequent, too_many

__all__ = [
    "MAX_CATEGORIES", "MAX_COINS", "MAX_COUNT", "MAX_EXTENSION", "MAX_GIFTS", "MAX_GIFTS_OF_CATEGORY", "MAX_ID",
    "MAX_LANGUAGES", "MAX_RECEIVERS", "MAX_REMEMBERED", "MAX_SENDERS", "MAX_SEND_ID", "MAX_TEXT", "MAX_URL",
    "REMEMBERED_S", "CatalogueView", "CategoryView", "Gift", "GiftBook", "GiftCatalogue", "GiftCategory", "GiftTotals",
    "Naming", "SenderTotals", "Sending",
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

MAX_COUNT = 1000
"""How often a gift may be given in one sending."""
MAX_RECEIVERS = 50
"""Users one sending may name: as many as can be on seats."""
MAX_SEND_ID = 64
"""Bytes of UTF-8; of the id of a sending."""
MAX_REMEMBERED = 10_000
"""Sendings of one room that are known again; when there are more, the oldest are forgotten first."""
REMEMBERED_S = 600.0
"""Seconds for which a sending is known again after it was settled."""
MAX_SENDERS = 100_000
"""Senders of one room with totals of their own; the gifts of later ones count in the room's totals only."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")


# The catalogue of an app


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


# The book of a room


@dataclass(frozen=True, slots=True)
class Sending:
    """A gift on its way, or given."""

    send_id: str
    """Its sender's id for it, unique among that sender's."""
    sender: UserId
    """Who gives."""
    gift: Gift
    """What, as it was when the sending began: a price that changes meanwhile is not this one's."""
    count: int
    """How often."""
    receivers: tuple[UserId, ...]
    """To whom; nobody named: to the room."""
    at: float
    """When it began, in Unix seconds."""
    number: int | None = None
    """From 1, one more than that of the gift given before it in this room; None while it is pending."""

    @property
    def coins(self) -> int:
        """What it costs: the gift's coins as often as it is given, however many share in it."""
        return self.gift.coins * self.count

    @property
    def settled(self) -> bool:
        return self.number is not None


@dataclass(frozen=True, slots=True)
class GiftTotals:
    """What was given in a room since it began."""

    gifts: int
    """Gifts, each as often as it was given."""
    coins: int
    """What they were worth."""
    senders: int
    """Different users who gave; exact up to `MAX_SENDERS`, and at least so many beyond."""


@dataclass(frozen=True, slots=True)
class SenderTotals:
    """What one user gave in a room since it began."""

    count: int
    coins: int


_NOTHING = SenderTotals(0, 0)
_Key = tuple[UserId, str]


class GiftBook:
    """The gifts of one room. Who began a sending ends it with `settle` or `fail`, whatever happens in between."""

    def __init__(self, max_senders: int = MAX_SENDERS) -> None:
        self._pending: dict[_Key, Sending] = {}
        self._settled: dict[_Key, tuple[float, Sending]] = {}  # when it was settled; the oldest first
        self._max_senders = max_senders
        self._senders: dict[UserId, SenderTotals] = {}
        self._gifts = self._coins = self._last = 0

    @property
    def remembered(self) -> int:
        """Sendings that are known again."""
        return len(self._pending) + len(self._settled)

    @property
    def last(self) -> int:
        """The number of the gift that was given last; 0 before the first."""
        return self._last

    def begin(
        self, send_id: str, sender: UserId, gift: Gift, count: int, receivers: tuple[UserId, ...], now: float
    ) -> Sending:
        """A sending that is pending now; or the settled one when it was sent before, which is not to be settled again.

        Raises 100002; 100102 while the same one is pending, or when the id was another gift's; 100012 when too many
        are pending.
        """
        _check_sending(send_id, count, receivers)
        self._forget_old(now)
        key = sender, send_id
        wished = Sending(send_id, sender, gift, count, receivers, now)
        if key in self._pending:
            raise request_conflict("This gift is being sent already; wait for the answer.")
        if key in self._settled:
            return _same(self._settled[key][1], wished)
        self._make_place()
        self._pending[key] = wished
        return wished

    def settle(self, sending: Sending, now: float) -> Sending:
        """Counts a pending sending, and gives it its number; one that was settled before comes back as it is."""
        key = sending.sender, sending.send_id
        if sending.settled:
            return sending
        if self._pending.get(key) != sending:
            raise request_conflict("This gift is not being sent.")
        del self._pending[key]
        self._last += 1
        given = replace(sending, number=self._last)
        self._settled[key] = now, given
        self._count(given)
        return given

    def fail(self, sending: Sending) -> None:
        """Forgets a pending sending, so that it can be tried again; a settled one stays given."""
        key = sending.sender, sending.send_id
        if self._pending.get(key) == sending:
            del self._pending[key]

    def totals(self) -> GiftTotals:
        return GiftTotals(self._gifts, self._coins, len(self._senders))

    def totals_of(self, sender: UserId) -> SenderTotals:
        """Nothing for who gave nothing."""
        return self._senders.get(sender, _NOTHING)

    def _count(self, given: Sending) -> None:
        self._gifts += given.count
        self._coins += given.coins
        if given.sender in self._senders or len(self._senders) < self._max_senders:
            before = self.totals_of(given.sender)
            self._senders[given.sender] = SenderTotals(before.count + given.count, before.coins + given.coins)

    def _forget_old(self, now: float) -> None:
        while self._settled:
            key = next(iter(self._settled))
            if now - self._settled[key][0] < REMEMBERED_S:
                return
            del self._settled[key]

    def _make_place(self) -> None:
        """Raises 100012 when all places are those of pending ones, which are not forgotten."""
        if self.remembered < MAX_REMEMBERED:
            return
        if not self._settled:
            raise too_frequent("Too many gifts are being sent in this room; try again in a moment.")
        del self._settled[next(iter(self._settled))]


def _check_sending(send_id: str, count: int, receivers: tuple[UserId, ...]) -> None:
    refuse_faults(
        "A sending has an id." if not send_id else None,
        text_fault("The id of a sending", send_id, MAX_SEND_ID),
        f"A gift is given 1 to {MAX_COUNT} times at once." if not 1 <= count <= MAX_COUNT else None,
        f"A gift has at most {MAX_RECEIVERS} receivers." if len(receivers) > MAX_RECEIVERS else None,
        "A receiver is named once." if len(set(receivers)) < len(receivers) else None,
        next(filter(None, map(user_id_fault, receivers)), None),
    )


def _same(settled: Sending, wished: Sending) -> Sending:
    """The settled one, whose price may be an older one. Raises 100102 when the wish is for something else."""
    if (settled.gift.gift_id, settled.count, settled.receivers) != (
        wished.gift.gift_id, wished.count, wished.receivers,
    ):  # fmt: skip
        raise request_conflict("This id was that of another gift; each sending has an id of its own.")
    return settled
