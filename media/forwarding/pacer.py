"""Pictures on a narrow way, at an even pace: a key frame sent at once would overflow the queue in front of the line,
and what is lost there costs the viewer more than the wait.

Only viewers whose bandwidth is limited are paced; the others share their packets, at the pace of the publisher. A paced
viewer's pictures pass a leaky bucket that runs a little faster than its budget, so that nothing piles up for long; what
piles up all the same makes it run faster. Retransmissions, sound and reports never wait; retransmissions are paid for
by the pictures that come after them.

Pure: packets and `now` (monotonic seconds) in, packets to the outlet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from media.drops import Drop, Drops
from media.forwarding.audience import Audience

__all__ = ["MAX_DELAY", "MAX_WAITING", "PACE", "Outlet", "Pacer"]

PACE = 1.25
"""Times the budget, which is 0.85 of what the line carried when it was full (media.forwarding.bandwidth). A browser
paces at 2.5 times what its encoder shall make, where the line is not known to be full."""
ROOM = 0.02
"""Seconds of that pace which may go at once: a frame of the usual size does not wait."""
MAX_DELAY = 0.25
"""Seconds within which all that waits shall be gone."""
MAX_WAITING = 512
"""Packets of one viewer."""


class Outlet(Protocol):
    """Where a group's packets go: media.forwarding.fan_out.FanOut, or a pacer before it."""

    def submit(
        self,
        audience: Audience,
        packet: bytes,
        picture_at: int = 0,
        base_layer_at: int = 0,
        *,
        is_rtcp: bool = False,
        more: bool = False,
    ) -> None: ...


class _Held(NamedTuple):
    audience: Audience
    packet: bytes
    picture_at: int
    base_layer_at: int


class Pacer:
    """The bucket of one viewer."""

    __slots__ = ("_at", "_clock", "_drops", "_held", "_octets", "_outlet", "_owed", "_rate", "_wake")

    def __init__(
        self, outlet: Outlet, budget: float, drops: Drops, clock: Callable[[], float], wake: Callable[[Pacer], None]
    ) -> None:
        """`budget`: bits per second. `wake` is told when something begins to wait: then `release` is wanted."""
        self._outlet = outlet
        self._drops = drops
        self._clock = clock
        self._wake = wake
        self._held: deque[_Held] = deque()
        self._octets = 0  # of all that wait
        self._owed = 0.0  # octets that were sent and have not leaked yet
        self._at = clock()
        self.set_budget(budget)

    @property
    def holds(self) -> bool:
        """Whether anything waits."""
        return bool(self._held)

    def set_budget(self, budget: float) -> None:
        self._rate = PACE * budget / 8

    def submit(
        self,
        audience: Audience,
        packet: bytes,
        picture_at: int = 0,
        base_layer_at: int = 0,
        *,
        is_rtcp: bool = False,
        more: bool = False,
    ) -> None:
        """See FanOut.submit. Sends now what the pace allows, and holds the rest."""
        if is_rtcp:  # what it says of time would be wrong later
            self._outlet.submit(audience, packet, is_rtcp=True)
            return
        if not self._held:
            self._leak(self._clock())
            if self._owed <= ROOM * self._rate:
                self._owed = max(0.0, self._owed) + len(packet)
                self._outlet.submit(audience, packet, picture_at, base_layer_at, more=more)
                return
            self._wake(self)
        elif len(self._held) >= MAX_WAITING:
            self._drops.count(Drop.PACER_FULL)
            return
        self._held.append(_Held(audience, packet, picture_at, base_layer_at))
        self._octets += len(packet)

    def spend(self, octets: int) -> None:
        """So much was sent past the bucket."""
        self._owed += octets

    def release(self, now: float) -> bool:
        """Sends what may go by now. Whether more waits."""
        self._leak(now)
        held, room = self._held, ROOM * self._rate
        while held and self._owed <= room:
            self._send(held.popleft())
        self._owed = max(0.0, self._owed)
        return bool(held)

    def flush(self) -> None:
        """Sends all that waits."""
        while self._held:
            self._send(self._held.popleft())

    def _send(self, held: _Held) -> None:
        size = len(held.packet)
        self._octets -= size
        self._owed += size
        self._outlet.submit(*held)

    def _leak(self, now: float) -> None:
        rate = max(self._rate, self._octets / MAX_DELAY)
        self._owed -= rate * (now - self._at)
        self._at = now
