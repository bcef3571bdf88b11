"""What one viewer saw of one stream, from the headers alone: loss, whole frames, freezes, and what to ask for again.

A frame is whole when all its packets have come and so have those of the frames before it; after a gap that nobody fills
the stream is broken until a key frame begins. A player is imagined that shows each frame BUFFER after its time.

Pure: packets and `now` (monotonic seconds) in, numbers out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

__all__ = ["Reception", "GIVE_UP", "RETRY"]

RETRY = 0.1
"""Seconds between two requests for the same packet."""
PATIENCE = 0.02
"""Seconds that a packet may come late by itself before it is asked for."""
MOST_REQUESTS = 10
BUFFER = 0.3
"""Seconds by which the imagined player stays behind, as browsers do on ways that jitter."""
CLOCK = 90_000
GIVE_UP = 1.0
"""Seconds after which a gap is not waited for any longer."""
_SEQUENCES = 0x10000


class _Gap:
    __slots__ = ("asked_at", "requests", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.asked_at = now - RETRY + PATIENCE
        self.requests = 0


class Reception:
    """One SSRC. `is_video`: frames are counted, and begin with a key frame."""

    __slots__ = (
        "_ahead",
        "_base",
        "_gaps",
        "_next",
        "_shown",
        "_times",
        "began",
        "broken",
        "first",
        "first_frame",
        "frames",
        "freezes",
        "frozen",
        "given_up",
        "highest",
        "is_video",
        "received",
        "repeated",
        "reported",
    )  # fmt: skip

    def __init__(self, sequence: int, now: float, *, is_video: bool) -> None:
        self.is_video = is_video
        self.began = now
        self.first = self.highest = sequence
        """Extended by counting cycles."""
        self.received = 0
        """Packets, each counted once."""
        self.repeated = 0
        """Packets that had been there."""
        self.given_up = 0
        """Packets that never came."""
        self.broken = is_video
        """No frame can be shown until a key frame begins; see `restart`."""
        self.first_frame: float | None = None
        """When the first frame was whole."""
        self.frames = 0
        self.freezes = 0
        """As W3C's freezeCount: the pause before a frame was above three times the mean and above the mean + 150 ms."""
        self.frozen = 0.0
        """Seconds in all freezes."""
        self.reported = (0, 0)
        """Expected and received at the last report."""
        self._next = sequence  # the first that has not come
        self._ahead: dict[int, tuple[int, bool]] = {}  # beyond it, with timestamps and markers
        self._gaps: dict[int, _Gap] = {}
        self._times: deque[float] = deque(maxlen=30)  # between the latest frames
        self._base = (0, 0.0)  # timestamp of the first frame, and when it is shown
        self._shown: float | None = None  # when the latest one is

    @property
    def expected(self) -> int:
        return self.highest - self.first + 1

    @property
    def loss(self) -> float:
        """The share that never came."""
        return max(0, self.expected - self.received) / self.expected

    def extended(self, sequence: int) -> int:
        """The number that 16 bits mean now."""
        return self.highest + (sequence - self.highest + 0x8000) % _SEQUENCES - 0x8000

    def take(self, sequence: int, timestamp: int, marker: bool, now: float) -> int:
        """Takes a packet's header; its extended number."""
        number = self.extended(sequence)
        if number < self._next or number in self._ahead:
            if number in self._gaps or number >= self.first:
                self.repeated += 1
            return number
        self.received += 1
        self.highest = max(self.highest, number)
        if number == self._next and not self._ahead:
            self._next += 1
            if marker:
                self._whole(timestamp, now)
            return number
        self._ahead[number] = (timestamp, marker)
        for missing in range(max(self._next, number - 512), number):
            if missing not in self._ahead and missing not in self._gaps:
                self._gaps[missing] = _Gap(now)
        self._advance(now)
        return number

    def restart(self, number: int, now: float) -> None:
        """A key frame begins with packet `number`: what came before is of no use."""
        self.broken = False
        if number >= self._next:
            self._skip(number)
            self._advance(now)

    def missing(self, now: float) -> Sequence[int]:
        """What shall be asked for again now, ascending; what is given up breaks the stream."""
        wanted = []
        for number, gap in list(self._gaps.items()):
            if now - gap.since >= GIVE_UP or gap.requests >= MOST_REQUESTS:
                self.given_up += 1
                self._skip(number + 1)
                self.broken = self.is_video
            elif now - gap.asked_at >= RETRY:
                gap.asked_at, gap.requests = now, gap.requests + 1
                wanted.append(number)
        self._advance(now)
        return sorted(number for number in wanted if number >= self._next)

    def finish(self, now: float) -> None:
        """The end of the load: a freeze that lasts is one as well."""
        if self.is_video and self._shown is not None:
            self._note_pause(now - self._shown)

    def _skip(self, number: int) -> None:
        self._next = max(self._next, number)
        self._ahead = {ahead: facts for ahead, facts in self._ahead.items() if ahead >= self._next}
        self._gaps = {gap: facts for gap, facts in self._gaps.items() if gap >= self._next}

    def _advance(self, now: float) -> None:
        while self._next in self._ahead:
            timestamp, marker = self._ahead.pop(self._next)
            self._next += 1
            if marker:
                self._whole(timestamp, now)
        if self._gaps:
            self._gaps = {
                gap: facts for gap, facts in self._gaps.items() if gap >= self._next and gap not in self._ahead
            }

    def _whole(self, timestamp: int, now: float) -> None:
        if not self.is_video or self.broken:
            return
        self.frames += 1
        if self._shown is None:
            self.first_frame = now
            self._base = (timestamp, now + BUFFER)
            self._shown = now + BUFFER
            return
        first, base = self._base
        ticks = (timestamp - first + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        shown = max(self._shown, now, base + ticks / CLOCK)
        self._note_pause(shown - self._shown)
        self._times.append(shown - self._shown)
        self._shown = shown

    def _note_pause(self, pause: float) -> None:
        if len(self._times) < 2:
            return
        mean = sum(self._times) / len(self._times)
        if pause > max(3 * mean, mean + 0.150):
            self.freezes += 1
            self.frozen += pause
