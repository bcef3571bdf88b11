"""One room: its members, its owner, its seats. Every change is one method that refuses, or changes and answers.

Members are kept in the order of entering; the newest come last. Who may ask for what is checked here; whether the
edition allows it was asked by `Rooms` before.

Pure: users and `now` (Unix seconds) in, facts or refusals out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rooms.errors import bad_parameter, no_permission, not_in_room, not_seated, owner_cannot
from rooms.ids import AppId, RoomId, UserId
from rooms.seats import Seats
from rooms.views import MemberView, RoomCard, RoomView, SeatView

__all__ = ["Member", "Room"]


@dataclass(slots=True)
class Member:
    """A member as its room knows it."""

    user: UserId
    name: str
    connection: str
    number: int
    """Of entering; the cursor of the audience list."""
    grace_until: float | None = None
    """Unix seconds at which a lost member is out; None while it is connected."""

    @property
    def connected(self) -> bool:
        return self.grace_until is None


@dataclass(slots=True)
class Room:
    """State of one room."""

    app: AppId
    room_id: RoomId
    name: str
    owner: UserId
    cover: str
    created_at: float
    seats: Seats
    max_members: int | None
    members: dict[UserId, Member] = field(default_factory=dict)
    _entered: int = 0

    # Members

    def enter(self, user: UserId, name: str, connection: str) -> Member:
        """A new member; the caller knows that it is new."""
        self._entered += 1
        member = Member(user, name, connection, self._entered)
        self.members[user] = member
        return member

    def leave(self, user: UserId) -> bool:
        """Removes a member; whether a seat became free by it."""
        self.member(user)
        seated = self.seats.of(user) is not None
        if seated:
            self.seats.leave(user)
        del self.members[user]
        return seated

    def member(self, user: UserId) -> Member:
        found = self.members.get(user)
        if found is None:
            raise not_in_room()
        return found

    def check_owner(self, user: UserId) -> None:
        if user != self.owner:
            raise no_permission()

    @property
    def audience_count(self) -> int:
        return len(self.members) - (self.owner in self.members)

    # Seats

    def check_seat(self, user: UserId, index: int | None) -> None:
        """Raises what taking that seat would raise."""
        self.member(user)
        self.seats.check(user, index)

    def leave_seat(self, user: UserId) -> None:
        self.member(user)
        if user == self.owner:
            raise owner_cannot("leave the seat")
        self.seats.leave(user)

    def check_kick(self, by: UserId, user: UserId) -> None:
        self.check_owner(by)
        self.member(user)
        if user == self.owner:
            raise owner_cannot("be kicked")

    def check_kick_from_seat(self, by: UserId, user: UserId) -> None:
        self.check_kick(by, user)
        if self.seats.of(user) is None:
            raise not_seated()

    # Views

    def view(self) -> RoomView:
        return RoomView(
            self.app, self.room_id, self.name, self.owner, self.cover, self.created_at,
            self.seat_views(), self.audience_count, len(self.members),
        )  # fmt: skip

    def card(self) -> RoomCard:
        owner = self.members.get(self.owner)
        return RoomCard(
            self.room_id, self.name, self.owner, owner.name if owner else self.owner, self.cover, self.created_at,
            self.audience_count, len(self.members), self.seats.taken, len(self.seats),
        )  # fmt: skip

    def seat_views(self) -> tuple[SeatView, ...]:
        return tuple(self._seat_view(index, user) for index, user in enumerate(self.seats.users))

    def member_view(self, member: Member) -> MemberView:
        return MemberView(
            member.user,
            member.name,
            "owner" if member.user == self.owner else "audience",
            self.seats.of(member.user),
            member.connected,
            member.connection,
        )

    def audience(self, cursor: str, count: int) -> tuple[Sequence[MemberView], str]:
        """Members besides the owner, newest first; `cursor` is what the last page gave, empty at first."""
        before = self._entered + 1 if not cursor else _number(cursor)
        page: list[Member] = []
        more = False
        for member in reversed(self.members.values()):
            if member.number >= before or member.user == self.owner:
                continue
            if len(page) == count:
                more = True
                break
            page.append(member)
        return [self.member_view(member) for member in page], str(page[-1].number) if more else ""

    def _seat_view(self, index: int, user: UserId | None) -> SeatView:
        member = self.members.get(user) if user is not None else None
        if member is None:
            return SeatView(index, None, "", False)
        return SeatView(index, member.user, member.name, member.connected)


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 18:
        raise bad_parameter("The cursor is not one that was given out.")
    return int(cursor)
