"""The bodies of the Live callbacks, field by field as published (research/tencent.md 5.6; trtc.io 64412 and children).

Objects are those of the back office, so that a room, a seat and a statistic look the same in both directions. Times
named `EventTime` are milliseconds. `Operator_Account` is who did it; what an app's own server ordered, or the node
itself on its behalf, names `administrator`, and what nobody ordered `@TIM#SYSTEM`.

Pure: events in, bodies out.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rooms.interface import (
    AdminsChanged,
    DismissReason,
    Draft,
    FollowChanged,
    LeaveReason,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    Message,
    MessageKind,
    MessageSent,
    MetadataChanged,
    RoomDismissed,
    RoomEvent,
    RoomId,
    RoomView,
    SeatsChanged,
    Sending,
    UserId,
)
from signaling.back_office import replies
from signaling.callbacks import commands

__all__ = [
    "ADMINISTRATOR", "SYSTEM", "Notice", "follow_changed", "gift_before", "message_before", "milliseconds", "of_event",
    "room_created", "room_dismissed", "room_lost", "room_updated", "rooms_near_limit",
]  # fmt: skip

SYSTEM = "@TIM#SYSTEM"
ADMINISTRATOR = "administrator"

_LEFT: Mapping[LeaveReason, str] = {
    LeaveReason.LEFT: "Leave",
    LeaveReason.LOST: "Leave",
    LeaveReason.KICKED: "Kicked",
    LeaveReason.BANNED: "Kicked",
}
"""A lost member was told as HeartbeatInterrupt before."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One callback to tell."""

    command: str
    """Its name; of TRTC's callbacks the event type in digits."""
    subject: str
    """The room it is about, or what else its order holds in: `user:NAME`, or nothing."""
    body: Mapping[str, Any]


def milliseconds(at: float) -> int:
    return round(at * 1000)


def of_event(event: RoomEvent) -> list[Notice]:
    """The callbacks of an event that needs nothing but itself to be told."""
    match event:
        case MemberEntered(member=member):
            return [_members(event, "Online", "Enter", member.user)]
        case MemberReturned(user=user):
            return [_members(event, "Online", "HeartbeatRecover", user)]
        case MemberDropped(user=user):
            return [_members(event, "Offline", "HeartbeatInterrupt", user)]
        case MemberLeft(user=user, reason=reason):
            return [_members(event, "Offline", _LEFT[reason], user)]
        case SeatsChanged():
            return [_told(commands.AFTER_SEATS, event, SeatList=replies.seats(event.seats))]
        case AdminsChanged(user=user):
            return [_admins(event, user)]
        case MetadataChanged():
            return _metadata(event)
        case MessageSent(message=message) if message.kind in (MessageKind.TEXT, MessageKind.CUSTOM):
            return [_message_after(event.room_id, message)]
    return []


# Rooms


def room_created(view: RoomView, at: float) -> Notice:
    """`view` is the room as it is now; its owner made it."""
    body = {"Operator_Account": view.owner, "RoomInfo": replies.room(view, 0), "EventTime": milliseconds(at)}
    return _notice(commands.AFTER_CREATE_ROOM, view.room_id, body)


def room_updated(view: RoomView, viewers: int, by: UserId | None, at: float) -> Notice:
    body = {"Operator_Account": _by(by), "RoomInfo": replies.room(view, viewers), "EventTime": milliseconds(at)}
    return _notice(commands.AFTER_UPDATE_ROOM, view.room_id, body)


def room_dismissed(event: RoomDismissed, *, stopping: bool) -> Notice:
    """`stopping`: the node goes down, so what the server dismisses now nobody asked for."""
    info = replies.room(event.view, event.statistic.total_viewers)
    if event.reason is DismissReason.BY_OWNER:
        operator = str(event.view.owner)
    else:
        system = stopping or event.reason is DismissReason.OWNER_LOST
        operator = SYSTEM if system else ADMINISTRATOR
    return _destroyed(event.room_id, operator, info, replies.statistic(event.statistic), event.at)


def room_lost(room_id: RoomId, info: Mapping[str, Any], statistic: Mapping[str, Any], at: float) -> Notice:
    """A room that died with its node; `info` and `statistic` are the last that was noted of it."""
    return _destroyed(room_id, SYSTEM, info, statistic, at)


def rooms_near_limit(owner: UserId, count: int, limit: int, at: float) -> Notice:
    """70 % of the rooms of an edition are in use; `owner` made the room that reached it."""
    body = {
        "Operator_Account": owner, "EventTime": milliseconds(at), "CurRoomCount": count, "MaxRoomCount": limit,
    }  # fmt: skip
    return _notice(commands.AFTER_REACHING_THRESHOLD, "", body)


