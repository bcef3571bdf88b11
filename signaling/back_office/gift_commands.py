"""The commands about gifts: the catalogue of an app, and what is given in a room."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from rooms.interface import Gift, GiftCatalogue, GiftCategory, Naming, UserId
from signaling.back_office import bodies, replies
from signaling.back_office.call import Call, Reply, chosen
from signaling.back_office.codes import bad_body

__all__ = [
    "add_gift", "add_gift_category", "add_gift_category_relations", "del_gift", "del_gift_category",
    "del_gift_category_language", "del_gift_category_relations", "del_gift_language", "edit_gift",
    "edit_gift_category", "get_gift", "get_gift_category", "get_gift_category_language",
    "get_gift_category_relations", "get_gift_count", "get_gift_info_list", "get_gift_language", "send_gift",
    "set_gift_category_language", "set_gift_language",
]  # fmt: skip


# Gifts


async def add_gift(call: Call, body: bodies.AddGift) -> Reply:
    """Add a gift to the app's catalogue."""
    gift = Gift(
        body.GiftId, body.DefaultName, body.DefaultDesc, body.IconUrl, body.ResourceUrl, body.Coins, body.Level,
        body.ExtensionInfo,
    )  # fmt: skip
    await _change(call, lambda catalogue: catalogue.add(gift))
    return {}


async def edit_gift(call: Call, body: bodies.EditGift) -> Reply:
    """Change a gift; what is left out stays."""
    changed = chosen(
        name=body.DefaultName, desc=body.DefaultDesc, icon_url=body.IconUrl, resource_url=body.ResourceUrl,
        coins=body.Coins, level=body.Level, extension=body.ExtensionInfo,
    )  # fmt: skip
    await _change(call, lambda catalogue: catalogue.edit(replace(catalogue.get(body.GiftId), **changed)))
    return {}


async def del_gift(call: Call, body: bodies.GiftRef) -> Reply:
    """Take a gift out of the app and of all categories."""
    await _change(call, lambda catalogue: catalogue.delete(body.GiftId))
    return {}


async def get_gift(call: Call, body: bodies.GiftRef) -> Reply:
    """One gift as it was added."""
    return {"GiftInfo": replies.gift((await _catalogue(call)).get(body.GiftId))}


async def get_gift_info_list(call: Call, body: bodies.GiftInfoList) -> Reply:
    """All gifts and categories, in a language if one is named."""
    catalogue = await _catalogue(call)
    view = catalogue.view(body.Language)
    return {
        "TotalCount": len(view.gifts),
        "GiftList": [replies.gift_row(gift, catalogue.languages(gift.gift_id)) for gift in view.gifts],
        "CategoryList": [
            replies.category_row(each, catalogue.category_languages(each.category.category_id))
            for each in view.categories
        ],
    }


async def get_gift_count(call: Call, body: bodies.GiftCount) -> Reply:
    """What one user gave in a room, and how many gave."""
    own, everybody, last = call.rooms.talk.gift_totals(call.app, body.RoomId, UserId(body.From_Account))
    return {
        "Sequence": last,
        "TotalCount": own.count,
        "TotalCoins": own.coins,
        "GiftSenderCount": everybody.senders,
    }


async def send_gift(call: Call, body: bodies.SendGift) -> Reply:
    """Give a gift in the name of a user, who need not be in the room."""
    await call.rooms.talk.send_gift_for(
        call.app, body.RoomId, UserId(body.From_Account), gift_id=body.GiftId, count=body.Count,
        send_id=f"office_{secrets.token_hex(16)}", receivers=tuple(map(UserId, body.ReceiverList_Account)),
    )  # fmt: skip
    return {}


# Languages of gifts


async def set_gift_language(call: Call, body: bodies.SetGiftLanguage) -> Reply:
    """Name a gift in a language; what is left out stays."""

    def name(catalogue: GiftCatalogue) -> None:
        before = catalogue.languages(body.GiftId).get(body.Language.lower())
        name, desc = _named(before, body.Name, body.Desc, "Name")
        catalogue.set_language(body.GiftId, body.Language, name, desc)

    await _change(call, name)
    return {}


async def get_gift_language(call: Call, body: bodies.GiftTongue) -> Reply:
    """What a gift is called in a language."""
    naming = _known((await _catalogue(call)).languages(body.GiftId), body.Language)
    return {"GiftInfo": {"Name": naming.name, "Desc": naming.desc}}


