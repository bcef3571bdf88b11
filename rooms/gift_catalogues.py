"""The gift catalogues of all apps: each is loaded once, and every change is stored before it is seen.

A change is made to a copy, which takes the place of the catalogue when the store has it. The store counts changes: when
another node was faster, the catalogue is loaded again and the change is made to that.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rooms.gifts import GiftCatalogue
from rooms.ids import AppId

__all__ = ["GiftCatalogues", "GiftStore"]

Change = Callable[[GiftCatalogue], object]
"""What a back office wishes; a refusal leaves the catalogue as it is."""


class GiftStore(Protocol):
    """Where catalogues outlive the node. Every method is done as a whole or not at all."""

    async def gifts(self, app: AppId) -> tuple[str, int] | None:
        """The catalogue's record and its version, from 1; None before the first one is saved."""
        ...

    async def save_gifts(self, app: AppId, record: str, version: int) -> bool:
        """Puts `record` in the place of that of `version` (0: of none), as the next version. False, and nothing is
        saved, when that is not the newest one."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    catalogue: GiftCatalogue
    version: int


class GiftCatalogues:
    """What can be given, in every app."""

    def __init__(self, store: GiftStore) -> None:
        self._store = store
        self._known: dict[AppId, _Known] = {}
        self._locks: defaultdict[AppId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, app: AppId) -> GiftCatalogue:
        """To look at. Who wants to change it says how, to `change`."""
        known = self._known.get(app)
        if known is None:
            async with self._locks[app]:
                known = await self._load(app)
        return known.catalogue

    async def change(self, app: AppId, change: Change) -> None:
        """Raises what `change` raises, and then nothing is changed; returns when it is stored."""
        async with self._locks[app]:
            while not await self._save(app, change):
                pass  # another node was faster: once more, with what it made

    async def lay_out(self, app: AppId, change: Change) -> None:
        """As `change`, but only if nothing was ever stored for `app`."""
        async with self._locks[app]:
            if (await self._load(app)).version == 0:
                await self._save(app, change)

    async def _load(self, app: AppId) -> _Known:
        if app not in self._known:
            stored = await self._store.gifts(app)
            record, version = stored if stored is not None else ("", 0)
            self._known[app] = _Known(GiftCatalogue.of_record(record), version)
        return self._known[app]

    async def _save(self, app: AppId, change: Change) -> bool:
        known = await self._load(app)
        changed = GiftCatalogue.of_record(known.catalogue.record())
        change(changed)
        try:
            saved = await self._store.save_gifts(app, changed.record(), known.version)
        except BaseException:
            del self._known[app]  # whether the store has it, is known when it is asked again
            raise
        if saved:
            self._known[app] = _Known(changed, known.version + 1)
        else:
            del self._known[app]
        return saved
