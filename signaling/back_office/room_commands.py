"""The commands about rooms and their members. Wishes go to rooms as the server's own: above the owner's.

A list of users is gone through in order; the first refusal ends it, and what was done before stays done.
"""

from __future__ import annotations

from rooms.interface import RoomView, UpdateRoom, UserId
from signaling.back_office import bodies, replies
from signaling.back_office.call import Call, Reply
from signaling.back_office.codes import bad_body, made_just_now, needs_mixing, no_mixing

__all__ = [
    "ban_member", "create_room", "destroy_room", "get_admin_list", "get_banned_member_list", "get_muted_member_list",
    "get_room_info", "get_room_list", "get_room_metadata", "get_room_statistic", "del_room_metadata", "modify_admin",
    "mute_member", "resume_mcu_task", "send_custom_msg", "send_group_msg", "send_text_msg", "set_room_metadata",
    "unban_member", "update_room_info",
]  # fmt: skip


async def create_room(call: Call, body: bodies.CreateRoom) -> Reply:
    """Make a room; its owner, the caller when nobody is named, need not be connected.

    The owner is a member by a connection that nobody can lose: the room waits for it until it is destroyed.
    """
    info, update = body.RoomInfo, _update(body.RoomInfo)
    owner = UserId(info.Owner_Account or call.caller)
    if (call.app, info.RoomId) in call.made:
        raise made_just_now(info.RoomId)
    name = await call.people.name(call.app, owner)
    await call.rooms.create(
        call.app, owner, name=name, connection=f"office:{owner}", room_id=info.RoomId, room_name=info.RoomName,
        seats=info.MaxSeatCount, cover=info.CoverURL, max_members=info.MaxMemberCount or None,
    )  # fmt: skip
    call.made.note(call.app, info.RoomId, call.now)
    await call.rooms.update(call.app, info.RoomId, update)
    return {}


async def destroy_room(call: Call, body: bodies.RoomRef) -> Reply:
    """Dismiss a room."""
    await call.rooms.dismiss(call.app, body.RoomId, None)
    return {}


async def get_room_list(call: Call, body: bodies.RoomList) -> Reply:
    """The rooms that are public, largest audience first."""
    cursor = "" if body.Next == "0" else body.Next
    cards, following = call.rooms.rooms_of(call.app, cursor=cursor, count=body.Count)
    rows = [
        replies.room_row(card, call.rooms.room(call.app, card.room_id).info, _viewers(call, card.room_id))
        for card in cards
    ]
    return {"RoomList": rows, "Next": following}


async def get_room_info(call: Call, body: bodies.RoomRef) -> Reply:
    """All that is said of a room."""
    return {"RoomInfo": replies.room(call.rooms.room(call.app, body.RoomId), _viewers(call, body.RoomId))}


async def update_room_info(call: Call, body: bodies.CreateRoom) -> Reply:
    """Say something else of a room; what is left out stays."""
    _refuse_fixed(call.rooms.room(call.app, body.RoomInfo.RoomId), body.RoomInfo)
    await call.rooms.update(call.app, body.RoomInfo.RoomId, _update(body.RoomInfo))
    return {}


async def get_room_statistic(call: Call, body: bodies.RoomRef) -> Reply:
    """What came, was given, liked and said since the room began."""
    return replies.statistic(call.rooms.talk.statistic(call.app, body.RoomId))


async def resume_mcu_task(call: Call, body: bodies.RoomRef) -> Reply:
    """Show a mixed picture again. There is none: rooms forward streams, and this says so."""
    raise no_mixing() if call.rooms.room(call.app, body.RoomId).info.unlimited else needs_mixing()


# Metadata


async def get_room_metadata(call: Call, body: bodies.GetMetadata) -> Reply:
    """The values of some keys, or of all when none is named."""
    values, _ = call.rooms.talk.metadata(call.app, body.RoomId, body.Keys)
    return {"Metadata": [{"Key": key, "Value": value} for key, value in values.items()]}


async def set_room_metadata(call: Call, body: bodies.SetMetadata) -> Reply:
    """Set keys, all of them or none."""
    values = {pair.Key: pair.Value for pair in body.Metadata}
    call.rooms.talk.set_metadata(call.app, body.RoomId, None, values)
    return {}


async def del_room_metadata(call: Call, body: bodies.DeleteMetadata) -> Reply:
    """Delete keys."""
    call.rooms.talk.delete_metadata(call.app, body.RoomId, None, body.Keys)
    return {}


# Messages


async def send_text_msg(call: Call, body: bodies.SendTextMessage) -> Reply:
    """A text in the name of a user, who need not be in the room."""
    sender = UserId(body.Sender_Account)
    call.rooms.talk.say_for(call.app, body.RoomId, sender, body.TextContent, body.ExtensionInfo)
    return {}


