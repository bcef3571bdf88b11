"""The robots of one room: members whom the app's own server puts there, and who need no connection.

A robot may sit, and publish by a connection of its own (OBS does, by WHIP); when that is gone, the robot stays.

Pure: users in, users or refusals out.
"""

from __future__ import annotations

from collections.abc import Iterator

from rooms.errors import no_such_robot, too_many_robots
from rooms.ids import UserId

__all__ = ["MAX_ROBOTS", "Robots", "connection_of"]

MAX_ROBOTS = 3
"""Robots of one room (research/tencent.md 5.2)."""


def connection_of(robot: UserId) -> str:
    """By what a robot is here while nothing else is: a connection that nobody has, and nobody loses."""
    return f"robot:{robot}"


class Robots:
    """Users, in the order in which they were added."""

    def __init__(self) -> None:
        self._users: dict[UserId, None] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, user: UserId) -> bool:
        return user in self._users

    def __iter__(self) -> Iterator[UserId]:
        return iter(self._users)

    def check_add(self) -> None:
        """Raises 100002 when one more is too many."""
        if len(self._users) >= MAX_ROBOTS:
            raise too_many_robots(MAX_ROBOTS)

    def check_remove(self, user: UserId) -> None:
        """Raises 100005 for who is none."""
        if user not in self._users:
            raise no_such_robot()

    def add(self, user: UserId) -> None:
        self._users[user] = None

    def discard(self, user: UserId) -> None:
        self._users.pop(user, None)
