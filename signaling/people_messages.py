"""The messages of the member protocol about people: follows, profiles, searches, the list of rooms.

Pure: values in, values out.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from rooms.interface import FollowKind, Person, RoomCard
from signaling.messages import Link, Params, Short

__all__ = ["FollowList", "ListRooms", "ProfileRef", "SearchAudience", "SearchRooms", "SetProfile", "person"]

Hundred = Annotated[int, msgspec.Meta(ge=1, le=100)]
Fifty = Annotated[int, msgspec.Meta(ge=1, le=50)]


class FollowList(Params):
    kind: FollowKind
    userid: Short | None = None
    """Whose list; one's own when it is left out."""
    cursor: Link = ""
    count: Hundred = 50


class ProfileRef(Params):
    userid: Short | None = None
    """Whose; one's own when it is left out."""


class SetProfile(Params):
    """What is left out stays as it is."""

    name: Link | None = None
    avatar: Link | None = None
    signature: Link | None = None


class SearchRooms(Params):
    text: Link
    cursor: Link = ""
    count: Fifty = 20


class SearchAudience(Params):
    text: Link
    cursor: Link = ""
    count: Hundred = 50


class ListRooms(Params):
    cursor: Link = ""
    count: Fifty = 20
    category: int | None = None
    """Only rooms with it."""
    followed: bool = False
    """Only rooms of owners whom the caller follows."""


def person(seen: Person, room: RoomCard | None) -> dict[str, Any]:
    profile, counts = seen.profile, seen.counts
    return {
        "userid": profile.user,
        "name": profile.name or profile.user,
        "avatar": profile.avatar,
        "signature": profile.signature,
        "followers": counts.followers,
        "following": counts.following,
        "followed": seen.followed,
        "room_id": room.room_id if room is not None else None,
    }
