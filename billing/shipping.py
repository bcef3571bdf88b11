"""From the journal to the ledger: booked in order, then trimmed; a crash between the two repeats harmlessly."""

from __future__ import annotations

import asyncio
import logging

from billing.journal import Journal
from billing.store import Gap, Store

__all__ = ["Shipping"]

logger = logging.getLogger(__name__)

BATCH = 2_000
PERIOD = 1.0
"""Seconds between two looks when nothing is waiting."""
MAX_BACK_OFF = 30.0


class Shipping:
    """One carrier; the journal's only reader."""

    def __init__(self, journal: Journal, store: Store) -> None:
        self._journal = journal
        self._store = store
        self._lock = asyncio.Lock()
        self.shipped = 0
        self.gaps: list[Gap] = []
        self.failures = 0

    async def ship(self) -> None:
        """Books everything that is on disk now."""
        async with self._lock:
            while True:
                events = await self._journal.read(BATCH)
                if not events:
                    return
                gaps = await self._store.append(events)
                for gap in gaps:
                    self.gaps.append(gap)
                    logger.error("usage is missing: source=%s start=%d stop=%d", gap.source, gap.start, gap.stop)
                await self._journal.trim(events)
                self.shipped += len(events)

    async def run(self) -> None:
        """Ships for ever; what fails is tried again with growing pauses, and stays in the journal meanwhile."""
        pause = PERIOD
        while True:
            await asyncio.sleep(pause)
            try:
                await self.ship()
                pause = PERIOD
            except Exception:
                self.failures += 1
                pause = min(MAX_BACK_OFF, 2 * pause)
                logger.exception("usage could not be booked; next try in %.0f s", pause)