def _destroyed(
    room_id: RoomId, operator: str, info: Mapping[str, Any], statistic: Mapping[str, Any], at: float
) -> Notice:
    body = {
        "Operator_Account": operator,
        "RoomId": room_id,
        "EventType": "DestroyBySystem" if operator == SYSTEM else "DestroyByUser",
        "RoomInfo": info,
        "Statistic": statistic,
        "EventTime": milliseconds(at),
    }
    return _notice(commands.AFTER_DESTROY_ROOM, room_id, body)


def _metadata(event: MetadataChanged) -> list[Notice]:
    found = []
    if event.changed:
        pairs = [{"Key": key, "Value": value} for key, value in event.changed.items()]
        found.append(_told(commands.AFTER_SET_METADATA, event, Operator_Account=_by(event.by), Metadata=pairs))
    if event.deleted:
        keys = list(event.deleted)
        found.append(_told(commands.AFTER_DEL_METADATA, event, Operator_Account=_by(event.by), Keys=keys))
    return found


# Members


def _members(event: RoomEvent, kind: str, cause: str, user: UserId) -> Notice:
    members = [{"Member_Account": user}]
    return _told(commands.AFTER_MEMBER_STATE, event, EventType=kind, EventCause=cause, MemberList=members)


def _admins(event: AdminsChanged, user: UserId) -> Notice:
    # opType begins with a small letter on the published page, alone of all fields
    return _told(
        commands.AFTER_MODIFY_ADMIN, event, Operator_Account=_by(event.by), Admin_Account=[user],
        opType="add" if user in event.admins else "delete",
    )  # fmt: skip


def follow_changed(event: FollowChanged) -> Notice:
    command = commands.AFTER_FOLLOW_ADD if event.followed else commands.AFTER_FOLLOW_DELETE
    targets = [{"To_Account": event.target}]
    body = {"From_Account": event.user, "FollowList": targets, "EventTime": milliseconds(event.at)}
    return _notice(command, f"user:{event.user}", body)


# Gifts and messages


def gift_before(room_id: RoomId, room_began: float, sending: Sending) -> Notice:
    """`Coins` is what all `Count` gifts cost together. `SendId` is no published field: by it a receiver knows a giving
    again that it is asked about twice, because its first answer did not arrive. It begins with the room's beginning,
    for senders may use a word again in a later room of the same id."""
    water = {
        "From_Account": sending.sender,
        "To_Account": list(sending.receivers),
        "Time": int(sending.at),
        "GiftId": sending.gift.gift_id,
        "Count": sending.count,
        "Coins": sending.coins,
        "SendId": f"{milliseconds(room_began)}-{sending.send_id}",
    }
    body = {"Operator_Account": sending.sender, "RoomId": room_id, "GiftWater": water}
    return _notice(commands.BEFORE_SEND_GIFT, room_id, body)


def message_before(room_id: RoomId, draft: Draft, at: float) -> Notice:
    body = _message(room_id, draft) | {"EventTime": milliseconds(at)}
    return _notice(commands.BEFORE_SEND_MSG, room_id, body)


def _message_after(room_id: RoomId, message: Message) -> Notice:
    draft = Draft(
        message.kind, message.sender, message.text, message.extension, message.business_id, message.data
    )  # fmt: skip
    body = _message(room_id, draft) | {
        "MsgSeq": message.sequence,
        "MsgTime": int(message.at),
        "EventTime": milliseconds(message.at),
    }
    return _notice(commands.AFTER_SEND_MSG, room_id, body)


def _message(room_id: RoomId, draft: Draft) -> dict[str, Any]:
    """`Random` is made of the message itself, so that what was asked about is known again when it is told."""
    if draft.kind is MessageKind.TEXT:
        element = {"MsgType": "TIMTextElem", "MsgContent": {"Text": draft.text}}
    else:
        content = {"Data": draft.data, "Desc": draft.business_id, "Ext": ""}
        element = {"MsgType": "TIMCustomElem", "MsgContent": content}
    words = "\0".join((room_id, draft.sender, draft.text, draft.extension, draft.business_id, draft.data))
    return {
        "GroupId": room_id,
        "Type": "Live",
        "From_Account": draft.sender,
        "Operator_Account": draft.sender,
        "Random": zlib.crc32(words.encode()),
        "MsgBody": [element],
        "CloudCustomData": draft.extension,
    }


def _told(command: str, event: RoomEvent, **fields: Any) -> Notice:
    return _notice(command, event.room_id, {"RoomId": event.room_id, **fields, "EventTime": milliseconds(event.at)})


def _notice(command: str, subject: str, body: Mapping[str, Any]) -> Notice:
    return Notice(command, subject, {"CallbackCommand": command, **body})


def _by(user: UserId | None) -> str:
    return ADMINISTRATOR if user is None else str(user)
