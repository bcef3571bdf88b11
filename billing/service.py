"""Billing as the node has it: composes admission, meters, journal, shipping and accounts, and adds nothing but order.

Starting: the ledger opens, the journal opens, what former boots left in the journal is booked. Closing, in reverse:
open runs are closed and written, everything is booked, the writer ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from billing.accounts import Accounts, DemoApp, load_catalogue
from billing.admission import Admission
from billing.errors import bad_parameter, feature_missing
from billing.interface import AppId, Bucket, EditionView, Feature, Gauge, Lease, Session, Tier, UsageRow
from billing.journal import Journal, JournalFailed, JournalFull
from billing.metering import Meters, Segment, day_start
from billing.shipping import Shipping
from billing.store import Difference, Store, Trial, event_body

__all__ = ["Billing"]

DAY = 86400
MAX_RANGE = 31 * DAY


class Billing:
    """Implements billing.interface: Entitlements, UsageSink and UsageReader, and the making of accounts and apps."""

    def __init__(self, data_dir: Path, *, clock: Callable[[], float], database: str | None = None) -> None:
        """`database` is an SQLAlchemy URL; by default SQLite in `data_dir`. The journal is always in `data_dir`."""
        self._clock = clock
        self._store = Store(database or f"sqlite:///{data_dir / 'tally.sqlite'}")
        self._journal = Journal(data_dir / "journal.sqlite")
        self._shipping = Shipping(self._journal, self._store)
        self._accounts = Accounts(self._store, load_catalogue(), clock=clock)
        self._admission = Admission()
        self._meters = Meters()
        self._unwritten: deque[Segment] = deque()  # closed segments the journal has not taken yet
        self._last_write: asyncio.Future[int] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._store.open()
        await self._journal.open()
        await self._shipping.ship()
        self._task = asyncio.create_task(self._shipping.run())

    async def close(self) -> None:
        """Harmless when repeated."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.flush()
        await self._shipping.ship()
        await self._journal.close()
        await self._store.close()

    @property
    def is_healthy(self) -> bool:
        """Whether used seconds reach the disk."""
        return self._journal.failure is None and len(self._unwritten) == 0

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator."""
        return {
            **self._admission.statistics(),
            "open_sessions": len(self._meters),
            "journal_events": self._journal.sequence,
            "journal_acknowledged": self._journal.acknowledged,
            "events_shipped": self._shipping.shipped,
            "shipping_failures": self._shipping.failures,
            "usage_gaps": len(self._shipping.gaps),
            "segments_unwritten": len(self._unwritten),
        }

    # Entitlements

    async def edition(self, app: AppId) -> EditionView:
        return await self._accounts.edition(app)

    async def admit(self, app: AppId, gauge: Gauge, *, scope: str, holder: str) -> Lease:
        edition = await self._accounts.in_force(app)
        return self._admission.admit(app, gauge, scope, holder, edition.limits[gauge], self._clock())

    async def release(self, lease: Lease) -> None:
        self._admission.release(lease)

    async def renew(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        return self._admission.renew(leases, self._clock())

    async def require(self, app: AppId, feature: Feature) -> None:
        edition = await self._accounts.in_force(app)
        if feature not in edition.features:
            raise feature_missing(feature, edition.title)

    # UsageSink

    def observe(self, session: Session, second: int, pixels: int) -> None:
        segment = self._meters.observe(session, second, pixels)
        if segment is not None:
            self._write(segment)

    def end(self, session: Session) -> None:
        segment = self._meters.end(session)
        if segment is not None:
            self._write(segment)

    def used(self, session: Session) -> Mapping[Tier, int]:
        return self._meters.used(session)

    async def flush(self) -> None:
        for segment in self._meters.close_all():
            self._write(segment)
        while self._unwritten and self._journal.failure is None:
            await asyncio.sleep(0.01)
            self._write_waiting()
        if self._last_write is not None:
            await asyncio.wait([self._last_write])

    def _write(self, segment: Segment) -> None:
        self._unwritten.append(segment)
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Gives the journal what it takes; the rest waits here and is counted."""
        while self._unwritten:
            segment = self._unwritten[0]
            session = segment.session
            body = event_body(
                session.app, session.id, session.room, session.member, segment.tier, segment.start, segment.stop
            )
            try:
                self._last_write = self._journal.append("media.segment", body)
            except (JournalFull, JournalFailed):
                return
            self._unwritten.popleft()

    # UsageReader

    async def usage(self, app: AppId, *, start: int, end: int, bucket: Bucket) -> Sequence[UsageRow]:
        await self._accounts.app_secret(app)
        if end <= start:
            raise bad_parameter("The range is empty.")
        if end - start > (DAY if bucket is Bucket.FIVE_MINUTES else MAX_RANGE):
            raise bad_parameter("A range is at most one day in 5-minute buckets, and 31 days in days.")
        await self._shipping.ship()
        sums: dict[tuple[int, Tier], int] = {}
        for at, tier, seconds in await self._store.seconds(app, start, end):
            key = (at if bucket is Bucket.FIVE_MINUTES else day_start(at), tier)
            sums[key] = sums.get(key, 0) + seconds
        order = list(Tier)
        return [
            UsageRow(at, tier, seconds)
            for (at, tier), seconds in sorted(sums.items(), key=lambda item: (item[0][0], order.index(item[0][1])))
        ]

    # Accounts and apps

    async def create_account(self, name: str) -> str:
        return await self._accounts.create_account(name)

    async def create_app(self, account: str, name: str) -> tuple[AppId, str]:
        return await self._accounts.create_app(account, name)

    async def start_trial(self, app: AppId) -> Trial:
        return await self._accounts.start_trial(app)

    async def assign_edition(self, app: AppId, edition: str, until: float | None) -> None:
        await self._accounts.assign_edition(app, edition, until)

    async def app_secret(self, app: AppId) -> str:
        return await self._accounts.app_secret(app)

    async def demo_app(self) -> DemoApp:
        return await self._accounts.demo_app()

    async def audit(self) -> Sequence[Difference]:
        """See billing.store.Store.audit."""
        await self._shipping.ship()
        return await self._store.audit()
