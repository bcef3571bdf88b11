"""Which rooms are linked, and who owns them, as the events of rooms tell it.

An event names what is new; what a room gained or lost by it is worked out here, so that its members can be told.

Pure: a table.
"""

from __future__ import annotations

from collections.abc import Sequence

from billing.interface import AppId
from rooms.interface import RoomId, UserId

__all__ = ["LinkedRooms"]


class LinkedRooms:
    """The rooms of the node."""

    def __init__(self) -> None:
        self._owners: dict[tuple[AppId, RoomId], UserId] = {}
        self._links: dict[tuple[AppId, RoomId], tuple[RoomId, ...]] = {}

    def begin(self, app: AppId, room: RoomId, owner: UserId) -> None:
        self._owners[app, room] = owner

    def end(self, app: AppId, room: RoomId) -> None:
        """The room is over; its link ends by an event of its own."""
        self._owners.pop((app, room), None)

    def is_there(self, app: AppId, room: RoomId) -> bool:
        return (app, room) in self._owners

    def owner(self, app: AppId, room: RoomId) -> UserId | None:
        """None when the room is over."""
        return self._owners.get((app, room))

    def is_owner(self, app: AppId, room: RoomId, user: UserId) -> bool:
        return self.owner(app, room) == user

    def others(self, app: AppId, room: RoomId) -> tuple[RoomId, ...]:
        """The rooms that are linked with `room`, in the order of joining."""
        return tuple(each for each in self._links.get((app, room), ()) if each != room)

    def owners(self, app: AppId, room: RoomId) -> list[tuple[RoomId, UserId]]:
        """Those rooms with their owners."""
        found = ((each, self.owner(app, each)) for each in self.others(app, room))
        return [(each, owner) for each, owner in found if owner is not None]

    def change(
        self, app: AppId, rooms: Sequence[RoomId], members: Sequence[RoomId]
    ) -> tuple[list[tuple[RoomId, RoomId]], list[tuple[RoomId, RoomId]]]:
        """Of `rooms`, these `members` are linked now, the others no more.

        The pairs that are linked since, and those that are no longer: who sees, and what it sees.
        """
        before = self._pairs(app, rooms)
        for room in rooms:
            if room in members:
                self._links[app, room] = tuple(members)
            else:
                self._links.pop((app, room), None)
        after = self._pairs(app, rooms)
        return [pair for pair in after if pair not in before], [pair for pair in before if pair not in after]

    def _pairs(self, app: AppId, rooms: Sequence[RoomId]) -> list[tuple[RoomId, RoomId]]:
        return [(room, other) for room in rooms for other in self.others(app, room)]
