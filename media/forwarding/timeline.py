"""One RTP clock for all layers of a publication.

Each layer of a simulcast counts from a random start. A viewer who is moved between layers must see one clock, so the
server maps them all to that of the layer that came first. Two sender reports give the distance exactly (RFC 3550
section 6.4.1: the same wall clock in both); until both are there, the arrival of the latest packets does, to some
milliseconds. A layer's mapping changes only at the time of a key frame, and only while nothing of that time or later
has come: packets of one frame must keep one time, in whatever order they come, or no browser puts them together.

Layers also differ by one tick (11 us) in the order in which they are sent, so that frames of one picture in two layers
never have equal times.

Pure: times in, times out.
"""

from __future__ import annotations

__all__ = ["LayerClock", "Timeline"]

_WRAP = 0xFFFFFFFF


class Timeline:
    """The clock that viewers see."""

    __slots__ = ("_layers", "_reference", "rate")

    def __init__(self, rate: int) -> None:
        """`rate`: ticks in a second."""
        self.rate = rate
        self._layers = 0
        self._reference: LayerClock | None = None

    def layer(self) -> LayerClock:
        """The clock of the next layer, in the order in which the publisher sends them."""
        self._layers += 1
        return LayerClock(self, self._layers - 1)

    def offset_of(self, clock: LayerClock) -> int:
        """What is to be added to the times of `clock`."""
        if self._reference is None:
            self._reference = clock
        reference = self._reference
        if reference is clock:
            return clock.rank
        if reference.report is not None and clock.report is not None:
            (theirs_ntp, theirs), (ntp, time) = reference.report, clock.report
            elapsed = ((ntp - theirs_ntp) * self.rate + (1 << 31)) >> 32
            return theirs + elapsed - time + clock.rank
        elapsed = round((clock.arrived_at - reference.arrived_at) * self.rate)
        return reference.arrived + elapsed - clock.arrived + clock.rank


class LayerClock:
    """The clock of one layer."""

    __slots__ = ("_before", "_offset", "_since", "_timeline", "arrived", "arrived_at", "rank", "report")

    def __init__(self, timeline: Timeline, rank: int) -> None:
        self._timeline = timeline
        self._since: int | None = None  # the time from which on the offset holds; None before there is one
        self._offset = 0
        self._before = 0  # the offset of what is older
        self.rank = rank
        self.arrived = 0
        """RTP time of the latest packet, and when it came."""
        self.arrived_at = 0.0
        self.report: tuple[int, int] | None = None
        """NTP time (64 bits) and RTP time of the latest sender report."""

    def note_arrival(self, time: int, now: float) -> None:
        self.arrived, self.arrived_at = time, now

    def note_report(self, ntp: int, time: int) -> None:
        self.report = (ntp, time)

    def settle(self, time: int) -> None:
        """A key frame of `time` starts, and nothing of that time or later was mapped yet: from here on the mapping is
        what is known best by now."""
        offset = self._timeline.offset_of(self)
        self._before = offset if self._since is None else self._offset
        self._since, self._offset = time, offset

    def map(self, time: int) -> int:
        """The time that viewers see."""
        if self._since is None:
            self.settle(time)
            return self.map(time)
        is_older = (time - self._since) & _WRAP >= 0x80000000
        return (time + (self._before if is_older else self._offset)) & _WRAP
