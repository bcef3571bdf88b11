"""The figures of one room since it began: who came, what was given, liked and said.

Pure: what happened in, figures out.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.ids import UserId

__all__ = ["MAX_UNIQUE", "RoomFigures", "RoomStatistic"]

MAX_UNIQUE = 100_000
"""Different users a figure is exact for. Beyond, it stands still and reads "at least": to know a user again one has to
be remembered, and a room that runs for months must not remember the whole town."""


@dataclass(frozen=True, slots=True)
class RoomStatistic:
    """The figures of a room at one moment."""

    total_viewers: int
    """Different users who ever entered, the owner not among them; exact up to `MAX_UNIQUE`."""
    total_gifts_sent: int
    """Gifts, each as often as it was given."""
    total_gift_coins: int
    """What they were worth."""
    total_unique_gift_senders: int
    """Different users who gave; exact up to `MAX_UNIQUE`."""
    total_likes_received: int
    """Likes, not batches of them."""
    total_msg_count: int
    """Messages that members sent and that passed."""
    peak_audience: int
    """The largest audience at once."""


class RoomFigures:
    """Collects the figures of one room."""

    def __init__(self, owner: UserId, max_unique: int = MAX_UNIQUE) -> None:
        self._owner = owner
        self._viewers = _UniqueUsers(max_unique)
        self._senders = _UniqueUsers(max_unique)
        self._gifts = self._coins = self._likes = self._messages = self._peak = 0

    def note_entered(self, user: UserId, audience_count: int) -> None:
        """`user` entered, the owner or another; `audience_count` is the audience afterwards."""
        if user != self._owner:
            self._viewers.add(user)
        self._peak = max(self._peak, audience_count)

    def note_gift(self, sender: UserId, count: int, coins: int) -> None:
        """`coins` is what all `count` gifts are worth together."""
        self._senders.add(sender)
        self._gifts += count
        self._coins += coins

    def note_likes(self, count: int) -> None:
        self._likes += count

    def note_message(self) -> None:
        self._messages += 1

    def statistic(self) -> RoomStatistic:
        return RoomStatistic(
            len(self._viewers), self._gifts, self._coins, len(self._senders), self._likes, self._messages, self._peak
        )


class _UniqueUsers:
    """Different users, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._users: set[UserId] = set()

    def __len__(self) -> int:
        return len(self._users)

    def add(self, user: UserId) -> None:
        if len(self._users) < self._limit:
            self._users.add(user)
