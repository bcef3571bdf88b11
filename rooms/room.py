"""One room: commands in, events out. It brings the subjects together (members.py, seats.py, permissions.py) and holds
no subject of its own: what a battle or a gift is belongs in a file of that name, with a few lines here.

`check` raises what `apply` would raise and changes nothing, so that billing can be asked in between. Whether the
edition allows a thing is not known here.

Pure: commands and `now` (Unix seconds) in, events or refusals out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rooms.commands import (
    Command,
    Dismiss,
    Drop,
    Enter,
    Kick,
    KickFromSeat,
    Leave,
    LeaveSeat,
    Lose,
    TakeSeat,
)
from rooms.errors import no_such_room, owner_cannot, room_full
from rooms.events import (
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    SeatsChanged,
)
from rooms.ids import AppId, RoomId, UserId
from rooms.members import Member, Members
from rooms.permissions import check_permission
from rooms.seats import Seats
from rooms.views import MemberView, Role, RoomCard, RoomView, SeatView

__all__ = ["Room"]


@dataclass(slots=True, eq=False)
class Room:
    """State of one room. Its owner is a member, on seat 0, from `open` until it is over."""

    app: AppId
    room_id: RoomId
    name: str
    owner: UserId
    cover: str
    created_at: float
    """Unix seconds."""
    seats: Seats
    max_members: int | None = None
    """The owner included; None: no limit of its own."""
    members: Members = field(default_factory=Members)
    over: bool = False
    """Dismissed; every command is refused with 100004 from then on."""

    # Commands

    def open(self, owner_name: str, connection: str, now: float) -> list[RoomEvent]:
        """Lets the owner in and onto seat 0; once, before any command."""
        owner = self.members.add(self.owner, owner_name, connection)
        self.seats.take(self.owner, 0)
        return [
            RoomCreated(self.app, self.room_id, now, self.card()),
            MemberEntered(self.app, self.room_id, now, self._view(owner), self.audience_count),
        ]

    def check(self, command: Command) -> None:
        """Raises RoomRefused when `command` cannot be applied now."""
        if self.over:
            raise no_such_room()
        if isinstance(command, Drop | Lose) or command.by is None:
            return  # the server's own wishes need no permission
        check_permission(command, self._role(command.by))
        match command:
            case Enter(by=by):
                self._check_room_for(by)
            case Kick(user=user):
                self._check_target(user, "be kicked")
            case TakeSeat(by=by, index=index):
                self.seats.choose(by, index)
            case LeaveSeat(by=by):
                self.seats.check_seated(by)
            case KickFromSeat(user=user):
                self._check_target(user, "leave its seat")
                self.seats.check_seated(user)

    def apply(self, command: Command, now: float) -> list[RoomEvent]:
        """Changes the room, and says what happened, in order. Raises RoomRefused and then has changed nothing."""
        self.check(command)
        match command:
            case Enter(by=user, name=name, connection=connection):
                return self._enter(user, name, connection, now)
            case Leave(by=user) if user == self.owner:
                return self._dismiss(DismissReason.BY_OWNER, now)
            case Leave(by=user):
                return self._remove(user, LeaveReason.LEFT, now)
            case Dismiss(reason=reason):
                return self._dismiss(reason, now)
            case Kick(user=user):
                return self._remove(user, LeaveReason.KICKED, now)
            case TakeSeat(by=user, index=index):
                self.seats.take(user, index)
                return [self._seats_changed(now)]
            case LeaveSeat(by=user) | KickFromSeat(user=user):
                self.seats.free(user)
                return [self._seats_changed(now)]
            case Drop():
                return self._drop(command, now)
            case Lose():
                return self._lose(command, now)

    # Steps

    def _check_room_for(self, user: UserId) -> None:
        """A member that enters again takes no place."""
        if self.max_members is not None and user not in self.members and len(self.members) >= self.max_members:
            raise room_full(self.max_members)

    def _check_target(self, user: UserId, what: str) -> None:
        self.members.get(user)
        if user == self.owner:
            raise owner_cannot(what)

    def _enter(self, user: UserId, name: str, connection: str, now: float) -> list[RoomEvent]:
        member = self.members.find(user)
        if member is not None:
            return self._resume(member, name, connection, now)
        view = self._view(self.members.add(user, name, connection))
        return [MemberEntered(self.app, self.room_id, now, view, self.audience_count)]

    def _resume(self, member: Member, name: str, connection: str, now: float) -> list[RoomEvent]:
        old, dropped = member.connection, not member.connected
        member.name, member.connection, member.grace_until = name, connection, None
        if dropped:
            return [MemberReturned(self.app, self.room_id, now, member.user, connection)]
        if old != connection:
            return [ConnectionReplaced(self.app, self.room_id, now, member.user, old, connection)]
        return []

    def _remove(self, user: UserId, reason: LeaveReason, now: float) -> list[RoomEvent]:
        self.members.remove(user)
        seat = self.seats.free(user)
        left = MemberLeft(self.app, self.room_id, now, user, reason, self.audience_count, seat)
        return [left] if seat is None else [left, self._seats_changed(now)]

    def _dismiss(self, reason: DismissReason, now: float) -> list[RoomEvent]:
        users = tuple(member.user for member in self.members)
        self.over = True
        self.members.clear()
        self.seats = Seats(len(self.seats))
        return [RoomDismissed(self.app, self.room_id, now, reason, users)]

    def _drop(self, drop: Drop, now: float) -> list[RoomEvent]:
        member = self.members.find(drop.user)
        if member is None or not member.connected or member.connection != drop.connection:
            return []  # it left, or is here by another connection
        member.grace_until = drop.grace_until
        return [MemberDropped(self.app, self.room_id, now, drop.user)]

    def _lose(self, lose: Lose, now: float) -> list[RoomEvent]:
        member = self.members.find(lose.user)
        if member is None or member.grace_until != lose.grace_until:
            return []  # it left, or came back; a later grace time has an end of its own
        if lose.user == self.owner:
            return self._dismiss(DismissReason.OWNER_LOST, now)
        return self._remove(lose.user, LeaveReason.LOST, now)

    # Views

    @property
    def audience_count(self) -> int:
        """Members besides the owner."""
        return len(self.members) - (self.owner in self.members)

    def view(self) -> RoomView:
        return RoomView(
            self.app, self.room_id, self.name, self.owner, self.cover, self.created_at,
            tuple(self._seat_views()), self.audience_count, len(self.members),
        )  # fmt: skip

    def card(self) -> RoomCard:
        owner = self.members.get(self.owner)
        return RoomCard(
            self.room_id, self.name, self.owner, owner.name, self.cover, self.created_at,
            self.audience_count, len(self.members), self.seats.taken, len(self.seats),
        )  # fmt: skip

    def member(self, user: UserId) -> MemberView:
        """Raises 100005 when `user` is not a member."""
        return self._view(self.members.get(user))

    def audience(self, cursor: str, count: int) -> tuple[list[MemberView], str]:
        """Members besides the owner, newest first, and the cursor of the next page."""
        page, following = self.members.page(cursor, count, but=self.owner)
        return [self._view(member) for member in page], following

    def _role(self, user: UserId) -> Role | None:
        if user not in self.members:
            return None
        return Role.OWNER if user == self.owner else Role.AUDIENCE

    def _view(self, member: Member) -> MemberView:
        role = Role.OWNER if member.user == self.owner else Role.AUDIENCE
        return MemberView(
            member.user, member.name, role, self.seats.of(member.user), member.connected, member.connection
        )

    def _seat_views(self) -> Iterator[SeatView]:
        for index, user in enumerate(self.seats.users):
            member = self.members.find(user) if user is not None else None
            if member is None:
                yield SeatView(index, None, "", False)
            else:
                yield SeatView(index, member.user, member.name, member.connected)

    def _seats_changed(self, now: float) -> SeatsChanged:
        return SeatsChanged(self.app, self.room_id, now, tuple(self._seat_views()))
