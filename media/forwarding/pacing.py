"""One timer for all pacers of a node that hold something back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from media.drops import Drops
from media.forwarding.pacer import Outlet, Pacer

__all__ = ["STEP", "Pacing"]

STEP = 0.005
"""Seconds between two looks at who may send more."""


class Pacing:
    """Makes pacers, and drives them."""

    def __init__(
        self,
        drops: Drops,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        self._drops = drops
        self._clock = clock
        self._call_later = call_later
        self._holding: dict[Pacer, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def pacer(self, outlet: Outlet, budget: float) -> Pacer:
        return Pacer(outlet, budget, self._drops, self._clock, self._wake)

    def close(self) -> None:
        self._holding.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self, pacer: Pacer) -> None:
        self._holding[pacer] = None
        if self._timer is None:
            self._timer = self._call_later(STEP, self._step)

    def _step(self) -> None:
        now = self._clock()
        self._holding = {pacer: None for pacer in self._holding if pacer.release(now)}
        self._timer = self._call_later(STEP, self._step) if self._holding else None
