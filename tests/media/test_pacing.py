"""Pictures on a narrow way: a key frame arrives whole, later; nothing is lost in front of the line."""

from __future__ import annotations

from dataclasses import dataclass, field

from test_forwarding import Outbox, Viewer, forward, layers_of, picture, publication_of, subscribed

from media.drops import Drop, Drops
from media.forwarding.audience import Audience
from media.forwarding.pacer import MAX_DELAY, MAX_WAITING, PACE, Pacer
from media.forwarding.pacing import STEP

NOBODY = Audience(())
LINE = 400_000.0


@dataclass
class Line:
    """A line of 400 kbit/s and the 100 ms of queue in front of it."""

    now: float = 0.0
    free_at: float = 0.0
    lost: int = 0
    arrived: list[tuple[float, bytes]] = field(default_factory=list)

    def submit(self, audience: Audience, packet: bytes, *_: object, **__: object) -> None:
        self.free_at = max(self.free_at, self.now)
        if self.free_at - self.now > 0.1:
            self.lost += 1
            return
        self.free_at += 8 * len(packet) / LINE
        self.arrived.append((self.free_at, packet))


@dataclass
class Clock:
    """A pacer, its line, and the time that both see."""

    budget: float = 0.85 * LINE
    line: Line = field(default_factory=Line)
    drops: Drops = field(default_factory=Drops)
    woken: int = 0

    def __post_init__(self) -> None:
        self.pacer = Pacer(self.line, self.budget, self.drops, lambda: self.line.now, self._wake)

    def _wake(self, _: Pacer) -> None:
        self.woken += 1

    def pass_(self, seconds: float) -> None:
        end = self.line.now + seconds
        while self.line.now < end:
            self.line.now += STEP
            self.pacer.release(self.line.now)


def frames() -> list[list[bytes]]:
    """Two seconds of 15 frames each: a key frame of 13 KB, then small ones; 300 kbit/s."""
    sizes = ([[1100] * 12] + [[900, 900]] * 14) * 2
    return [[bytes((number,)) * size for size in frame] for number, frame in enumerate(sizes)]


def test_a_key_frame_on_a_narrow_line_is_lost_in_part_at_once_and_arrives_whole_at_a_pace() -> None:
    plain = Line()
    for number, frame in enumerate(frames()):
        plain.now = number / 15
        for packet in frame:
            plain.submit(NOBODY, packet)
    assert plain.lost > 8

    clock = Clock()
    for frame in frames():
        for packet in frame:
            clock.pacer.submit(NOBODY, packet)
        clock.pass_(1 / 15)
    clock.pass_(0.2)
    assert clock.line.lost == 0
    assert [packet for _, packet in clock.line.arrived] == [packet for frame in frames() for packet in frame]
    whole = [at for at, packet in clock.line.arrived if packet[0] == 0][-1]
    assert whole < 0.35, "the line alone needs 0.26 s"


def test_a_usual_frame_does_not_wait_and_the_pacer_sleeps_until_something_does() -> None:
    clock = Clock()
    for _ in range(10):
        clock.pacer.submit(NOBODY, bytes(900), more=True)
        clock.pacer.submit(NOBODY, bytes(900))
        assert not clock.pacer.holds
        clock.pass_(0.05)
    assert clock.woken == 0
    for _ in range(9):
        clock.pacer.submit(NOBODY, bytes(900))
    assert clock.woken == 1
    assert clock.pacer.holds


def test_reports_and_retransmissions_do_not_wait_and_the_latter_are_paid_for() -> None:
    clock = Clock()
    for _ in range(20):
        clock.pacer.submit(NOBODY, bytes(1000))
    sent = len(clock.line.arrived)
    clock.pacer.submit(NOBODY, b"report", is_rtcp=True)
    assert clock.line.arrived[-1][1] == b"report"

    clock.pacer.spend(5000)
    clock.pass_(5000 * 8 / (PACE * LINE) * 0.9)
    assert len(clock.line.arrived) <= sent + 2, "what was sent past it delays the others"


def test_what_piles_up_goes_faster_and_is_bounded() -> None:
    clock = Clock(budget=50_000.0)
    for _ in range(MAX_WAITING + 10):
        clock.pacer.submit(NOBODY, bytes(1000))
    assert clock.drops[Drop.PACER_FULL] > 5
    clock.pass_(4 * MAX_DELAY)
    waiting = MAX_WAITING + 10 - clock.drops[Drop.PACER_FULL] - len(clock.line.arrived) - clock.line.lost
    assert waiting < 0.1 * MAX_WAITING
    clock.pacer.flush()
    assert not clock.pacer.holds


def test_a_paced_viewer_leaves_the_shared_group_and_comes_back() -> None:
    outbox, paced, (low, _) = Outbox(), Outbox(), layers_of(2)
    publication = publication_of(low)
    one, other = Viewer(outbox), Viewer(outbox)
    downs = [subscribed(low, one), subscribed(low, other)]
    for down, viewer in zip(downs, (one, other), strict=True):
        publication.attach(down, viewer, 0.0)
    forward(publication, picture(1, 1, 1, key=True), low, 0.0)
    assert outbox.sent[-1][0] == 2

    pacer = Pacer(paced, 1e6, Drops(), lambda: 0.0, lambda _: None)
    publication.pace(downs[0], pacer)
    forward(publication, picture(2, 2, 2, time=3000), low, 0.033)
    assert outbox.sent[-1][0] == 1
    assert [audience for audience, _ in paced.sent] == [1]
    assert paced.sent[-1][1] == outbox.sent[-1][1]

    publication.pace(downs[0], None)
    forward(publication, picture(3, 3, 3, time=6000), low, 0.066)
    assert outbox.sent[-1][0] == 2
    assert len(paced.sent) == 1
