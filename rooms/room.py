"""One room: commands in, events out. It brings the subjects together (members.py, seats.py, permissions.py) and holds
no subject of its own: what a battle or a gift is belongs in a file of that name, with a few lines here.

`check` raises what `apply` would raise and changes nothing, so that billing can be asked in between. Whether the
edition allows a thing is not known here.

Pure: commands and `now` (Unix seconds) in, events or refusals out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

from rooms.co_guests import APPLICATION, INVITATION, CoGuests, SeatRequest
from rooms.commands import (
    AddRobot,
    Answer,
    Apply,
    Ban,
    Cancel,
    Command,
    Dismiss,
    Drop,
    Enter,
    Expire,
    Invite,
    Kick,
    KickFromSeat,
    Leave,
    LeaveSeat,
    LockSeat,
    Lose,
    MoveSeat,
    MuteMember,
    RemoveRobot,
    SetAdmin,
    TakeSeat,
    UpdateRoom,
)
from rooms.errors import (
    already_in_room,
    messages_disabled,
    needs_application,
    no_permission,
    no_such_room,
    owner_cannot,
    room_full,
)
from rooms.events import (
    AdminsChanged,
    ConnectionReplaced,
    DismissReason,
    LeaveReason,
    MemberBanned,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberMuted,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomUpdated,
    SeatRequested,
    SeatRequestEnded,
    SeatsChanged,
)
from rooms.ids import AppId, RoomId, UserId
from rooms.members import Member, Members
from rooms.moderation import Moderation
from rooms.permissions import check_above, check_permission
from rooms.requests import Outcome
from rooms.robots import Robots, connection_of
from rooms.room_talk import RoomTalk
from rooms.search import folded
from rooms.seats import Seats
from rooms.views import MemberView, Role, RoomCard, RoomInfo, RoomView, SeatMode, SeatView

__all__ = ["Room"]


@dataclass(slots=True, eq=False)
class Room:
    """State of one room. Its owner is a member, on seat 0, from `open` until it is over."""

    app: AppId
    room_id: RoomId
    info: RoomInfo
    owner: UserId
    created_at: float
    """Unix seconds."""
    seats: Seats
    max_members: int | None = None
    """The owner included; None: no limit of its own."""
    members: Members = field(default_factory=Members)
    moderation: Moderation = field(default_factory=Moderation)
    co_guests: CoGuests = field(default_factory=CoGuests)
    robots: Robots = field(default_factory=Robots)
    talk: RoomTalk = field(init=False)
    over: bool = False
    """Dismissed; every command is refused with 100004 from then on."""

    def __post_init__(self) -> None:
        self.talk = RoomTalk(self.owner)

    # Commands

    def open(self, owner_name: str, connection: str, now: float) -> list[RoomEvent]:
        """Lets the owner in and onto seat 0; once, before any command."""
        owner = self.members.add(self.owner, owner_name, connection)
        self.seats.take(self.owner, 0)
        return [
            RoomCreated(self.app, self.room_id, now, self.card()),
            MemberEntered(self.app, self.room_id, now, self._view(owner), self.audience_count),
        ]

    def check(self, command: Command, now: float) -> None:
        """Raises RoomRefused when `command` cannot be applied now."""
        if self.over:
            raise no_such_room()
        if isinstance(command, Drop | Lose | Expire):
            return  # the server saw it; it is no wish
        if isinstance(command, AddRobot | RemoveRobot):
            self._check_robot(command, now)
            return
        if command.by is not None:  # the server's own wishes need no permission
            check_permission(command, self._role(command.by))
        match command:
            case Enter(by=by):
                self.moderation.check_entry(by, now)
                self._check_room_for(by)
            case Kick(by=by, user=user):
                self.members.get(user)
                self._check_target(by, user, "be kicked")
            case TakeSeat(by=by, index=index, picked=picked):
                if not picked and self._role(by) is Role.AUDIENCE and self.info.seat_mode is SeatMode.APPLY:
                    raise needs_application()
                self.seats.choose(by, index)
            case LeaveSeat(by=by):
                self.seats.check_seated(by)
            case KickFromSeat(by=by, user=user):
                self.members.get(user)
                self._check_target(by, user, "leave its seat")
                self.seats.check_seated(user)
            case LockSeat(by=by, index=index, locked=locked):
                self.seats.check_lock(index, locked)
                occupant = self.seats[index].user
                if locked and occupant is not None:
                    self._check_target(by, occupant, "lose its seat")
            case MoveSeat():
                self._check_move(command)
            case Apply(by=by, index=index):
                self._check_request(APPLICATION, by, self.owner, index)
            case Invite(by=by, user=user, index=index):
                self.members.get(user)
                self._check_request(INVITATION, by, user, index)
            case Answer(by=by, request_id=request_id, accept=accept):
                request = self.co_guests.check_answer(request_id, by, self._is_host(by), now)
                if accept:
                    self.seats.choose(request.guest, request.index)
            case Cancel(by=by, request_id=request_id):
                self.co_guests.check_cancel(request_id, by, self._is_host(by), now)
            case SetAdmin(user=user, admin=admin):
                self._check_admin(user, admin)
            case MuteMember(by=by, user=user, seconds=seconds) | Ban(by=by, user=user, seconds=seconds):
                self._check_target(by, user, "be silenced or banned")
                if seconds:
                    self.moderation.check_listing(now)

    def apply(self, command: Command, now: float) -> list[RoomEvent]:
        """Changes the room, and says what happened, in order. Raises RoomRefused and then has changed nothing."""
        self.check(command, now)
        held = len(self.robots) > 0
        events = self._carry_out(command, now)
        return events + self._end_if_deserted(now) if held else events

    # Steps

    def _carry_out(self, command: Command, now: float) -> list[RoomEvent]:
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
                return [*self._end_requests(user, now, gone=False), self._seats_changed(now)]
            case LeaveSeat(by=user) | KickFromSeat(user=user):
                self.seats.free(user)
                return [self._seats_changed(now)]
            case LockSeat(index=index, locked=locked, audio=audio, video=video):
                self.seats.lock(index, locked=locked, audio=audio, video=video)
                return [self._seats_changed(now)]
            case MoveSeat(user=user, index=index, policy=policy):
                self.seats.move(user, index, policy)
                return [self._seats_changed(now)]
            case Apply(by=by, index=index, timeout_s=timeout_s, extra=extra):
                return self._request(APPLICATION, by, self.owner, index, timeout_s, extra, now)
            case Invite(by=by, user=user, index=index, timeout_s=timeout_s, extra=extra):
                return self._request(INVITATION, by, user, index, timeout_s, extra, now)
            case Answer():
                return self._answer(command, now)
            case Cancel(by=by, request_id=request_id):
                request = self.co_guests.take(request_id)
                return [self._request_ended(request, Outcome.CANCELLED, by, now)]
            case Expire():
                late = self.co_guests.due(now)
                return [self._request_ended(request, Outcome.TIMEOUT, None, now) for request in late]
            case SetAdmin(by=by, user=user, admin=admin):
                self.moderation.set_admin(user, admin)
                return [AdminsChanged(self.app, self.room_id, now, self.moderation.admins, user, by)]
            case MuteMember(by=by, user=user, seconds=seconds):
                self.moderation.mute(user, now + seconds, now)
                return [MemberMuted(self.app, self.room_id, now, user, now + seconds, by)]
            case Ban(by=by, user=user, seconds=seconds):
                return self._ban(by, user, now + seconds, now)
            case UpdateRoom():
                return self._update(command, now)
            case AddRobot(user=user, name=name):
                return self._add_robot(user, name, now)
            case RemoveRobot(user=user):
                return self._remove(user, LeaveReason.KICKED, now)
            case Drop():
                return self._drop(command, now)
            case Lose():
                return self._lose(command, now)

    def _check_robot(self, command: AddRobot | RemoveRobot, now: float) -> None:
        user = command.user
        if isinstance(command, RemoveRobot):
            self.robots.check_remove(user)
        elif user not in self.robots:
            if user in self.members:
                raise already_in_room(self.room_id)  # by itself
            self.moderation.check_entry(user, now)
            self._check_room_for(user)
            self.robots.check_add()

    def _check_room_for(self, user: UserId) -> None:
        """A member that enters again takes no place."""
        if self.max_members is not None and user not in self.members and len(self.members) >= self.max_members:
            raise room_full(self.max_members)

    def _check_target(self, by: UserId | None, user: UserId, what: str) -> None:
        """Nobody acts against the owner, and admins not against each other."""
        if user == self.owner:
            raise owner_cannot(what)
        if by is not None:
            check_above(self._role_of(by), self._role_of(user))

    def _check_move(self, move: MoveSeat) -> None:
        if move.by is not None and move.by != move.user:
            self._check_target(move.by, move.user, "be moved from its seat")
        elif move.by and self._role_of(move.user) is Role.AUDIENCE and self.info.seat_mode is SeatMode.APPLY:
            raise needs_application()
        self.seats.check_move(move.user, move.index, move.policy)
        there = self.seats[move.index].user
        if there not in (None, move.user) and move.by is not None and self._role_of(move.by) is Role.AUDIENCE:
            raise no_permission()  # to make somebody stand up, or sit elsewhere, takes a host

    def _check_request(self, kind: str, by: UserId, to: UserId, index: int | None) -> None:
        guest = by if kind == APPLICATION else to
        if index is not None or self.seats.of(guest) is not None:
            self.seats.choose(guest, index)
        self.co_guests.check_request(kind, by, to)

    @property
    def hosts(self) -> tuple[UserId, ...]:
        """The owner and its admins."""
        return self.owner, *self.moderation.admins

    def _is_host(self, user: UserId) -> bool:
        return self._role_of(user) is not Role.AUDIENCE

    def _check_admin(self, user: UserId, admin: bool) -> None:
        if user == self.owner:
            raise owner_cannot("be an admin")
        if admin:
            self.members.get(user)
            self.moderation.check_admin(user)

    def check_voice(self, user: UserId, now: float) -> None:
        """Raises 100004, 100005, 100017 unless `user` may write here."""
        if self.over:
            raise no_such_room()
        self.members.get(user)
        self.moderation.check_voice(user, now)
        if self.info.message_disabled and self._role_of(user) is Role.AUDIENCE:
            raise messages_disabled()

    def _enter(self, user: UserId, name: str, connection: str, now: float) -> list[RoomEvent]:
        member = self.members.find(user)
        if member is not None:
            return self._resume(member, name, connection, now)
        view = self._view(self.members.add(user, name, connection))
        self.talk.figures.note_entered(user, self.audience_count)
        return [MemberEntered(self.app, self.room_id, now, view, self.audience_count)]

    def _add_robot(self, user: UserId, name: str, now: float) -> list[RoomEvent]:
        if user in self.robots:
            return []
        self.robots.add(user)
        return self._enter(user, name, connection_of(user), now)

    def _resume(self, member: Member, name: str, connection: str, now: float) -> list[RoomEvent]:
        old, dropped = member.connection, not member.connected
        member.call(name)
        member.connection, member.grace_until = connection, None
        if dropped:
            return [MemberReturned(self.app, self.room_id, now, member.user, connection)]
        if old != connection:
            return [ConnectionReplaced(self.app, self.room_id, now, member.user, old, connection)]
        return []

    def _remove(self, user: UserId, reason: LeaveReason, now: float) -> list[RoomEvent]:
        ended = self._end_requests(user, now, gone=True)
        self.members.remove(user)
        self.robots.discard(user)
        seat = self.seats.free(user)
        left = MemberLeft(self.app, self.room_id, now, user, reason, self.audience_count, seat)
        return [*ended, left] if seat is None else [*ended, left, self._seats_changed(now)]

    def _request(
        self, kind: str, by: UserId, to: UserId, index: int | None, timeout_s: float, extra: str, now: float
    ) -> list[RoomEvent]:
        request = self.co_guests.add(kind, by, to, index=index, timeout_s=timeout_s, extra=extra, now=now)
        return [SeatRequested(self.app, self.room_id, now, request, self.hosts)]

    def _answer(self, answer: Answer, now: float) -> list[RoomEvent]:
        request = self.co_guests.take(answer.request_id)
        if not answer.accept:
            return [self._request_ended(request, Outcome.REJECTED, answer.by, now)]
        self.seats.take(request.guest, request.index)
        accepted = self._request_ended(request, Outcome.ACCEPTED, answer.by, now)
        return [accepted, *self._end_requests(request.guest, now, gone=False), self._seats_changed(now)]

    def _end_requests(self, user: UserId, now: float, *, gone: bool) -> list[SeatRequestEnded]:
        """`user` sits by now, or is `gone`: what it asked for, or was asked, is pointless."""
        events = []
        for request in self.co_guests.of(user):
            if request.guest == user or (gone and request.by == user):
                outcome = Outcome.CANCELLED if gone and request.by == user else Outcome.ERROR
                self.co_guests.take(request.request_id)
                events.append(self._request_ended(request, outcome, None, now))
        return events

    def _request_ended(self, request: SeatRequest, outcome: Outcome, by: UserId | None, now: float) -> SeatRequestEnded:
        return SeatRequestEnded(self.app, self.room_id, now, request, self.hosts, outcome, by)

    def check_host(self, user: UserId | None) -> None:
        """Raises 100004, 100005, 100006 unless `user` is a host here, or None: the server."""
        if self.over:
            raise no_such_room()
        if user is not None:
            self.members.get(user)
            if not self._is_host(user):
                raise no_permission()

    def _ban(self, by: UserId | None, user: UserId, until: float, now: float) -> list[RoomEvent]:
        self.moderation.ban(user, until, now)
        if until > now:
            self.moderation.set_admin(user, False)
        left = self._remove(user, LeaveReason.BANNED, now) if until > now and user in self.members else []
        return [*left, MemberBanned(self.app, self.room_id, now, user, until, by)]

    def _update(self, update: UpdateRoom, now: float) -> list[RoomEvent]:
        names = (field.name for field in fields(self.info))
        changed = {name: value for name in names if (value := getattr(update, name)) is not None}
        info = replace(self.info, **changed)
        if info == self.info:
            return []
        self.info = info
        return [RoomUpdated(self.app, self.room_id, now, info, update.by)]

    def _dismiss(self, reason: DismissReason, now: float) -> list[RoomEvent]:
        users = tuple(member.user for member in self.members)
        last = self.view()
        ended = [
            self._request_ended(self.co_guests.take(request.request_id), Outcome.ERROR, None, now)
            for request in self.co_guests.all()
        ]
        self.over = True
        self.members.clear()
        self.seats = Seats(len(self.seats))
        self.robots = Robots()
        return [*ended, RoomDismissed(self.app, self.room_id, now, reason, users, last, self.talk.figures.statistic())]

    def _drop(self, drop: Drop, now: float) -> list[RoomEvent]:
        member = self.members.find(drop.user)
        if member is None or not member.connected or member.connection != drop.connection:
            return []  # it left, or is here by another connection
        if drop.user in self.robots:
            return self._resume(member, member.name, connection_of(drop.user), now)
        member.grace_until = drop.grace_until
        return [MemberDropped(self.app, self.room_id, now, drop.user)]

    def _lose(self, lose: Lose, now: float) -> list[RoomEvent]:
        member = self.members.find(lose.user)
        if member is None or member.grace_until != lose.grace_until:
            return []  # it left, or came back; a later grace time has an end of its own
        if lose.user == self.owner:
            return [] if len(self.robots) else self._dismiss(DismissReason.OWNER_LOST, now)
        return self._remove(lose.user, LeaveReason.LOST, now)

    def _end_if_deserted(self, now: float) -> list[RoomEvent]:
        """The last robot is gone, and the room has waited for its owner long enough: nothing holds it any more."""
        if self.over or len(self.robots):
            return []
        until = self.members.get(self.owner).grace_until
        return self._dismiss(DismissReason.OWNER_LOST, now) if until is not None and until <= now else []

    # Views

    @property
    def audience_count(self) -> int:
        """Members besides the owner."""
        return len(self.members) - (self.owner in self.members)

    def view(self) -> RoomView:
        return RoomView(
            self.app, self.room_id, self.owner, self.created_at, tuple(self._seat_views()), self.audience_count,
            len(self.members), self.info, self.moderation.admins, self.max_members,
        )  # fmt: skip

    def card(self) -> RoomCard:
        owner = self.members.get(self.owner)
        return RoomCard(
            self.room_id, self.info.name, self.owner, owner.name, self.info.cover, self.created_at,
            self.audience_count, len(self.members), self.seats.taken, len(self.seats), self.info.category,
        )  # fmt: skip

    def member(self, user: UserId) -> MemberView:
        """Raises 100005 when `user` is not a member."""
        return self._view(self.members.get(user))

    def requests_for(self, user: UserId) -> tuple[SeatRequest, ...]:
        """The pending requests for seats that `user` may know. Raises 100005."""
        self.members.get(user)
        return self.co_guests.all() if self._is_host(user) else self.co_guests.of(user)

    def audience(self, cursor: str, count: int) -> tuple[list[MemberView], str]:
        """Members besides the owner, newest first, and the cursor of the next page."""
        page, following = self.members.page(cursor, count, but=self.owner)
        return [self._view(member) for member in page], following

    def search(self, needle: str, cursor: str, count: int) -> tuple[list[MemberView], str]:
        """Members, the owner included, whose name or id has `needle` in it; see `Members.search`."""
        page, following = self.members.search(needle, cursor, count)
        return [self._view(member) for member in page], following

    def is_found(self, needle: str) -> bool:
        """Whether the room's name or id, or its owner's, has `needle` in it."""
        return needle in folded(self.info.name, self.room_id, self.members.get(self.owner).name, self.owner)

    def _role(self, user: UserId) -> Role | None:
        return self._role_of(user) if user in self.members else None

    def _role_of(self, user: UserId) -> Role:
        """What `user` is here, or would be."""
        if user == self.owner:
            return Role.OWNER
        return Role.ADMIN if self.moderation.is_admin(user) else Role.AUDIENCE

    def _view(self, member: Member) -> MemberView:
        role, seat = self._role_of(member.user), self.seats.of(member.user)
        return MemberView(member.user, member.name, role, seat, member.connected, member.connection)

    def _seat_views(self) -> Iterator[SeatView]:
        for index, user in enumerate(self.seats.users):
            seat, member = self.seats[index], self.members.find(user) if user is not None else None
            locks = (seat.locked, seat.audio_locked, seat.video_locked)
            if member is None:
                yield SeatView(index, None, "", False, *locks)
            else:
                yield SeatView(index, member.user, member.name, member.connected, *locks)

    def _seats_changed(self, now: float) -> SeatsChanged:
        return SeatsChanged(self.app, self.room_id, now, tuple(self._seat_views()))
