"""Members who only push: by WHIP or RTMP, from programs that cannot be asked or told anything.

Whoever pushes to a room that is not there creates it and owns it; into a room that is there, only who has a seat in it
may push, and does not publish by other means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from media.interface import Publishing
from rooms.interface import People, RoomId, RoomRefused, Rooms
from signaling.conductor import Conductor
from signaling.errors import media_state
from signaling.identity import Identity
from signaling.stays import Stay, Stays

__all__ = ["Pusher", "Pushers"]


@dataclass(eq=False)
class Pusher:
    """One session; to the conductor it is an outlet that only listens for its end."""

    id: str
    identity: Identity
    room_id: RoomId
    forget: Callable[[Pusher], None]
    takes_offers = False

    def push(self, text: str) -> None:
        """Nobody reads notifications here."""

    def write(self, frames: bytes) -> None:
        """The same."""

    def left(self, reason: str) -> None:
        self.forget(self)


class Pushers:
    """How they come into rooms and leave them."""

    def __init__(self, rooms: Rooms, people: People, stays: Stays, conductor: Conductor) -> None:
        self._rooms = rooms
        self._people = people
        self._stays = stays
        self._conductor = conductor

    async def enter(self, who: Pusher) -> bool:
        """Creates the room (then True), or takes up the seat that the user has in it and does not publish from."""
        app, user, room_id = who.identity.app, who.identity.user, who.room_id
        try:
            self._rooms.room(app, room_id)
        except RoomRefused:
            self._conductor.sfu.admit()
            name = await self._people.name(app, user)
            await self._rooms.create(app, user, name=name, connection=who.id, room_id=room_id)
            return True
        stay = self._stays.get(app, room_id, user)
        if stay is None or self._rooms.member(app, room_id, user).seat is None:
            raise media_state("This room is live with somebody else's picture; enter it and take a seat first.")
        if stay.publishing is not None:
            raise media_state("This room is busy: you are publishing into it already.")
        if stay.outlet is None:
            name = self._rooms.member(app, room_id, user).name
            await self._rooms.enter(app, user, name=name, connection=who.id, room_id=room_id)
        return False

    async def drop(self, who: Pusher) -> None:
        """The member goes on without this session; its grace time begins if it was here by nothing else."""
        await self._rooms.disconnected(who.identity.app, who.room_id, who.identity.user, who.id)

    async def leave(self, who: Pusher) -> None:
        """Ends the membership; only the publication of a robot, which stays until the app's own server takes it out."""
        app, user, room_id = who.identity.app, who.identity.user, who.room_id
        if user in self._rooms.robots(app, room_id):
            self._conductor.end_publishing(self.stay(who), "the publisher stopped")
            await self.drop(who)
        else:
            await self._rooms.leave(app, room_id, user)

    def stay(self, who: Pusher) -> Stay:
        """Raises ProtocolError when the room has ended meanwhile."""
        stay = self._stays.get(who.identity.app, who.room_id, who.identity.user)
        if stay is None:
            raise media_state("The room ended meanwhile.")
        return stay

    def take(self, stay: Stay, publishing: Publishing) -> None:
        """`stay` publishes by `publishing` from now on, or other publications of it than before."""
        if stay.publishing is not publishing:
            if stay.publishing is not None:
                self._stays.unbind(stay.publishing.peer)
                stay.publishing.close("replaced by another connection")
            stay.publishing = publishing
            publishing.forbid(stay.forbidden)
            self._stays.bind(publishing.peer, stay)
        self._conductor.tell_publications(stay)
