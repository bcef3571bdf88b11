"""Telling members things: all in a room, some of them, or a room in rounds."""

from __future__ import annotations

from collections.abc import Iterable

from billing.interface import AppId
from rooms.interface import RoomId, UserId
from signaling.rounds import Rounds
from signaling.stays import Stays

__all__ = ["Telling"]


class Telling:
    """Whoever has no outlet at the moment is passed over."""

    def __init__(self, stays: Stays) -> None:
        self._stays = stays
        self.rounds = Rounds(self._write)
        """What happens all the time in a large room, and need not come before what is told after it."""

    def everybody(self, app: AppId, rooms: Iterable[RoomId], text: str) -> None:
        """All who are in one of `rooms`."""
        for room in rooms:
            for stay in self._stays.of_room(app, room):
                if stay.outlet is not None:
                    stay.outlet.push(text)

    def some(self, app: AppId, room: RoomId, users: Iterable[UserId], text: str) -> None:
        """Those of `users` who are there."""
        for user in users:
            stay = self._stays.get(app, room, user)
            if stay is not None and stay.outlet is not None:
                stay.outlet.push(text)

    def _write(self, key: tuple[AppId, RoomId], frames: bytes) -> None:
        for stay in self._stays.of_room(*key):
            if stay.outlet is not None:
                stay.outlet.write(frames)
