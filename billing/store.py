"""The ledger's database: accounts, apps, trials, editions, usage events and their roll-up.

SQLAlchemy Core, SQL that SQLite and PostgreSQL share. Every function here is one transaction, runs in one worker
thread, and never blocks the loop. Usage events are deduplicated by (source, sequence) in the same transaction that
appends them and adds them to the roll-up: a repeat changes nothing, and the roll-up is always the sum of the events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from billing.interface import AppId, Tier
from billing.journal import Event
from billing.metering import split

__all__ = ["App", "Difference", "Gap", "Store", "Trial"]

T = TypeVar("T")
metadata = sa.MetaData()

accounts = sa.Table(
    "accounts", metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(400), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)  # fmt: skip
apps = sa.Table(
    "apps", metadata,
    sa.Column("sdkappid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("name", sa.String(400), nullable=False),
    sa.Column("secret", sa.String(64), nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)  # fmt: skip
trials = sa.Table(
    "trials", metadata,
    sa.Column("sdkappid", sa.ForeignKey("apps.sdkappid"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("starts_at", sa.Float, nullable=False),
    sa.Column("ends_at", sa.Float, nullable=False),
)  # fmt: skip
subscriptions = sa.Table(
    "subscriptions", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("sdkappid", sa.ForeignKey("apps.sdkappid"), nullable=False, index=True),
    sa.Column("edition", sa.String(40), nullable=False),
    sa.Column("starts_at", sa.Float, nullable=False),
    sa.Column("ends_at", sa.Float, nullable=True),
)  # fmt: skip
blocks = sa.Table(
    "blocks", metadata,
    sa.Column("sdkappid", sa.ForeignKey("apps.sdkappid"), primary_key=True),
    sa.Column("service", sa.String(40), primary_key=True),
    sa.Column("reason", sa.String(200), nullable=False),
)  # fmt: skip
usage_events = sa.Table(
    "usage_events", metadata,
    sa.Column("source", sa.String(40), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sdkappid", sa.BigInteger, nullable=False, index=True),
    sa.Column("session", sa.String(80), nullable=False),
    sa.Column("room", sa.String(200), nullable=False),
    sa.Column("member", sa.String(80), nullable=False),
    sa.Column("meter", sa.String(20), nullable=False),
    sa.Column("tier", sa.String(10), nullable=False),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("stop", sa.BigInteger, nullable=False),
)  # fmt: skip
usage_rollup = sa.Table(
    "usage_rollup", metadata,
    sa.Column("sdkappid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter", sa.String(20), primary_key=True),
    sa.Column("tier", sa.String(10), primary_key=True),
    sa.Column("seconds", sa.BigInteger, nullable=False),
)  # fmt: skip
sources = sa.Table(
    "usage_sources", metadata,
    sa.Column("source", sa.String(40), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)  # fmt: skip

AV = "av"
"""The meter of audio and video minutes."""


@dataclass(frozen=True, slots=True)
class App:
    """An app as the books have it."""

    sdkappid: AppId
    account: str
    name: str
    secret: str
    edition: str | None
    """The newest edition or `trial` it was given; None before the first."""
    expires_at: float | None
    """Unix seconds at which that ends; None for never."""
    block: str | None
    """Why the app is suspended, if it is."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of an app."""

    number: int
    starts_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that a source made and that did not arrive."""

    source: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of the roll-up that is not the sum of its events."""

    sdkappid: int
    bucket: int
    tier: str
    rolled_up: int
    recomputed: int


