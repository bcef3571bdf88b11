"""What a change in a room does to its media and its members, and what a change in media does to the room.

Events of rooms and of media arrive here, synchronously and in order. Each is turned into pushes to members and calls to
media; nothing is decided. Offers are made in a task of their own, some at a time, so that a new publication in a room
of thousands does not hold up the loop.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from billing.interface import AppId, Session, UsageSink
from media.interface import (
    LayerChosen,
    LayersWanted,
    MediaEvent,
    PeerClosed,
    PeerConnected,
    PictureChanged,
    PublicationView,
    Sfu,
    SpeakersChanged,
    StreamOffer,
    Viewing,
)
from rooms.interface import (
    AdminsChanged,
    AllianceEvent,
    BattleAnswered,
    BattleEnded,
    BattleRequested,
    BattleRoomLeft,
    BattleScored,
    BattleStarted,
    ConnectionReplaced,
    LikesCounted,
    LinkChanged,
    LinkEnded,
    LinkRequested,
    LinkRequestEnded,
    MemberBanned,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberMuted,
    MemberReturned,
    MessageSent,
    MetadataChanged,
    PunishmentEnded,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomId,
    Rooms,
    RoomUpdated,
    SeatRequested,
    SeatRequestEnded,
    SeatsChanged,
    SeatView,
    UserId,
)
from signaling import messages
from signaling.errors import media_state
from signaling.linked_rooms import LinkedRooms
from signaling.rounds import Rounds, notification
from signaling.stays import Outlet, Stay, Stays

__all__ = ["Conductor", "group_of", "notification", "viewing_of"]

OFFERS_PER_TURN = 8
"""Offers made before the loop gets its turn; one costs about 0.2 ms."""


class Conductor:
    """Listens to rooms and media, and speaks to members."""

    def __init__(
        self,
        stays: Stays,
        usage: UsageSink,
        *,
        lost: Callable[[Stay], None],
        settle: Callable[[Stay], None],
        streamed: Callable[[Stay, PublicationView, bool], None],
    ) -> None:
        """`lost` is called when the media of a member that has no WebSocket is gone; `settle` before a stay ends, so
        that the seconds it has proven since the last tick are reported; `streamed` when a member of a room began to
        publish something (True), or stopped, but not when it left."""
        self._stays = stays
        self._usage = usage
        self._lost = lost
        self._settle = settle
        self._streamed = streamed
        self._outlets: dict[str, Outlet] = {}
        self._stale: dict[Stay, None] = {}  # stays whose subscriptions are to be brought up to date, in order
        self._awake = asyncio.Event()
        self._rounds = Rounds(self._write)
        self._linked = LinkedRooms()
        self._sfu: Sfu | None = None
        self._rooms: Rooms | None = None

    def attach(self, sfu: Sfu) -> None:
        """The node's media; told apart from the constructor because media needs `handle_media` first."""
        self._sfu = sfu

    @property
    def sfu(self) -> Sfu:
        assert self._sfu is not None, "the composer attaches media before anybody can call"
        return self._sfu

    def attach_rooms(self, rooms: Rooms) -> None:
        """The node's rooms, asked for names and hosts; they need `handle_room` first."""
        self._rooms = rooms

    @property
    def rooms(self) -> Rooms:
        assert self._rooms is not None, "the composer attaches rooms before anything can happen in one"
        return self._rooms

    # Outlets

    def open(self, outlet: Outlet) -> None:
        self._outlets[outlet.id] = outlet

    def shut(self, outlet: Outlet) -> None:
        self._outlets.pop(outlet.id, None)

    @property
    def outlets(self) -> int:
        return len(self._outlets)

    # Events of rooms

    def handle_room(self, event: RoomEvent) -> None:
        """The listener of rooms: never blocks, never fails for one member's sake."""
        match event:
            case MemberEntered():
                self._entered(event)
            case MemberLeft():
                self._left(event)
            case MemberDropped():
                stay = self._stay(event, event.user)
                if stay is not None:
                    stay.outlet = None
                self._tell_in_time(event, "room.member_dropped", {"userid": event.user})
            case MemberReturned() | ConnectionReplaced():
                self._returned(event)
            case SeatsChanged():
                self._seated(event)
            case SeatRequested():
                self._tell_concerned(event, "seat.requested", messages.seat_request(event.request))
            case SeatRequestEnded():
                params = {**messages.seat_request(event.request), "outcome": event.outcome, "ended_by": event.by}
                self._tell_concerned(event, "seat.request_ended", params)
            case MessageSent():
                self._rounds.say((event.app, event.room_id), messages.message(event.message))
            case LikesCounted():
                self._tell(event, "like.counted", {"count": event.count, "total": event.total})
            case MetadataChanged():
                params = {"changed": event.changed, "deleted": event.deleted, "version": event.version}
                self._tell(event, "room.metadata_changed", params)
            case RoomUpdated():
                self._tell(event, "room.updated", {**messages.room_info(event.info), "by": event.by})
            case AdminsChanged():
                self._tell(event, "room.admins", {"admins": event.admins, "userid": event.user, "by": event.by})
            case MemberMuted():
                self._tell(event, "room.member_muted", {"userid": event.user, "until": event.until, "by": event.by})
            case MemberBanned():
                self._tell(event, "room.member_banned", {"userid": event.user, "until": event.until, "by": event.by})
            case RoomDismissed():
                self._dismissed(event)
            case RoomCreated():
                self._linked.begin(event.app, event.room_id, event.card.owner)

    def _entered(self, event: MemberEntered) -> None:
        member = event.member
        session = Session(event.app, f"stay_{secrets.token_hex(8)}", f"{event.app}:{event.room_id}", str(member.user))
        stay = Stay(event.app, event.room_id, member.user, session, self._outlets.get(member.connection))
        params = {"member": messages.member(member), "audience_count": event.audience_count}
        self._tell_in_time(event, "room.member_entered", params)
        self._stays.add(stay)
        self._refresh([stay])

    def _left(self, event: MemberLeft) -> None:
        stay = self._stay(event, event.user)
        if stay is not None:
            if event.reason in ("kicked", "banned") and stay.outlet is not None:
                reason = "by_owner" if event.reason == "kicked" else "banned"
                stay.outlet.push(notification("room.kicked", {"reason": reason}))
            self._end(stay, event.reason)
        params = {"userid": event.user, "reason": event.reason, "audience_count": event.audience_count}
        self._tell_in_time(event, "room.member_left", params)

    def _returned(self, event: MemberReturned | ConnectionReplaced) -> None:
        stay = self._stay(event, event.user)
        if stay is None:
            return
        if isinstance(event, ConnectionReplaced):
            old = self._outlets.get(event.old_connection)
            if old is not None:
                old.push(notification("room.kicked", {"reason": "logged_on_elsewhere"}))
                old.left("logged_on_elsewhere")
        # The page that is back makes its connections anew, whether it was reloaded or only cut off for a while.
        self._close_media(stay, "the member came back with another connection")
        stay.outlet = self._outlets.get(event.connection)
        stay.fresh = True
        if isinstance(event, MemberReturned):
            self._tell_in_time(event, "room.member_returned", {"userid": event.user})
        self._refresh([stay])

    def _seated(self, event: SeatsChanged) -> None:
        holders = {seat.user: seat for seat in event.seats}
        for stay in self._stays.of_room(event.app, event.room_id):
            seat = holders.get(stay.user)
            if seat is None:
                self.end_publishing(stay, "the seat was left")
            stay.forbidden = _forbidden_on(seat)
            if stay.publishing is not None:
                stay.publishing.forbid(stay.forbidden)
        self._tell(event, "seat.changed", {"seats": messages.seats(event.seats)})

    def _dismissed(self, event: RoomDismissed) -> None:
        self._rounds.flush((event.app, event.room_id))
        self._tell(event, "room.dismissed", {"reason": event.reason})
        for stay in self._stays.of_room(event.app, event.room_id):
            self._end(stay, "dismissed")
        self._linked.end(event.app, event.room_id)

    def _end(self, stay: Stay, reason: str) -> None:
        self._stays.remove(stay)
        self._stale.pop(stay, None)
        self._settle(stay)
        self._close_media(stay, f"the member left: {reason}")
        self._usage.end(stay.session)
        if stay.outlet is not None:
            stay.outlet.left(reason)
            stay.outlet = None

    def _close_media(self, stay: Stay, reason: str) -> None:
        publishing, viewing = stay.publishing, stay.viewing
        stay.viewing = None
        if viewing is not None:
            self._stays.unbind(viewing.peer)
            viewing.close(reason)
        if publishing is not None:
            publishing.close(reason)

    # Events between rooms

    def handle_alliance(self, event: AllianceEvent) -> None:
        """The listener of links and battles: never blocks, never fails for one room's sake."""
        match event:
            case LinkRequested():
                by, to = self.rooms.card(event.app, event.by), self.rooms.card(event.app, event.to)
                self._tell_hosts(event, "link.requested", messages.link_request(event, by, to))
            case LinkChanged():
                cards = [self.rooms.card(event.app, room) for room in event.members]
                self._link_changed(event, event.members, "link.changed", messages.link(event.link_id, cards))
            case LinkEnded():
                self._link_changed(event, (), "link.ended", {"link_id": event.link_id})
            case LinkRequestEnded():
                self._tell_hosts(event, "link.request_ended", messages.link_request_ended(event))
            case BattleRequested():
                self._tell_hosts(event, "battle.requested", messages.battle_requested(event))
            case BattleAnswered():
                self._tell_hosts(event, "battle.answered", messages.battle_answered(event))
            case BattleStarted():
                self._tell_everybody(event, "battle.started", messages.battle_started(event))
            case BattleScored():
                self._tell_everybody(event, "battle.scored", messages.battle_scored(event))
            case BattleRoomLeft():
                params = {"battle_id": event.battle_id, "room_id": event.room}
                self._tell_everybody(event, "battle.room_left", params)
            case BattleEnded():
                self._tell_everybody(event, "battle.ended", messages.battle_ended(event))
            case PunishmentEnded():
                self._tell_everybody(event, "battle.punishment_ended", {"battle_id": event.battle_id})

    def _tell_everybody(self, event: AllianceEvent, method: str, params: Mapping[str, Any]) -> None:
        """In rounds: scores change all the time, and nothing else of a battle shall overtake them. A room that is over
        has no more rounds: another one may get its id."""
        text = notification(method, params)
        for room in event.rooms:
            if self._linked.is_there(event.app, room):
                self._rounds.tell((event.app, room), text)

    def _link_changed(
        self, event: LinkChanged | LinkEnded, members: Sequence[RoomId], method: str, params: Mapping[str, Any]
    ) -> None:
        self._push_to(event.app, event.rooms, notification(method, {**params, "left": event.left}))
        gained, lost = self._linked.change(event.app, event.rooms, members)
        for seen in dict.fromkeys(seen for _, seen in lost):
            self._take_away(event.app, seen, [room for room, other in lost if other == seen])
        for seen in dict.fromkeys(seen for _, seen in gained):
            self._show(event.app, seen, [room for room, other in gained if other == seen])
        self._refresh(stay for room in event.rooms for stay in self._stays.of_room(event.app, room))

    def _show(self, app: AppId, seen: RoomId, rooms: Sequence[RoomId]) -> None:
        """Tells `rooms` what the owner of `seen` publishes."""
        for stay, view in self._of_owner(app, seen):
            added = {"publication": self.publication(stay, view)}
            self._push_to(app, rooms, notification("publication.added", added))

    def _take_away(self, app: AppId, seen: RoomId, rooms: Sequence[RoomId]) -> None:
        """Tells `rooms` that they receive it no more; an owner whose room is over has ended it before."""
        for stay, view in self._of_owner(app, seen):
            self._push_to(app, rooms, notification("publication.removed", _removed(stay, view)))

    def _of_owner(self, app: AppId, room: RoomId) -> list[tuple[Stay, PublicationView]]:
        owner = self._linked.owner(app, room)
        stay = None if owner is None else self._stays.get(app, room, owner)
        return [] if stay is None else [(stay, view) for view in stay.announced.values() if _is_stream(view)]

    # Events of media

    def handle_media(self, event: MediaEvent) -> None:
        """The listener of media: never blocks."""
        match event:
            case PeerClosed():
                self._peer_closed(event)
            case PictureChanged():
                self._picture_changed(event)
            case LayersWanted():
                self._push(
                    event.peer,
                    "media.layers",
                    {"publication_id": event.publication, "mid": event.mid, "layers": event.layers},
                )
            case LayerChosen():
                self._push(
                    event.peer,
                    "media.layer",
                    {
                        "publication_id": event.publication,
                        "paused": event.paused,
                        "width": event.width,
                        "height": event.height,
                    },
                )
            case SpeakersChanged():
                self._speakers_changed(event)
            case PeerConnected():
                pass

    def _speakers_changed(self, event: SpeakersChanged) -> None:
        name, _, room_id = event.group.partition(":")
        app, room = AppId(int(name)), RoomId(room_id)
        text = notification("media.speakers", {"userids": self.speakers(app, room)})
        for stay in self._stays.of_room(app, room):
            if stay.outlet is not None:
                stay.outlet.push(text)

    def _push(self, peer: str, method: str, params: Mapping[str, Any]) -> None:
        """Tells the member whose media `peer` is, if it can be told."""
        stay = self._stays.of_peer(peer)
        if stay is not None and stay.outlet is not None:
            stay.outlet.push(notification(method, params))

    def _peer_closed(self, event: PeerClosed) -> None:
        stay = self._stays.unbind(event.peer)
        if stay is None:
            return
        up = stay.publishing is not None and stay.publishing.peer == event.peer
        if up:
            stay.publishing = None
            self.tell_publications(stay)
        elif stay.viewing is not None and stay.viewing.peer == event.peer:
            stay.viewing = None
            stay.fresh = True
        if stay.outlet is not None:
            params = {"direction": "up" if up else "down", "reason": event.reason}
            stay.outlet.push(notification("media.closed", params))
            if not stay.outlet.takes_offers:
                self._lost(stay)

    def _picture_changed(self, event: PictureChanged) -> None:
        stay = self._stays.of_peer(event.peer)
        if stay is None:
            return
        view = event.publication
        before = stay.announced.get(view.id)
        if before is not None:
            stay.announced[view.id] = view
            self._tell_viewers(stay, view, "publication.changed", {"publication": self.publication(stay, view)})
        if stay.outlet is not None and view.blocked != (before is not None and before.blocked):
            stay.outlet.push(_blocked(view))

    # What calls need

    def publication(self, stay: Stay, view: PublicationView) -> dict[str, Any]:
        return messages.publication(view, stay.room_id, stay.user, view.id in stay.muted)

    def publications(self, app: AppId, room_id: RoomId) -> list[dict[str, Any]]:
        """What is published in the room, and by the owners of the rooms that are linked with it."""
        own = self._stays.publications(app, room_id)
        return [self.publication(stay, view) for stay, view in (*own, *self._of_linked(app, room_id))]

    def tell_publications(self, stay: Stay) -> None:
        """Tells the room what `stay` publishes now and no longer, and lets everybody receive it."""
        current = {view.id: view for view in stay.publishing.publications} if stay.publishing is not None else {}
        gone = [view for identifier, view in stay.announced.items() if identifier not in current]
        new = [view for identifier, view in current.items() if identifier not in stay.announced]
        stay.announced = current
        stay.muted &= current.keys()
        if self._stays.get(stay.app, stay.room_id, stay.user) is stay:
            for view, started in (*((view, False) for view in gone), *((view, True) for view in new)):
                self._streamed(stay, view, started)
        for view in gone:
            self._tell_viewers(stay, view, "publication.removed", _removed(stay, view))
        for view in new:
            self._tell_viewers(stay, view, "publication.added", {"publication": self.publication(stay, view)})
        if gone or new:
            rooms = (stay.room_id, *self._linked_audience(stay))
            viewers = (other for room in rooms for other in self._stays.of_room(stay.app, room))
            self._refresh(other for other in viewers if other is not stay)

    def end_publishing(self, stay: Stay, reason: str) -> None:
        """Ends what `stay` publishes, at its own wish or by the rules: no media.closed, it knows."""
        publishing = stay.publishing
        if publishing is not None:
            stay.publishing = None
            self._stays.unbind(publishing.peer)
            publishing.close(reason)
            self.tell_publications(stay)

    def tell_muted(self, stay: Stay, publication_id: str, muted: bool) -> None:
        view = stay.announced.get(publication_id)
        if view is None:
            raise media_state("You publish nothing under that id.")
        (stay.muted.add if muted else stay.muted.discard)(publication_id)
        self._tell_viewers(stay, view, "publication.changed", {"publication": self.publication(stay, view)})

    def refresh(self, stay: Stay) -> None:
        """What `stay` wants to receive has changed."""
        self._refresh([stay])

    def reset(self, stay: Stay) -> None:
        """The member's receiving connection is beyond repair: the next offer starts another."""
        if stay.viewing is not None:
            self._stays.unbind(stay.viewing.peer)
            stay.viewing.close("the member asked for a new connection")
            stay.viewing = None
        stay.fresh = True
        self._refresh([stay])

    # Offers

    def _refresh(self, stays: Iterable[Stay]) -> None:
        for stay in stays:
            if stay.outlet is not None and stay.outlet.takes_offers:
                self._stale[stay] = None
        if self._stale:
            self._awake.set()

    async def make_offers(self) -> None:
        """Runs for ever: brings subscriptions up to date, some at a time."""
        while True:
            await self._awake.wait()
            self._awake.clear()
            while self._stale:
                for stay in list(self._stale)[:OFFERS_PER_TURN]:
                    del self._stale[stay]
                    self._make_offer(stay)
                await asyncio.sleep(0)

    def _make_offer(self, stay: Stay) -> None:
        if stay.outlet is None:
            return
        wanted = self._wanted(stay)
        if stay.viewing is None:
            if not wanted and not stay.data:
                return
            stay.viewing = self.sfu.view()
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
            "streams": [_stream(stream, *described[stream.publication]) for stream in streams],
        }
        stay.fresh = False
        stay.outlet.push(notification("media.offer", params))

    def _wanted(self, stay: Stay) -> Sequence[tuple[Stay, PublicationView]]:
        own = self._stays.publications(stay.app, stay.room_id)
        everything = (*own, *self._of_linked(stay.app, stay.room_id))
        return [(owner, view) for owner, view in everything if owner is not stay and stay.wants(view)]

    def _of_linked(self, app: AppId, room_id: RoomId) -> Iterator[tuple[Stay, PublicationView]]:
        """What the owners of linked rooms publish; messages stay in their room."""
        for room, owner in self._linked.owners(app, room_id):
            for stay, view in self._stays.published_by(app, room, owner):
                if _is_stream(view):
                    yield stay, view

    # Telling

    def speakers(self, app: AppId, room_id: RoomId) -> list[UserId]:
        """Who speaks in a room now, the loudest first."""
        owners = {identifier: stay.user for stay in self._stays.of_room(app, room_id) for identifier in stay.announced}
        heard = self.sfu.speakers(_group(app, room_id))
        return [owners[identifier] for identifier in heard if identifier in owners]

    def _stay(self, event: RoomEvent, user: Any) -> Stay | None:
        return self._stays.get(event.app, event.room_id, user)

    def _tell(self, event: RoomEvent, method: str, params: Mapping[str, Any]) -> None:
        text = notification(method, params)
        for stay in self._stays.of_room(event.app, event.room_id):
            if stay.outlet is not None:
                stay.outlet.push(text)

    def _tell_in_time(self, event: RoomEvent, method: str, params: Mapping[str, Any]) -> None:
        """What happens all the time in a large room, and need not come before what is told after it."""
        self._rounds.tell((event.app, event.room_id), notification(method, params))

    def _write(self, key: tuple[AppId, RoomId], frames: bytes) -> None:
        for stay in self._stays.of_room(*key):
            if stay.outlet is not None:
                stay.outlet.write(frames)

    def _tell_concerned(self, event: SeatRequested | SeatRequestEnded, method: str, params: Mapping[str, Any]) -> None:
        """Tells the hosts, and whose seat it is about."""
        text = notification(method, params)
        for user in {*event.hosts, event.request.guest, event.request.by}:
            stay = self._stay(event, user)
            if stay is not None and stay.outlet is not None:
                stay.outlet.push(text)

    def _tell_hosts(self, event: AllianceEvent, method: str, params: Mapping[str, Any]) -> None:
        text = notification(method, params)
        for room in event.rooms:
            for user in self.rooms.hosts(event.app, room):
                stay = self._stays.get(event.app, room, user)
                if stay is not None and stay.outlet is not None:
                    stay.outlet.push(text)

    def _tell_viewers(self, origin: Stay, view: PublicationView, method: str, params: Mapping[str, Any]) -> None:
        """Tells the room, and linked ones when it is about what its owner publishes."""
        linked = self._linked_audience(origin) if _is_stream(view) else ()
        self._push_to(origin.app, (origin.room_id, *linked), notification(method, params))

    def _linked_audience(self, origin: Stay) -> tuple[RoomId, ...]:
        """The other rooms that receive what `origin` publishes."""
        if not self._linked.is_owner(origin.app, origin.room_id, origin.user):
            return ()
        return self._linked.others(origin.app, origin.room_id)

    def _push_to(self, app: AppId, rooms: Iterable[RoomId], text: str) -> None:
        for room in rooms:
            for stay in self._stays.of_room(app, room):
                if stay.outlet is not None:
                    stay.outlet.push(text)


