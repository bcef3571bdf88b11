"""Who shall receive what, and the offers that say so.

A new publication in a room of thousands means thousands of offers. They are made in a task of their own, some at a
time, so that they do not hold up the loop; what changes before a member's turn comes is one offer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from billing.interface import AppId
from media.interface import PublicationView, Sfu
from rooms.interface import RoomId
from signaling.linked_rooms import LinkedRooms
from signaling.publications import is_stream, stream_of
from signaling.rounds import notification
from signaling.stays import Stay, Stays

__all__ = ["Offers", "group_name", "group_of"]

PER_TURN = 8
"""Offers made before the loop gets its turn; one costs about 0.2 ms."""


class Offers:
    """The subscriptions of all stays."""

    def __init__(self, stays: Stays, linked: LinkedRooms, sfu: Callable[[], Sfu]) -> None:
        self._stays = stays
        self._linked = linked
        self._sfu = sfu
        self._stale: dict[Stay, None] = {}  # whose subscriptions are to be brought up to date, in order
        self._awake = asyncio.Event()

    def refresh(self, stays: Iterable[Stay]) -> None:
        """What they shall receive may have changed."""
        for stay in stays:
            if stay.outlet is not None and stay.outlet.takes_offers:
                self._stale[stay] = None
        if self._stale:
            self._awake.set()

    def forget(self, stay: Stay) -> None:
        self._stale.pop(stay, None)

    async def make(self) -> None:
        """Runs for ever: brings subscriptions up to date, some at a time."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._stale:
                for stay in list(self._stale)[:PER_TURN]:
                    del self._stale[stay]
                    self._make(stay)
                await asyncio.sleep(0)

    def of_linked(self, app: AppId, room_id: RoomId) -> Iterator[tuple[Stay, PublicationView]]:
        """What the owners of linked rooms publish; messages stay in their room."""
        for room, owner in self._linked.owners(app, room_id):
            for stay, view in self._stays.published_by(app, room, owner):
                if is_stream(view):
                    yield stay, view

    def _make(self, stay: Stay) -> None:
        if stay.outlet is None:
            return
        wanted = self._wanted(stay)
        if stay.viewing is None:
            if not wanted and not stay.data:
                return
            stay.viewing = self._sfu().view()
            self._stays.bind(stay.viewing.peer, stay)
        stay.viewing.want([view.id for _, view in wanted])
        stay.viewing.listen(group_of(stay) if stay.data else None)
        offer = stay.viewing.offer()
        if offer is None:
            return
        revision, sdp, streams = offer
        described = {view.id: (owner, view) for owner, view in wanted}
        params = {
            "revision": revision,
            "sdp": sdp,
            "fresh": stay.fresh,
            "streams": [stream_of(stream, *described[stream.publication]) for stream in streams],
        }
        stay.fresh = False
        stay.outlet.push(notification("media.offer", params))

    def _wanted(self, stay: Stay) -> Sequence[tuple[Stay, PublicationView]]:
        own = self._stays.publications(stay.app, stay.room_id)
        everything = (*own, *self.of_linked(stay.app, stay.room_id))
        return [(owner, view) for owner, view in everything if owner is not stay and stay.wants(view)]


def group_of(stay: Stay) -> str:
    """What is published in one room is heard together."""
    return group_name(stay.app, stay.room_id)


def group_name(app: AppId, room_id: RoomId) -> str:
    return f"{app}:{room_id}"