class Store:
    """One database by URL."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, hide_parameters=True)  # in logs, where secrets do not belong
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _tune_sqlite)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    async def open(self) -> None:
        await self._run(lambda connection: metadata.create_all(connection))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        """`work` in one transaction, in the store's thread."""

        def transact() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, transact)

    # Accounts and apps

    async def add_account(self, identifier: str, name: str, now: float) -> None:
        await self._run(lambda c: c.execute(accounts.insert().values(id=identifier, name=name, created_at=now)))

    async def has_account(self, identifier: str) -> bool:
        query = sa.select(accounts.c.id).where(accounts.c.id == identifier)
        return await self._run(lambda c: c.execute(query).first() is not None)

    async def add_app(self, account: str, name: str, secret: str, first: int, now: float) -> AppId:
        """A new app under the next free number, from `first` upwards."""

        def work(connection: sa.Connection) -> AppId:
            newest = connection.execute(sa.select(sa.func.max(apps.c.sdkappid))).scalar()
            number = max(first, (newest or 0) + 1)
            connection.execute(
                apps.insert().values(sdkappid=number, account=account, name=name, secret=secret, created_at=now)
            )
            return AppId(number)

        return await self._run(work)

    async def app(self, sdkappid: AppId) -> App | None:
        return await self._run(lambda connection: _app(connection, sdkappid))

    async def app_of_account(self, account: str) -> AppId | None:
        query = sa.select(apps.c.sdkappid).where(apps.c.account == account).order_by(apps.c.sdkappid).limit(1)
        return await self._run(lambda c: c.execute(query).scalar())

    # Editions

    async def trials(self, sdkappid: AppId) -> tuple[Sequence[Trial], int]:
        """The app's trials, and how many all apps of its account have had."""

        def work(connection: sa.Connection) -> tuple[Sequence[Trial], int]:
            own = connection.execute(
                sa.select(trials.c.number, trials.c.starts_at, trials.c.ends_at)
                .where(trials.c.sdkappid == sdkappid)
                .order_by(trials.c.number)
            )
            account = sa.select(apps.c.account).where(apps.c.sdkappid == sdkappid).scalar_subquery()
            total = connection.execute(
                sa.select(sa.func.count()).select_from(trials.join(apps)).where(apps.c.account == account)
            ).scalar_one()
            return [Trial(*row) for row in own], total

        return await self._run(work)

    async def add_trial(self, sdkappid: AppId, trial: Trial) -> None:
        values = {
            "sdkappid": sdkappid, "number": trial.number, "starts_at": trial.starts_at, "ends_at": trial.ends_at,
        }  # fmt: skip
        await self._run(lambda c: c.execute(trials.insert().values(values)))

    async def add_subscription(self, sdkappid: AppId, edition: str, starts_at: float, ends_at: float | None) -> None:
        values = {"sdkappid": sdkappid, "edition": edition, "starts_at": starts_at, "ends_at": ends_at}
        await self._run(lambda c: c.execute(subscriptions.insert().values(values)))

    # Usage

    async def append(self, events: Sequence[Event]) -> Sequence[Gap]:
        """Books events that are not booked yet, in one transaction, and names the gaps before them."""
        return await self._run(lambda connection: _append(connection, events))

    async def seconds(self, sdkappid: AppId, start: int, end: int) -> Sequence[tuple[int, Tier, int]]:
        """(bucket, tier, seconds) of the buckets that begin in [start, end)."""
        query = (
            sa.select(usage_rollup.c.bucket, usage_rollup.c.tier, usage_rollup.c.seconds)
            .where(usage_rollup.c.sdkappid == sdkappid, usage_rollup.c.meter == AV)
            .where(usage_rollup.c.bucket >= start, usage_rollup.c.bucket < end)
            .order_by(usage_rollup.c.bucket)
        )
        return await self._run(lambda c: [(bucket, Tier(tier), count) for bucket, tier, count in c.execute(query)])

    async def audit(self) -> Sequence[Difference]:
        """Recomputes the roll-up from the events, and names every row that differs."""
        return await self._run(_audit)


def _app(connection: sa.Connection, sdkappid: AppId) -> App | None:
    row = connection.execute(sa.select(apps).where(apps.c.sdkappid == sdkappid)).first()
    if row is None:
        return None
    bought = connection.execute(
        sa.select(subscriptions.c.edition, subscriptions.c.ends_at)
        .where(subscriptions.c.sdkappid == sdkappid)
        .order_by(subscriptions.c.id.desc())
        .limit(1)
    ).first()
    tried = connection.execute(sa.select(sa.func.max(trials.c.ends_at)).where(trials.c.sdkappid == sdkappid)).scalar()
    block = connection.execute(sa.select(blocks.c.reason).where(blocks.c.sdkappid == sdkappid).limit(1)).scalar()
    edition, expires_at = tuple(bought) if bought is not None else ("trial" if tried is not None else None, tried)
    return App(AppId(row.sdkappid), row.account, row.name, row.secret, edition, expires_at, block)


