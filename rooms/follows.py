"""Who follows whom in one app.

Each follow has a number, greater than those before; the numbers are the cursors of both lists, so who comes or goes
between two pages shifts nothing. Who follows again is the newest.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rooms.errors import RoomRefused
from rooms.ids import AppId, UserId
from rooms.talk_errors import too_many

__all__ = ["MAX_FOLLOWED", "FollowChanged", "FollowCounts", "FollowKind", "FollowStore", "follows_too_many"]

MAX_FOLLOWED = 5000
"""Users one user may follow. How many follow one user has no limit."""


class FollowKind(StrEnum):
    """The two lists of a user."""

    FOLLOWERS = "followers"
    """Who follows it."""
    FOLLOWING = "following"
    """Whom it follows."""


@dataclass(frozen=True, slots=True)
class FollowCounts:
    """How many follow a user, and how many it follows."""

    followers: int = 0
    following: int = 0


@dataclass(frozen=True, slots=True)
class FollowChanged:
    """Somebody follows a user from now on, or does no longer."""

    app: AppId
    user: UserId
    """Who follows, or did."""
    target: UserId
    """Whom."""
    followed: bool
    at: float
    """When, in Unix seconds."""


class FollowStore(Protocol):
    """Where follows outlive the node. Every method is done as a whole or not at all."""

    async def follow(self, app: AppId, user: UserId, target: UserId, now: float) -> bool:
        """False when `user` follows `target` already. Raises 100002 when it follows `MAX_FOLLOWED` others."""
        ...

    async def unfollow(self, app: AppId, user: UserId, target: UserId) -> bool:
        """False when `user` does not follow `target` anyway."""
        ...

    async def follow_list(
        self, app: AppId, user: UserId, kind: FollowKind, before: int | None, count: int
    ) -> Sequence[tuple[int, UserId]]:
        """At most `count` follows with their numbers, newest first, of those before number `before`."""
        ...

    async def follow_counts(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, FollowCounts]:
        """Of each of `users`; those who never followed and were never followed may be missing."""
        ...

    async def among(self, app: AppId, user: UserId, kind: FollowKind, users: Collection[UserId]) -> set[UserId]:
        """Those of `users` who are in that list of `user`; at most a few hundred are asked for."""
        ...


def follows_too_many() -> RoomRefused:
    return too_many(f"A user follows at most {MAX_FOLLOWED} others.", MAX_FOLLOWED)
