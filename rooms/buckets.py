"""Token buckets: so many a second in the long run, so many at once.

A look at a bucket fills it up to `now` first. A clock that was set back fills nothing and is the new beginning, so that
an empty bucket does not stay empty until the old time comes round again.

Pure: `now` (Unix seconds) in, yes or no out.
"""

from __future__ import annotations

from rooms.ids import UserId

__all__ = ["Bucket", "UserBuckets"]


class Bucket:
    """One bucket, full at first."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at: float | None = None

    def full(self, now: float) -> bool:
        self._fill(now)
        return self._level >= self._burst

    def has(self, now: float, reserve: float = 0.0) -> bool:
        """Whether one can be taken so that `reserve` is left."""
        self._fill(now)
        return self._level - 1 >= reserve

    def take(self, now: float, reserve: float = 0.0) -> bool:
        """Takes one, when `has` says so; whether it did."""
        if not self.has(now, reserve):
            return False
        self._level -= 1
        return True

    def _fill(self, now: float) -> None:
        passed = now - self._at if self._at is not None else 0.0
        if passed > 0:
            self._level = min(self._burst, self._level + passed * self._rate)
        self._at = now


class UserBuckets:
    """A bucket for each user; a full one is as good as none, and is forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._by_user: dict[UserId, Bucket] = {}  # who took last is last, so that full ones gather in front

    def __len__(self) -> int:
        return len(self._by_user)

    def has(self, user: UserId, now: float) -> bool:
        bucket = self._by_user.get(user)
        return bucket is None or bucket.has(now)

    def take(self, user: UserId, now: float) -> bool:
        """Takes one for `user`; whether there was one."""
        if not self.has(user, now):
            return False
        bucket = self._by_user.pop(user, None) or Bucket(self._rate, self._burst)
        bucket.take(now)
        self._by_user[user] = bucket
        self._forget_full(now)
        return True

    def _forget_full(self, now: float) -> None:
        while self._by_user:
            user = next(iter(self._by_user))
            if not self._by_user[user].full(now):
                return
            del self._by_user[user]
