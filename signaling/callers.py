"""The connection a request came by, as calls see it."""

from __future__ import annotations

from typing import Protocol

from rooms.interface import RoomId
from signaling.errors import ProtocolError
from signaling.identity import Identity

__all__ = ["Caller", "in_room"]


class Caller(Protocol):
    """One connection."""

    id: str
    identity: Identity | None
    name: str
    room_id: RoomId | None

    @property
    def who(self) -> Identity:
        """Raises ProtocolError -1002 before login."""
        ...


def in_room(caller: Caller) -> tuple[Identity, RoomId]:
    """Who calls, and from which room. Raises ProtocolError -1002, 100005."""
    who = caller.who
    if caller.room_id is None:
        raise ProtocolError(100005, "not_in_room", "You are not in a room.", status=404)
    return who, caller.room_id
