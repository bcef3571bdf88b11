"""What callbacks keep: the outbox, notes of open rooms, and what apps have set. SQLAlchemy Core, one file of the node.

One writer thread commits what has gathered in one transaction (WAL, synchronous=FULL), so that the loop never waits and
many callbacks share one fsync. A write is done when it is on disk, and writes are done in the order in which they were
given. A disk that refuses is tried again until it takes them: what waits is bounded by whoever gives it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event

from billing.interface import AppId
from signaling.callbacks.config import Kind
from signaling.callbacks.lanes import Callback

__all__ = [
    "Kept", "State", "Store", "Work", "adding", "all_configs", "all_open_rooms", "all_pending", "dropping_old",
    "forgetting", "listing", "marking", "newest", "noting", "reviving", "setting", "surplus_before",
    "together",
]  # fmt: skip

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
State = Literal["pending", "delivered", "dead"]

MAX_BATCH = 2_000
RETRY_S = 1.0
"""Seconds until a disk that refused is tried again."""

metadata = sa.MetaData()
configs = sa.Table(
    "callback_configs", metadata,
    sa.Column("app", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
)  # fmt: skip
callbacks = sa.Table(
    "callbacks", metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("app", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("subject", sa.String(80), nullable=False),
    sa.Column("command", sa.String(80), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float, nullable=True),
    sa.Column("error", sa.String(200), nullable=False),
    sa.Index("callbacks_of_app", "app", "number"),
    sa.Index("callbacks_by_state", "state", "ended_at"),
)  # fmt: skip
open_rooms = sa.Table(
    "callback_open_rooms", metadata,
    sa.Column("app", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("room", sa.String(80), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """A callback as an operator sees it."""

    number: int
    kind: Kind
    subject: str
    command: str
    body: str
    made_at: float
    state: State
    attempts: int
    due_at: float
    ended_at: float | None
    """When it was delivered or given up, in Unix seconds."""
    error: str
    """Of the last attempt."""


@dataclass(slots=True)
class _Write:
    work: Work[Any]
    done: asyncio.Future[Any]


class Store:
    """One database by URL, written by one process."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, hide_parameters=True)  # in logs, where secrets do not belong
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _tune_sqlite)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = threading.Event()
        self._given = 0
        self._done = 0
        self.is_failing = False
        """The disk refuses at the moment."""

    async def open(self) -> None:
        """Creates what is missing. Raises sqlalchemy.exc.SQLAlchemyError when it is no database."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(metadata.create_all, self._engine)
        self._thread = threading.Thread(target=self._write_all, name="callbacks", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Writes what waits, then ends the writer. Harmless when repeated."""
        if self._thread is not None:
            self._closing.set()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
            await asyncio.sleep(0)  # acknowledgements that the thread left on the loop
            await asyncio.to_thread(self._engine.dispose)

    @property
    def waiting(self) -> int:
        """Writes that are not on disk."""
        return self._given - self._done

    def write(self, work: Work[T]) -> asyncio.Future[T]:
        """Takes `work`, never blocks. The future is done when it is on disk, with what `work` gave back."""
        assert self._loop is not None, "open() comes first"
        self._given += 1
        done: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Write(work, done))
        return done

    async def read(self, work: Work[T]) -> T:
        """`work` on a connection of its own; WAL lets it read while the writer writes."""

        def run() -> T:
            with self._engine.connect() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    # The writer thread

    def _write_all(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._commit(batch)

    def _next_batch(self) -> list[_Write] | None:
        """What has gathered, at least one; None when the store is closed."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                break
            if write is None:
                self._queue.put(None)
                break
            batch.append(write)
        return batch

    def _commit(self, batch: list[_Write]) -> None:
        """In one transaction, and again until the disk takes it; a store that closes gives up. When one of them is at
        fault, each gets a transaction of its own, and the others are written."""
        while True:
            try:
                with self._engine.begin() as connection:
                    results = [write.work(connection) for write in batch]
            except sa.exc.OperationalError as error:
                if not self.is_failing:
                    logger.critical("callbacks cannot be written: %s", error.orig)
                self.is_failing = True
                if self._closing.is_set():
                    return self._tell(batch, error)
                self._closing.wait(RETRY_S)
            except Exception as error:  # a fault of ours: it must not end the writer
                if len(batch) == 1:
                    logger.exception("a write of the callbacks failed")
                    return self._tell(batch, error)
                for write in batch:
                    self._commit([write])
                return None
            else:
                self.is_failing = False
                return self._tell(batch, results)

    def _tell(self, batch: list[_Write], outcome: list[Any] | Exception) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, batch, outcome)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    def _settle(self, batch: list[_Write], outcome: list[Any] | Exception) -> None:
        self._done += len(batch)
        for index, write in enumerate(batch):
            if write.done.cancelled():
                continue
            if isinstance(outcome, Exception):
                write.done.set_exception(outcome)
                write.done.exception()  # most of those who write do not wait for the answer
            else:
                write.done.set_result(outcome[index])


# Writing


def together(works: Iterable[Work[None]]) -> Work[None]:
    """All of them, in this order."""

    def work(connection: sa.Connection) -> None:
        for each in works:
            each(connection)

    return work


def setting(app: AppId, body: str | None) -> Work[None]:
    """What an app has set; None: nothing."""

    def work(connection: sa.Connection) -> None:
        connection.execute(configs.delete().where(configs.c.app == app))
        if body is not None:
            connection.execute(configs.insert().values(app=app, body=body))

    return work


def adding(new: Sequence[Callback]) -> Work[None]:
    rows = [
        {
            "number": each.number, "app": each.app, "kind": each.kind, "subject": each.subject,
            "command": each.command, "body": each.body, "made_at": each.since, "since": each.since,
            "state": "pending", "attempts": 0, "due_at": 0.0, "ended_at": None, "error": "",
        }
        for each in new
    ]  # fmt: skip
    return lambda connection: _nothing(connection.execute(callbacks.insert(), rows))


def marking(callback: Callback, state: State, at: float, error: str) -> Work[None]:
    """What became of an attempt, at `at`."""
    values = {
        "state": state, "attempts": callback.attempts, "due_at": callback.due_at, "error": error[:200],
        "ended_at": None if state == "pending" else at,
    }  # fmt: skip
    change = callbacks.update().where(callbacks.c.number == callback.number).values(values)
    return lambda connection: _nothing(connection.execute(change))


def noting(app: AppId, room: str, body: str) -> Work[None]:
    """That a room is open, and what it is like."""

    def work(connection: sa.Connection) -> None:
        forgetting(app, room)(connection)
        connection.execute(open_rooms.insert().values(app=app, room=room, body=body))

    return work


def forgetting(app: AppId, room: str | None = None) -> Work[None]:
    """That a room is over, or that nobody wants to know of any room of the app."""
    change = open_rooms.delete().where(open_rooms.c.app == app)
    if room is not None:
        change = change.where(open_rooms.c.room == room)
    return lambda connection: _nothing(connection.execute(change))


def reviving(
    app: AppId, kind: Kind, states: Iterable[State], now: float, *,
    subject: str | None, numbers: Sequence[int] | None, most: int,
) -> Work[list[Callback]]:  # fmt: skip
    """Makes ended callbacks pending again, the oldest first, at most `most`; gives them back."""
    wanted = _matching(app, states, subject).where(callbacks.c.kind == kind)
    if numbers is not None:
        wanted = wanted.where(callbacks.c.number.in_(numbers))

    def work(connection: sa.Connection) -> list[Callback]:
        rows = connection.execute(wanted.order_by(callbacks.c.number).limit(most)).all()
        change = callbacks.update().where(callbacks.c.number == sa.bindparam("chosen"))
        values = {"state": "pending", "attempts": 0, "due_at": 0.0, "since": now, "ended_at": None, "error": ""}
        if rows:
            connection.execute(change.values(values), [{"chosen": row.number} for row in rows])
        return [replace(_callback(row._mapping), attempts=0, due_at=0.0, since=now) for row in rows]

    return work


def dropping_old(delivered_before: float, dead_before: float, surplus_before: int, most: int) -> Work[int]:
    """Forgets ended callbacks that ended before these times, or have a number below `surplus_before`: at most `most`;
    how many."""

    def work(connection: sa.Connection) -> int:
        old = (
            sa.select(callbacks.c.number)
            .where(
                sa.or_(
                    sa.and_(callbacks.c.state == "delivered", callbacks.c.ended_at < delivered_before),
                    sa.and_(callbacks.c.state == "dead", callbacks.c.ended_at < dead_before),
                    sa.and_(callbacks.c.state != "pending", callbacks.c.number < surplus_before),
                )
            )
            .limit(most)
        )
        numbers = list(connection.execute(old).scalars())
        connection.execute(callbacks.delete().where(callbacks.c.number.in_(numbers)))
        return len(numbers)

    return work


# Reading


def all_configs(connection: sa.Connection) -> list[tuple[AppId, str]]:
    return [(AppId(row.app), row.body) for row in connection.execute(sa.select(configs))]


def all_pending(connection: sa.Connection) -> list[Callback]:
    query = sa.select(callbacks).where(callbacks.c.state == "pending").order_by(callbacks.c.number)
    return [_callback(row._mapping) for row in connection.execute(query)]


def all_open_rooms(connection: sa.Connection) -> list[tuple[AppId, str, str]]:
    query = sa.select(open_rooms).order_by(open_rooms.c.app, open_rooms.c.room)
    return [(AppId(row.app), row.room, row.body) for row in connection.execute(query)]


def newest(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.max(callbacks.c.number))).scalar() or 0


def surplus_before(most: int) -> Work[int]:
    """The number below which callbacks are more than `most`; 0 when they are not."""
    query = sa.select(callbacks.c.number).order_by(callbacks.c.number.desc()).limit(1).offset(most - 1)
    return lambda connection: connection.execute(query).scalar() or 0


def listing(app: AppId, states: Iterable[State], *, subject: str | None, after: int, most: int) -> Work[list[Kept]]:
    """The app's callbacks after the number `after`, the oldest first."""
    query = _matching(app, states, subject).where(callbacks.c.number > after).order_by(callbacks.c.number).limit(most)
    return lambda connection: [_kept(row._mapping) for row in connection.execute(query)]


def _matching(app: AppId, states: Iterable[State], subject: str | None) -> sa.Select[Any]:
    query = sa.select(callbacks).where(callbacks.c.app == app, callbacks.c.state.in_(list(states)))
    return query if subject is None else query.where(callbacks.c.subject == subject)


def _callback(row: Mapping[Any, Any]) -> Callback:
    return Callback(
        row["number"], AppId(row["app"]), cast(Kind, row["kind"]), row["subject"], row["command"], row["body"],
        row["since"], row["attempts"], row["due_at"],
    )  # fmt: skip


def _kept(row: Mapping[Any, Any]) -> Kept:
    return Kept(
        row["number"], cast(Kind, row["kind"]), row["subject"], row["command"], row["body"], row["made_at"],
        cast(State, row["state"]), row["attempts"], row["due_at"], row["ended_at"], row["error"],
    )  # fmt: skip


def _nothing(_: object) -> None:
    """Works that only write give nothing back."""


def _tune_sqlite(connection: Any, _: object) -> None:
    """WAL, so that reading never waits; FULL, so that what was told survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
