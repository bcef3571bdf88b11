"""Who is where, with which media: one `Stay` for each member of each room, found by member or by media peer.

A stay is signaling's record and nothing more: rooms decides who is a member, media owns the peers, billing the seconds.

Pure: a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from billing.interface import AppId, Session
from media.interface import FlowFact, PublicationView, Publishing, Viewing
from rooms.interface import RoomId, UserId

__all__ = ["Outlet", "Stay", "Stays"]


class Outlet(Protocol):
    """Where a member is told things: a WebSocket, or a WHIP or WHEP session that only listens for its end."""

    @property
    def id(self) -> str: ...

    def push(self, text: str) -> None:
        """Queues a notification; never blocks."""
        ...

    def write(self, frames: bytes) -> None:
        """Sends finished WebSocket frames, whatever is queued; never blocks."""
        ...

    @property
    def takes_offers(self) -> bool:
        """Whether it can answer a media.offer."""
        ...

    def left(self, reason: str) -> None:
        """The member is no longer in the room."""
        ...


@dataclass(slots=True, eq=False)
class Stay:
    """One member in one room."""

    app: AppId
    room_id: RoomId
    user: UserId
    session: Session
    outlet: Outlet | None = None
    """None while the connection is lost."""
    publishing: Publishing | None = None
    viewing: Viewing | None = None
    fresh: bool = True
    """The next offer starts a new RTCPeerConnection."""
    muted: set[str] = field(default_factory=set)
    announced: dict[str, PublicationView] = field(default_factory=dict)
    """Publications the room was told of, by id."""
    audio: bool = True
    video: bool = True
    data: bool = False
    forbidden: frozenset[str] = frozenset()
    """Kinds of media that its seat does not let through."""

    def wants(self, publication: PublicationView) -> bool:
        """Whether it shall be among its streams; messages come by themselves."""
        return {"audio": self.audio, "video": self.video}.get(publication.kind, False)

    @property
    def last_seen(self) -> float | None:
        """Monotonic seconds of the last authentic sign of life of its media; None without any."""
        return max((peer.last_seen for peer in (self.publishing, self.viewing) if peer is not None), default=None)


class Stays:
    """All stays of the node."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[AppId, RoomId], dict[UserId, Stay]] = {}
        self._by_peer: dict[str, Stay] = {}

    def add(self, stay: Stay) -> None:
        self._rooms.setdefault((stay.app, stay.room_id), {})[stay.user] = stay

    def remove(self, stay: Stay) -> None:
        members = self._rooms.get((stay.app, stay.room_id), {})
        if members.get(stay.user) is stay:
            del members[stay.user]
            if not members:
                del self._rooms[stay.app, stay.room_id]

    def get(self, app: AppId, room_id: RoomId, user: UserId) -> Stay | None:
        return self._rooms.get((app, room_id), {}).get(user)

    def of_room(self, app: AppId, room_id: RoomId) -> list[Stay]:
        return list(self._rooms.get((app, room_id), {}).values())

    def bind(self, peer: str, stay: Stay) -> None:
        self._by_peer[peer] = stay

    def unbind(self, peer: str) -> Stay | None:
        return self._by_peer.pop(peer, None)

    def of_peer(self, peer: str) -> Stay | None:
        return self._by_peer.get(peer)

    def using(self, fact: FlowFact) -> Iterator[tuple[Session, int]]:
        """See signaling.usage.Users."""
        stay = self._by_peer.get(fact.peer)
        if stay is not None:
            yield stay.session, fact.pixels

    def publications(self, app: AppId, room_id: RoomId) -> Iterator[tuple[Stay, PublicationView]]:
        """Everything published in the room, in the order in which its publishers entered."""
        for stay in self.of_room(app, room_id):
            if stay.publishing is not None:
                for view in stay.publishing.publications:
                    yield stay, view

    def published_by(self, app: AppId, room_id: RoomId, user: UserId) -> Iterator[tuple[Stay, PublicationView]]:
        """What one member publishes."""
        stay = self.get(app, room_id, user)
        if stay is not None and stay.publishing is not None:
            for view in stay.publishing.publications:
                yield stay, view

    def __iter__(self) -> Iterator[Stay]:
        for members in self._rooms.values():
            yield from members.values()

    def statistics(self) -> Mapping[str, Any]:
        return {"stays": sum(map(len, self._rooms.values())), "bound_peers": len(self._by_peer)}
