"""What a change in a room does to its media and its members, and what a change in media does to the room.

Events of rooms and of media arrive here, synchronously and in order. Each is turned into pushes to members and calls to
media; nothing is decided. What happens between rooms is the affair of between_rooms.py, who is offered what of
offers.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
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
    Viewing,
)
from rooms.interface import (
    AdminsChanged,
    AllianceEvent,
    ConnectionReplaced,
    LikesCounted,
    MemberBanned,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberMuted,
    MemberReturned,
    MessageSent,
    MetadataChanged,
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
from signaling.between_rooms import BetweenRooms
from signaling.errors import media_state
from signaling.linked_rooms import LinkedRooms
from signaling.offers import Offers, Receiver, group_name
from signaling.previews import Previewer, Previews
from signaling.publications import blocked, described, is_stream, removed
from signaling.rounds import notification
from signaling.stays import Outlet, Stay, Stays
from signaling.telling import Telling

__all__ = ["Conductor", "viewing_of"]


class Conductor:
    """Listens to rooms and media, and speaks to members."""

    def __init__(
        self,
        stays: Stays,
        usage: UsageSink,
        *,
        lost: Callable[[Stay], None],
        settle: Callable[[Session, float | None], None],
        streamed: Callable[[Stay, PublicationView, bool], None],
        clock: Callable[[], float],
    ) -> None:
        """`lost` is called when the media of a member that has no WebSocket is gone; `settle` before a session ends,
        with the last sign of life of its media, so that the seconds it has proven since the last tick are reported;
        `streamed` when a member of a room began to publish something (True), or stopped, but not when it left.
        `clock` gives monotonic seconds."""
        self._stays = stays
        self._usage = usage
        self._lost = lost
        self._settle = settle
        self._streamed = streamed
        self._outlets: dict[str, Outlet] = {}
        self._linked = LinkedRooms()
        self._telling = Telling(stays)
        self.previews = Previews(
            stays, self._linked, usage,
            settle=settle, changed=lambda previewer: self._offers.refresh([previewer]), clock=clock,
        )  # fmt: skip
        self._offers = Offers(stays, self._linked, self.previews, lambda: self.sfu)
        self._between_rooms = BetweenRooms(stays, self._linked, self._offers, self._telling, lambda: self.rooms)
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
        self.previews.end_connection(outlet.id)

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
                self._telling.rounds.say((event.app, event.room_id), messages.message(event.message))
            case LikesCounted():
                self._tell(event, "like.counted", {"count": event.count, "total": event.total})
            case MetadataChanged():
                params = {"changed": event.changed, "deleted": event.deleted, "version": event.version}
                self._tell(event, "room.metadata_changed", params)
            case RoomUpdated():
                if not event.info.is_public:
                    self.previews.end_room(event.app, event.room_id, "not_public")
                self._tell(event, "room.updated", {**messages.room_info(event.info), "by": event.by})
            case AdminsChanged():
                self._tell(event, "room.admins", {"admins": event.admins, "userid": event.user, "by": event.by})
            case MemberMuted():
                self._tell(event, "room.member_muted", {"userid": event.user, "until": event.until, "by": event.by})
            case MemberBanned():
                self.previews.end_user(event.app, event.room_id, event.user, "banned")
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
        self.previews.end_connection(member.connection)
        self._stays.add(stay)
        self._offers.refresh([stay])

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
        self.previews.end_connection(event.connection)
        stay.outlet = self._outlets.get(event.connection)
        stay.fresh = True
        if isinstance(event, MemberReturned):
            self._tell_in_time(event, "room.member_returned", {"userid": event.user})
        self._offers.refresh([stay])

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
        self._telling.rounds.flush((event.app, event.room_id))
        self._tell(event, "room.dismissed", {"reason": event.reason})
        for stay in self._stays.of_room(event.app, event.room_id):
            self._end(stay, "dismissed")
        self.previews.end_room(event.app, event.room_id, "dismissed")
        self._linked.end(event.app, event.room_id)

    def _end(self, stay: Stay, reason: str) -> None:
        self._stays.remove(stay)
        self._offers.forget(stay)
        self._settle(stay.session, stay.last_seen)
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
        """The listener of links and battles."""
        self._between_rooms.handle(event)

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
        self._telling.everybody(app, [room], notification("media.speakers", {"userids": self.speakers(app, room)}))

    def _push(self, peer: str, method: str, params: Mapping[str, Any]) -> None:
        """Tells whose media `peer` is, if it can be told."""
        owner = self._stays.of_peer(peer) or self.previews.of_peer(peer)
        if owner is not None and owner.outlet is not None:
            owner.outlet.push(notification(method, params))

    def _peer_closed(self, event: PeerClosed) -> None:
        stay = self._stays.unbind(event.peer)
        if stay is None:
            previewer = self.previews.peer_closed(event.peer)
            if previewer is not None and previewer.outlet is not None:
                params = {"direction": "down", "reason": event.reason}
                previewer.outlet.push(notification("media.closed", params))
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
            self._tell_viewers(stay, view, "publication.changed", {"publication": described(stay, view)})
        if stay.outlet is not None and view.blocked != (before is not None and before.blocked):
            stay.outlet.push(notification(*blocked(view)))

    # What calls need

    def publications(self, app: AppId, room_id: RoomId) -> list[dict[str, Any]]:
        """What is published in the room, and by the owners of the rooms that are linked with it."""
        own = self._stays.publications(app, room_id)
        return [described(stay, view) for stay, view in (*own, *self._offers.of_linked(app, room_id))]

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
            self._tell_viewers(stay, view, "publication.removed", removed(stay, view))
        for view in new:
            self._tell_viewers(stay, view, "publication.added", {"publication": described(stay, view)})
        if gone or new:
            rooms = (stay.room_id, *self._linked_audience(stay))
            viewers = (other for room in rooms for other in self._stays.of_room(stay.app, room))
            self._offers.refresh(other for other in viewers if other is not stay)
            self._offers.refresh(self.previews.of_room(stay.app, stay.room_id))

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
        self._tell_viewers(stay, view, "publication.changed", {"publication": described(stay, view)})

    def preview(self, connection: str, app: AppId, user: UserId, room_id: RoomId) -> None:
        """Lets a connection look into a room. Raises ProtocolError."""
        outlet = self._outlets.get(connection)
        if outlet is not None:
            self.previews.start(outlet, app, user, room_id)

    def refresh(self, receiver: Receiver) -> None:
        """What it wants to receive has changed."""
        self._offers.refresh([receiver])

    def reset(self, receiver: Receiver) -> None:
        """Its receiving connection is beyond repair: the next offer starts another."""
        reason = "a new connection was asked for"
        if isinstance(receiver, Previewer):
            self.previews.reset(receiver, reason)
        elif receiver.viewing is not None:
            self._stays.unbind(receiver.viewing.peer)
            receiver.viewing.close(reason)
            receiver.viewing = None
        receiver.fresh = True
        self._offers.refresh([receiver])

    async def tick(self) -> None:
        """Called about once a second."""
        self.previews.tick()

    async def make_offers(self) -> None:
        """Runs for ever."""
        await self._offers.make()

    # Telling

    def speakers(self, app: AppId, room_id: RoomId) -> list[UserId]:
        """Who speaks in a room now, the loudest first."""
        owners = {identifier: stay.user for stay in self._stays.of_room(app, room_id) for identifier in stay.announced}
        heard = self.sfu.speakers(group_name(app, room_id))
        return [owners[identifier] for identifier in heard if identifier in owners]

    def _stay(self, event: RoomEvent, user: Any) -> Stay | None:
        return self._stays.get(event.app, event.room_id, user)

    def _tell(self, event: RoomEvent, method: str, params: Mapping[str, Any]) -> None:
        self._telling.everybody(event.app, [event.room_id], notification(method, params))

    def _tell_in_time(self, event: RoomEvent, method: str, params: Mapping[str, Any]) -> None:
        """What happens all the time in a large room, and need not come before what is told after it."""
        self._telling.rounds.tell((event.app, event.room_id), notification(method, params))

    def _tell_concerned(self, event: SeatRequested | SeatRequestEnded, method: str, params: Mapping[str, Any]) -> None:
        """Tells the hosts, and whose seat it is about."""
        users = {*event.hosts, event.request.guest, event.request.by}
        self._telling.some(event.app, event.room_id, users, notification(method, params))

    def _tell_viewers(self, origin: Stay, view: PublicationView, method: str, params: Mapping[str, Any]) -> None:
        """Tells the room, and linked ones when it is about what its owner publishes."""
        linked = self._linked_audience(origin) if is_stream(view) else ()
        self._telling.everybody(origin.app, (origin.room_id, *linked), notification(method, params))

    def _linked_audience(self, origin: Stay) -> tuple[RoomId, ...]:
        """The other rooms that receive what `origin` publishes."""
        if not self._linked.is_owner(origin.app, origin.room_id, origin.user):
            return ()
        return self._linked.others(origin.app, origin.room_id)


def _forbidden_on(seat: SeatView | None) -> frozenset[str]:
    """The kinds of media that are not forwarded from that seat."""
    if seat is None:
        return frozenset()
    locks = {"audio": seat.audio_locked, "video": seat.video_locked}
    return frozenset(kind for kind, locked in locks.items() if locked)


def viewing_of(receiver: Receiver) -> Viewing:
    """Its receiving peer. Raises ProtocolError when it has none."""
    if receiver.viewing is None:
        raise media_state("No offer is waiting for an answer.")
    return receiver.viewing
