"""A node's rooms over a small billing, with a clock that tests move."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from fake_entitlements import FakeEntitlements
from fake_store import FakeStore
from hypothesis import settings

from billing.interface import AppId, Gauge
from rooms.interface import AllianceEvent, Gift, GiftCatalogue, Profile, RoomEvent, Rooms, RoomView, UserId

APP = AppId(1400000001)
HISTORIES = settings(
    max_examples=int(os.environ.get("TALLY_HISTORIES", "1000")), stateful_step_count=100, deadline=None
)
"""100,000 random steps; a campaign sets the variable to more."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """Everything a test needs, with short words for what it does often."""

    def __init__(self, **limits: int | None) -> None:
        self.clock = Clock()
        self.billing = FakeEntitlements(self.clock, **limits)
        self.store = FakeStore()
        self.events: list[RoomEvent] = []
        self.between: list[AllianceEvent] = []
        self.order: list[str] = []
        self.rooms = Rooms(
            self.billing, clock=self.clock, store=self.store, listener=self._hear_room,
            alliance_listener=self._hear_alliance,
        )  # fmt: skip

    def _hear_room(self, event: RoomEvent) -> None:
        self.events.append(event)
        self.order.append(type(event).__name__)

    def _hear_alliance(self, event: AllianceEvent) -> None:
        self.between.append(event)
        self.order.append(type(event).__name__)

    async def create(self, user: str = "olga", room_id: str | None = "r", **wish: Any) -> RoomView:
        wish = {"name": user.title(), "connection": f"c_{user}"} | wish
        return await self.rooms.create(APP, UserId(user), room_id=room_id, **wish)

    async def enter(self, user: str, room_id: str = "r", connection: str | None = None) -> RoomView:
        return await self.rooms.enter(
            APP, UserId(user), name=user.title(), connection=connection or f"c_{user}", room_id=room_id
        )

    async def lay_out(self, *gifts: Gift) -> None:
        for gift in gifts:
            await self.rooms.gifts.change(APP, partial(GiftCatalogue.add, gift=gift))

    async def add_robot(self, user: str, room_id: str = "r") -> None:
        await self.rooms.add_robot(APP, room_id, UserId(user))

    def import_accounts(self, *users: str) -> None:
        for user in users:
            self.store.kept[APP, UserId(user)] = Profile(UserId(user), user.title())

    async def drop(self, user: str, room_id: str = "r", connection: str | None = None) -> None:
        await self.rooms.disconnected(APP, room_id, UserId(user), connection or f"c_{user}")

    async def pass_seconds(self, seconds: float) -> None:
        """Ticks once a second, as a node does."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(self.clock.now + 1, end)
            await self.rooms.tick()

    async def race(self, works: Sequence[tuple[Coroutine[Any, Any, None], int | None]]) -> None:
        """All at once; some are cancelled after so many turns of the loop. Raises what one of them fails with."""
        tasks = [asyncio.ensure_future(work) for work, _ in works]
        for turn in range(13):
            for task, (_, cancelled_after) in zip(tasks, works, strict=True):
                if cancelled_after == turn:
                    task.cancel()
            await asyncio.sleep(0)
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            if answer is not None and not isinstance(answer, asyncio.CancelledError):
                raise answer

    def told(self) -> list[str]:
        """Names of the events since the last call."""
        names = [type(event).__name__ for event in self.events]
        self.events.clear()
        return names

    def told_of_all(self) -> list[str]:
        """Names of the events in rooms and between rooms since the last call, in their order."""
        names = list(self.order)
        self.order.clear()
        return names

    def audience_leases(self, room_id: str = "r") -> set[str]:
        return self.billing.holders(APP, Gauge.AUDIENCE, f"{APP}:{room_id}")

    def seat_leases(self, room_id: str = "r") -> set[str]:
        return self.billing.holders(APP, Gauge.SEATS, f"{APP}:{room_id}")

    def room_leases(self) -> set[str]:
        return self.billing.holders(APP, Gauge.ROOMS)

    def check_nothing_is_left(self) -> None:
        assert not any(self.rooms.statistics().values())
        assert self.billing.held == {}
        assert self.rooms._homes == {}
        assert self.rooms._where == {}
        assert self.rooms._reserved == {}
