"""Tells the followers of an owner that its room has begun.

Followers may be millions, connections of a node are thousands: so the store is asked, in chunks and in the background,
which of those who are logged in here follow the owner. A room that is not public, or over by then, is not told of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from billing.interface import Refused
from rooms.interface import FollowKind, People, RoomCard, RoomCreated, RoomEvent, Rooms
from signaling.online import Online
from signaling.rounds import notification

__all__ = ["LiveNews"]

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
"""Rooms whose followers wait to be told; when more begin at once, the news of these is not told, and counted."""
CHUNK = 500
"""Users who are asked about and told before the loop gets its turn."""


class LiveNews:
    """The news of all apps, one room after the other."""

    def __init__(self, rooms: Rooms, people: People, online: Online) -> None:
        self._rooms = rooms
        self._people = people
        self._online = online
        self._begun: asyncio.Queue[RoomCreated] = asyncio.Queue(MAX_WAITING)
        self._untold = 0

    def hear(self, event: RoomEvent) -> None:
        """A listener of rooms: never blocks."""
        if isinstance(event, RoomCreated):
            try:
                self._begun.put_nowait(event)
            except asyncio.QueueFull:
                self._untold += 1

    async def run(self) -> None:
        """Runs for ever."""
        while True:
            begun = await self._begun.get()
            try:
                await self._tell(begun)
            except Refused:
                continue  # the edition has no follows
            except Exception:
                logger.exception("followers were not told of a room")

    async def _tell(self, begun: RoomCreated) -> None:
        app, owner = begun.app, begun.card.owner
        users = self._online.users(app)
        for start in range(0, len(users), CHUNK):
            followers = await self._people.among(app, owner, FollowKind.FOLLOWERS, users[start : start + CHUNK])
            card = self._rooms.owned_by(app, owner)
            if card is None or card.room_id != begun.room_id:
                return
            for user in followers:
                self._online.push(app, user, _news(card))

    def statistics(self) -> Mapping[str, int]:
        return {"live_news_untold": self._untold}


def _news(card: RoomCard) -> str:
    return notification(
        "follow.live",
        {"userid": card.owner, "name": card.owner_name, "room_id": card.room_id, "room_name": card.name},
    )
