"""What others get to see of a room: frozen copies.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.ids import AppId, RoomId, UserId

__all__ = ["MemberView", "RoomCard", "RoomView", "SeatView"]


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member."""

    user: UserId
    name: str
    role: str
    """`owner` or `audience`."""
    seat: int | None
    connected: bool
    """False while the connection is lost and the grace time runs."""
    connection: str
    """The connection it is, or was last, here by."""


@dataclass(frozen=True, slots=True)
class SeatView:
    """One seat, taken or free."""

    index: int
    user: UserId | None
    name: str
    connected: bool


@dataclass(frozen=True, slots=True)
class RoomView:
    """One room."""

    app: AppId
    room_id: RoomId
    name: str
    owner: UserId
    cover: str
    created_at: float
    """Unix seconds."""
    seats: tuple[SeatView, ...]
    audience_count: int
    """Members besides the owner."""
    member_count: int


@dataclass(frozen=True, slots=True)
class RoomCard:
    """One room in a list."""

    room_id: RoomId
    name: str
    owner: UserId
    owner_name: str
    cover: str
    created_at: float
    audience_count: int
    member_count: int
    seats_taken: int
    seats_count: int
