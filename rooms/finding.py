"""Searches: rooms of an app, and members of a room, by a part of their names.

A search looks at many names and has no index: names are few enough (rooms.search has the numbers), and the loop waits
for it. So it is bounded twice: by what one call looks at, and by how often a user may call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from billing.interface import Entitlements, Feature
from rooms.buckets import UserBuckets
from rooms.ids import AppId, UserId, number_fault, refuse_faults
from rooms.listing import page_of_rooms
from rooms.room import Room
from rooms.search import needle_of
from rooms.talk_errors import too_frequent
from rooms.views import MemberView, RoomCard

__all__ = ["RATE", "Finding"]

RATE = 5.0
"""Searches of a user a second; twice as many at once."""


class Finding:
    """The searches in all rooms; made by `Rooms`."""

    def __init__(
        self,
        rooms_of: Callable[[AppId], Iterable[Room]],
        find: Callable[[AppId, str], Room],
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`find` raises 100004 for a room that is not there."""
        self._rooms_of = rooms_of
        self._find = find
        self._entitlements = entitlements
        self._clock = clock
        self._searchers = UserBuckets(RATE, 2 * RATE)

    async def rooms(
        self, app: AppId, user: UserId, text: str, *, cursor: str = "", count: int = 20
    ) -> tuple[list[RoomCard], str]:
        """Public rooms with `text` in their name or id, or their owner's, in the order of `Rooms.rooms_of`.

        Raises 100002 for a blank or long text, a bad cursor or count; 100012; billing's 100007.
        """
        needle = await self._needle(app, user, text, count)
        return page_of_rooms((room for room in self._rooms_of(app) if room.is_found(needle)), cursor, count)

    async def members(
        self, app: AppId, room_id: str, user: UserId, text: str, *, cursor: str = "", count: int = 50
    ) -> tuple[list[MemberView], str]:
        """Members of a room, the owner included, with `text` in their name or id, newest first; for `user`, who is one.

        A page may have fewer than `count`, or none, while there is a cursor. Raises 100002, 100004, 100005, 100012,
        and billing's 100007.
        """
        needle = await self._needle(app, user, text, count)
        room = self._find(app, room_id)
        room.member(user)
        return room.search(needle, cursor, count)

    async def _needle(self, app: AppId, user: UserId, text: str, count: int) -> str:
        refuse_faults(number_fault("The count", count))
        needle = needle_of(text)
        await self._entitlements.require(app, Feature.SEARCH)
        if not self._searchers.take(UserId(f"{app}:{user}"), self._clock()):
            raise too_frequent(f"You may search {RATE:.0f} times a second; wait a moment.")
        return needle