def _is_stream(view: PublicationView) -> bool:
    return view.kind != "data"


def _removed(stay: Stay, view: PublicationView) -> dict[str, Any]:
    return {"publication_id": view.id, "room_id": stay.room_id, "userid": stay.user}


def _forbidden_on(seat: SeatView | None) -> frozenset[str]:
    """The kinds of media that are not forwarded from that seat."""
    if seat is None:
        return frozenset()
    locks = {"audio": seat.audio_locked, "video": seat.video_locked}
    return frozenset(kind for kind, locked in locks.items() if locked)


def _stream(stream: StreamOffer, owner: Stay, view: PublicationView) -> dict[str, Any]:
    return {
        "mid": stream.mid,
        "publication_id": view.id,
        "room_id": owner.room_id,
        "userid": owner.user,
        "kind": view.kind,
        "source": view.source,
    }


def _blocked(view: PublicationView) -> str:
    """What the publisher of a picture that is too large, or no longer is, gets to read."""
    if not view.blocked:
        return notification(
            "publication.unblocked", {"publication_id": view.id, "width": view.width, "height": view.height}
        )
    return notification(
        "publication.blocked",
        {
            "publication_id": view.id,
            "name": "above_resolution",
            "message": f"Your picture is {view.width} x {view.height}, which your edition does not include: "
            "nobody receives it until you choose a smaller one.",
            "width": view.width,
            "height": view.height,
        },
    )


def group_of(stay: Stay) -> str:
    """What is published in one room is heard together."""
    return _group(stay.app, stay.room_id)


def _group(app: AppId, room_id: RoomId) -> str:
    return f"{app}:{room_id}"


def viewing_of(stay: Stay) -> Viewing:
    """The receiving peer of `stay`. Raises ProtocolError when it has none."""
    if stay.viewing is None:
        raise media_state("No offer is waiting for an answer.")
    return stay.viewing