async def send_custom_msg(call: Call, body: bodies.SendCustomMessage) -> Reply:
    """A message of the app's own kind in the name of a user, who need not be in the room."""
    sender = UserId(body.Sender_Account)
    call.rooms.talk.say_custom_for(call.app, body.RoomId, sender, body.BusinessId, body.Data)
    return {}


async def send_group_msg(call: Call, body: bodies.SendGroupMessage) -> Reply:
    """A message in the name of its author, who need not be in the room; nobody is asked before it is said."""
    sender, (element,) = UserId(body.From_Account or call.caller), body.MsgBody
    if isinstance(element, bodies.TextElement):
        said = call.rooms.talk.say_for(
            call.app, body.GroupId, sender, element.MsgContent.Text, body.CloudCustomData
        )  # fmt: skip
    else:
        content = element.MsgContent
        said = call.rooms.talk.say_custom_for(call.app, body.GroupId, sender, content.Desc, content.Data)
    return {"MsgTime": int(said.at), "MsgSeq": said.sequence}


# Members


async def mute_member(call: Call, body: bodies.MuteMember) -> Reply:
    """Let users write nothing for so many seconds; 0 lifts it."""
    for user in body.MemberList_Account:
        await call.rooms.mute(call.app, body.RoomId, None, UserId(user), body.MuteTime)
    return {}


async def get_muted_member_list(call: Call, body: bodies.MemberPage) -> Reply:
    """Who may not write."""
    listed = call.rooms.muted(call.app, body.RoomId)
    page, following = replies.member_page(listed, *_place(body), "MutedUntil")
    return {"MutedAccountList": page, "NextOffset": following}


async def ban_member(call: Call, body: bodies.BanMember) -> Reply:
    """Put users out, and keep them out for so many seconds."""
    return await _ban(call, body.RoomId, body.MemberList_Account, body.Duration)


async def unban_member(call: Call, body: bodies.UnbanMember) -> Reply:
    """Let users in again."""
    return await _ban(call, body.RoomId, body.MemberList_Account, 0)


async def get_banned_member_list(call: Call, body: bodies.MemberPage) -> Reply:
    """Who may not be here."""
    listed = call.rooms.banned(call.app, body.RoomId)
    page, following = replies.member_page(listed, *_place(body), "BannedUntil")
    return {"BannedAccountList": page, "NextOffset": following}


async def get_admin_list(call: Call, body: bodies.RoomRef) -> Reply:
    """The admins of a room."""
    return {"Admin_Account": list(call.rooms.room(call.app, body.RoomId).admins)}


async def modify_admin(call: Call, body: bodies.ModifyAdmin) -> Reply:
    """Make members admins of their room, or end that."""
    for user in body.Admin_Account:
        await call.rooms.set_admin(call.app, body.RoomId, None, UserId(user), body.OpType == "add")
    return {}


async def _ban(call: Call, room_id: str, users: list[str], seconds: int) -> Reply:
    for user in users:
        await call.rooms.ban(call.app, room_id, None, UserId(user), seconds)
    return {}


def _update(info: bodies.RoomInfo) -> UpdateRoom:
    """Raises 100002."""
    return UpdateRoom(
        None,
        name=info.RoomName or None,
        cover=info.CoverURL,
        notice=info.Notice,
        category=tuple(info.Category) if info.Category is not None else None,
        is_public=info.IsPublicVisible,
        message_disabled=info.IsMessageDisabled,
        seat_mode=replies.SEAT_MODES[info.TakeSeatMode] if info.TakeSeatMode is not None else None,
        background=info.BackgroundURL,
        activity_status=info.ActivityStatus,
        seat_template=info.SeatTemplate,
        seat_enabled=info.IsSeatEnabled,
        unlimited=info.IsUnlimitedRoomEnabled,
        keep_owner_on_seat=info.KeepOwnerOnSeat,
    )


def _refuse_fixed(view: RoomView, info: bodies.RoomInfo) -> None:
    """What a room is made with and never changes may be said again, but not otherwise."""
    fixed = (
        ("Owner_Account", info.Owner_Account, str(view.owner)),
        ("MaxSeatCount", info.MaxSeatCount, len(view.seats)),
        ("MaxMemberCount", info.MaxMemberCount, view.max_members or 0),
    )
    for name, wished, present in fixed:
        if wished is not None and wished != present:
            raise bad_body(f"{name} of a room cannot be changed, it is {present}")


def _viewers(call: Call, room_id: str) -> int:
    return call.rooms.talk.statistic(call.app, room_id).total_viewers


def _place(body: bodies.MemberPage) -> tuple[int, int | None]:
    return body.Offset or body.Next, body.Limit or body.Count
