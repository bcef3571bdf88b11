"""Who shall receive what, and the offers that say so: to members of rooms, and to those who look into rooms.

A new publication in a room of thousands means thousands of offers. They are made in a task of their own, some at a
time, so that they do not hold up the loop; what changes before a member's turn comes is one offer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from billing.interface import AppId
from media.interface import PublicationView, Sfu, Viewing
from rooms.interface import RoomId
from signaling.linked_rooms import LinkedRooms
from signaling.previews import Previewer, Previews
from signaling.publications import is_stream, stream_of
from signaling.rounds import notification
from signaling.stays import Stay, Stays

__all__ = ["Offers", "Receiver", "group_name", "group_of"]

Receiver: TypeAlias = Stay | Previewer

PER_TURN = 8
"""Offers made before the loop gets its turn; one costs about 0.2 ms."""


class Offers:
    """The subscriptions of all receivers."""

    def __init__(self, stays: Stays, linked: LinkedRooms, previews: Previews, sfu: Callable[[], Sfu]) -> None:
        self._stays = stays
        self._linked = linked
        self._previews = previews
        self._sfu = sfu
        self._stale: dict[Receiver, None] = {}  # whose subscriptions are to be brought up to date, in order
        self._awake = asyncio.Event()

    def refresh(self, receivers: Iterable[Receiver]) -> None:
        """What they shall receive may have changed."""
        for receiver in receivers:
            if receiver.outlet is not None and receiver.outlet.takes_offers:
                self._stale[receiver] = None
        if self._stale:
            self._awake.set()

    def forget(self, receiver: Receiver) -> None:
        self._stale.pop(receiver, None)

    async def make(self) -> None:
        """Runs for ever: brings subscriptions up to date, some at a time."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._stale:
                for receiver in list(self._stale)[:PER_TURN]:
                    del self._stale[receiver]
                    self._make(receiver)
                await asyncio.sleep(0)

    def of_linked(self, app: AppId, room_id: RoomId) -> Iterator[tuple[Stay, PublicationView]]:
        """What the owners of linked rooms publish; messages stay in their room."""
        for room, owner in self._linked.owners(app, room_id):
            for stay, view in self._stays.published_by(app, room, owner):
                if is_stream(view):
                    yield stay, view

    def _make(self, receiver: Receiver) -> None:
        if receiver.outlet is None:
            return
        wanted = self._wanted(receiver)
        group = group_of(receiver) if isinstance(receiver, Stay) and receiver.data else None
        if receiver.viewing is None:
            if not wanted and group is None:
                return
            receiver.viewing = self._view(receiver)
        receiver.viewing.want([view.id for _, view in wanted])
        receiver.viewing.listen(group)
        offer = receiver.viewing.offer()
        if offer is None:
            return
        revision, sdp, streams = offer
        described = {view.id: (owner, view) for owner, view in wanted}
        params = {
            "revision": revision,
            "sdp": sdp,
            "fresh": receiver.fresh,
            "streams": [stream_of(stream, *described[stream.publication]) for stream in streams],
        }
        receiver.fresh = False
        receiver.outlet.push(notification("media.offer", params))

    def _view(self, receiver: Receiver) -> Viewing:
        """The peer of a receiver that has none."""
        if isinstance(receiver, Stay):
            viewing = self._sfu().view()
            self._stays.bind(viewing.peer, receiver)
        else:
            viewing = self._sfu().view(smallest=True)
            self._previews.bind(viewing.peer, receiver)
        return viewing

    def _wanted(self, receiver: Receiver) -> Sequence[tuple[Stay, PublicationView]]:
        if isinstance(receiver, Previewer):
            return self._previews.wanted(receiver)
        own = self._stays.publications(receiver.app, receiver.room_id)
        everything = (*own, *self.of_linked(receiver.app, receiver.room_id))
        return [(owner, view) for owner, view in everything if owner is not receiver and receiver.wants(view)]


def group_of(stay: Stay) -> str:
    """What is published in one room is heard together."""
    return group_name(stay.app, stay.room_id)


def group_name(app: AppId, room_id: RoomId) -> str:
    return f"{app}:{room_id}"
