"""What can be wished of a room: frozen wishes, checked when they are made.

`by` is who wishes. A wish that only the server can have (it alone sees connections and clocks, and has robots) has no
`by`.

Pure: values in, a refusal (100002) or a command out.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.events import DismissReason
from rooms.ids import (
    MAX_CATEGORIES,
    MAX_COVER,
    MAX_NAME,
    MAX_NOTICE,
    UserId,
    number_fault,
    refuse_faults,
    room_id_fault,
    text_fault,
    user_id_fault,
)
from rooms.moderation import MAX_SECONDS
from rooms.requests import extra_fault, timeout_fault
from rooms.seats import MovePolicy
from rooms.views import SeatMode

__all__ = [
    "AddRobot", "Answer", "Apply", "Ban", "Cancel", "Command", "Create", "Dismiss", "Drop", "Enter", "Expire", "Invite",
    "Kick", "KickFromSeat", "Leave", "LeaveSeat", "LockSeat", "Lose", "MemberCommand", "MoveSeat", "MuteMember",
    "RemoveRobot", "SetAdmin", "TakeSeat", "UpdateRoom",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Create:
    """A room is to be made. Not a command to a room, for there is none yet: `Rooms` carries it out."""

    by: UserId
    """Who will be the owner."""
    name: str
    """The owner's display name, at most 100 bytes."""
    connection: str
    """The owner's connection, an opaque key of signaling."""
    room_id: str | None
    """The wished id; None lets the server choose."""
    room_name: str | None
    """The room's display name, at most 100 bytes; None or empty: its id."""
    seats: int | None
    """How many seats, the owner's included; None: as many as the edition has."""
    cover: str | None
    """URL of a picture, at most 200 bytes."""
    max_members: int | None
    """The room's own limit of members, the owner included; None: only the edition's."""
    seat_mode: SeatMode = SeatMode.FREE
    """How the audience comes to a seat."""

    def __post_init__(self) -> None:
        refuse_faults(
            user_id_fault(self.by),
            text_fault("A member's name", self.name, MAX_NAME),
            room_id_fault(self.room_id) if self.room_id is not None else None,
            text_fault("A room's name", self.room_name or "", MAX_NAME),
            number_fault("The number of seats", self.seats),
            text_fault("A cover", self.cover or "", MAX_COVER),
            number_fault("The number of members", self.max_members),
        )


@dataclass(frozen=True, slots=True)
class Enter:
    """A user becomes a member, or a member is here by another connection."""

    by: UserId
    """Who enters."""
    name: str
    """Its display name, at most 100 bytes."""
    connection: str
    """The connection it is here by from now on."""

    def __post_init__(self) -> None:
        refuse_faults(user_id_fault(self.by), text_fault("A member's name", self.name, MAX_NAME))


@dataclass(frozen=True, slots=True)
class Leave:
    """A member goes; when it is the owner, the room ends."""

    by: UserId
    """Who goes."""


@dataclass(frozen=True, slots=True)
class Dismiss:
    """The room is to end."""

    by: UserId | None
    """The owner, or None for the server itself."""
    reason: DismissReason
    """What everybody is told."""


@dataclass(frozen=True, slots=True)
class Kick:
    """A member is put out of the room."""

    by: UserId | None
    """Who wishes it, or None for the server itself: a back office. The same below."""
    user: UserId
    """Who has to go."""


@dataclass(frozen=True, slots=True)
class TakeSeat:
    """A member sits down."""

    by: UserId
    """Who sits down."""
    index: int | None
    """On which seat, from 0; None: the first free one."""
    picked: bool = False
    """The server wishes it: nobody has to apply then."""


@dataclass(frozen=True, slots=True)
class LeaveSeat:
    """A member stands up and stays in the room."""

    by: UserId
    """Who stands up."""


@dataclass(frozen=True, slots=True)
class KickFromSeat:
    """A member is made to stand up and stays in the room."""

    by: UserId | None
    user: UserId
    """Who has to stand up."""


@dataclass(frozen=True, slots=True)
class LockSeat:
    """What may not happen on a seat; who sits on one that is closed stands up."""

    by: UserId | None
    index: int
    locked: bool
    """Nobody may sit there."""
    audio: bool
    """Who sits there shall not be heard."""
    video: bool
    """Who sits there shall not be seen."""


@dataclass(frozen=True, slots=True)
class MoveSeat:
    """Somebody who sits is to sit elsewhere."""

    by: UserId | None
    user: UserId
    index: int
    policy: MovePolicy


