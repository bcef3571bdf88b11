"""The seats of one room: who sits where, and what is locked. The owner sits on seat 0 for as long as the room lives.

Pure: users in, seats or refusals out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rooms.errors import (
    already_seated,
    bad_parameter,
    not_seated,
    owner_cannot,
    seat_locked,
    seat_occupied,
    seats_full,
)
from rooms.ids import UserId

__all__ = ["MAX_SEATS", "MovePolicy", "Seat", "Seats"]

MAX_SEATS = 50
"""Publishers one TRTC room may have, whatever the edition says (research/tencent.md 5.5)."""


class MovePolicy(StrEnum):
    """What happens when somebody is moved to a seat that is taken (the public client's names)."""

    ABORT = "abort_when_occupied"
    REPLACE = "force_replace"
    """Who sits there stands up."""
    SWAP = "swap_position"


@dataclass(slots=True)
class Seat:
    """One seat."""

    user: UserId | None = None
    locked: bool = False
    """Nobody may sit down here."""
    audio_locked: bool = False
    """Who sits here is not heard, whatever it publishes."""
    video_locked: bool = False
    """Who sits here is not seen."""


class Seats:
    """A fixed number of seats."""

    def __init__(self, count: int) -> None:
        self._seats = [Seat() for _ in range(count)]
        self._index: dict[UserId, int] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def __getitem__(self, index: int) -> Seat:
        """Raises 100002 for a seat that is not there."""
        if not 0 <= index < len(self._seats):
            raise bad_parameter(f"Seats are numbered from 0 to {len(self) - 1}.")
        return self._seats[index]

    @property
    def users(self) -> tuple[UserId | None, ...]:
        """Who sits on each seat, in order."""
        return tuple(seat.user for seat in self._seats)

    @property
    def taken(self) -> int:
        """How many are sat on."""
        return len(self._index)

    def of(self, user: UserId) -> int | None:
        """The seat of `user`, or None."""
        return self._index.get(user)

    def choose(self, user: UserId, index: int | None) -> int:
        """The seat `user` would get: `index`, or the first free one. Raises 100002, 100200, 100201, 100203, 100205."""
        if user in self._index:
            raise already_seated(self._index[user])
        if index is None:
            free = (number for number, seat in enumerate(self._seats) if seat.user is None and not seat.locked)
            chosen = next(free, None)
            if chosen is None:
                raise seats_full(len(self))
            return chosen
        seat = self[index]
        if seat.locked:
            raise seat_locked(index)
        if seat.user is not None:
            raise seat_occupied(index)
        return index

    def check_seated(self, user: UserId) -> None:
        """Raises 100206 unless `user` sits somewhere."""
        if user not in self._index:
            raise not_seated()

    def check_move(self, user: UserId, index: int, policy: MovePolicy) -> None:
        """Raises 100002, 100006, 100200, 100201, 100206 when `user` cannot be moved to `index`."""
        self.check_seated(user)
        seat = self[index]
        if self._index[user] == 0 or (seat.user is not None and index == 0):
            raise owner_cannot("be moved from its seat")
        if seat.locked:
            raise seat_locked(index)
        if seat.user not in (None, user) and policy is MovePolicy.ABORT:
            raise seat_occupied(index)

    def check_lock(self, index: int, locked: bool) -> None:
        """Raises 100002, and 100006 for the owner's seat, which cannot be closed."""
        if self[index].user is not None and index == 0 and locked:
            raise owner_cannot("lose its seat")

    def take(self, user: UserId, index: int | None) -> int:
        """Seats `user`; raises what `choose` raises."""
        chosen = self.choose(user, index)
        self._put(user, chosen)
        return chosen

    def move(self, user: UserId, index: int, policy: MovePolicy) -> None:
        """Seats `user` on `index` instead; raises what `check_move` raises."""
        self.check_move(user, index, policy)
        before, there = self._index[user], self._seats[index].user
        if there == user:
            return
        self._seats[before].user = None
        if there is not None and policy is MovePolicy.SWAP:
            self._put(there, before)
        elif there is not None:
            del self._index[there]
        self._put(user, index)

    def lock(self, index: int, *, locked: bool, audio: bool, video: bool) -> None:
        """Sets what is locked. Who sits on a seat that is closed stands up."""
        self.check_lock(index, locked)
        seat = self._seats[index]
        seat.locked, seat.audio_locked, seat.video_locked = locked, audio, video
        if locked and seat.user is not None:
            self.free(seat.user)

    def free(self, user: UserId) -> int | None:
        """Makes `user` stand up; the seat it sat on, or None when it did not sit."""
        index = self._index.pop(user, None)
        if index is not None:
            self._seats[index].user = None
        return index

    def _put(self, user: UserId, index: int) -> None:
        self._seats[index].user = user
        self._index[user] = index
