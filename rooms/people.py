"""The people of an app, whether they are in a room or not: what they say of themselves, and who follows whom.

Follows need the edition's FOLLOW; profiles are everybody's. Lists are read in pages, and who of many follows somebody
is asked in chunks, so that no statement grows with the number of people.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from billing.interface import Entitlements, Feature
from rooms.buckets import UserBuckets
from rooms.cursors import number_of
from rooms.follows import FollowChanged, FollowCounts, FollowKind, FollowStore
from rooms.ids import AppId, UserId, number_fault, refuse_faults, user_id_fault
from rooms.profiles import Profile, ProfileChange, ProfileStore
from rooms.talk_errors import too_frequent

__all__ = ["CHUNK", "RATE", "People", "PeopleStore", "Person"]

CHUNK = 500
"""Users one statement asks about; SQLite takes 999 values at least."""
RATE = 5.0
"""Follows begun or ended by a user a second; twice as many at once. Each is told to the app's own server."""
_NONE = FollowCounts()


class PeopleStore(ProfileStore, FollowStore, Protocol):
    """Where both outlive the node."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user as another one sees it."""

    profile: Profile
    counts: FollowCounts
    followed: bool
    """Whether the other one follows it."""


class People:
    """Everybody of every app."""

    def __init__(
        self,
        store: PeopleStore,
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
        listener: Callable[[FollowChanged], None] | None = None,
    ) -> None:
        """`clock` gives Unix seconds; `listener` hears of follows, and must not block or fail."""
        self._store = store
        self._entitlements = entitlements
        self._clock = clock
        self._listener = listener or _nobody_hears
        self._turns = UserBuckets(RATE, 2 * RATE)

    # Follows

    async def follow(self, app: AppId, user: UserId, target: UserId) -> int:
        """`user` follows `target` from now on, if it did not already; how many follow `target` then.

        Raises 100002 for a bad id, oneself, or more than 5,000; 100012; billing's 100007.
        """
        refuse_faults(user_id_fault(target), "Nobody follows itself." if user == target else None)
        await self._entitlements.require(app, Feature.FOLLOW)
        self._take_turn(app, user)
        now = self._clock()
        if await self._store.follow(app, user, target, now):
            self._listener(FollowChanged(app, user, target, True, now))
        return await self._followers(app, target)

    async def unfollow(self, app: AppId, user: UserId, target: UserId) -> int:
        """`user` follows `target` no longer, if it did; how many follow `target` then. Raises 100002, 100007,
        100012."""
        refuse_faults(user_id_fault(target))
        await self._entitlements.require(app, Feature.FOLLOW)
        self._take_turn(app, user)
        if await self._store.unfollow(app, user, target):
            self._listener(FollowChanged(app, user, target, False, self._clock()))
        return await self._followers(app, target)

    async def follow_list(
        self, app: AppId, viewer: UserId, user: UserId, kind: FollowKind, *, cursor: str = "", count: int = 50
    ) -> tuple[list[Person], str]:
        """At most `count` people who follow `user`, or whom it follows, newest follow first, as `viewer` sees them;
        and the cursor of the next page, empty at the end.

        Raises 100002 for a bad id, a cursor that was not given out, a count below one; billing's 100007.
        """
        refuse_faults(user_id_fault(user), number_fault("The count", count))
        before = number_of(cursor) if cursor else None
        await self._entitlements.require(app, Feature.FOLLOW)
        page = await self._store.follow_list(app, user, kind, before, count + 1)  # one more says whether there is more
        following = str(page[count - 1][0]) if len(page) > count else ""
        return await self._seen(app, viewer, [name for _, name in page[:count]]), following

    async def among(self, app: AppId, user: UserId, kind: FollowKind, users: Collection[UserId]) -> set[UserId]:
        """Those of `users` who follow `user`, or whom it follows. Raises billing's 100007."""
        await self._entitlements.require(app, Feature.FOLLOW)
        return await self._among(app, user, kind, users)

    # Profiles

    async def person(self, app: AppId, viewer: UserId, user: UserId) -> Person:
        """A user as `viewer` sees it; of one nobody has heard of, the id is all there is. Raises 100002."""
        refuse_faults(user_id_fault(user))
        return (await self._seen(app, viewer, [user]))[0]

    async def profiles(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, Profile]:
        """Those of `users`, at most `CHUNK`, who have a profile."""
        return await self._store.profiles(app, users)

    async def name(self, app: AppId, user: UserId) -> str:
        """What `user` is called where it says nothing else: its stored name, or its id."""
        profile = (await self._store.profiles(app, [user])).get(user)
        return profile.name if profile is not None and profile.name else str(user)

    async def change_profile(self, app: AppId, user: UserId, change: ProfileChange) -> Profile:
        """Says something else of `user`, who has a profile from then on. Raises 100002."""
        refuse_faults(user_id_fault(user))
        return await self._store.change_profile(app, user, change)

    def _take_turn(self, app: AppId, user: UserId) -> None:
        if not self._turns.take(UserId(f"{app}:{user}"), self._clock()):
            raise too_frequent(f"You may follow {RATE:.0f} users a second; wait a moment.")

    async def _seen(self, app: AppId, viewer: UserId, users: Sequence[UserId]) -> list[Person]:
        profiles = await self._store.profiles(app, users)
        counts = await self._store.follow_counts(app, users)
        followed = await self._among(app, viewer, FollowKind.FOLLOWING, users)
        return [
            Person(profiles.get(user) or Profile(user), counts.get(user, _NONE), user in followed) for user in users
        ]

    async def _followers(self, app: AppId, user: UserId) -> int:
        return (await self._store.follow_counts(app, [user])).get(user, _NONE).followers

    async def _among(self, app: AppId, user: UserId, kind: FollowKind, users: Collection[UserId]) -> set[UserId]:
        everybody, found = list(users), set[UserId]()
        for start in range(0, len(everybody), CHUNK):
            found |= await self._store.among(app, user, kind, everybody[start : start + CHUNK])
        return found


def _nobody_hears(_: FollowChanged) -> None:
    """The listener of those who do not care."""
