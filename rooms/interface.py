"""What the other packages may know of rooms.

`Rooms` is the one object: every wish is one of its methods, every "no" a `RoomRefused` (or billing's own `Refused`),
everything that happened a `RoomEvent` told to its listener.
"""

from __future__ import annotations

from rooms.errors import RoomRefused
from rooms.events import (
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    SeatsChanged,
)
from rooms.ids import RoomId, UserId
from rooms.registry import Rooms, RoomTimes
from rooms.views import MemberView, Role, RoomCard, RoomView, SeatView

__all__ = [
    "Rooms", "RoomTimes", "RoomRefused", "RoomId", "UserId",
    "MemberView", "Role", "RoomCard", "RoomView", "SeatView",
    "ConnectionReplaced", "DismissReason", "LeaveReason", "MemberDropped", "MemberEntered", "MemberLeft",
    "MemberReturned", "RoomCreated", "RoomDismissed", "RoomEvent", "SeatsChanged",
]  # fmt: skip
