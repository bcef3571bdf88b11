"""What happened in a room: frozen facts, told in order.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.ids import AppId, RoomId, UserId
from rooms.views import MemberView, SeatView

__all__ = [
    "ConnectionReplaced", "MemberDropped", "MemberEntered", "MemberLeft", "MemberReturned", "RoomCreated",
    "RoomDismissed", "RoomEvent", "SeatsChanged",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Event:
    app: AppId
    room_id: RoomId
    at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class RoomCreated(_Event):
    """A room is there; its owner enters next."""


@dataclass(frozen=True, slots=True)
class MemberEntered(_Event):
    """Somebody who was not a member is one now."""

    member: MemberView
    audience_count: int


@dataclass(frozen=True, slots=True)
class MemberLeft(_Event):
    """Somebody is no longer a member; its seat, if it had one, is free."""

    user: UserId
    reason: str
    """`left`, `kicked`, or `lost` when the grace time was over."""
    audience_count: int


@dataclass(frozen=True, slots=True)
class MemberDropped(_Event):
    """A member's connection was lost; it stays a member for the grace time."""

    user: UserId


@dataclass(frozen=True, slots=True)
class MemberReturned(_Event):
    """A dropped member is back within the grace time, by another connection."""

    user: UserId
    connection: str


@dataclass(frozen=True, slots=True)
class ConnectionReplaced(_Event):
    """A member entered again by another connection while the old one was alive."""

    user: UserId
    old_connection: str
    connection: str


@dataclass(frozen=True, slots=True)
class SeatsChanged(_Event):
    """Somebody sat down, stood up, or was made to."""

    seats: tuple[SeatView, ...]


@dataclass(frozen=True, slots=True)
class RoomDismissed(_Event):
    """The room is no more, and all its members are out."""

    reason: str
    """`by_owner`, `owner_lost`, or `by_server`."""
    members: tuple[UserId, ...]


RoomEvent = (
    RoomCreated
    | MemberEntered
    | MemberLeft
    | MemberDropped
    | MemberReturned
    | ConnectionReplaced
    | SeatsChanged
    | RoomDismissed
)
