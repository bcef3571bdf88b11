"""Who follows whom in one app.

Each follow gets a number, one more than the last; the numbers are the cursors of both lists, as with members of a room
(members.py): a page costs a bisection, and who comes or goes between two pages shifts nothing.

Pure: users in, users or refusals out.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from rooms.cursors import number_of
from rooms.ids import UserId, number_fault, refuse_faults, user_id_fault
from rooms.talk_errors import too_many

__all__ = ["MAX_FOLLOWED", "FollowCounts", "Follows"]

MAX_FOLLOWED = 5000
"""Users one user may follow. How many follow one user has no limit."""


@dataclass(frozen=True, slots=True)
class FollowCounts:
    """How many follow a user, and how many it follows."""

    followers: int
    following: int


class Follows:
    """The follows of one app."""

    def __init__(self) -> None:
        self._followers: dict[UserId, _Line] = {}
        self._following: dict[UserId, _Line] = {}
        self._last = 0

    def follow(self, user: UserId, target: UserId) -> bool:
        """`user` follows `target` from now on; False when it did already. Raises 100002."""
        refuse_faults(user_id_fault(user), user_id_fault(target), "Nobody follows itself." if user == target else None)
        if self.is_following(user, target):
            return False
        if self.counts(user).following >= MAX_FOLLOWED:
            raise too_many(f"A user follows at most {MAX_FOLLOWED} others.", MAX_FOLLOWED)
        self._last += 1
        self._following.setdefault(user, _Line()).append(target, self._last)
        self._followers.setdefault(target, _Line()).append(user, self._last)
        return True

    def unfollow(self, user: UserId, target: UserId) -> bool:
        """`user` follows `target` no longer; False when it did not anyway."""
        if not self.is_following(user, target):
            return False
        _remove(self._following, user, target)
        _remove(self._followers, target, user)
        return True

    def is_following(self, user: UserId, target: UserId) -> bool:
        line = self._following.get(user)
        return line is not None and target in line

    def counts(self, user: UserId) -> FollowCounts:
        return FollowCounts(len(self._followers.get(user, ())), len(self._following.get(user, ())))

    def followers(self, user: UserId, cursor: str, count: int) -> tuple[list[UserId], str]:
        """At most `count` users who follow `user`, newest follow first, and the cursor of the next page.

        `cursor` is empty at first, and at the end. Raises 100002 for one that was not given out.
        """
        return _page(self._followers.get(user), cursor, count)

    def following(self, user: UserId, cursor: str, count: int) -> tuple[list[UserId], str]:
        """At most `count` users whom `user` follows; as `followers`."""
        return _page(self._following.get(user), cursor, count)


class _Line:
    """Users in the order of their numbers."""

    def __init__(self) -> None:
        self._numbers: list[int] = []  # ascending, as numbers are given out so
        self._user_of: dict[int, UserId] = {}
        self._number_of: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, user: UserId) -> bool:
        return user in self._number_of

    def append(self, user: UserId, number: int) -> None:
        self._numbers.append(number)
        self._user_of[number] = user
        self._number_of[user] = number

    def remove(self, user: UserId) -> None:
        number = self._number_of.pop(user)
        del self._user_of[number]
        del self._numbers[bisect_left(self._numbers, number)]

    def before(self, number: int | None, count: int) -> tuple[list[UserId], str]:
        end = len(self._numbers) if number is None else bisect_left(self._numbers, number)
        start = max(0, end - count)
        page = [self._user_of[each] for each in reversed(self._numbers[start:end])]
        return page, str(self._numbers[start]) if start else ""


def _page(line: _Line | None, cursor: str, count: int) -> tuple[list[UserId], str]:
    refuse_faults(number_fault("The length of a page", count))
    number = number_of(cursor) if cursor else None
    return line.before(number, count) if line is not None else ([], "")


def _remove(lines: dict[UserId, _Line], key: UserId, user: UserId) -> None:
    line = lines[key]
    line.remove(user)
    if not len(line):
        del lines[key]