@dataclass(frozen=True, slots=True)
class Apply:
    """A member of the audience asks the hosts for a seat."""

    by: UserId
    index: int | None
    """Which seat; None: any."""
    timeout_s: float
    """Seconds after which nobody has answered; 0: never."""
    extra: str
    """For the hosts to read, at most 1 KiB."""

    def __post_init__(self) -> None:
        refuse_faults(timeout_fault(self.timeout_s), extra_fault(self.extra))


@dataclass(frozen=True, slots=True)
class Invite:
    """A host asks a member of the audience to sit down."""

    by: UserId
    user: UserId
    index: int | None
    timeout_s: float
    extra: str

    def __post_init__(self) -> None:
        refuse_faults(timeout_fault(self.timeout_s), extra_fault(self.extra))


@dataclass(frozen=True, slots=True)
class Answer:
    """A host answers an application, or a member its invitation. Who is accepted sits down."""

    by: UserId
    request_id: str
    accept: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """Who asked does not want it any more."""

    by: UserId
    request_id: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The server saw that nobody answered in time."""


@dataclass(frozen=True, slots=True)
class SetAdmin:
    """A member shall help the owner, or no longer."""

    by: UserId | None
    user: UserId
    admin: bool


@dataclass(frozen=True, slots=True)
class MuteMember:
    """Somebody may not write here for a while; it may be away meanwhile."""

    by: UserId | None
    user: UserId
    seconds: int
    """0 lifts it."""

    def __post_init__(self) -> None:
        refuse_faults(user_id_fault(self.user), _seconds_fault(self.seconds))


@dataclass(frozen=True, slots=True)
class Ban:
    """Somebody may not be here for a while, and is put out when it is."""

    by: UserId | None
    user: UserId
    seconds: int
    """0 lifts it."""

    def __post_init__(self) -> None:
        refuse_faults(user_id_fault(self.user), _seconds_fault(self.seconds))


@dataclass(frozen=True, slots=True)
class UpdateRoom:
    """What is None stays as it is."""

    by: UserId | None
    name: str | None = None
    """At most 100 bytes; not empty."""
    cover: str | None = None
    """At most 200 bytes."""
    notice: str | None = None
    """At most 100 bytes."""
    category: tuple[int, ...] | None = None
    """At most three numbers."""
    is_public: bool | None = None
    message_disabled: bool | None = None
    seat_mode: SeatMode | None = None
    background: str | None = None
    """At most 200 bytes."""
    activity_status: int | None = None
    seat_template: str | None = None
    seat_enabled: bool | None = None
    unlimited: bool | None = None
    keep_owner_on_seat: bool | None = None

    def __post_init__(self) -> None:
        refuse_faults(
            text_fault("A room's name", self.name or "", MAX_NAME),
            "A room's name is not empty." if self.name == "" else None,
            text_fault("A cover", self.cover or "", MAX_COVER),
            text_fault("A notice", self.notice or "", MAX_NOTICE),
            text_fault("A background", self.background or "", MAX_COVER),
            text_fault("A template of seats", self.seat_template or "", MAX_NAME),
            f"A room has at most {MAX_CATEGORIES} categories." if len(self.category or ()) > MAX_CATEGORIES else None,
        )


@dataclass(frozen=True, slots=True)
class Drop:
    """The server saw a connection go: a grace time begins, if the member is here by no other one by now."""

    user: UserId
    """Whose connection it was."""
    connection: str
    """The connection that is gone."""
    grace_until: float
    """Unix seconds at which the member is lost."""


@dataclass(frozen=True, slots=True)
class Lose:
    """The server saw a grace time end; harmless when the member came back in time."""

    user: UserId
    """Whose grace time it was."""
    grace_until: float
    """The end of that grace time, which tells it from a later one of the same member."""


@dataclass(frozen=True, slots=True)
class AddRobot:
    """The server puts a member into the room that needs no connection; harmless when it is one already."""

    user: UserId
    name: str
    """Its display name, at most 100 bytes."""

    def __post_init__(self) -> None:
        refuse_faults(user_id_fault(self.user), text_fault("A member's name", self.name, MAX_NAME))


@dataclass(frozen=True, slots=True)
class RemoveRobot:
    """The server takes a robot out."""

    user: UserId


def _seconds_fault(seconds: int) -> str | None:
    return None if 0 <= seconds <= MAX_SECONDS else f"The time is 0 to {MAX_SECONDS} seconds."


MemberCommand = (
    Enter | Leave | Dismiss | Kick | TakeSeat | LeaveSeat | KickFromSeat
    | LockSeat | MoveSeat | Apply | Invite | Answer | Cancel | SetAdmin | MuteMember | Ban | UpdateRoom
)  # fmt: skip
"""What members may wish; the table of permissions has a row for each."""
Command = MemberCommand | AddRobot | RemoveRobot | Drop | Lose | Expire
