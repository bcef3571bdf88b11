"""All rooms of a node: who is where, and the order in which things happen.

    Ask     billing is asked and reserves: what may be refused, is refused here
    Change  the room changes (`Room.apply`); it cannot refuse any more, because it was checked before the asking
    Book    new leases are noted with their room, ended ones are struck out
    Tell    the listener hears the events
    and what was struck out goes back to billing last: a slow store delays nobody's farewell.

From Change to Tell nothing is awaited. All of it happens under the room's lock, the giving back included: billing
renews the running lease of a holder that asks again, so a lease given back late would take the place of somebody who
came back early. For the same reason the id of a room that ends is free again only when all of its leases are back
(leases.py has the rest). A refusal, and a caller that is cancelled, leave nothing behind.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from billing.interface import Entitlements, Feature, Gauge, Lease
from rooms.alliances import AllianceEvent, Alliances
from rooms.co_guests import SeatRequest
from rooms.commands import (
    AddRobot,
    Answer,
    Apply,
    Ban,
    Cancel,
    Command,
    Create,
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
from rooms.errors import RoomRefused, already_in_room, no_such_account, no_such_room, room_exists, seats_limit, stopping
from rooms.events import DismissReason, MemberDropped, MemberLeft, RoomDismissed, RoomEvent, SeatRequested, SeatsChanged
from rooms.finding import Finding
from rooms.gift_catalogues import GiftCatalogues, GiftStore
from rooms.graces import Grace, Graces
from rooms.ids import AppId, RoomId, UserId, number_fault, refuse_faults, room_id_fault
from rooms.leases import Book, Leases, Unit, to_the_end
from rooms.listing import page_of_rooms
from rooms.profiles import ProfileStore
from rooms.room import Room
from rooms.seats import MAX_SEATS, MovePolicy, Seats
from rooms.talk import GiftGate, MessageGate, Talk
from rooms.views import MemberView, RoomCard, RoomInfo, RoomView, SeatMode, SeatView

__all__ = ["RoomStore", "Rooms", "RoomTimes"]

Key = tuple[AppId, RoomId]
NOTHING: Mapping[Unit, Lease] = {}


@dataclass(frozen=True, slots=True)
class RoomTimes:
    """How long things may take, in seconds."""

    member_grace_s: float = 30.0
    """How long a member whose connection was lost keeps its place."""
    owner_grace_s: float = 90.0
    """How long a room waits for its owner: as long as TRTC keeps a dropped user (research/tencent.md 5.5)."""
    renew_every_s: float = 10.0
    """How often leases are renewed. They live 30 s, so two renewals may fail."""
    punishment_s: float = 5.0
    """How long a decided battle is shown: as in the public demos (research/tencent.md 5.5)."""


@dataclass(slots=True, eq=False)
class _Home:
    """A room with its leases, and with its lock, which the book has."""

    room: Room
    book: Book


class RoomStore(ProfileStore, GiftStore, Protocol):
    """What rooms keep beyond the process."""


class Rooms:
    """The rooms of a node. Every wish is a method; one that raises RoomRefused or Refused has done nothing."""

    def __init__(
        self,
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
        store: RoomStore,
        listener: Callable[[RoomEvent], None],
        alliance_listener: Callable[[AllianceEvent], None] | None = None,
        limits: RoomTimes = RoomTimes(),
        gift_gate: GiftGate | None = None,
        message_gate: MessageGate | None = None,
    ) -> None:
        """`clock` gives Unix seconds; `store` has what outlives the node. `listener` hears what happens in a room,
        under its lock, and `alliance_listener` what happens between rooms: they must not block, and not fail.
        `gift_gate` is asked before a gift is given, `message_gate` before a member's message is said."""
        self._entitlements = entitlements
        self._store = store
        self._leases = Leases(entitlements)
        self._clock = clock
        self._listener = listener
        self._limits = limits
        # Who is where
        self._homes: dict[AppId, dict[RoomId, _Home]] = {}
        self._where: dict[tuple[AppId, UserId], RoomId] = {}
        self._reserved: dict[Key, asyncio.Lock] = {}  # ids of rooms that are just beginning or ending
        # What comes later
        self._graces = Graces()
        self._renew_at = clock() + limits.renew_every_s
        self._stopping = False
        self.alliances = Alliances(
            lambda app, room_id: self._find(app, room_id).room, entitlements,
            clock=clock, listener=alliance_listener or _nobody_hears, punishment_s=limits.punishment_s,
        )  # fmt: skip
        self.finding = Finding(
            self._rooms_of, lambda app, room_id: self._find(app, room_id).room, entitlements, clock=clock
        )
        self.gifts = GiftCatalogues(store)
        self.talk = Talk(
            lambda app, room_id: self._find(app, room_id).room, entitlements, self.gifts,
            clock=clock, listener=lambda event: self._listener(event), gift_gate=gift_gate or _nobody_asks,
            message_gate=message_gate or _nobody_listens, given=self.alliances.note_gift,
        )  # fmt: skip

    # Rooms

    async def create(
        self,
        app: AppId,
        user: UserId,
        *,
        name: str,
        connection: str,
        room_id: str | None = None,
        room_name: str | None = None,
        seats: int | None = None,
        cover: str | None = None,
        max_members: int | None = None,
        seat_mode: SeatMode = SeatMode.FREE,
    ) -> RoomView:
        """Makes a room; its owner is in it, on seat 0.

        The number of `seats` is the edition's when it is not given; `max_members` is the room's own limit. Raises
        100002, 100003, -2108, 100013 when there are more seats than the edition has, and what billing says.
        """
        wish = Create(user, name, connection, room_id, room_name, seats, cover, max_members, seat_mode)
        identifier = RoomId(room_id or f"room_{secrets.token_hex(6)}")
        key = (app, identifier)
        if self._stopping:
            raise stopping()
        if identifier in self._homes.get(app, {}) or key in self._reserved:
            raise room_exists()
        self._check_free(app, user, identifier)
        lock = self._reserved[key] = asyncio.Lock()
        self._where[app, user] = identifier
        try:
            async with lock:
                return await self._open(app, identifier, wish, lock)
        except BaseException:
            if identifier not in self._homes.get(app, {}):
                del self._where[app, user]
            raise
        finally:
            del self._reserved[key]

    async def dismiss(self, app: AppId, room_id: str, by: UserId | None, reason: DismissReason | None = None) -> None:
        """Ends the room: by its owner, or by the server when `by` is None. Raises 100004, 100005, 100006."""
        default = DismissReason.BY_SERVER if by is None else DismissReason.BY_OWNER
        async with self._home(app, room_id) as home:
            await self._give_up(home, Dismiss(by, reason or default))

    async def update(self, app: AppId, room_id: str, update: UpdateRoom) -> RoomInfo:
        """Says something else of the room, or changes its rules. Raises 100004, 100005, 100006."""
        async with self._home(app, room_id) as home:
            self._change(home, update)
            return home.room.info

    # Members

    async def enter(self, app: AppId, user: UserId, *, name: str, connection: str, room_id: str) -> RoomView:
        """Makes `user` a member, or resumes its stay by this connection when it is one: no new lease, the seat kept.

        Raises 100002, 100004, 100008, -2108, and billing's 101011.
        """
        refuse_faults(room_id_fault(room_id))
        return await self._join(app, room_id, user, Enter(user, name, connection))

    async def leave(self, app: AppId, room_id: str, user: UserId) -> None:
        """Ends the membership; the owner's leaving dismisses the room. Raises 100004, 100005."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, Leave(user))

    async def kick(self, app: AppId, room_id: str, by: UserId | None, user: UserId) -> None:
        """Puts `user` out; owner and admins may, and the server when `by` is None. Raises 100004, 100005, 100006."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, Kick(by, user))

    async def disconnected(self, app: AppId, room_id: str, user: UserId, connection: str) -> None:
        """A connection was lost: the grace time begins, unless the member is here by another one by now.

        Never refused, and done even when the caller is cancelled: nobody else would ever say that it was lost.
        """
        await to_the_end(asyncio.ensure_future(self._drop(app, room_id, user, connection)))

    # Robots

    async def add_robot(self, app: AppId, room_id: str, user: UserId) -> None:
        """Makes an account of the app a member that needs no connection, and counts among the audience; harmless when
        it is one already.

        Raises 100002 for no account, or more than three; 100004, 100008, 100016, -2108, and billing's 101011.
        """
        profile = (await self._store.profiles(app, [user])).get(user)
        if profile is None:
            raise no_such_account(user)
        await self._join(app, room_id, user, AddRobot(user, profile.name or str(user)))

    async def remove_robot(self, app: AppId, room_id: str, user: UserId) -> None:
        """Takes a robot out of the room. Raises 100004, 100005."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, RemoveRobot(user))

    def robots(self, app: AppId, room_id: str) -> tuple[UserId, ...]:
        """In the order in which they were added. Raises 100004."""
        return tuple(self._find(app, room_id).room.robots)

    # Moderation

    async def set_admin(
        self, app: AppId, room_id: str, by: UserId | None, user: UserId, admin: bool
    ) -> tuple[UserId, ...]:
        """Makes a member an admin, or ends that; all admins afterwards. Raises 100004, 100005, 100006, 100020."""
        async with self._home(app, room_id) as home:
            self._change(home, SetAdmin(by, user, admin))
            return home.room.moderation.admins

    async def mute(self, app: AppId, room_id: str, by: UserId | None, user: UserId, seconds: int) -> None:
        """Lets `user` write nothing for so long; 0 lifts it. Raises 100002, 100004, 100005, 100006."""
        async with self._home(app, room_id) as home:
            self._change(home, MuteMember(by, user, seconds))

    async def ban(self, app: AppId, room_id: str, by: UserId | None, user: UserId, seconds: int) -> None:
        """Puts `user` out and keeps it out for so long; 0 lifts it. Raises 100002, 100004, 100005, 100006."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, Ban(by, user, seconds))

    def muted(self, app: AppId, room_id: str) -> Mapping[UserId, float]:
        """Who may not write, and until when (Unix seconds). Raises 100004."""
        return self._find(app, room_id).room.moderation.muted(self._clock())

    def banned(self, app: AppId, room_id: str) -> Mapping[UserId, float]:
        """Who may not be here, and until when (Unix seconds). Raises 100004."""
        return self._find(app, room_id).room.moderation.banned(self._clock())

    # Seats

    async def take_seat(self, app: AppId, room_id: str, user: UserId, index: int | None) -> tuple[SeatView, ...]:
        """Seats `user` on `index`, or on the first free seat; all seats afterwards.

        Raises 100002, 100004, 100005, 100201, 100203, 100205, and billing's 100007 and limit of seats.
        """
        command = TakeSeat(user, index)
        async with self._home(app, room_id) as home:
            home.room.check(command, self._clock())
            await self._entitlements.require(app, Feature.CO_GUEST)
            taken = await self._leases.ask(home.book, (Gauge.SEATS, user))
            self._change(home, command, taken)
            return home.room.view().seats

    async def pick_for_seat(self, app: AppId, room_id: str, user: UserId, index: int | None) -> tuple[SeatView, ...]:
        """Seats a member at the server's wish, where it would have to apply, too; raises what `take_seat` raises."""
        command = TakeSeat(user, index, picked=True)
        async with self._home(app, room_id) as home:
            home.room.check(command, self._clock())
            await self._entitlements.require(app, Feature.CO_GUEST)
            taken = await self._leases.ask(home.book, (Gauge.SEATS, user))
            self._change(home, command, taken)
            return home.room.view().seats

    async def leave_seat(self, app: AppId, room_id: str, user: UserId) -> tuple[SeatView, ...]:
        """Makes `user` stand up; all seats afterwards. Raises 100004, 100005, 100206, and 100006 for the owner."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, LeaveSeat(user))
            return home.room.view().seats

    async def kick_from_seat(self, app: AppId, room_id: str, by: UserId | None, user: UserId) -> tuple[SeatView, ...]:
        """Makes `user` stand up; owner and admins may. All seats afterwards. Raises 100004, 100005, 100006, 100206."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, KickFromSeat(by, user))
            return home.room.view().seats

    async def lock_seat(
        self, app: AppId, room_id: str, by: UserId | None, index: int, *, locked: bool, audio: bool, video: bool
    ) -> tuple[SeatView, ...]:
        """Sets what may not happen on a seat; all seats afterwards. Raises 100002, 100004, 100005, 100006."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, LockSeat(by, index, locked, audio, video))
            return home.room.view().seats

    async def move_seat(
        self, app: AppId, room_id: str, by: UserId | None, user: UserId, index: int, policy: MovePolicy
    ) -> tuple[SeatView, ...]:
        """Seats who sits elsewhere; all seats afterwards.

        Raises 100002, 100004, 100005, 100006, 100200, 100201, 100206."""
        async with self._home(app, room_id) as home:
            await self._give_up(home, MoveSeat(by, user, index, policy))
            return home.room.view().seats

    # Requests for seats

    async def apply(
        self, app: AppId, room_id: str, user: UserId, *, index: int | None, timeout_s: float, extra: str
    ) -> SeatRequest:
        """Asks the hosts for a seat; `timeout_s` 0 means no timeout. What was asked.

        Raises 100002, 100004, 100005, 100006, 100012, 100102, 100200 to 100205, and billing's 100007."""
        return await self._request(app, room_id, Apply(user, index, timeout_s, extra))

    async def invite(
        self, app: AppId, room_id: str, by: UserId, user: UserId, *, index: int | None, timeout_s: float, extra: str
    ) -> SeatRequest:
        """Asks a member to sit down; the rest is as with `apply`."""
        return await self._request(app, room_id, Invite(by, user, index, timeout_s, extra))

    async def answer(self, app: AppId, room_id: str, by: UserId, request_id: str, accept: bool) -> None:
        """Answers an application or an invitation; who is accepted sits down. What is refused stays pending.

        Raises 100004, 100005, 100006, -2311, 100200, 100201, 100205, and billing's limit of seats."""
        command = Answer(by, request_id, accept)
        async with self._home(app, room_id) as home:
            now = self._clock()  # for both: meanwhile the request may time out
            home.room.check(command, now)
            taken = NOTHING
            if accept:
                guest = home.room.co_guests.find(request_id, now).guest
                taken = await self._leases.ask(home.book, (Gauge.SEATS, guest))
            self._change(home, command, taken, now)

    async def cancel(self, app: AppId, room_id: str, by: UserId, request_id: str) -> None:
        """Takes an application or invitation back. Raises 100004, 100005, 100006, -2311."""
        async with self._home(app, room_id) as home:
            self._change(home, Cancel(by, request_id))

    def requests(self, app: AppId, room_id: str, user: UserId) -> Sequence[SeatRequest]:
        """The pending ones that `user` may know: all for hosts, otherwise its own. Raises 100004, 100005."""
        return self._find(app, room_id).room.requests_for(user)

    # Looking

    def room(self, app: AppId, room_id: str) -> RoomView:
        """Raises 100004."""
        return self._find(app, room_id).room.view()

    def check_preview(self, app: AppId, room_id: str, user: UserId) -> None:
        """Whether `user` may look into a room without entering it. Raises 100004 unless the room is there and on the
        lists, 100016 while `user` is banned from it."""
        room = self._find(app, room_id).room
        if not room.info.is_public:
            raise no_such_room()
        room.moderation.check_entry(user, self._clock())

    def card(self, app: AppId, room_id: str) -> RoomCard:
        """The room as lists show it. Raises 100004."""
        return self._find(app, room_id).room.card()

    def hosts(self, app: AppId, room_id: str) -> tuple[UserId, ...]:
        """The owner and its admins; nobody when the room is over."""
        home = self._homes.get(app, {}).get(RoomId(room_id))
        return () if home is None else home.room.hosts

    def member(self, app: AppId, room_id: str, user: UserId) -> MemberView:
        """Raises 100004, 100005."""
        return self._find(app, room_id).room.member(user)

    def rooms_of(
        self,
        app: AppId,
        *,
        cursor: str = "",
        count: int = 20,
        category: int | None = None,
        owners: Collection[UserId] | None = None,
    ) -> tuple[list[RoomCard], str]:
        """The app's rooms by audience, largest first, then oldest; and the cursor of the next page, empty at the end.
        Of one category, and of some owners only, where these are named.

        Raises 100002 for a cursor that was not given out, and for a count below one.
        """
        refuse_faults(number_fault("The count", count))
        wanted = (
            room
            for room in self._rooms_of(app)
            if (category is None or category in room.info.category) and (owners is None or room.owner in owners)
        )
        return page_of_rooms(wanted, cursor, count)

    def owners(self, app: AppId) -> set[UserId]:
        """The owners of the app's rooms that are public."""
        return {room.owner for room in self._rooms_of(app) if room.info.is_public}

    def owned_by(self, app: AppId, user: UserId) -> RoomCard | None:
        """The room that `user` owns, if it is public."""
        home = self._homes.get(app, {}).get(self._where.get((app, user), RoomId("")))
        if home is None or home.room.owner != user or not home.room.info.is_public:
            return None
        return home.room.card()

    def audience(self, app: AppId, room_id: str, *, cursor: str = "", count: int = 50) -> tuple[list[MemberView], str]:
        """Members besides the owner, newest first; and the cursor of the next page, empty at the end.

        Raises 100004, and 100002 for a cursor that was not given out or a count below one.
        """
        refuse_faults(number_fault("The count", count))
        return self._find(app, room_id).room.audience(cursor, count)

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator, and for tests: rooms, members, seats_taken, leases, releases_failed, and what is
        between rooms: links, link_requests, battles."""
        homes = list(self._all_homes())
        return {
            "rooms": len(homes),
            "members": sum(len(home.room.members) for home in homes),
            "seats_taken": sum(home.room.seats.taken for home in homes),
            "leases": sum(len(home.book.leases) for home in homes),
            "releases_failed": self._leases.releases_failed,
            **self.alliances.statistics(),
        }

    # Time

    async def tick(self) -> None:
        """Ends the grace times that are over, and renews the leases when it is time; called about once a second."""
        now = self._clock()
        self.alliances.tick()  # first, for it waits for nobody
        while (grace := self._graces.take_due(now)) is not None:
            try:
                await self._lose(grace)
            except BaseException:
                self._graces.add(grace)  # or its member would stay for ever; harmless when it was lost already
                raise
        for home in list(self._all_homes()):
            self.talk.count_likes(home.room)
            due = home.room.co_guests.next_due
            if due is not None and due <= now:
                await self._expire(home)
        if now >= self._renew_at:
            await self._leases.renew([home.book for home in self._all_homes()])
            self._renew_at = now + self._limits.renew_every_s  # only now: a failed renewal is tried again next second

    async def close(self) -> None:
        """Dismisses every room, gives all leases back, and lets no new room begin. Harmless when repeated."""
        self._stopping = True
        while self._homes or self._reserved:
            for home in list(self._all_homes()):
                try:
                    await self.dismiss(home.room.app, home.room.room_id, None)
                except RoomRefused:
                    pass  # it ended by itself
            for lock in list(self._reserved.values()):
                async with lock:
                    pass  # what is beginning sees that we stop; what is ending, ends

    async def _expire(self, home: _Home) -> None:
        async with home.book.lock:
            if not home.room.over:
                self._change(home, Expire())

    async def _request(self, app: AppId, room_id: str, command: Apply | Invite) -> SeatRequest:
        async with self._home(app, room_id) as home:
            home.room.check(command, self._clock())
            await self._entitlements.require(app, Feature.CO_GUEST)
            (event,) = self._change(home, command)
            assert isinstance(event, SeatRequested), "a request that is not refused is made"
            return event.request

    async def _drop(self, app: AppId, room_id: str, user: UserId, connection: str) -> None:
        try:
            # Under the lock: the enter of this very connection may still be asking billing.
            async with self._home(app, room_id) as home:
                owner = user == home.room.owner
                until = self._clock() + (self._limits.owner_grace_s if owner else self._limits.member_grace_s)
                events = self._change(home, Drop(user, connection, until))
                if any(isinstance(event, MemberDropped) for event in events):
                    self._graces.add(Grace(until, app, home.room.room_id, user))
        except RoomRefused:
            return  # the room is over

    async def _lose(self, grace: Grace) -> None:
        try:
            async with self._home(grace.app, grace.room_id) as home:
                await self._give_up(home, Lose(grace.user, grace.until))
        except RoomRefused:
            return  # the room is over

    # Steps

    async def _join(self, app: AppId, room_id: str, user: UserId, command: Enter | AddRobot) -> RoomView:
        """Makes `user` a member, with a lease, unless it is one."""
        async with self._home(app, room_id) as home:
            room = home.room
            self._check_free(app, user, room.room_id)
            room.check(command, self._clock())
            if user in room.members:
                self._change(home, command)
                return room.view()
            # Noted before the asking: meanwhile the same user may be entering another room.
            self._where[app, user] = room.room_id
            try:
                taken = await self._leases.ask(home.book, (Gauge.AUDIENCE, user))
            except BaseException:
                del self._where[app, user]
                raise
            self._change(home, command, taken)
            return room.view()

    async def _open(self, app: AppId, room_id: RoomId, wish: Create, lock: asyncio.Lock) -> RoomView:
        seats = Seats(await self._seats_count(app, wish.seats))
        info = RoomInfo(wish.room_name or room_id, wish.cover or "", seat_mode=wish.seat_mode)
        room = Room(app, room_id, info, wish.by, self._clock(), seats, wish.max_members)
        home = _Home(room, Book(app, room_id, lock))
        taken = await self._leases.ask(home.book, (Gauge.ROOMS, room_id), (Gauge.SEATS, wish.by))
        if self._stopping:
            await self._leases.give_back(taken.values())
            raise stopping()
        events = room.open(wish.name, wish.connection, self._clock())
        home.book.leases.update(taken)
        self._homes.setdefault(app, {})[room_id] = home
        self._tell(events)
        return room.view()

    async def _seats_count(self, app: AppId, wanted: int | None) -> int:
        """The seats of a new room: the wanted ones, or as many as the edition has. Raises 100013."""
        edition = await self._entitlements.edition(app)
        limit = edition.limits.get(Gauge.SEATS)
        most = MAX_SEATS if limit is None else min(limit, MAX_SEATS)
        if wanted is None:
            return max(most, 1)  # the owner's; an edition without any refuses it when it is asked for that seat
        if wanted > most:
            raise seats_limit(most)
        return wanted

    def _find(self, app: AppId, room_id: str) -> _Home:
        home = self._homes.get(app, {}).get(RoomId(room_id))
        if home is None:
            raise no_such_room()
        return home

    @asynccontextmanager
    async def _home(self, app: AppId, room_id: str) -> AsyncIterator[_Home]:
        """The room, under its lock. Raises 100004; one that ended meanwhile refuses so, too."""
        home = self._find(app, room_id)
        async with home.book.lock:
            yield home

    def _rooms_of(self, app: AppId) -> Iterator[Room]:
        return (home.room for home in self._homes.get(app, {}).values())

    def _all_homes(self) -> Iterator[_Home]:
        for homes in self._homes.values():
            yield from homes.values()

    def _check_free(self, app: AppId, user: UserId, room_id: RoomId) -> None:
        """A user is in one room of an app at a time."""
        current = self._where.get((app, user))
        if current is not None and current != room_id:
            raise already_in_room(current)

    def _change(
        self, home: _Home, command: Command, taken: Mapping[Unit, Lease] = NOTHING, now: float | None = None
    ) -> list[RoomEvent]:
        """Change, book, tell, where nothing is given back. `taken` was asked for before, at `now`."""
        events = home.room.apply(command, self._clock() if now is None else now)
        home.book.leases.update(taken)
        self._tell(events)
        return events

    async def _give_up(self, home: _Home, command: Command) -> None:
        """Change, book, tell; then billing gets back what the room needs no longer."""
        events = home.room.apply(command, self._clock())
        freed: list[Lease] = []
        for event in events:
            freed += self._strike_for(home, event)
        over = home.room.over
        key = (home.room.app, home.room.room_id)
        if over:
            self._reserved[key] = home.book.lock
        try:
            self._tell(events)
            await self._leases.give_back(freed)
        finally:
            if over:
                del self._reserved[key]

    def _strike_for(self, home: _Home, event: RoomEvent) -> list[Lease]:
        """Strikes out of the books what `event` ended."""
        match event:
            case MemberLeft(app=app, user=user):
                del self._where[app, user]
                return home.book.strike((Gauge.SEATS, user), (Gauge.AUDIENCE, user))
            case SeatsChanged(seats=seats):
                sitting = {seat.user for seat in seats}
                held = [unit for unit in home.book.leases if unit[0] is Gauge.SEATS and unit[1] not in sitting]
                return home.book.strike(*held)
            case RoomDismissed(app=app, room_id=room_id, members=members):
                for user in members:
                    del self._where[app, user]
                self._remove_home(app, room_id)
                return home.book.strike_all()
            case _:
                return []

    def _remove_home(self, app: AppId, room_id: RoomId) -> None:
        homes = self._homes[app]
        del homes[room_id]
        if not homes:
            del self._homes[app]

    def _tell(self, events: Sequence[RoomEvent]) -> None:
        for event in events:
            self._listener(event)
            if isinstance(event, RoomDismissed):
                self.alliances.room_over(event.app, event.room_id)


def _nobody_hears(_: AllianceEvent) -> None:
    """The listener of those who do not care what happens between rooms."""


async def _nobody_asks(*_: object) -> None:
    """The gate of apps without a server of their own: gifts cost nothing."""


def _nobody_listens(*_: object) -> None:
    """The gate of apps that let everything be said."""
