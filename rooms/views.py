"""What others get to see of a room: frozen copies.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rooms.ids import AppId, RoomId, UserId

__all__ = ["MemberView", "Role", "RoomCard", "RoomInfo", "RoomView", "SeatMode", "SeatView"]


class SeatMode(StrEnum):
    """How the audience comes to a seat."""

    FREE = "free"
    """By sitting down."""
    APPLY = "apply"
    """By an application that the owner or an admin accepts, or by invitation."""


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """What the owner may change while the room lives; checked by the commands that carry it."""

    name: str
    """Its display name."""
    cover: str = ""
    """URL of a picture, or empty."""
    notice: str = ""
    """What newcomers are told."""
    category: tuple[int, ...] = ()
    """Numbers whose meaning is the app's; at most three."""
    is_public: bool = True
    """Whether lists show it."""
    message_disabled: bool = False
    """Only the owner and admins may write."""
    seat_mode: SeatMode = SeatMode.FREE
    background: str = ""
    """URL of a picture, or empty. This and the rest only a back office says, for others to read; nothing follows."""
    activity_status: int = 0
    """A number whose meaning is the app's."""
    seat_template: str = ""
    """The name of a layout of seats, or empty."""
    seat_enabled: bool = True
    unlimited: bool = False
    keep_owner_on_seat: bool = True


class Role(StrEnum):
    """What a member is in its room; permissions.py says what it may do."""

    OWNER = "owner"
    ADMIN = "admin"
    """Chosen by the owner to help it."""
    AUDIENCE = "audience"
    """Everybody else, on a seat or not."""


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member."""

    user: UserId
    """Who."""
    name: str
    """Its display name."""
    role: Role
    """What it is in this room."""
    seat: int | None
    """The index of its seat, or None."""
    connected: bool
    """False while the connection is lost and the grace time runs."""
    connection: str
    """The connection it is, or was last, here by."""


@dataclass(frozen=True, slots=True)
class SeatView:
    """One seat, taken or free."""

    index: int
    """From 0, which is the owner's."""
    user: UserId | None
    """Who sits there; None: nobody."""
    name: str
    """The display name of who sits there, or empty."""
    connected: bool
    """Whether who sits there is connected; False for a free seat."""
    locked: bool = False
    """Nobody may sit down here."""
    audio_locked: bool = False
    """Who sits here is not heard."""
    video_locked: bool = False
    """Who sits here is not seen."""


@dataclass(frozen=True, slots=True)
class RoomView:
    """One room."""

    app: AppId
    """Whose room."""
    room_id: RoomId
    """Which room."""
    owner: UserId
    """Who made it, and is in it for as long as it lives."""
    created_at: float
    """Unix seconds."""
    seats: tuple[SeatView, ...]
    """All seats, in order of their index."""
    audience_count: int
    """Members besides the owner."""
    member_count: int
    """Members, the owner included."""
    info: RoomInfo
    """What its owner says of it, and its rules."""
    admins: tuple[UserId, ...] = ()
    """In the order in which they became it, whether they are here or not."""
    max_members: int | None = None
    """The room's own limit, the owner included; None: only the edition's."""


@dataclass(frozen=True, slots=True)
class RoomCard:
    """One room in a list."""

    room_id: RoomId
    """Which room."""
    name: str
    """Its display name."""
    owner: UserId
    """Who made it."""
    owner_name: str
    """The owner's display name."""
    cover: str
    """URL of a picture, or empty."""
    created_at: float
    """Unix seconds."""
    audience_count: int
    """Members besides the owner."""
    member_count: int
    """Members, the owner included."""
    seats_taken: int
    """Seats somebody sits on, the owner's included."""
    seats_count: int
    """All seats."""
    category: tuple[int, ...] = ()
