"""The list of an app's rooms: largest audience first, then oldest, then by id.

The cursor is the rank of the last room of a page and not a count of rooms: rooms that begin or end between two pages
shift nothing. A room whose audience changed meanwhile can be seen twice or be missed, as in any living list.

Pure: rooms in, cards out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from rooms.errors import bad_parameter
from rooms.room import Room
from rooms.views import RoomCard

__all__ = ["page_of_rooms"]

Rank = tuple[int, int, str]
"""Audience, negative; creation in Unix milliseconds; room id."""
MAX_CURSOR = 120
"""Characters; a longer one was not given out by us."""


def page_of_rooms(rooms: Iterable[Room], cursor: str, count: int) -> tuple[list[RoomCard], str]:
    """At most `count` rooms after `cursor` (empty at first), and the cursor of the next page (empty at the end)."""
    after = _parse(cursor) if cursor else None
    ranked = ((_rank(room), room) for room in rooms if room.info.is_public)
    rest = ((rank, room) for rank, room in ranked if after is None or rank > after)
    # One more than asked for says whether there is a next page; ranks are unique, so rooms are never compared.
    page = heapq.nsmallest(count + 1, rest)
    following = ":".join(map(str, page[count - 1][0])) if len(page) > count else ""
    return [room.card() for _, room in page[:count]], following


def _rank(room: Room) -> Rank:
    return -room.audience_count, int(room.created_at * 1000), str(room.room_id)


def _parse(cursor: str) -> Rank:
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        audience, created, room_id = cursor.split(":")
        return int(audience), int(created), room_id
    except ValueError:
        raise bad_parameter("The cursor is not one that was given out.") from None
