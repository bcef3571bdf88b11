"""All rooms of a node: who is where, and the order in which things happen.

Ask, change, book, tell, always in this order: billing is asked and reserves; the room changes; the leases are noted;
the listener is told. A refusal or a cancelled caller leaves nothing behind. Changes of one room happen one after the
other under its lock; the listener is called inside it, so that what it hears is what happened, in order.
"""

from __future__ import annotations

import asyncio
import heapq
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from billing.interface import Entitlements, Feature, Gauge, Lease
from rooms.errors import already_in_room, bad_parameter, no_such_room, room_exists, room_full, seats_limit
from rooms.events import (
    ConnectionReplaced,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    SeatsChanged,
)
from rooms.ids import MAX_COVER, MAX_NAME, AppId, RoomId, UserId, check_room_id, check_text
from rooms.room import Member, Room
from rooms.seats import Seats
from rooms.views import MemberView, RoomCard, RoomView, SeatView

__all__ = ["Rooms", "RoomTimes"]

MAX_SEATS = 50
"""Publishers one TRTC room may have, whatever the edition says."""
Key = tuple[AppId, RoomId]


@dataclass(frozen=True, slots=True)
class RoomTimes:
    """Seconds."""

    member_grace: float = 30.0
    """How long a member whose connection was lost keeps its place."""
    owner_grace: float = 90.0
    """How long a room waits for its owner before it is dismissed."""
    renew_every: float = 10.0
    """Leases live 30 s."""


@dataclass(slots=True, eq=False)
class _Home:
    """A room with its lock and its leases."""

    room: Room
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    leases: dict[tuple[Gauge, str], Lease] = field(default_factory=dict)
    """By gauge and holder."""
    gone: bool = False


