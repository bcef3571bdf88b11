"""The requests about people: who follows whom, what they say of themselves, and how rooms and members are found."""

from __future__ import annotations

from typing import Any

from rooms.interface import FollowKind, People, ProfileChange, Rooms, UserId
from signaling import messages
from signaling import people_messages as wishes
from signaling.callers import Caller, in_room
from signaling.identity import Identity
from signaling.people_messages import person

__all__ = ["PeopleCalls"]


class PeopleCalls:
    """The requests; one method each, like those of `Calls`."""

    def __init__(self, rooms: Rooms, people: People) -> None:
        self._rooms = rooms
        self._people = people

    # Follows

    async def follow_add(self, caller: Caller, params: messages.UserRef) -> dict[str, Any]:
        who, target = caller.who, UserId(params.userid)
        followers = await self._people.follow(who.app, who.user, target)
        return {"userid": target, "followed": True, "followers": followers}

    async def follow_remove(self, caller: Caller, params: messages.UserRef) -> dict[str, Any]:
        who, target = caller.who, UserId(params.userid)
        followers = await self._people.unfollow(who.app, who.user, target)
        return {"userid": target, "followed": False, "followers": followers}

    async def follow_list(self, caller: Caller, params: wishes.FollowList) -> dict[str, Any]:
        who = caller.who
        found, cursor = await self._people.follow_list(
            who.app, who.user, UserId(params.userid or who.user), params.kind, cursor=params.cursor, count=params.count
        )
        users = [person(each, self._rooms.owned_by(who.app, each.profile.user)) for each in found]
        return {"users": users, "cursor": cursor}

    # Profiles

    async def profile_get(self, caller: Caller, params: wishes.ProfileRef) -> dict[str, Any]:
        return await self._profile(caller.who, UserId(params.userid or caller.who.user))

    async def profile_set(self, caller: Caller, params: wishes.SetProfile) -> dict[str, Any]:
        """A new name is seen from the next room on: in this one, others know the member by the old one."""
        who = caller.who
        change = ProfileChange(params.name, params.avatar, params.signature)
        changed = await self._people.change_profile(who.app, who.user, change)
        if params.name is not None:
            caller.name = changed.name or str(who.user)
        return await self._profile(who, who.user)

    # Finding

    async def room_list(self, caller: Caller, params: wishes.ListRooms) -> dict[str, Any]:
        who, owners = caller.who, None
        if params.followed:
            public = self._rooms.owners(who.app)
            owners = await self._people.among(who.app, who.user, FollowKind.FOLLOWING, public)
        cards, cursor = self._rooms.rooms_of(
            who.app, cursor=params.cursor, count=params.count, category=params.category, owners=owners
        )
        return {"rooms": [messages.room_card(card) for card in cards], "cursor": cursor}

    async def room_search(self, caller: Caller, params: wishes.SearchRooms) -> dict[str, Any]:
        who = caller.who
        cards, cursor = await self._rooms.finding.rooms(
            who.app, who.user, params.text, cursor=params.cursor, count=params.count
        )
        return {"rooms": [messages.room_card(card) for card in cards], "cursor": cursor}

    async def audience_search(self, caller: Caller, params: wishes.SearchAudience) -> dict[str, Any]:
        who, room_id = in_room(caller)
        members, cursor = await self._rooms.finding.members(
            who.app, room_id, who.user, params.text, cursor=params.cursor, count=params.count
        )
        return {"members": [messages.member(member) for member in members], "cursor": cursor}

    async def _profile(self, who: Identity, user: UserId) -> dict[str, Any]:
        return person(await self._people.person(who.app, who.user, user), self._rooms.owned_by(who.app, user))
