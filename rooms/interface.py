"""What the other packages may know of rooms.

`Rooms` is the one object: every wish is one of its methods, every "no" a `RoomRefused` (or billing's own `Refused`),
everything that happened in a room a `RoomEvent`, between rooms an `AllianceEvent`, told to its listeners. `People` is
the same for what users are outside of rooms.
"""

from __future__ import annotations

from rooms.alliances import AllianceEvent
from rooms.barrage import Draft, Message, MessageKind
from rooms.battle_events import (
    BattleAnswered,
    BattleEnded,
    BattleRequested,
    BattleRoomLeft,
    BattleScored,
    BattleStarted,
    EndReason,
    PunishmentEnded,
    Score,
)
from rooms.battles import Battle, Phase, ScoreChange
from rooms.co_guests import SeatRequest
from rooms.commands import UpdateRoom
from rooms.errors import RoomRefused
from rooms.events import (
    AdminsChanged,
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
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
    RoomUpdated,
    SeatRequested,
    SeatRequestEnded,
    SeatsChanged,
)
from rooms.follows import FollowChanged, FollowCounts, FollowKind
from rooms.gift_book import Sending
from rooms.gifts import CatalogueView, CategoryView, Gift, GiftCatalogue, GiftCategory, Naming
from rooms.ids import RoomId, UserId
from rooms.link_events import LinkChanged, LinkEnded, LinkRequested, LinkRequestEnded
from rooms.links import Link, LinkRequest
from rooms.people import People, Person
from rooms.profiles import Profile, ProfileChange
from rooms.registry import Rooms, RoomTimes
from rooms.requests import Outcome
from rooms.robots import connection_of
from rooms.room_statistic import RoomStatistic
from rooms.seats import MovePolicy
from rooms.views import MemberView, Role, RoomCard, RoomInfo, RoomView, SeatMode, SeatView

__all__ = [
    "Rooms", "RoomTimes", "RoomRefused", "RoomId", "UserId",
    "People", "Person", "Profile", "ProfileChange", "FollowChanged", "FollowCounts", "FollowKind",
    "CatalogueView", "CategoryView", "Draft", "Gift", "GiftCatalogue", "GiftCategory", "Message", "MessageKind",
    "MovePolicy", "Naming", "Outcome", "RoomStatistic", "SeatRequest", "Sending", "UpdateRoom", "connection_of",
    "MemberView", "Role", "RoomCard", "RoomInfo", "RoomView", "SeatMode", "SeatView",
    "AdminsChanged", "ConnectionReplaced", "DismissReason", "LeaveReason", "LikesCounted", "MemberBanned",
    "MemberDropped", "MemberEntered", "MemberLeft", "MemberMuted", "MemberReturned", "MessageSent", "MetadataChanged",
    "RoomCreated", "RoomDismissed", "RoomEvent",
    "RoomUpdated", "SeatRequestEnded", "SeatRequested", "SeatsChanged",
    "Battle", "Link", "LinkRequest", "Phase", "Score", "ScoreChange",
    "AllianceEvent", "BattleAnswered", "BattleEnded", "BattleRequested", "BattleRoomLeft", "BattleScored",
    "BattleStarted", "EndReason", "LinkChanged", "LinkEnded", "LinkRequestEnded", "LinkRequested", "PunishmentEnded",
]  # fmt: skip
