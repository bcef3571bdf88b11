"""Looking into rooms: limits, what is received, and whose seconds they are. Media and clocks are scripted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from billing.interface import AppId, Session, Tier
from media.interface import FlowFact, PublicationView, Publishing, Viewing
from rooms.interface import RoomId, UserId
from signaling.errors import ProtocolError
from signaling.linked_rooms import LinkedRooms
from signaling.previews import IDLE, MAX_OF_CONNECTION, MAX_OF_ROOM, MAX_SECONDS, Previewer, Previews
from signaling.stays import Stay, Stays
from signaling.usage import UsageMeter

APP = AppId(1)
WALL = 1_000_000
"""What the wall clock is ahead of the monotonic one."""


@dataclass(eq=False)
class Outlet:
    id: str
    takes_offers: bool = True
    told: list[dict[str, Any]] = field(default_factory=list)

    def push(self, text: str) -> None:
        self.told.append(json.loads(text))

    def write(self, frames: bytes) -> None: ...
    def left(self, reason: str) -> None: ...


@dataclass(eq=False)
class Publisher:
    publications: Sequence[PublicationView]
    peer: str = "up"
    last_seen: float = 0.0


@dataclass(eq=False)
class Peer:
    peer: str
    pictures: dict[str, int] = field(default_factory=dict)
    last_seen: float = 0.0
    closed: bool = False

    def received(self) -> Mapping[str, int]:
        return self.pictures

    def close(self, reason: str) -> None:
        self.closed = True


@dataclass
class Sink:
    """Remembers each second it was told of, and which sessions ended."""

    seconds: list[tuple[str, str, int, int]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def observe(self, session: Session, second: int, pixels: int) -> None:
        assert session.id not in self.ended
        self.seconds.append((session.member, session.room, second - WALL, pixels))

    def end(self, session: Session) -> None:
        self.ended.add(session.id)

    def used(self, session: Session) -> dict[Tier, int]:
        return {}

    async def flush(self) -> None: ...


class Stage:
    """Rooms with an owner who publishes sound, camera and screen."""

    def __init__(self, *rooms: str) -> None:
        self.now = 0.0
        self.sink = Sink()
        self.stays, linked = Stays(), LinkedRooms()
        self.changed: list[Previewer] = []
        self.previews = Previews(
            self.stays, linked, self.sink,
            settle=lambda session, seen: self.meter.finish(session, seen, wall=WALL + self.now, monotonic=self.now),
            changed=self.changed.append, clock=lambda: self.now,
        )  # fmt: skip
        self.meter = UsageMeter(self.sink, self.stays, self.previews)
        for room in rooms:
            linked.begin(APP, RoomId(room), UserId(f"owner_{room}"))
            for user in (f"owner_{room}", f"guest_{room}"):
                session = Session(APP, f"stay_{user}", room, user)
                published = Publisher([view(user, "microphone"), view(user, "screen"), view(user, "camera")])
                stay = Stay(APP, RoomId(room), UserId(user), session, publishing=cast(Publishing, published))
                self.stays.add(stay)

    def start(self, room: str, connection: str = "c", user: str = "eve") -> Previewer:
        known = self.previews.of_connection(connection)
        outlet = known.outlet if known is not None and known.outlet is not None else Outlet(connection)
        self.previews.start(outlet, APP, UserId(user), RoomId(room))
        previewer = self.previews.of_connection(connection)
        assert previewer is not None
        return previewer

    def connect(self, previewer: Previewer, **pictures: int) -> Peer:
        """Gives it a peer that receives these cameras, by room."""
        peer = Peer(f"down_{previewer.user}", {f"owner_{room}-camera": size for room, size in pictures.items()})
        previewer.viewing = cast(Viewing, peer)
        self.previews.bind(peer.peer, previewer)
        return peer

    def tick(self, now: float, *peers: Peer, seen: float | None = None) -> None:
        self.now = now
        for peer in peers:
            peer.last_seen = now if seen is None else seen
        facts = [FlowFact(peer.peer, sum(peer.pictures.values()), peer.last_seen) for peer in peers]
        self.meter.tick(facts, wall=WALL + now, monotonic=now)

    @property
    def nothing_is_left(self) -> bool:
        return set(self.previews.statistics().values()) == {0}


def view(user: str, source: str) -> PublicationView:
    kind = "audio" if source == "microphone" else "video"
    return PublicationView(f"{user}-{source}", "0", kind, source, "VP8", 0, 0, blocked=False)


def told(previewer: Previewer) -> list[tuple[str, str]]:
    """(room, reason) of each preview that it was told is over."""
    outlet = cast(Outlet, previewer.outlet)
    return [(event["params"]["room_id"], event["params"]["reason"]) for event in outlet.told]


def test_the_owners_camera_is_wanted_and_nothing_else() -> None:
    stage = Stage("a", "b")
    previewer = stage.start("a")
    stage.start("b")

    assert [found.id for _, found in stage.previews.wanted(previewer)] == ["owner_a-camera", "owner_b-camera"]

    owner = stage.stays.get(APP, RoomId("a"), UserId("owner_a"))
    assert owner is not None
    owner.publishing = None
    assert [found.id for _, found in stage.previews.wanted(previewer)] == ["owner_b-camera"]


def test_a_connection_looks_into_some_rooms_at_most_and_twice_into_the_same_is_once() -> None:
    rooms = [f"r{number}" for number in range(MAX_OF_CONNECTION + 1)]
    stage = Stage(*rooms)
    for room in rooms[:-1]:
        stage.start(room)
    stage.start(rooms[0])

    with pytest.raises(ProtocolError) as refused:
        stage.start(rooms[-1])

    assert (refused.value.code, refused.value.name) == (100012, "too_many_previews")
    assert stage.previews.statistics()["previews"] == MAX_OF_CONNECTION
    stage.previews.stop("c", APP, RoomId(rooms[0]))
    stage.start(rooms[-1])


def test_a_room_is_looked_into_by_some_connections_at_most() -> None:
    stage = Stage("a")
    for number in range(MAX_OF_ROOM):
        stage.start("a", f"c{number}", f"u{number}")

    with pytest.raises(ProtocolError) as refused:
        stage.start("a", "late", "late")

    assert (refused.value.code, refused.value.name) == (100008, "previews_full")
    assert stage.previews.of_connection("late") is None


def test_each_room_is_billed_its_own_picture_and_nothing_when_none_came() -> None:
    stage = Stage("a", "b", "c")
    previewer = stage.start("a")
    stage.start("b")
    stage.start("c")
    peer = stage.connect(previewer, a=320 * 180, b=640 * 360)

    stage.tick(11.01, peer)
    del peer.pictures["owner_b-camera"]
    stage.tick(12.01, peer)

    assert sorted(stage.sink.seconds) == [
        ("eve", "1:a", 10, 320 * 180),
        ("eve", "1:a", 11, 320 * 180),
        ("eve", "1:b", 10, 640 * 360),
    ]


def test_what_was_proven_is_billed_when_a_preview_ends_between_two_ticks() -> None:
    stage = Stage("a")
    previewer = stage.start("a")
    peer = stage.connect(previewer, a=320 * 180)
    stage.tick(11.01, peer, seen=10.5)
    stage.tick(12.01, peer, seen=11.9)
    stage.now, peer.last_seen = 12.4, 12.3

    stage.previews.stop("c", APP, RoomId("a"))
    stage.previews.stop("c", APP, RoomId("a"))

    assert [second for _, _, second, _ in stage.sink.seconds] == [10, 11]
    assert len(stage.sink.ended) == 1
    assert not peer.closed, "the next room needs no new handshake"


def test_a_peer_without_a_preview_costs_nothing_and_is_closed_after_a_while() -> None:
    stage = Stage("a")
    previewer = stage.start("a")
    peer = stage.connect(previewer, a=320 * 180)
    stage.previews.stop("c", APP, RoomId("a"))

    stage.tick(IDLE - 1, peer)
    stage.previews.tick()
    assert not peer.closed
    stage.tick(IDLE, peer)
    stage.previews.tick()

    assert peer.closed
    assert previewer.fresh
    assert stage.sink.seconds == []


def test_previews_end_with_the_room_with_a_ban_and_by_time_and_are_told_so() -> None:
    stage = Stage("a", "b", "c")
    eve, dan = stage.start("a"), stage.start("a", "d", "dan")
    for room in ("b", "c"):
        stage.start(room)

    stage.previews.end_user(APP, RoomId("a"), UserId("eve"), "banned")
    stage.previews.end_room(APP, RoomId("b"), "dismissed")
    assert told(eve) == [("a", "banned"), ("b", "dismissed")]
    assert told(dan) == []

    stage.now = MAX_SECONDS
    stage.previews.tick()
    assert told(eve)[2:] == [("c", "time_over")]
    assert told(dan) == [("a", "time_over")]
    assert len(stage.sink.ended) == 4


def test_nothing_is_left_of_a_connection_that_is_gone_or_in_a_room() -> None:
    stage = Stage("a", "b")
    previewer = stage.start("a")
    stage.start("b")
    peer = stage.connect(previewer, a=320 * 180)

    stage.previews.end_connection("c")
    stage.previews.end_connection("c")

    assert peer.closed
    assert previewer.outlet is None
    assert stage.nothing_is_left


def test_a_peer_that_ended_by_itself_is_made_anew() -> None:
    stage = Stage("a")
    previewer = stage.start("a")
    previewer.fresh = False
    peer = stage.connect(previewer)

    assert stage.previews.peer_closed(peer.peer) is previewer
    assert previewer.viewing is None
    assert previewer.fresh
    assert stage.previews.peer_closed(peer.peer) is None
