"""What an app can give outlives the node: over the true store and over the small one that other tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from fake_store import FakeStore
from room_house import APP

from rooms.errors import RoomRefused
from rooms.gift_catalogues import GiftCatalogues, GiftStore
from rooms.gifts import Gift, GiftCatalogue, GiftCategory
from rooms.ids import AppId
from rooms.social_store import SocialStore

ROSE, ROCKET = Gift("rose", "Rose", "A red one", coins=5), Gift("rocket", "Rocket", coins=1000, level=3)


@pytest.fixture(params=["true", "small"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GiftStore]:
    if request.param == "small":
        yield FakeStore()
        return
    made = SocialStore(f"sqlite:///{tmp_path / 'social.db'}")
    await made.open()
    yield made
    await made.close()


async def add(catalogues: GiftCatalogues, gift: Gift, app: AppId = APP) -> None:
    await catalogues.change(app, partial(GiftCatalogue.add, gift=gift))


def fill(catalogue: GiftCatalogue) -> None:
    """Something of every kind."""
    for gift in (ROCKET, ROSE):
        catalogue.add(gift)
    for category_id in ("new", "old"):
        catalogue.add_category(GiftCategory(category_id, category_id.title(), "", '{"a":1}'))
    catalogue.relate("old", ["rose", "rocket"])
    catalogue.set_language("rose", "zh-CN", "玫瑰", "红")
    catalogue.set_category_language("old", "zh", "旧", "")


async def test_a_catalogue_is_there_again_with_all_that_is_in_it(store: GiftStore) -> None:
    first = GiftCatalogues(store)
    await first.change(APP, fill)

    second = GiftCatalogues(store)
    again, before = await second.get(APP), await first.get(APP)

    for language in ("", "zh-CN", "zh"):
        assert again.view(language) == before.view(language)
    assert again.view("zh-CN").gifts[1].name == "玫瑰"
    assert again.languages("rose") == before.languages("rose")
    assert [each.category.category_id for each in again.view().categories] == ["new", "old"]
    assert (await second.get(AppId(1))).gifts() == (), "another app's is its own"


async def test_what_is_refused_changes_nothing(store: GiftStore) -> None:
    catalogues = GiftCatalogues(store)
    await add(catalogues, ROSE)

    def add_both(catalogue: GiftCatalogue) -> None:
        catalogue.add(ROCKET)
        catalogue.add(ROSE)

    with pytest.raises(RoomRefused):
        await catalogues.change(APP, add_both)
    assert (await catalogues.get(APP)).gifts() == (ROSE,)
    assert (await GiftCatalogues(store).get(APP)).gifts() == (ROSE,)


async def test_two_nodes_lose_no_change(store: GiftStore) -> None:
    one, other = GiftCatalogues(store), GiftCatalogues(store)
    await asyncio.gather(one.get(APP), other.get(APP))

    await asyncio.gather(*(add(node, Gift(f"{name}{number}", "G")) for number in range(3)
                           for name, node in (("a", one), ("b", other))))  # fmt: skip

    expected = {f"{name}{number}" for number in range(3) for name in "ab"}
    assert {gift.gift_id for gift in (await GiftCatalogues(store).get(APP)).gifts()} == expected


async def test_what_is_laid_out_once_is_not_laid_out_again(store: GiftStore) -> None:
    catalogues = GiftCatalogues(store)
    await catalogues.lay_out(APP, fill)
    await catalogues.change(APP, lambda catalogue: catalogue.delete("rose"))

    again = GiftCatalogues(store)
    await again.lay_out(APP, fill)

    assert (await again.get(APP)).gifts() == (ROCKET,)


async def test_when_the_store_fails_the_catalogue_stays_what_the_store_has() -> None:
    store = FakeStore()
    catalogues = GiftCatalogues(store)
    await add(catalogues, ROSE)
    store.failing = True
    with pytest.raises(OSError, match="not there"):
        await add(catalogues, ROCKET)
    store.failing = False

    assert (await catalogues.get(APP)).gifts() == (ROSE,)


async def test_who_is_cancelled_while_it_is_stored_leaves_what_was_stored() -> None:
    store = FakeStore()
    catalogues = GiftCatalogues(store)
    await add(catalogues, ROSE)
    for turns in range(6):
        task = asyncio.ensure_future(add(catalogues, Gift(f"g{turns}", "G")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        seen = (await catalogues.get(APP)).gifts()
        assert seen == (await GiftCatalogues(store).get(APP)).gifts()
