"""The refusals of rooms: one stable public code, a name and a sentence each.

    RoomRefused         a "no" of rooms; it leaves nothing behind
    billing.Refused     billing's "no" passes through untouched and is no child of ours: same shape, other house

Pure: values only.
"""

from __future__ import annotations

import math

__all__ = [
    "RoomRefused", "already_in_room", "already_queued", "already_seated", "bad_parameter", "banned", "member_muted",
    "messages_disabled", "needs_application", "no_permission", "no_such_account", "no_such_robot", "no_such_room",
    "not_in_room", "not_seated", "owner_cannot", "room_exists", "room_full", "seat_locked", "seat_occupied",
    "seats_full", "seats_limit", "stopping", "too_many_admins", "too_many_robots",
]  # fmt: skip


class RoomRefused(Exception):
    """What may not happen, and why. With `limit` and `used` when a number said no, `seconds` when time heals it."""

    def __init__(
        self,
        code: int,
        name: str,
        sentence: str,
        *,
        limit: int | None = None,
        used: int | None = None,
        seconds: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.name = name
        self.sentence = sentence
        self.limit = limit
        self.used = used
        self.seconds = seconds
        """From now until it may happen, rounded up."""


def stopping() -> RoomRefused:
    return RoomRefused(100001, "internal", "The server is stopping; try again in a moment.")


def bad_parameter(sentence: str) -> RoomRefused:
    return RoomRefused(100002, "bad_parameter", sentence)


def no_such_account(user: str) -> RoomRefused:
    return RoomRefused(100002, "bad_parameter", f"{user} is no account of this app; import it first.")


def room_exists() -> RoomRefused:
    return RoomRefused(100003, "room_exists", "There is a room with this id already.")


def no_such_room() -> RoomRefused:
    return RoomRefused(100004, "no_such_room", "There is no such room; it may have ended.")


def not_in_room() -> RoomRefused:
    return RoomRefused(100005, "not_in_room", "That member is not in this room.")


def no_such_robot() -> RoomRefused:
    return RoomRefused(100005, "not_in_room", "There is no such robot in this room.")


def no_permission() -> RoomRefused:
    return RoomRefused(100006, "no_permission", "Your role in this room does not allow this.")


def needs_application() -> RoomRefused:
    return RoomRefused(100006, "needs_application", "Apply for a seat; the host decides who sits in this room.")


def owner_cannot(what: str) -> RoomRefused:
    return RoomRefused(100006, "no_permission", f"The owner cannot {what}; dismiss the room instead.")


def room_full(limit: int) -> RoomRefused:
    return RoomRefused(100008, "room_full", f"This room takes {limit} members, and is full.", limit=limit, used=limit)


def banned(seconds: float) -> RoomRefused:
    whole = math.ceil(seconds)
    return RoomRefused(100016, "banned", f"You may not enter this room for {_time(whole)} yet.", seconds=whole)


def member_muted(seconds: float) -> RoomRefused:
    whole = math.ceil(seconds)
    return RoomRefused(100017, "muted", f"You may not write in this room for {_time(whole)} yet.", seconds=whole)


def messages_disabled() -> RoomRefused:
    return RoomRefused(100017, "muted", "Nobody but the host and its admins may write in this room now.")


def too_many_admins(limit: int) -> RoomRefused:
    return RoomRefused(100020, "too_many_admins", f"A room has at most {limit} admins.", limit=limit, used=limit)


def too_many_robots(limit: int) -> RoomRefused:
    return RoomRefused(100002, "bad_parameter", f"A room has at most {limit} robots.", limit=limit, used=limit)


def seat_locked(index: int) -> RoomRefused:
    return RoomRefused(100200, "seat_locked", f"Seat {index} is locked.")


def seats_limit(limit: int) -> RoomRefused:
    return RoomRefused(100013, "seats_limit", f"A room has at most {limit} seats here.", limit=limit)


def seat_occupied(index: int) -> RoomRefused:
    return RoomRefused(100201, "seat_occupied", f"Seat {index} is taken.")


def already_queued() -> RoomRefused:
    return RoomRefused(100202, "already_queued", "This member waits for a seat already.")


def already_seated(index: int) -> RoomRefused:
    return RoomRefused(100203, "already_seated", f"You are on seat {index} already.")


def seats_full(limit: int) -> RoomRefused:
    return RoomRefused(100205, "seats_full", f"All {limit} seats are taken.", limit=limit, used=limit)


def not_seated() -> RoomRefused:
    return RoomRefused(100206, "not_seated", "That member is not on a seat.")


def already_in_room(room_id: str) -> RoomRefused:
    return RoomRefused(-2108, "already_in_room", f"You are in room {room_id}; leave it first.")


def _time(whole: int) -> str:
    """In words, rounded up."""
    if whole < 120:
        return f"{whole} s"
    return f"{-(-whole // 60)} min" if whole < 7200 else f"{-(-whole // 3600)} h"
