"""The commands about robots: accounts that are in a room without a connection.

A list of robots is gone through in order; the first refusal ends it, and what was done before stays done.
"""

from __future__ import annotations

from rooms.interface import UserId
from signaling.back_office import bodies
from signaling.back_office.call import Call, Reply

__all__ = ["add_robot", "del_robot", "get_robot"]


async def add_robot(call: Call, body: bodies.Robots) -> Reply:
    """Put accounts into a room, which then waits for its owner; at most three."""
    for user in body.RobotList_Account:
        await call.rooms.add_robot(call.app, body.RoomId, UserId(user))
    return {}


async def get_robot(call: Call, body: bodies.RoomRef) -> Reply:
    """The robots of a room."""
    return {"RobotList_Account": list(call.rooms.robots(call.app, body.RoomId))}


async def del_robot(call: Call, body: bodies.Robots) -> Reply:
    """Take robots out of a room."""
    for user in body.RobotList_Account:
        await call.rooms.remove_robot(call.app, body.RoomId, UserId(user))
    return {}
