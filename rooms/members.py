"""The members of one room: who is here, by which connection, in which order they came.

Each member gets a number when it enters, one more than the last; the numbers are the cursor of the audience list, so
that a page of a list of 10,000 costs a bisection and not a walk. A search walks, over texts that were made for it when
a member entered, and no further than `MAX_WALKED` members at once.

Pure: users in, members out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from rooms.cursors import number_of
from rooms.errors import not_in_room
from rooms.ids import UserId
from rooms.search import folded

__all__ = ["MAX_WALKED", "Member", "Members"]

MAX_WALKED = 10_000
"""Members one call of `search` looks at; about a millisecond."""


@dataclass(slots=True)
class Member:
    """A member as its room knows it."""

    user: UserId
    name: str
    connection: str
    number: int
    grace_until: float | None = None
    """Unix seconds at which a dropped member is lost; None while it is connected."""
    searched: str = ""
    """Its name and id, as searches compare them."""

    def call(self, name: str) -> None:
        """It is called `name` from now on."""
        self.name, self.searched = name, folded(name, self.user)

    @property
    def connected(self) -> bool:
        return self.grace_until is None


class Members:
    """Members by user, and in the order of entering."""

    def __init__(self) -> None:
        self._by_user: dict[UserId, Member] = {}
        self._by_number: dict[int, Member] = {}
        self._numbers: list[int] = []  # ascending, as numbers are given out so
        self._last = 0

    def __len__(self) -> int:
        return len(self._by_user)

    def __contains__(self, user: UserId) -> bool:
        return user in self._by_user

    def __iter__(self) -> Iterator[Member]:
        """In the order of entering."""
        return iter(self._by_user.values())

    def find(self, user: UserId) -> Member | None:
        return self._by_user.get(user)

    def get(self, user: UserId) -> Member:
        """Raises 100005 when `user` is not a member."""
        found = self._by_user.get(user)
        if found is None:
            raise not_in_room()
        return found

    def add(self, user: UserId, name: str, connection: str) -> Member:
        self._last += 1
        member = Member(user, name, connection, self._last)
        member.call(name)
        self._by_user[user] = self._by_number[member.number] = member
        self._numbers.append(member.number)
        return member

    def remove(self, user: UserId) -> None:
        member = self._by_user.pop(user)
        del self._by_number[member.number]
        del self._numbers[bisect_left(self._numbers, member.number)]

    def clear(self) -> None:
        self._by_user.clear()
        self._by_number.clear()
        self._numbers.clear()

    def page(self, cursor: str, count: int, *, but: UserId) -> tuple[list[Member], str]:
        """At most `count` members besides `but`, newest first, and the cursor of the next page (empty at the end).

        `cursor` is empty at first. Who comes or goes between two pages shifts nothing: a number names a place for ever.
        """
        end = len(self._numbers) if not cursor else bisect_left(self._numbers, number_of(cursor))
        page: list[Member] = []
        for place in range(end - 1, -1, -1):
            member = self._by_number[self._numbers[place]]
            if member.user == but:
                continue
            if len(page) == count:
                return page, str(page[-1].number)
            page.append(member)
        return page, ""

    def search(self, needle: str, cursor: str, count: int) -> tuple[list[Member], str]:
        """At most `count` members whose name or id has `needle` in it, newest first, and the cursor of the next page.

        A page may have fewer, or none, and a cursor all the same: so far it was looked, and no further.
        """
        end = len(self._numbers) if not cursor else bisect_left(self._numbers, number_of(cursor))
        page: list[Member] = []
        for place in range(end - 1, max(-1, end - 1 - MAX_WALKED), -1):
            member = self._by_number[self._numbers[place]]
            if needle in member.searched:
                page.append(member)
                if len(page) == count:
                    return page, str(member.number) if place else ""
        return page, str(self._numbers[end - MAX_WALKED]) if end > MAX_WALKED else ""