def _append(connection: sa.Connection, events: Sequence[Event]) -> Sequence[Gap]:
    gaps = []
    newest = _newest(connection, {item.source for item in events})
    before = dict(newest)
    rolled: dict[tuple[int, int, str], int] = {}
    for item in events:
        known = newest.get(item.source, 0)
        if item.sequence <= known:
            continue  # booked already: a repeat after a crash between booking and trimming
        if item.sequence > known + 1:
            gaps.append(Gap(item.source, known + 1, item.sequence))
        newest[item.source] = item.sequence
        _book(connection, item, rolled)
    _add_up(connection, rolled)
    for source, sequence in newest.items():
        if source not in before:
            connection.execute(sources.insert().values(source=source, sequence=sequence))
        elif before[source] != sequence:
            connection.execute(sources.update().where(sources.c.source == source).values(sequence=sequence))
    return gaps


def _newest(connection: sa.Connection, wanted: set[str]) -> dict[str, int]:
    """The highest sequence booked from each source; those never seen are missing."""
    rows = connection.execute(sa.select(sources).where(sources.c.source.in_(wanted)))
    return {row.source: row.sequence for row in rows}


def _book(connection: sa.Connection, item: Event, rolled: dict[tuple[int, int, str], int]) -> None:
    body = item.body
    connection.execute(
        usage_events.insert().values(
            source=item.source, sequence=item.sequence, sdkappid=body["app"], session=body["session"],
            room=body["room"], member=body["member"], meter=AV, tier=body["tier"],
            start=body["start"], stop=body["stop"],
        )
    )  # fmt: skip
    for bucket, seconds in split(body["start"], body["stop"]):
        key = (body["app"], bucket, body["tier"])
        rolled[key] = rolled.get(key, 0) + seconds


def _add_up(connection: sa.Connection, rolled: Mapping[tuple[int, int, str], int]) -> None:
    for (sdkappid, bucket, tier), seconds in rolled.items():
        row = sa.and_(
            usage_rollup.c.sdkappid == sdkappid, usage_rollup.c.bucket == bucket,
            usage_rollup.c.meter == AV, usage_rollup.c.tier == tier,
        )  # fmt: skip
        changed = connection.execute(
            usage_rollup.update().where(row).values(seconds=usage_rollup.c.seconds + seconds)
        ).rowcount
        if not changed:
            connection.execute(
                usage_rollup.insert().values(sdkappid=sdkappid, bucket=bucket, meter=AV, tier=tier, seconds=seconds)
            )


def _audit(connection: sa.Connection) -> Sequence[Difference]:
    recomputed: dict[tuple[int, int, str], int] = {}
    columns = usage_events.c
    for sdkappid, tier, start, stop in connection.execute(
        sa.select(columns.sdkappid, columns.tier, columns.start, columns.stop)
    ):
        for bucket, seconds in split(start, stop):
            recomputed[sdkappid, bucket, tier] = recomputed.get((sdkappid, bucket, tier), 0) + seconds
    rolled = {(row.sdkappid, row.bucket, row.tier): row.seconds for row in connection.execute(sa.select(usage_rollup))}
    return [
        Difference(app, bucket, tier, rolled.get((app, bucket, tier), 0), recomputed.get((app, bucket, tier), 0))
        for app, bucket, tier in sorted(rolled.keys() | recomputed.keys())
        if rolled.get((app, bucket, tier), 0) != recomputed.get((app, bucket, tier), 0)
    ]


def _tune_sqlite(connection: Any, _: object) -> None:
    """WAL, so that reading never waits; FULL, so that a booked event survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def event_body(app: int, session: str, room: str, member: str, tier: str, start: int, stop: int) -> Mapping[str, Any]:
    """What a usage event carries in the journal."""
    return {
        "app": app, "session": session, "room": room, "member": member, "tier": tier, "start": start, "stop": stop,
    }  # fmt: skip
