"""The store, small and in memory; every call really lets the others run. It passes the tests of the true one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from rooms.ids import AppId, UserId
from rooms.profiles import Profile, ProfileChange


class FakeStore:
    def __init__(self) -> None:
        self.kept: dict[tuple[AppId, UserId], Profile] = {}
        self.records: dict[AppId, tuple[str, int]] = {}
        self.failing = False

    async def profiles(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, Profile]:
        await self._turn()
        return {user: self.kept[app, user] for user in users if (app, user) in self.kept}

    async def change_profile(self, app: AppId, user: UserId, change: ProfileChange) -> Profile:
        await self._turn()
        changed = self.kept[app, user] = change.applied_to(self.kept.get((app, user), Profile(user)))
        return changed

    async def gifts(self, app: AppId) -> tuple[str, int] | None:
        await self._turn()
        return self.records.get(app)

    async def save_gifts(self, app: AppId, record: str, version: int) -> bool:
        await self._turn()
        if self.records.get(app, ("", 0))[1] != version:
            return False
        self.records[app] = record, version + 1
        await asyncio.sleep(0)  # the answer travels, too
        return True

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if self.failing:
            raise OSError("the store is not there")
