"""Rooms whose events become callbacks: all is allowed in them, and a clock stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from billing.interface import AppId, EditionView, Feature, Gauge, Lease
from rooms.interface import AllianceEvent, Profile, ProfileChange, RoomEvent, Rooms, UserId
from signaling.callbacks import payloads
from signaling.callbacks.outbox import Outbox
from signaling.callbacks.payloads import Notice
from signaling.callbacks.store import together

APP, NOW = AppId(1400000001), 1_800_000_000.25
MS = 1_800_000_000_250
OLGA, ANNA, PAUL = UserId("olga"), UserId("anna"), UserId("paul")


async def settled(outbox: Outbox) -> None:
    """Returns when what was told is on disk, and no attempt is under way."""
    await outbox._store.write(together(()))
    while outbox._attempts:
        await asyncio.wait(outbox._attempts)


class Billing:
    """Everything is allowed."""

    async def edition(self, app: AppId) -> EditionView:
        return EditionView(app, "trial", frozenset(Feature), dict.fromkeys(Gauge, 16), 10**7, None)

    async def admit(self, app: AppId, gauge: Gauge, *, scope: str, holder: str) -> Lease:
        return Lease(app, gauge, scope, holder, 1, NOW + 30)

    async def release(self, lease: Lease) -> None: ...

    async def renew(self, leases: Any) -> Any:
        return leases

    async def require(self, app: AppId, feature: Feature) -> None: ...


class Store:
    """Keeps gifts, and knows nobody."""

    def __init__(self) -> None:
        self._gifts: dict[AppId, tuple[str, int]] = {}

    async def gifts(self, app: AppId) -> tuple[str, int] | None:
        return self._gifts.get(app)

    async def save_gifts(self, app: AppId, record: str, version: int) -> bool:
        self._gifts[app] = record, version + 1
        return True

    async def profiles(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, Profile]:
        return {}

    async def change_profile(self, app: AppId, user: UserId, change: ProfileChange) -> Profile:
        raise AssertionError("rooms read profiles, and change none")


@dataclass
class House:
    events: list[RoomEvent] = field(default_factory=list)
    between: list[AllianceEvent] = field(default_factory=list)
    now: float = NOW

    def __post_init__(self) -> None:
        self.rooms = Rooms(
            Billing(), clock=lambda: self.now, store=Store(), listener=self.events.append,
            alliance_listener=self.between.append,
        )  # fmt: skip

    async def create(self, owner: UserId = OLGA, room: str = "r") -> None:
        await self.rooms.create(APP, owner, name=owner, connection=f"c_{owner}", room_id=room, seats=2)

    async def enter(self, user: UserId, room: str = "r") -> None:
        await self.rooms.enter(APP, user, name=user, connection=f"c_{user}", room_id=room)

    def told(self) -> list[Notice]:
        """The callbacks of the events since the last call."""
        found = [notice for event in self.events for notice in payloads.of_event(event)]
        self.events.clear()
        return found

    def last(self, kind: type[Any]) -> Any:
        return next(event for event in reversed(self.events) if isinstance(event, kind))
