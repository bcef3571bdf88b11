"""The seats of one room: who sits where. The owner sits on seat 0 for as long as the room lives.

Pure: users in, seats or refusals out.
"""

from __future__ import annotations

from rooms.errors import already_seated, bad_parameter, not_seated, seat_occupied, seats_full
from rooms.ids import UserId

__all__ = ["MAX_SEATS", "Seats"]

MAX_SEATS = 50
"""Publishers one TRTC room may have, whatever the edition says (research/tencent.md 5.5)."""


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
        """How many are sat on."""
        return len(self._index)

    def of(self, user: UserId) -> int | None:
        """The seat of `user`, or None."""
        return self._index.get(user)

    def choose(self, user: UserId, index: int | None) -> int:
        """The seat `user` would get: `index`, or the first free one. Raises 100002, 100201, 100203, 100205."""
        if user in self._index:
            raise already_seated(self._index[user])
        if index is None:
            if self.taken == len(self):
                raise seats_full(len(self))
            return self._users.index(None)
        if not 0 <= index < len(self):
            raise bad_parameter(f"Seats are numbered from 0 to {len(self) - 1}.")
        if self._users[index] is not None:
            raise seat_occupied(index)
        return index

    def check_seated(self, user: UserId) -> None:
        """Raises 100206 unless `user` sits somewhere."""
        if user not in self._index:
            raise not_seated()

    def take(self, user: UserId, index: int | None) -> int:
        """Seats `user`; raises what `choose` raises."""
        chosen = self.choose(user, index)
        self._users[chosen] = user
        self._index[user] = chosen
        return chosen

    def free(self, user: UserId) -> int | None:
        """Makes `user` stand up; the seat it sat on, or None when it did not sit."""
        index = self._index.pop(user, None)
        if index is not None:
            self._users[index] = None
        return index
