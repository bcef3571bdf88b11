"""What one viewer can receive, from its receiver's estimate (REMB) and its reports of loss.

A browser lowers its estimate when packets queue up (draft-ietf-rmcat-gcc-02 section 5.5: to 0.85 of what arrives), so a
falling estimate below what is sent is the sign of congestion, and its value is what the way carries. A small fall may
be noise and counts when it is repeated. Loss above LOSSY counts as well.

Upwards the estimate is of no use: it grows by 8 % a second and never beyond 1.5 times what arrives. So the server
tries: after a time without congestion it sends what the next better layer would need, padded with retransmissions, and
when that goes well for TRIAL seconds the layer is switched. A trial that fails costs a doubled pause, up to
MAX_PATIENCE.

Pure: reports and `now` (monotonic seconds) in, a budget out.
"""

from __future__ import annotations

__all__ = ["Bandwidth", "LossMeter"]

WINDOW = 0.7
"""Seconds over which loss is judged: a browser that misses packets reports every 60 ms, about a dozen packets each."""
ENOUGH = 30
"""Packets without which a window goes on, to MAX_WINDOW: of ten packets, chance takes half now and then."""
MAX_WINDOW = 2.5

LOSSY = 0.15
"""Fraction lost that is answered by sending less; below, retransmissions do."""
MENDED = 0.10
"""Fraction lost below which a lossy way is a usual one again."""
VERY_LOSSY = 0.22
"""The same of a single window, during a trial."""
WORSE = 0.08
"""What a trial may add to the loss that was there before."""
PROOFS = 3
"""Windows of loss, while little is sent, after which it is taken for chance."""
MUCH_WORSE = 0.2
"""What sending twice may add to the loss; of thirty packets, chance does it hardly ever."""
UNREPEATED = 10.0
"""Seconds without another attempt after it did."""
HOPELESS = 0.5
"""Fraction lost that no retransmission mends: less is sent whatever the reason."""
SMOOTHING = 0.4
CAUTIOUS = 250_000.0
"""Bits per second below which a budget falls only when round trips grow as well: a way that loses at random is not
mended by less, and its losses and jitter also disturb the receiver's estimate, down to nothing."""
SEVERE = 0.7
"""An estimate below this share of what is sent is believed at once."""
MILD = 0.92
REPEATED = 3.0
"""Seconds within which a second mild fall is believed."""
FLOOR = 50_000.0
"""Bits per second: a voice."""
TRIAL = 1.2
"""Seconds of padding that prove a way good: a browser without losses reports once a second."""
QUEUED = 0.08
"""Seconds by which a round trip grows when packets queue up."""
PATIENCE = 1.0
"""Seconds without congestion before the first trial."""
MAX_PATIENCE = 3.0
PROOF = 4.0
"""Seconds after a trial that went well in which congestion says that it did not."""


class LossMeter:
    """The share of all packets that one receiver misses."""

    __slots__ = ("_lost", "_packets", "_since", "_streams")

    def __init__(self) -> None:
        self._streams: dict[int, tuple[int, int]] = {}
        self._since = 0.0
        self._packets = self._lost = 0

    def note(self, ssrc: int, highest: int, lost: int, now: float) -> float | None:
        """A report block: extended `highest` number and cumulative `lost`. Answers the share at the end of a window."""
        before = self._streams.get(ssrc)
        self._streams[ssrc] = (highest, lost)
        if before is not None and 0 <= highest - before[0] < 0x8000:
            self._packets += highest - before[0]
            self._lost += max(0, lost - before[1])
        elapsed = now - self._since
        if elapsed < WINDOW or (self._packets < ENOUGH and elapsed < MAX_WINDOW):
            return None
        share = self._lost / self._packets if self._packets else 0.0
        self._since = now
        self._packets = self._lost = 0
        return min(1.0, share)


