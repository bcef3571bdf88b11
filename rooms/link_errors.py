"""The refusals of requests, links and battles: one stable public code, a name and a sentence each.

The codes are those of the public Live API (research/tencent.md 5.3), so that clients written for it understand them.

Pure: values only.
"""

from __future__ import annotations

from rooms.errors import RoomRefused

__all__ = [
    "already_connected", "battle_ended", "battle_not_started", "battle_pending", "battle_running",
    "connecting_elsewhere", "in_other_battle", "no_room_for_battle", "no_such_battle", "no_such_request",
    "not_connected", "not_in_battle", "not_the_caller", "request_conflict", "request_pending", "too_many_requests",
    "too_many_rooms",
]  # fmt: skip

# Requests


def no_such_request() -> RoomRefused:
    return RoomRefused(-2311, "no_such_request", "There is no such request; it may have been answered or timed out.")


def request_conflict() -> RoomRefused:
    return RoomRefused(100102, "request_conflict", "This was asked or answered already.")


def too_many_requests(limit: int) -> RoomRefused:
    return RoomRefused(
        100012, "too_frequent", f"{limit} requests are pending; wait for answers first.", limit=limit, used=limit
    )


# Links


def not_connected() -> RoomRefused:
    return RoomRefused(100400, "not_connected", "These rooms are not connected.")


def already_connected() -> RoomRefused:
    return RoomRefused(100401, "already_connected", "These rooms are connected already.")


def request_pending() -> RoomRefused:
    return RoomRefused(100402, "request_pending", "A request between these rooms waits for its answer.")


def connecting_elsewhere() -> RoomRefused:
    return RoomRefused(100403, "connecting_elsewhere", "That room is connected with other rooms.")


def too_many_rooms(limit: int) -> RoomRefused:
    return RoomRefused(100404, "too_many_rooms", f"At most {limit} rooms can be in it.", limit=limit)


# Battles


def no_such_battle() -> RoomRefused:
    return RoomRefused(100411, "no_such_battle", "There is no such battle; it may be over.")


def no_room_for_battle() -> RoomRefused:
    return RoomRefused(100412, "no_room_for_battle", "None of these rooms can join a battle.")


def not_in_battle() -> RoomRefused:
    return RoomRefused(100414, "not_in_battle", "That room is not in this battle.")


def in_other_battle() -> RoomRefused:
    return RoomRefused(100415, "in_other_battle", "That room is in another battle.")


def battle_pending() -> RoomRefused:
    return RoomRefused(100416, "battle_pending", "That room is in a battle that waits for answers.")


def battle_running() -> RoomRefused:
    return RoomRefused(100419, "battle_running", "The battle is still going on.")


def battle_not_started() -> RoomRefused:
    return RoomRefused(100420, "battle_not_started", "The battle has not started.")


def battle_ended() -> RoomRefused:
    return RoomRefused(100421, "battle_ended", "The battle has ended.")


def not_the_caller() -> RoomRefused:
    return RoomRefused(100006, "no_permission", "Only the room that called this battle may cancel it.")
