"""The seats of one room: who sits where. The owner sits on seat 0 for as long as the room lives.

Pure: users in, seats or refusals out.
"""

from __future__ import annotations

from rooms.errors import already_seated, bad_parameter, not_seated, seat_occupied, seats_full
from rooms.ids import UserId

__all__ = ["Seats"]


class Seats:
    """A fixed number of seats."""

    def __init__(self, count: int) -> None:
        self._users: list[UserId | None] = [None] * count
        self._index: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._users)

    @property
    def users(self) -> tuple[UserId | None, ...]:
        """Who sits on each seat, in order."""
        return tuple(self._users)

    @property
    def taken(self) -> int:
        return len(self._index)

    def of(self, user: UserId) -> int | None:
        return self._index.get(user)

    def check(self, user: UserId, index: int | None) -> None:
        """Raises what `take` would raise, and changes nothing."""
        self._free(user, index)

    def take(self, user: UserId, index: int | None) -> int:
        """Seats `user` at `index`, or at the first free seat."""
        chosen = self._free(user, index)
        self._users[chosen] = user
        self._index[user] = chosen
        return chosen

    def leave(self, user: UserId) -> int:
        index = self._index.pop(user, None)
        if index is None:
            raise not_seated()
        self._users[index] = None
        return index

    def _free(self, user: UserId, index: int | None) -> int:
        if user in self._index:
            raise already_seated(self._index[user])
        if index is None:
            if None not in self._users:
                raise seats_full(len(self))
            return self._users.index(None)
        if not 0 <= index < len(self):
            raise bad_parameter(f"Seats are numbered from 0 to {len(self) - 1}.")
        if self._users[index] is not None:
            raise seat_occupied(index)
        return index