class Bandwidth:
    """The budget of one viewer."""

    __slots__ = (
        "_calm_since",
        "_estimate",
        "_grown_at",
        "_loss",
        "_lossy",
        "_mild_at",
        "_patience",
        "_queueing",
        "_repeating",
        "_round_trip",
        "_still_lost",
        "_trial",
        "_unrepeated_until",
        "budget",
    )

    def __init__(self) -> None:
        self.budget: float | None = None
        """Bits per second; None until there was congestion."""
        self._estimate: float | None = None
        self._mild_at = float("-inf")
        self._calm_since = 0.0
        self._patience = PATIENCE
        self._trial: float | None = None  # since when
        self._grown_at = float("-inf")
        self._loss = 0.0
        self._lossy = False
        self._still_lost: list[float] = []  # the shares lost in windows in which little was sent, and that once
        self._repeating: float | None = None  # the share lost before
        self._unrepeated_until = float("-inf")
        self._queueing = False
        self._round_trip = float("inf")  # the shortest

    @property
    def estimate(self) -> float | None:
        """The latest REMB in bits per second."""
        return self._estimate

    @property
    def repeats(self) -> bool:
        """More is lost than retransmission mends in time, and by chance, not for want of room: all is sent twice.

        Chance it is when as much is lost after the smaller layer was chosen, when nothing queues up, and when sending
        twice does not make it worse."""
        return self._repeating is not None

    @property
    def usable(self) -> float | None:
        """Bits per second of what is sent once, None for as much as there is: on a lossy way, there shall be room for
        sending it twice."""
        return self.budget / 2 if self.budget is not None and self._lossy else self.budget

    def note_estimate(self, bits: float, sending: float, now: float) -> bool:
        """The receiver's estimate came while `sending` bits per second were sent. True when the budget fell."""
        before, self._estimate = self._estimate, bits
        fell = before is not None and bits < 0.97 * before
        if before is None:
            fell = bits < SEVERE * sending
        if not fell or bits >= MILD * sending:
            return False
        if bits >= SEVERE * sending and self._trial is None and now - self._mild_at > REPEATED:
            self._mild_at = now
            self._calm_since = now
            return False
        return self._congested(bits, now)

    def note_loss(self, fraction: float, sending: float, now: float) -> bool:
        """The share lost in a window. True when the budget fell. One bad window may be chance, except during a trial:
        of a hundred packets on a way that loses 10 %, sometimes 16 are lost."""
        bearable = min(VERY_LOSSY, self._loss + WORSE)
        self._loss += SMOOTHING * (fraction - self._loss)
        if self._trial is None:  # what is lost in a trial may be its own fault
            self._lossy = self._loss >= (MENDED if self._lossy else LOSSY)
            self._consider_repeating(fraction, sending, now)
        if self._loss < LOSSY and (self._trial is None or fraction < bearable):
            return False
        return self._congested(max(sending * (1 - fraction / 2), CAUTIOUS), now)

    def note_round_trip(self, seconds: float, now: float) -> bool:
        """A receiver report gave a round trip. True when the budget fell."""
        self._round_trip = min(self._round_trip + 0.001, seconds)  # forgets slowly, since ways change
        self._queueing = seconds > self._round_trip + QUEUED
        return self._trial is not None and self._queueing and self._congested(FLOOR, now)

    def trial(self, needed: float | None, now: float) -> float:
        """Called regularly with the bits per second that the next better choice needs, None when there is none.

        Answers how many bits per second shall be sent in all meanwhile, 0 when there is no trial; the budget has grown
        when a trial has ended well."""
        if self.budget is None:
            return 0.0
        if needed is None:
            if now - self._calm_since > 2 * MAX_PATIENCE:
                self._forget_limits()
            self._trial = None
            return 0.0
        if needed <= self.budget:
            return 0.0
        if self._trial is None:
            if now - self._calm_since < self._patience or self._lossy:
                return 0.0
            self._trial = now
        if now - self._trial >= TRIAL:
            self._trial = None
            self._grown_at = now
            self._calm_since = now - self._patience  # what went well may go on
            self.budget = 1.02 * needed
            return 0.0
        return needed

    def _consider_repeating(self, fraction: float, sending: float, now: float) -> None:
        """A window has ended."""
        if self._repeating is not None:
            if not self._lossy or self._queueing:
                self._repeating = None
            elif fraction > self._repeating + MUCH_WORSE:
                self._repeating = None
                self._unrepeated_until = now + UNREPEATED
            return
        small = self.budget is not None and sending <= self.budget
        if not small or fraction < LOSSY or self._queueing or now < self._unrepeated_until:
            self._still_lost.clear()
            return
        self._still_lost.append(fraction)
        if len(self._still_lost) >= PROOFS:
            self._repeating = max(self._still_lost)
            self._still_lost.clear()

    def _congested(self, bits: float, now: float) -> bool:
        self._calm_since = now
        if self._trial is not None:  # what was sent before it went well
            self._trial = None
            self._patience = min(MAX_PATIENCE, 2 * self._patience)
            return False
        if now - self._grown_at < PROOF:
            self._patience = min(MAX_PATIENCE, 2 * self._patience)
        if not self._queueing and self._loss < HOPELESS:
            bits = max(bits, CAUTIOUS)
        before = self.budget
        self.budget = max(FLOOR, min(bits, before) if before is not None else bits)
        return before is None or self.budget < before

    def _forget_limits(self) -> None:
        self.budget = None
        self._patience = PATIENCE
