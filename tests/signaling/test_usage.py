"""Whose second was it: the law of signaling/usage.py, with scripted facts and clocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from billing.interface import AppId, Session, Tier, tier_of
from media.interface import FlowFact
from rooms.interface import RoomId, UserId
from signaling.stays import Stay, Stays
from signaling.usage import UsageMeter

HD = 1280 * 720


@dataclass
class Sink:
    """Remembers each second it was told of."""

    seconds: list[tuple[str, int, int]] = field(default_factory=list)

    def observe(self, session: Session, second: int, pixels: int) -> None:
        self.seconds.append((session.member, second, pixels))

    def end(self, session: Session) -> None: ...

    def used(self, session: Session) -> dict[Tier, int]:
        return dict(Counter(tier_of(pixels) for member, _, pixels in self.seconds if member == session.member))

    async def flush(self) -> None: ...


class Stage:
    """Stays with scripted peers; `wall` runs 1,000,000 s ahead of the monotonic clock."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.stays = Stays()
        self.meter = UsageMeter(self.sink, self.stays)

    def enter(self, user: str, *peers: str) -> Stay:
        session = Session(AppId(1), f"stay_{user}", "1:room", user)
        stay = Stay(AppId(1), RoomId("room"), UserId(user), session)
        self.stays.add(stay)
        for peer in peers:
            self.stays.bind(peer, stay)
        return stay

    def tick(self, now: float, *facts: FlowFact) -> None:
        self.meter.tick(facts, wall=1_000_000 + now, monotonic=now)

    def billed(self, user: str) -> list[tuple[int, int]]:
        return [(second - 1_000_000, pixels) for member, second, pixels in self.sink.seconds if member == user]


def test_a_second_counts_once_a_sign_of_life_came_at_or_after_its_end() -> None:
    stage = Stage()
    stage.enter("ann", "p1")

    stage.tick(11.01, FlowFact("p1", HD, last_seen=10.9))
    assert stage.billed("ann") == []

    stage.tick(12.01, FlowFact("p1", HD, last_seen=12.0))
    assert stage.billed("ann") == [(10, HD), (11, HD)]


def test_what_was_not_proven_when_the_media_ended_is_not_billed() -> None:
    stage = Stage()
    stage.enter("ann", "p1")

    stage.tick(11.01, FlowFact("p1", 0, last_seen=11.0))
    for now in (12.01, 13.01, 14.01):
        stage.tick(now, FlowFact("p1", 0, last_seen=11.4))
    stage.tick(15.01)

    assert stage.billed("ann") == [(10, 0)]


def test_the_peers_of_one_member_are_one_second_together() -> None:
    stage = Stage()
    stage.enter("ann", "up", "down")

    stage.tick(11.01, FlowFact("up", 0, last_seen=11.0), FlowFact("down", HD, last_seen=10.2))

    assert stage.billed("ann") == [(10, HD)]


def test_a_late_tick_makes_up_for_the_seconds_it_missed() -> None:
    stage = Stage()
    stage.enter("ann", "p1")

    stage.tick(11.01, FlowFact("p1", HD, last_seen=11.0))
    stage.tick(14.30, FlowFact("p1", HD, last_seen=14.2))

    assert [second for second, _ in stage.billed("ann")] == [10, 11, 12, 13]


def test_a_wall_clock_that_steps_back_bills_nothing_twice() -> None:
    stage = Stage()
    stage.enter("ann", "p1")

    stage.tick(20.01, FlowFact("p1", 0, last_seen=20.0))
    stage.meter.tick([FlowFact("p1", 0, last_seen=21.0)], wall=1_000_015.0, monotonic=21.0)
    stage.tick(22.01, FlowFact("p1", 0, last_seen=22.0))

    seconds = [second for second, _ in stage.billed("ann")]
    assert len(seconds) == len(set(seconds))


def test_a_peer_of_nobody_is_nobodys_second() -> None:
    stage = Stage()

    stage.tick(11.01, FlowFact("stranger", HD, last_seen=11.0))

    assert stage.sink.seconds == []
