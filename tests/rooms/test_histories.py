"""Random histories of many members over several rooms: what must hold, holds after every step.

Three books are kept and compared: what the rooms say, what billing holds, and what somebody knows who only listened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from room_house import APP, HISTORIES, House

from billing.interface import Gauge, Refused
from rooms.interface import (
    AdminsChanged,
    ConnectionReplaced,
    MemberBanned,
    MemberDropped,
    MemberEntered,
    MemberLeft,
    MemberReturned,
    MovePolicy,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomRefused,
    SeatMode,
    SeatRequested,
    SeatRequestEnded,
    SeatsChanged,
    UpdateRoom,
    UserId,
)
from rooms.robots import MAX_ROBOTS

USERS = [f"u{number}" for number in range(7)]
ROOMS = ["r0", "r1", "r2"]
LIMITS: dict[str, int | None] = {"rooms": 2, "audience": 3, "seats": 3}

user = st.sampled_from(USERS)
room = st.sampled_from(ROOMS)
connection = st.sampled_from(["c1", "c2"])
wish = st.one_of(
    st.tuples(st.just("create"), user, room, connection),
    st.tuples(st.just("enter"), user, room, connection),
    st.tuples(st.just("leave"), user, room),
    st.tuples(st.just("dismiss"), user, room),
    st.tuples(st.just("kick"), user, room, user),
    st.tuples(st.just("take_seat"), user, room, st.sampled_from([None, 0, 1, 2, 3])),
    st.tuples(st.just("pick"), user, room, st.sampled_from([None, 0, 1, 2, 3])),
    st.tuples(st.just("leave_seat"), user, room),
    st.tuples(st.just("kick_from_seat"), user, room, user),
    st.tuples(st.just("lock"), user, room, st.sampled_from("0123"), st.sampled_from(["closed", "open"])),
    st.tuples(st.just("move"), user, room, user, st.sampled_from("0123"), st.sampled_from(list(MovePolicy))),
    st.tuples(st.just("admin"), user, room, user, st.sampled_from(["on", "off"])),
    st.tuples(st.just("ban"), user, room, user, st.sampled_from(["0", "5", "60"])),
    st.tuples(st.just("mode"), user, room, st.sampled_from(list(SeatMode))),
    st.tuples(st.just("apply"), user, room, st.sampled_from(["0", "4"])),
    st.tuples(st.just("invite"), user, room, user),
    st.tuples(st.just("answer"), user, room, st.sampled_from("012"), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("cancel"), user, room, st.sampled_from("012")),
    st.tuples(st.just("drop"), user, room, connection),
    st.tuples(st.just("add_robot"), user, room),
    st.tuples(st.just("remove_robot"), user, room),
)


@dataclass
class Heard:
    """One room as somebody knows it who only listened."""

    connected: dict[str, bool] = field(default_factory=dict)
    connections: dict[str, str] = field(default_factory=dict)
    seats: list[str | None] = field(default_factory=list)
    admins: tuple[str, ...] = ()
    banned: dict[str, float] = field(default_factory=dict)
    requests: set[str] = field(default_factory=set)


class Listener:
    def __init__(self) -> None:
        self.rooms: dict[str, Heard] = {}

    def hear(self, event: RoomEvent) -> None:
        if isinstance(event, RoomCreated):
            assert event.room_id not in self.rooms, "a room begins again before it ended"
            self.rooms[event.room_id] = Heard(seats=[event.card.owner] + [None] * (event.card.seats_count - 1))
            return
        heard = self.rooms[event.room_id]
        match event:
            case MemberEntered(member=member):
                assert member.user not in heard.connected
                assert heard.banned.get(member.user, 0.0) <= event.at
                heard.connected[member.user] = True
                heard.connections[member.user] = member.connection
                assert event.audience_count == len(heard.connected) - 1
            case MemberLeft(user=who, seat_freed=seat):
                del heard.connected[who], heard.connections[who]
                assert seat is None or heard.seats[seat] == who
                assert event.audience_count == len(heard.connected) - 1
            case MemberDropped(user=who):
                assert heard.connected[who]
                heard.connected[who] = False
            case MemberReturned(user=who, connection=by):
                assert not heard.connected[who]
                heard.connected[who], heard.connections[who] = True, by
            case ConnectionReplaced(user=who, old_connection=old, connection=by):
                assert heard.connected[who]
                assert heard.connections[who] == old != by
                heard.connections[who] = by
            case SeatsChanged(seats=seats):
                heard.seats = [seat.user for seat in seats]
            case AdminsChanged(admins=admins):
                heard.admins = admins
            case MemberBanned(user=who, until=until):
                heard.banned[who] = until
                heard.admins = tuple(admin for admin in heard.admins if admin != who or until <= event.at)
            case SeatRequested(request=request):
                assert request.request_id not in heard.requests
                heard.requests.add(request.request_id)
            case SeatRequestEnded(request=request):
                heard.requests.remove(request.request_id)  # once, and none that was not made
            case RoomDismissed(room_id=room_id, members=members):
                assert not heard.requests
                assert set(members) == set(heard.connected)
                del self.rooms[room_id]


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.house = House(**LIMITS)
        self.house.import_accounts(*USERS[:5])
        self.listener = Listener()
        self.house.rooms._listener = self.listener.hear

    def run(self, work: Awaitable[None]) -> None:
        self.loop.run_until_complete(work)

    @rule(wish=wish)
    def one(self, wish: tuple[str, ...]) -> None:
        self.run(self._wish(wish))

    @rule(wishes=st.lists(st.tuples(wish, st.none() | st.integers(0, 12)), min_size=2, max_size=6))
    def many_at_once(self, wishes: list[tuple[tuple[str, ...], int | None]]) -> None:
        """Some of them are cancelled after so many turns of the loop."""
        self.run(self.house.race([(self._wish(each), after) for each, after in wishes]))

    @rule(seconds=st.sampled_from([1, 5, 29, 61]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.house.pass_seconds(seconds))

    @rule()
    def billing_forgets(self) -> None:
        """Everything fits again, as nobody else takes units meanwhile."""
        self.house.billing.restart()
        self.run(self.house.pass_seconds(10))

    async def _wish(self, wish: tuple[str, ...]) -> None:
        verb, who, where, *rest = wish
        rooms, by = self.house.rooms, UserId(who)
        calls = {
            "create": lambda: self.house.create(who, where, connection=f"{who}_{rest[0]}", seats=3),
            "enter": lambda: self.house.enter(who, where, f"{who}_{rest[0]}"),
            "leave": lambda: rooms.leave(APP, where, by),
            "dismiss": lambda: rooms.dismiss(APP, where, by),
            "kick": lambda: rooms.kick(APP, where, by, UserId(rest[0])),
            "take_seat": lambda: rooms.take_seat(APP, where, by, rest[0]),  # type: ignore[arg-type]
            "pick": lambda: rooms.pick_for_seat(APP, where, by, rest[0]),  # type: ignore[arg-type]
            "leave_seat": lambda: rooms.leave_seat(APP, where, by),
            "kick_from_seat": lambda: rooms.kick_from_seat(APP, where, by, UserId(rest[0])),
            "lock": lambda: rooms.lock_seat(
                APP, where, by, int(rest[0]), locked=rest[1] == "closed", audio=False, video=False
            ),
            "move": lambda: rooms.move_seat(APP, where, by, UserId(rest[0]), int(rest[1]), MovePolicy(rest[2])),
            "admin": lambda: rooms.set_admin(APP, where, by, UserId(rest[0]), rest[1] == "on"),
            "ban": lambda: rooms.ban(APP, where, by, UserId(rest[0]), int(rest[1])),
            "mode": lambda: rooms.update(APP, where, UpdateRoom(by, seat_mode=SeatMode(rest[0]))),
            "apply": lambda: rooms.apply(APP, where, by, index=None, timeout_s=float(rest[0]), extra=""),
            "invite": lambda: rooms.invite(APP, where, by, UserId(rest[0]), index=None, timeout_s=9.0, extra=""),
            "answer": lambda: rooms.answer(APP, where, by, self._pending(where, int(rest[0])), rest[1] == "yes"),
            "cancel": lambda: rooms.cancel(APP, where, by, self._pending(where, int(rest[0]))),
            "add_robot": lambda: self.house.add_robot(who, where),
            "remove_robot": lambda: rooms.remove_robot(APP, where, by),
            "drop": lambda: self.house.drop(who, where, f"{who}_{rest[0]}"),
        }
        try:
            await calls[verb]()
        except (RoomRefused, Refused):
            pass

    def _pending(self, where: str, number: int) -> str:
        """The id of one that waits, or of none."""
        heard = self.listener.rooms.get(where)
        waiting = list(heard.requests) if heard is not None else []
        return waiting[number] if number < len(waiting) else "application_0"

    @invariant()
    def every_request_that_waits_can_still_be_answered(self) -> None:
        for room_id, heard in self.listener.rooms.items():
            room = self.house.rooms._find(APP, room_id).room
            waiting = room.co_guests.all()
            assert {request.request_id for request in waiting} == heard.requests
            for request in waiting:
                assert request.by in heard.connected
                assert request.to in heard.connected
                assert request.guest not in heard.seats
            guests = [request.guest for request in waiting]
            assert len(guests) == len(set(guests))

    @invariant()
    def who_only_listened_knows_it_all(self) -> None:
        rooms = self.house.rooms
        cards, _ = rooms.rooms_of(APP, count=99)
        assert {card.room_id for card in cards} == set(self.listener.rooms)
        for room_id, heard in self.listener.rooms.items():
            view = rooms.room(APP, room_id)
            assert [seat.user for seat in view.seats] == heard.seats
            assert not any(seat.user and seat.locked for seat in view.seats)
            assert view.admins == heard.admins
            assert (view.member_count, view.audience_count) == (len(heard.connected), len(heard.connected) - 1)
            for who, connected in heard.connected.items():
                member = rooms.member(APP, room_id, UserId(who))
                assert (member.connected, member.connection) == (connected, heard.connections[who])

    @invariant()
    def robots_are_members_who_are_never_lost_and_hold_their_room(self) -> None:
        for room_id, heard in self.listener.rooms.items():
            robots = self.house.rooms.robots(APP, room_id)
            assert len(robots) <= MAX_ROBOTS
            assert all(heard.connected[robot] for robot in robots)
            assert set(robots) <= set(USERS[:5])
            room = self.house.rooms._find(APP, room_id).room
            until = room.members.get(room.owner).grace_until
            assert robots or until is None or until > self.house.clock.now, "nobody comes back, and nobody holds it"

    @invariant()
    def nobody_is_in_two_rooms_or_on_two_seats_and_no_seat_is_a_ghosts(self) -> None:
        seen: set[str] = set()
        for room_id, heard in self.listener.rooms.items():
            assert seen.isdisjoint(heard.connected)
            seen |= set(heard.connected)
            seated = [who for who in heard.seats if who is not None]
            assert len(seated) == len(set(seated))
            assert set(seated) <= set(heard.connected)
            assert self.house.rooms.room(APP, room_id).seats[0].user == self.house.rooms.room(APP, room_id).owner
        assert {(APP, who) for who in seen} == set(self.house.rooms._where)

    @invariant()
    def billing_holds_what_the_rooms_imply(self) -> None:
        assert self.house.room_leases() == set(self.listener.rooms)
        for room_id, heard in self.listener.rooms.items():
            owner = self.house.rooms.room(APP, room_id).owner
            assert self.house.audience_leases(room_id) == set(heard.connected) - {owner}
            assert self.house.seat_leases(room_id) == {who for who in heard.seats if who is not None}
        assert self.house.rooms.statistics()["leases"] == len(self.house.billing.held)
        assert self.house.billing.odd_releases == 0

    @invariant()
    def no_limit_is_ever_passed(self) -> None:
        for (_, gauge, _), most in self.house.billing.most.items():
            limit = self.house.billing.limits[Gauge(gauge)]
            assert limit is None or most <= limit

    def teardown(self) -> None:
        try:
            self.run(self.house.rooms.close())
            assert self.listener.rooms == {}
            self.house.check_nothing_is_left()
        finally:
            self.loop.close()


TestHistories = pytest.mark.timeout(0)(Histories.TestCase)
TestHistories.settings = HISTORIES
