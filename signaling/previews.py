"""Looking into rooms before entering one: the owner's camera, silent and small, for a connection that is in no room.

Who previews is no member: it takes no place in the audience and nobody is told. It receives the pictures of all rooms
it looks into by one peer. Each preview is a session of its own, so that its seconds are billed to that room and in the
tier of its own picture; a second in which nothing of it came is none.

A preview ends with its connection, when that enters a room, with the room, when the room is taken off the lists, when
its user is banned there, and after a while by itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from billing.interface import AppId, Session, UsageSink
from media.interface import FlowFact, PublicationView, Viewing
from rooms.interface import RoomId, UserId
from signaling.errors import ProtocolError
from signaling.linked_rooms import LinkedRooms
from signaling.rounds import notification
from signaling.stays import Outlet, Stay, Stays

__all__ = ["IDLE", "MAX_OF_CONNECTION", "MAX_OF_ROOM", "MAX_SECONDS", "Previewer", "Previews"]

MAX_OF_CONNECTION = 4
"""Rooms that one connection may look into at once."""
MAX_OF_ROOM = 200
"""Connections that may look into one room at once: they take no place in its audience."""
MAX_SECONDS = 120.0
"""Seconds of one preview: who wants to see more comes in."""
IDLE = 30.0
"""Seconds without a preview after which a peer is closed: going from one room to the next needs no new handshake."""


@dataclass(slots=True, eq=False)
class _Preview:
    """One connection looks into one room."""

    session: Session
    until: float


@dataclass(slots=True, eq=False)
class Previewer:
    """One connection that looks into rooms, or did a moment ago."""

    app: AppId
    user: UserId
    outlet: Outlet | None
    """None when it is over."""
    viewing: Viewing | None = None
    fresh: bool = True
    """The next offer starts a new RTCPeerConnection."""
    rooms: dict[RoomId, _Preview] = field(default_factory=dict)
    idle_since: float = 0.0


class Previews:
    """All previews of the node."""

    def __init__(
        self,
        stays: Stays,
        linked: LinkedRooms,
        usage: UsageSink,
        *,
        settle: Callable[[Session, float | None], None],
        changed: Callable[[Previewer], None],
        clock: Callable[[], float],
    ) -> None:
        """`settle` is called before a session ends, with the last sign of life, so that the seconds it has proven are
        reported; `changed` when a previewer shall receive something else. `clock` gives monotonic seconds."""
        self._stays = stays
        self._linked = linked
        self._usage = usage
        self._settle = settle
        self._changed = changed
        self._clock = clock
        self._by_connection: dict[str, Previewer] = {}
        self._by_room: dict[tuple[AppId, RoomId], dict[Previewer, None]] = {}
        self._by_peer: dict[str, Previewer] = {}

    # Beginning and ending

    def start(self, outlet: Outlet, app: AppId, user: UserId, room_id: RoomId) -> None:
        """Begins a preview; one that is there goes on. Raises ProtocolError 100012 when the connection, 100008 when the
        room has as many as it may."""
        previewer = self._by_connection.get(outlet.id)
        if previewer is not None and room_id in previewer.rooms:
            return
        of_room = self._by_room.get((app, room_id), {})
        if previewer is not None and len(previewer.rooms) >= MAX_OF_CONNECTION:
            raise ProtocolError(
                100012, "too_many_previews", f"You look into {MAX_OF_CONNECTION} rooms already.",
                limit=MAX_OF_CONNECTION, used=len(previewer.rooms), status=429,
            )  # fmt: skip
        if len(of_room) >= MAX_OF_ROOM:
            raise ProtocolError(
                100008, "previews_full", "Too many are looking into this room right now; enter it instead.",
                limit=MAX_OF_ROOM, used=len(of_room), status=403,
            )  # fmt: skip
        if previewer is None:
            previewer = self._by_connection[outlet.id] = Previewer(app, user, outlet)
        session = Session(app, f"preview_{secrets.token_hex(8)}", f"{app}:{room_id}", str(user))
        previewer.rooms[room_id] = _Preview(session, self._clock() + MAX_SECONDS)
        self._by_room.setdefault((app, room_id), {})[previewer] = None
        self._changed(previewer)

    def stop(self, connection: str, app: AppId, room_id: RoomId) -> None:
        """Ends a preview by the wish of its connection; harmless when it has ended."""
        previewer = self._by_connection.get(connection)
        if previewer is not None and previewer in self._by_room.get((app, room_id), {}):
            self._end(previewer, room_id)

    def end_connection(self, connection: str) -> None:
        """The connection is gone, or in a room."""
        previewer = self._by_connection.pop(connection, None)
        if previewer is None:
            return
        for room_id in list(previewer.rooms):
            self._end(previewer, room_id)
        previewer.outlet = None
        self.reset(previewer, "the connection previews no more")

    def end_room(self, app: AppId, room_id: RoomId, reason: str) -> None:
        """Nobody may look into that room any more."""
        for previewer in list(self._by_room.get((app, room_id), {})):
            self._end(previewer, room_id, told=reason)

    def end_user(self, app: AppId, room_id: RoomId, user: UserId, reason: str) -> None:
        """One user may not look into that room any more."""
        for previewer in list(self._by_room.get((app, room_id), {})):
            if previewer.user == user:
                self._end(previewer, room_id, told=reason)

    def tick(self) -> None:
        """Called about once a second: ends what has lasted long enough."""
        now = self._clock()
        for previewer in list(self._by_connection.values()):
            for room_id, preview in list(previewer.rooms.items()):
                if now >= preview.until:
                    self._end(previewer, room_id, told="time_over")
            if not previewer.rooms and previewer.viewing is not None and now - previewer.idle_since >= IDLE:
                self.reset(previewer, "nothing has been previewed for a while")

    def _end(self, previewer: Previewer, room_id: RoomId, *, told: str | None = None) -> None:
        preview = previewer.rooms.pop(room_id)
        of_room = self._by_room[previewer.app, room_id]
        del of_room[previewer]
        if not of_room:
            del self._by_room[previewer.app, room_id]
        self._settle(preview.session, None if previewer.viewing is None else previewer.viewing.last_seen)
        self._usage.end(preview.session)
        previewer.idle_since = self._clock()
        if told is not None and previewer.outlet is not None:
            previewer.outlet.push(notification("preview.ended", {"room_id": room_id, "reason": told}))
        self._changed(previewer)

    # What is received

    def of_connection(self, connection: str) -> Previewer | None:
        return self._by_connection.get(connection)

    def of_room(self, app: AppId, room_id: RoomId) -> list[Previewer]:
        return list(self._by_room.get((app, room_id), {}))

    def of_peer(self, peer: str) -> Previewer | None:
        return self._by_peer.get(peer)

    def bind(self, peer: str, previewer: Previewer) -> None:
        self._by_peer[peer] = previewer

    def reset(self, previewer: Previewer, reason: str) -> None:
        """Closes its peer; the next offer starts another."""
        if previewer.viewing is not None:
            self._by_peer.pop(previewer.viewing.peer, None)
            previewer.viewing.close(reason)
            previewer.viewing = None
        previewer.fresh = True

    def peer_closed(self, peer: str) -> Previewer | None:
        """A peer has ended by itself; whose it was."""
        previewer = self._by_peer.pop(peer, None)
        if previewer is not None:
            previewer.viewing = None
            previewer.fresh = True
        return previewer

    def wanted(self, previewer: Previewer) -> Sequence[tuple[Stay, PublicationView]]:
        """What it shall receive."""
        cameras = (self._camera(previewer.app, room_id) for room_id in previewer.rooms)
        return [camera for camera in cameras if camera is not None]

    def using(self, fact: FlowFact) -> Iterator[tuple[Session, int | None]]:
        """See signaling.usage.Users: pixels by session, None while nothing comes."""
        previewer = self._by_peer.get(fact.peer)
        if previewer is None or previewer.viewing is None:
            return
        received = previewer.viewing.received()
        for room_id, preview in previewer.rooms.items():
            camera = self._camera(previewer.app, room_id)
            yield preview.session, received.get(camera[1].id) if camera is not None else None

    def _camera(self, app: AppId, room_id: RoomId) -> tuple[Stay, PublicationView] | None:
        owner = self._linked.owner(app, room_id)
        published = self._stays.published_by(app, room_id, owner) if owner is not None else ()
        return next(((stay, view) for stay, view in published if _is_camera(view)), None)

    def statistics(self) -> Mapping[str, int]:
        return {
            "previews": sum(map(len, self._by_room.values())),
            "previewers": len(self._by_connection),
            "preview_peers": len(self._by_peer),
        }


def _is_camera(view: PublicationView) -> bool:
    return view.kind == "video" and view.source == "camera"