class Rooms:
    """See the head of the file."""

    def __init__(
        self,
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
        listener: Callable[[RoomEvent], None],
        times: RoomTimes | None = None,
    ) -> None:
        self._entitlements = entitlements
        self._clock = clock
        self._listener = listener
        self._times = times or RoomTimes()
        self._homes: dict[Key, _Home] = {}
        self._creating: set[Key] = set()
        self._where: dict[tuple[AppId, UserId], RoomId] = {}
        self._graces: list[tuple[float, AppId, RoomId, UserId]] = []  # a heap; stale entries are passed over
        self._renew_at = clock() + self._times.renew_every
        self._undoing: set[asyncio.Future[None]] = set()

    # Coming and going

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
    ) -> RoomView:
        """Makes a room; its owner is in it, on seat 0. Raises RoomRefused or Refused, and then nothing is left behind.

        `seats` is the number of seats (the edition's limit when absent), `max_members` the room's own limit.
        """
        identifier = check_room_id(room_id) if room_id is not None else RoomId(f"room_{secrets.token_hex(6)}")
        title = check_text("The room's name", room_name or identifier, MAX_NAME)
        picture = check_text("The cover", cover or "", MAX_COVER)
        key = (app, identifier)
        if key in self._homes or key in self._creating:
            raise room_exists()
        self._check_free(app, user, identifier)
        self._creating.add(key)
        self._where[app, user] = identifier
        home = _Home(Room(app, identifier, title, user, picture, self._clock(), Seats(0), max_members))
        try:
            home.room.seats = Seats(await self._seat_count(app, seats))
            await self._lease(home, Gauge.ROOMS, str(identifier))
            await self._lease(home, Gauge.SEATS, str(user))
        except BaseException:
            self._where.pop((app, user), None)
            await asyncio.shield(self._release(list(home.leases.values())))
            raise
        finally:
            self._creating.discard(key)
        member = home.room.enter(user, name, connection)
        home.room.seats.take(user, 0)
        self._homes[key] = home
        self._tell(RoomCreated(app, identifier, self._clock()))
        self._tell_entered(home.room, member)
        return home.room.view()

    async def enter(self, app: AppId, user: UserId, *, name: str, connection: str, room_id: str) -> RoomView:
        """Makes `user` a member, or gives it its place back when it still is one."""
        identifier = check_room_id(room_id)
        async with self._home(app, identifier) as home:
            room = home.room
            member = room.members.get(user)
            if member is not None:
                self._resume(room, member, name, connection)
                return room.view()
            self._check_free(app, user, identifier)
            if room.max_members is not None and len(room.members) >= room.max_members:
                raise room_full(room.max_members)
            self._where[app, user] = identifier
            try:
                await self._lease(home, Gauge.AUDIENCE, str(user))
            except BaseException:
                self._where.pop((app, user), None)
                raise
            member = room.enter(user, name, connection)
            self._tell_entered(room, member)
            return room.view()

    async def leave(self, app: AppId, room_id: RoomId, user: UserId) -> None:
        """Ends the membership; the owner's leaving dismisses the room."""
        async with self._home(app, room_id) as home:
            home.room.member(user)
            if user == home.room.owner:
                await self._dismiss(home, "by_owner")
            else:
                await self._remove(home, user, "left")

    async def dismiss(self, app: AppId, room_id: RoomId, *, by: UserId | None) -> None:
        """Ends the room: by its owner, or by the server when `by` is None."""
        async with self._home(app, room_id) as home:
            if by is not None:
                home.room.check_owner(by)
            await self._dismiss(home, "by_owner" if by is not None else "by_server")

    async def kick(self, app: AppId, room_id: RoomId, *, by: UserId, user: UserId) -> None:
        async with self._home(app, room_id) as home:
            home.room.check_kick(by, user)
            await self._remove(home, user, "kicked")

    async def disconnected(self, app: AppId, room_id: RoomId, user: UserId, connection: str) -> None:
        """The connection is lost: the grace time begins, unless the member is here by another one by now."""
        if (app, room_id) not in self._homes:
            return
        async with self._home(app, room_id) as home:
            member = home.room.members.get(user)
            if member is None or member.connection != connection or not member.connected:
                return
            owner = user == home.room.owner
            until = self._clock() + (self._times.owner_grace if owner else self._times.member_grace)
            member.grace_until = until
            heapq.heappush(self._graces, (until, app, room_id, user))
            self._tell(MemberDropped(app, room_id, self._clock(), user))

    # Seats

    async def take_seat(self, app: AppId, room_id: RoomId, user: UserId, *, index: int | None) -> tuple[SeatView, ...]:
        """Seats a member at `index`, or at the first free seat."""
        async with self._home(app, room_id) as home:
            room = home.room
            room.check_seat(user, index)
            await self._entitlements.require(app, Feature.CO_GUEST)
            await self._lease(home, Gauge.SEATS, str(user))
            room.seats.take(user, index)
            return self._tell_seats(room)

    async def leave_seat(self, app: AppId, room_id: RoomId, user: UserId) -> tuple[SeatView, ...]:
        async with self._home(app, room_id) as home:
            home.room.leave_seat(user)
            seats = self._tell_seats(home.room)
            await self._give_back(home, Gauge.SEATS, user)
            return seats

    async def kick_from_seat(self, app: AppId, room_id: RoomId, *, by: UserId, user: UserId) -> tuple[SeatView, ...]:
        async with self._home(app, room_id) as home:
            home.room.check_kick_from_seat(by, user)
            home.room.leave_seat(user)
            seats = self._tell_seats(home.room)
            await self._give_back(home, Gauge.SEATS, user)
            return seats

    # Looking

    def room(self, app: AppId, room_id: str) -> RoomView:
        return self._find(app, RoomId(room_id)).room.view()

    def member(self, app: AppId, room_id: RoomId, user: UserId) -> MemberView:
        room = self._find(app, room_id).room
        return room.member_view(room.member(user))

    def rooms_of(self, app: AppId, *, cursor: str = "", count: int = 20) -> tuple[Sequence[RoomCard], str]:
        """The app's rooms by audience, largest first, then oldest; `cursor` is what the last page gave."""
        cards = [home.room.card() for (owner, _), home in self._homes.items() if owner == app]
        cards.sort(key=_rank)
        if cursor:
            after = _parse_rank(cursor)
            cards = [card for card in cards if _rank(card) > after]
        page = cards[:count]
        return page, ":".join(map(str, _rank(page[-1]))) if len(cards) > count else ""

    def audience(
        self, app: AppId, room_id: RoomId, *, cursor: str = "", count: int = 50
    ) -> tuple[Sequence[MemberView], str]:
        """Members besides the owner, newest first."""
        return self._find(app, room_id).room.audience(cursor, count)

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator."""
        homes = self._homes.values()
        return {
            "rooms": len(homes),
            "members": sum(len(home.room.members) for home in homes),
            "seats_taken": sum(home.room.seats.taken for home in homes),
            "leases": sum(len(home.leases) for home in homes),
        }

    # Time

    async def tick(self) -> None:
        """Ends graces that are over and renews leases; called about once a second."""
        now = self._clock()
        while self._graces and self._graces[0][0] <= now:
            until, app, room_id, user = heapq.heappop(self._graces)
            await self._end_grace(until, app, room_id, user)
        if now >= self._renew_at:
            self._renew_at = now + self._times.renew_every
            await self._renew()

    async def close(self) -> None:
        """Dismisses every room."""
        for app, room_id in list(self._homes):
            if (app, room_id) in self._homes:
                await self.dismiss(app, room_id, by=None)

    async def _end_grace(self, until: float, app: AppId, room_id: RoomId, user: UserId) -> None:
        if (app, room_id) not in self._homes:
            return
        async with self._home(app, room_id) as home:
            member = home.room.members.get(user)
            if member is None or member.grace_until != until:
                return  # it came back, or left by itself
            if user == home.room.owner:
                await self._dismiss(home, "owner_lost")
            else:
                await self._remove(home, user, "lost")

    async def _renew(self) -> None:
        held = [(home, slot, lease) for home in self._homes.values() for slot, lease in home.leases.items()]
        renewed = {(lease.app, lease.gauge, lease.scope, lease.holder): lease
                   for lease in await self._entitlements.renew([lease for _, _, lease in held])}  # fmt: skip
        for home, slot, lease in held:
            if home.leases.get(slot) is lease:
                found = renewed.get((lease.app, lease.gauge, lease.scope, lease.holder))
                if found is not None:
                    home.leases[slot] = found
                else:
                    await self._lease_again(home, slot, lease)

    async def _lease_again(self, home: _Home, slot: tuple[Gauge, str], lease: Lease) -> None:
        """A lease was lost (the store was restarted). A limit never evicts: refused now, it is asked again later."""
        try:
            renewed = await self._entitlements.admit(lease.app, lease.gauge, scope=lease.scope, holder=lease.holder)
        except Exception:
            return
        if home.leases.get(slot) is lease:
            home.leases[slot] = renewed
        else:
            await self._entitlements.release(renewed)

    # Steps

    def _find(self, app: AppId, room_id: RoomId) -> _Home:
        home = self._homes.get((app, room_id))
        if home is None:
            raise no_such_room()
        return home

    @asynccontextmanager
    async def _home(self, app: AppId, room_id: RoomId) -> AsyncIterator[_Home]:
        """The room, under its lock. It may have ended while its lock was awaited."""
        home = self._find(app, room_id)
        async with home.lock:
            if home.gone:
                raise no_such_room()
            yield home

    def _check_free(self, app: AppId, user: UserId, room_id: RoomId) -> None:
        """A user is in one room of an app at a time."""
        current = self._where.get((app, user))
        if current is not None and current != room_id:
            raise already_in_room(current)

    async def _seat_count(self, app: AppId, wanted: int | None) -> int:
        most = (await self._entitlements.edition(app)).limits.get(Gauge.SEATS)
        most = MAX_SEATS if most is None else min(most, MAX_SEATS)
        if wanted is None:
            return max(most, 1)
        if wanted < 1:
            raise bad_parameter("A room has at least one seat, the owner's.")
        if wanted > most:
            raise seats_limit(most)
        return wanted

    async def _lease(self, home: _Home, gauge: Gauge, holder: str) -> None:
        """Asks for one unit and notes it, also when the caller is cancelled meanwhile: then it is given back."""
        room = home.room
        scope = "" if gauge is Gauge.ROOMS else f"{room.app}:{room.room_id}"
        asked = asyncio.ensure_future(self._entitlements.admit(room.app, gauge, scope=scope, holder=holder))
        try:
            home.leases[gauge, holder] = await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(self._undo)
            raise

    def _undo(self, asked: asyncio.Future[Lease]) -> None:
        if not asked.cancelled() and asked.exception() is None:
            task = asyncio.ensure_future(self._entitlements.release(asked.result()))
            self._undoing.add(task)
            task.add_done_callback(self._undoing.discard)

    async def _give_back(self, home: _Home, gauge: Gauge, user: UserId) -> None:
        lease = home.leases.pop((gauge, str(user)), None)
        if lease is not None:
            await asyncio.shield(self._release([lease]))

    async def _release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            await self._entitlements.release(lease)

    def _resume(self, room: Room, member: Member, name: str, connection: str) -> None:
        old, dropped = member.connection, not member.connected
        member.name, member.connection, member.grace_until = name, connection, None
        if dropped:
            self._tell(MemberReturned(room.app, room.room_id, self._clock(), member.user, connection))
        elif old != connection:
            self._tell(ConnectionReplaced(room.app, room.room_id, self._clock(), member.user, old, connection))

    async def _remove(self, home: _Home, user: UserId, reason: str) -> None:
        room = home.room
        seated = room.leave(user)
        self._where.pop((room.app, user), None)
        self._tell(MemberLeft(room.app, room.room_id, self._clock(), user, reason, room.audience_count))
        if seated:
            self._tell_seats(room)
        leases = [home.leases.pop((gauge, str(user)), None) for gauge in (Gauge.SEATS, Gauge.AUDIENCE)]
        await asyncio.shield(self._release([lease for lease in leases if lease is not None]))

    async def _dismiss(self, home: _Home, reason: str) -> None:
        room = home.room
        home.gone = True
        del self._homes[room.app, room.room_id]
        members = tuple(room.members)
        for user in members:
            self._where.pop((room.app, user), None)
        self._tell(RoomDismissed(room.app, room.room_id, self._clock(), reason, members))
        leases, home.leases = list(home.leases.values()), {}
        await asyncio.shield(self._release(leases))

    # Telling

    def _tell(self, event: RoomEvent) -> None:
        self._listener(event)

    def _tell_entered(self, room: Room, member: Member) -> None:
        self._tell(MemberEntered(room.app, room.room_id, self._clock(), room.member_view(member), room.audience_count))

    def _tell_seats(self, room: Room) -> tuple[SeatView, ...]:
        seats = room.seat_views()
        self._tell(SeatsChanged(room.app, room.room_id, self._clock(), seats))
        return seats


def _rank(card: RoomCard) -> tuple[int, int, str]:
    return -card.audience_count, int(card.created_at * 1000), str(card.room_id)


def _parse_rank(cursor: str) -> tuple[int, int, str]:
    try:
        audience, created, room_id = cursor.split(":")
        return int(audience), int(created), room_id
    except ValueError:
        raise bad_parameter("The cursor is not one that was given out.") from None
