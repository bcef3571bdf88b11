"""TRTC's room and media callbacks (research/tencent.md 6.1), made of the events of rooms, links and publications.

Who sits is an anchor, and who does not is a viewer. The end of a room (102) ends all stays in it: there is no 104 for
those who were there. Leaving a room is not the stop of a stream (2xx).

Pure: events in, bodies out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from media.interface import PublicationView
from rooms.interface import (
    ConnectionReplaced,
    LeaveReason,
    LinkChanged,
    LinkEnded,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomId,
    SeatsChanged,
    UserId,
    connection_of,
)
from signaling.callbacks.payloads import Notice, milliseconds
from signaling.linked_rooms import LinkedRooms

__all__ = ["CHEAP", "EVENT_TYPES", "RtcBook", "room_over"]

CREATED, DISMISSED, ENTERED, LEFT, ROLE = 101, 102, 103, 104, 105
VIDEO, AUDIO, SUB_STREAM = (201, 202), (203, 204), (205, 206)
"""Started, stopped."""
EVENT_TYPES = frozenset({CREATED, DISMISSED, ENTERED, LEFT, ROLE, *VIDEO, *AUDIO, *SUB_STREAM})
CHEAP = frozenset({str(ENTERED), str(LEFT)})
"""Those that any member can cause at will, and that are missed least; by their names as commands."""
ROOM_GROUP, MEDIA_GROUP = 1, 2
ANCHOR, VIEWER = 20, 21
OTHER_TERMINAL, WEBRTC_USER = 100, 1
"""Tally sees WebRTC, and no devices."""

NORMAL, NETWORK_SWITCH, TIMEOUT_RETRY, CROSS_ROOM = 1, 2, 3, 4
"""Why somebody entered."""
_EXITS: Mapping[LeaveReason, int] = {
    LeaveReason.LEFT: 1,
    LeaveReason.LOST: 2,
    LeaveReason.KICKED: 3,
    LeaveReason.BANNED: 3,
}
"""Why somebody left; 4 is the end of a link."""


class RtcBook:
    """The rooms of one app: who sits, and who is linked with whom."""

    def __init__(self) -> None:
        self._seated: dict[RoomId, set[UserId]] = {}
        self._linked = LinkedRooms()
        self._over: set[RoomId] = set()  # rooms that are over, whose link's event is still to come

    def begin(self, room: RoomId, owner: UserId, seated: Iterable[UserId]) -> None:
        """A room is there, or was before the app wanted to be told."""
        self._seated[room] = set(seated)
        self._linked.begin(_APP, room, owner)

    def link(self, rooms: Sequence[RoomId]) -> None:
        """Rooms that were linked before the app wanted to be told."""
        self._linked.change(_APP, rooms, rooms)

    def of_event(self, event: RoomEvent) -> list[Notice]:
        match event:
            case RoomCreated(card=card):
                self.begin(event.room_id, card.owner, {card.owner})
                return [_notice(CREATED, event.room_id, event.at, UserId=card.owner)]
            case MemberEntered(member=member):
                return [self._entered(event, member.user, NORMAL)]
            case MemberReturned(user=user):
                return [self._entered(event, user, TIMEOUT_RETRY)]
            case ConnectionReplaced(user=user) if event.connection == connection_of(user):
                return []  # what a robot published by is gone, and the robot is where it was
            case ConnectionReplaced(user=user):
                return [self._entered(event, user, NETWORK_SWITCH)]
            case MemberLeft(user=user, reason=reason):
                role = self._role(event.room_id, user)
                self._seated.get(event.room_id, set()).discard(user)
                return [_notice(LEFT, event.room_id, event.at, UserId=user, Role=role, Reason=_EXITS[reason])]
            case SeatsChanged():
                return self._seats(event)
            case RoomDismissed():
                self._seated.pop(event.room_id, None)
                self._end(event.room_id)
                return [room_over(event.room_id, event.at)]
        return []

    def of_link(self, event: LinkChanged | LinkEnded) -> list[Notice]:
        """The owner of a linked room is in this one as well: it enters and leaves with reason 4, also because its own
        room is over."""
        members = event.members if isinstance(event, LinkChanged) else ()
        owners = {room: self._linked.owner(_APP, room) for room in event.rooms}
        gained, lost = self._linked.change(_APP, event.rooms, members)
        found = []
        for room, seen in gained:
            if (owner := owners[seen]) is not None:
                found.append(_entered(room, event.at, owner, ANCHOR, CROSS_ROOM))
        for room, seen in lost:
            if (owner := owners[seen]) is not None and room not in self._over:  # or its 102 has ended the stay
                found.append(_notice(LEFT, room, event.at, UserId=owner, Role=ANCHOR, Reason=CROSS_ROOM))
        for room in self._over.intersection(event.rooms):
            self._over.discard(room)
            self._linked.end(_APP, room)
        return found

    def of_stream(self, room: RoomId, user: UserId, view: PublicationView, started: bool, at: float) -> list[Notice]:
        """A member of the room began or stopped to publish; messages are no stream."""
        if view.kind == "data":
            return []
        types = AUDIO if view.kind == "audio" else SUB_STREAM if view.source == "screen" else VIDEO
        return [_notice(types[0 if started else 1], room, at, UserId=user)]

    def _end(self, room: RoomId) -> None:
        """The owner of a linked room is known until its link's event, for it leaves the others by that."""
        if self._linked.others(_APP, room):
            self._over.add(room)
        else:
            self._linked.end(_APP, room)

    def _entered(self, event: RoomEvent, user: UserId, reason: int) -> Notice:
        return _entered(event.room_id, event.at, user, self._role(event.room_id, user), reason)

    def _role(self, room: RoomId, user: UserId) -> int:
        return ANCHOR if user in self._seated.get(room, ()) else VIEWER

    def _seats(self, event: SeatsChanged) -> list[Notice]:
        before = self._seated.get(event.room_id, set())
        after = {seat.user for seat in event.seats if seat.user is not None}
        self._seated[event.room_id] = after
        roles = [(user, ANCHOR if user in after else VIEWER) for user in sorted(before ^ after)]
        return [_notice(ROLE, event.room_id, event.at, UserId=user, Role=role) for user, role in roles]


def room_over(room: RoomId, at: float) -> Notice:
    """Also of a room that died with its node."""
    return _notice(DISMISSED, room, at)


_APP: Any = 0
"""A book is one app's; the table of links is made for many."""


def _entered(room: RoomId, at: float, user: UserId, role: int, reason: int) -> Notice:
    return _notice(
        ENTERED, room, at, UserId=user, Role=role, TerminalType=OTHER_TERMINAL, UserType=WEBRTC_USER, Reason=reason
    )


def _notice(event_type: int, room: RoomId, at: float, **more: Any) -> Notice:
    moment = milliseconds(at)
    body = {
        "EventGroupId": ROOM_GROUP if event_type < VIDEO[0] else MEDIA_GROUP,
        "EventType": event_type,
        "CallbackTs": moment,
        "EventInfo": {"RoomId": room, "EventTs": int(at), "EventMsTs": moment, **more},
    }
    return Notice(str(event_type), room, body)
