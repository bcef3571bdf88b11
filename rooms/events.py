"""What happened in a room: frozen facts, told in order.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rooms.barrage import Message
from rooms.co_guests import SeatRequest
from rooms.ids import AppId, RoomId, UserId
from rooms.requests import Outcome
from rooms.room_statistic import RoomStatistic
from rooms.views import MemberView, RoomCard, RoomInfo, RoomView, SeatView

__all__ = [
    "AdminsChanged", "ConnectionReplaced", "DismissReason", "LeaveReason", "LikesCounted", "MemberBanned",
    "MemberDropped", "MemberEntered", "MemberLeft", "MemberMuted", "MemberReturned", "MessageSent", "MetadataChanged",
    "RoomCreated", "RoomDismissed", "RoomEvent", "RoomUpdated", "SeatRequestEnded", "SeatRequested", "SeatsChanged",
]  # fmt: skip


class LeaveReason(StrEnum):
    """Why a member is out while its room goes on."""

    LEFT = "left"
    KICKED = "kicked"
    BANNED = "banned"
    LOST = "lost"
    """Its connection did not come back within the grace time."""


class DismissReason(StrEnum):
    """Why a room ended."""

    BY_OWNER = "by_owner"
    OWNER_LOST = "owner_lost"
    """The owner's connection did not come back within the grace time."""
    BY_SERVER = "by_server"
    """The server stops, or an operator said so."""


@dataclass(frozen=True, slots=True)
class _Event:
    app: AppId
    """Whose room."""
    room_id: RoomId
    """Which room; the id may name another room after `RoomDismissed`."""
    at: float
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class RoomCreated(_Event):
    """A room is there. `MemberEntered` of its owner follows, who sits on seat 0 already."""

    card: RoomCard
    """The room as lists show it."""


@dataclass(frozen=True, slots=True)
class MemberEntered(_Event):
    """Somebody who was not a member is one now."""

    member: MemberView
    """Who."""
    audience_count: int
    """Members besides the owner, afterwards."""


@dataclass(frozen=True, slots=True)
class MemberLeft(_Event):
    """Somebody is no longer a member. When a seat became free by it, `SeatsChanged` follows."""

    user: UserId
    """Who."""
    reason: LeaveReason
    """Why."""
    audience_count: int
    """Members besides the owner, afterwards."""
    seat_freed: int | None
    """The seat it sat on, or None."""


@dataclass(frozen=True, slots=True)
class MemberDropped(_Event):
    """A member's connection was lost; it stays a member, and on its seat, for the grace time."""

    user: UserId
    """Who."""


@dataclass(frozen=True, slots=True)
class MemberReturned(_Event):
    """A dropped member is back within the grace time."""

    user: UserId
    """Who."""
    connection: str
    """The connection it is here by now."""


@dataclass(frozen=True, slots=True)
class ConnectionReplaced(_Event):
    """A member entered again by another connection while the old one was alive."""

    user: UserId
    """Who."""
    old_connection: str
    """The connection that is in the room no longer, and should be told so."""
    connection: str
    """The connection it is here by now."""


@dataclass(frozen=True, slots=True)
class SeatsChanged(_Event):
    """Somebody sat down, stood up, or was made to."""

    seats: tuple[SeatView, ...]
    """All seats, in order of their index."""


@dataclass(frozen=True, slots=True)
class SeatRequested(_Event):
    """Somebody applied for a seat, or was invited to one. `SeatRequestEnded` follows, once."""

    request: SeatRequest
    hosts: tuple[UserId, ...]
    """Who may know, besides whom it is about."""


@dataclass(frozen=True, slots=True)
class SeatRequestEnded(_Event):
    """An application or invitation is over. When it was accepted, `SeatsChanged` follows."""

    request: SeatRequest
    hosts: tuple[UserId, ...]
    """As above."""
    outcome: Outcome
    by: UserId | None
    """Who ended it; None: nobody did, it timed out or became pointless."""


@dataclass(frozen=True, slots=True)
class MessageSent(_Event):
    """Something was said, or given, for everybody to hear."""

    message: Message


@dataclass(frozen=True, slots=True)
class LikesCounted(_Event):
    """People liked the room."""

    count: int
    """Likes since the last time."""
    total: int
    """Since the room began."""


@dataclass(frozen=True, slots=True)
class MetadataChanged(_Event):
    """The app's own words about the room are others now."""

    changed: Mapping[str, str]
    deleted: tuple[str, ...]
    version: int
    """One more than before."""
    by: UserId | None
    """Who; None: a back office. The same below."""


@dataclass(frozen=True, slots=True)
class RoomUpdated(_Event):
    """The owner, an admin or a back office said something else of the room, or changed its rules."""

    info: RoomInfo
    by: UserId | None


@dataclass(frozen=True, slots=True)
class AdminsChanged(_Event):
    """Somebody became an admin, or is one no longer."""

    admins: tuple[UserId, ...]
    """All, in the order in which they became it."""
    user: UserId
    """Whom it is about."""
    by: UserId | None


@dataclass(frozen=True, slots=True)
class MemberMuted(_Event):
    """Somebody may not write for a while, or may again."""

    user: UserId
    until: float
    """Unix seconds; not later than `at`: it was lifted."""
    by: UserId | None


@dataclass(frozen=True, slots=True)
class MemberBanned(_Event):
    """Somebody may not be here for a while, or may again. `MemberLeft` came before when it was here."""

    user: UserId
    until: float
    """Unix seconds; not later than `at`: it was lifted."""
    by: UserId | None


@dataclass(frozen=True, slots=True)
class RoomDismissed(_Event):
    """The room is no more, and all its members are out; there is no `MemberLeft` for them."""

    reason: DismissReason
    """Why."""
    members: tuple[UserId, ...]
    """Who was in it, the owner included, in the order of entering."""
    view: RoomView
    """The room as it was last: nobody can ask for it any more."""
    statistic: RoomStatistic
    """Its figures, which are final."""


RoomEvent = (
    RoomCreated
    | MemberEntered
    | MemberLeft
    | MemberDropped
    | MemberReturned
    | ConnectionReplaced
    | SeatsChanged
    | SeatRequested
    | SeatRequestEnded
    | MessageSent
    | LikesCounted
    | MetadataChanged
    | RoomUpdated
    | AdminsChanged
    | MemberMuted
    | MemberBanned
    | RoomDismissed
)
