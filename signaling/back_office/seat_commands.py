"""The commands about seats."""

from __future__ import annotations

from rooms.interface import MovePolicy, UserId
from signaling.back_office import bodies, replies
from signaling.back_office.call import Call, Reply

__all__ = ["get_seat_list", "kick_user_off_seat", "lock_seat", "move_user_to_seat", "pick_user_on_seat", "switch_seat"]

_POLICIES = (MovePolicy.ABORT, MovePolicy.REPLACE, MovePolicy.SWAP)


async def get_seat_list(call: Call, body: bodies.RoomRef) -> Reply:
    """All seats of a room."""
    return {"SeatList": replies.seats(call.rooms.room(call.app, body.RoomId).seats)}


async def pick_user_on_seat(call: Call, body: bodies.PickOnSeat) -> Reply:
    """Seat a member, without an application and without asking it."""
    await call.rooms.pick_for_seat(call.app, body.RoomId, UserId(body.Member_Account), index=body.Index)
    return {}


async def kick_user_off_seat(call: Call, body: bodies.KickOffSeat) -> Reply:
    """Make a member stand up."""
    await call.rooms.kick_from_seat(call.app, body.RoomId, None, UserId(body.Member_Account))
    return {}


async def lock_seat(call: Call, body: bodies.LockSeat) -> Reply:
    """Close a seat (who sits there stands up), or mute what comes from it."""
    seats = call.rooms.room(call.app, body.RoomId).seats
    locks = [(seat.locked, seat.audio_locked, seat.video_locked) for seat in seats if seat.index == body.Index]
    locked, audio, video = locks[0] if locks else (False, False, False)
    await call.rooms.lock_seat(
        call.app, body.RoomId, None, body.Index,
        locked=locked if body.ForbidTaken is None else body.ForbidTaken,
        audio=audio if body.ForbidAudio is None else body.ForbidAudio,
        video=video if body.ForbidVideo is None else body.ForbidVideo,
    )  # fmt: skip
    return {}


async def switch_seat(call: Call, body: bodies.SwitchSeat) -> Reply:
    """Seat somebody who sits on another seat, which must be free."""
    return await _move(call, body.RoomId, body.Member_Account, body.ToIndex, MovePolicy.ABORT)


async def move_user_to_seat(call: Call, body: bodies.MoveToSeat) -> Reply:
    """Seat somebody who sits on another seat; 0: which must be free, 1: who sits there stands up, 2: they swap."""
    return await _move(call, body.RoomId, body.Member_Account, body.SeatIndex, _POLICIES[body.Policy])


async def _move(call: Call, room_id: str, user: str, index: int, policy: MovePolicy) -> Reply:
    await call.rooms.move_seat(call.app, room_id, None, UserId(user), index, policy)
    return {}