async def del_gift_language(call: Call, body: bodies.GiftTongue) -> Reply:
    """Forget what a gift is called in a language."""
    await _change(call, lambda catalogue: catalogue.delete_language(body.GiftId, body.Language))
    return {}


# Categories


async def add_gift_category(call: Call, body: bodies.AddGiftCategory) -> Reply:
    """Add a category of gifts."""
    category = GiftCategory(body.CategoryId, body.DefaultName, body.DefaultDesc, body.ExtensionInfo)
    await _change(call, lambda catalogue: catalogue.add_category(category))
    return {}


async def edit_gift_category(call: Call, body: bodies.EditGiftCategory) -> Reply:
    """Change a category; what is left out stays."""
    changed = chosen(name=body.DefaultName, desc=body.DefaultDesc, extension=body.ExtensionInfo)

    def edit(catalogue: GiftCatalogue) -> None:
        catalogue.edit_category(replace(catalogue.get_category(body.CategoryId), **changed))

    await _change(call, edit)
    return {}


async def del_gift_category(call: Call, body: bodies.CategoryRef) -> Reply:
    """Delete a category; its gifts stay in the app."""
    await _change(call, lambda catalogue: catalogue.delete_category(body.CategoryId))
    return {}


async def get_gift_category(call: Call, body: bodies.CategoryRef) -> Reply:
    """One category as it was added."""
    return {"GiftCategoryInfo": replies.category((await _catalogue(call)).get_category(body.CategoryId))}


async def add_gift_category_relations(call: Call, body: bodies.CategoryRelations) -> Reply:
    """Put gifts into a category, all or none."""
    await _change(call, lambda catalogue: catalogue.relate(body.CategoryId, body.GiftIdList))
    return {}


async def del_gift_category_relations(call: Call, body: bodies.CategoryRelations) -> Reply:
    """Take gifts out of a category."""
    await _change(call, lambda catalogue: catalogue.unrelate(body.CategoryId, body.GiftIdList))
    return {}


async def get_gift_category_relations(call: Call, body: bodies.CategoryRef) -> Reply:
    """The gifts of a category."""
    catalogue = await _catalogue(call)
    catalogue.get_category(body.CategoryId)
    views = (view for view in catalogue.view().categories if view.category.category_id == body.CategoryId)
    gift_ids = [gift.gift_id for gift in next(views).gifts]
    return {"Relation": {"CategoryId": body.CategoryId, "GiftIdList": gift_ids}}


async def set_gift_category_language(call: Call, body: bodies.SetCategoryLanguage) -> Reply:
    """Name a category in a language; what is left out stays."""

    def name(catalogue: GiftCatalogue) -> None:
        before = catalogue.category_languages(body.CategoryId).get(body.Language.lower())
        name, desc = _named(before, body.CategoryName, body.CategoryDesc, "CategoryName")
        catalogue.set_category_language(body.CategoryId, body.Language, name, desc)

    await _change(call, name)
    return {}


async def get_gift_category_language(call: Call, body: bodies.CategoryTongue) -> Reply:
    """What a category is called in a language."""
    naming = _known((await _catalogue(call)).category_languages(body.CategoryId), body.Language)
    return {"CategoryInfo": {"CategoryName": naming.name, "CategoryDesc": naming.desc}}


async def del_gift_category_language(call: Call, body: bodies.CategoryTongue) -> Reply:
    """Forget what a category is called in a language."""
    await _change(call, lambda catalogue: catalogue.delete_category_language(body.CategoryId, body.Language))
    return {}


async def _catalogue(call: Call) -> GiftCatalogue:
    return await call.rooms.gifts.get(call.app)


async def _change(call: Call, change: Callable[[GiftCatalogue], object]) -> None:
    """Returns when it is stored. Raises what `change` raises, and then nothing is changed."""
    await call.rooms.gifts.change(call.app, change)


def _named(before: Naming | None, name: str | None, desc: str | None, field: str) -> tuple[str, str]:
    """What it is called from now on. Raises 100002 when it never had a name."""
    if before is None and name is None:
        raise bad_body(f"{field} is needed the first time")
    old = before or Naming("", "")
    return old.name if name is None else name, old.desc if desc is None else desc


def _known(namings: Mapping[str, Naming], language: str) -> Naming:
    naming = namings.get(language.lower())
    if naming is None:
        raise bad_body(f"it has no name in the language {language[:35]!r}")
    return naming
