"""The node's own journal: the first durable write of every used second.

SQLite in WAL mode with synchronous=FULL; one writer thread that commits what has gathered, so that many events share
one fsync. An event is acknowledged when its transaction is on disk, never before. Its key is `boot : sequence`, made
here and kept for ever: the ledger deduplicates by it, and a gap in the sequence is an alarm.
"""

from __future__ import annotations

import asyncio
import json
import logging
import queue
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Event", "Journal", "JournalFailed", "JournalFull"]

logger = logging.getLogger(__name__)

MAX_WAITING = 100_000
"""Events between the loop and the disk; at 30,000 a second that is three seconds of a stalled disk."""
MAX_BATCH = 2_000


class JournalFull(Exception):
    """The disk does not keep up; the caller keeps its fact and tries again."""


class JournalFailed(Exception):
    """The disk refused to write. What was acknowledged is safe; nothing more is accepted."""


@dataclass(frozen=True, slots=True)
class Event:
    """One durable fact."""

    source: str
    """The boot that made it."""
    sequence: int
    """From 1, without gaps within its boot."""
    kind: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class _Write:
    sequence: int
    kind: str
    body: str
    done: asyncio.Future[int]


class Journal:
    """One file, written by one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.boot = f"boot_{secrets.token_hex(8)}"
        self.sequence = 0
        """Of the newest event that was taken."""
        self.acknowledged = 0
        """Events of this boot that are on disk."""
        self.failure: Exception | None = None
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        """Creates the file or opens it. Raises sqlite3.Error when it is not a journal."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._create)
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Writes what waits, then ends the writer."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
            await asyncio.sleep(0)  # acknowledgements that the thread left on the loop

    def append(self, kind: str, body: Mapping[str, Any]) -> asyncio.Future[int]:
        """Takes one event. The future gives its sequence once it is on disk.

        Raises JournalFull or JournalFailed at once; then nothing was taken.
        """
        if self.failure is not None:
            raise JournalFailed(str(self.failure))
        if self.sequence - self.acknowledged >= MAX_WAITING:
            raise JournalFull
        assert self._loop is not None, "open() comes first"
        self.sequence += 1
        write = _Write(self.sequence, kind, json.dumps(body, separators=(",", ":")), self._loop.create_future())
        self._queue.put(write)
        return write.done

    # Reading, for whoever carries events to the ledger

    async def read(self, limit: int) -> Sequence[Event]:
        """The oldest events that have not been trimmed, of former boots first."""
        return await asyncio.to_thread(self._read, limit)

    async def trim(self, events: Sequence[Event]) -> None:
        """Forgets events that the ledger has."""
        await asyncio.to_thread(self._trim, events)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _create(self) -> None:
        connection = self._connect()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL,"
            " sequence INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (source, sequence))"
        )
        connection.close()

    def _read(self, limit: int) -> list[Event]:
        connection = self._connect()
        try:
            rows = connection.execute(
                "SELECT source, sequence, kind, body FROM events ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        finally:
            connection.close()
        return [Event(source, sequence, kind, json.loads(body)) for source, sequence, kind, body in rows]

    def _trim(self, events: Sequence[Event]) -> None:
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "DELETE FROM events WHERE source = ? AND sequence = ?",
                [(event.source, event.sequence) for event in events],
            )
            connection.execute("COMMIT")
        finally:
            connection.close()

    # The writer thread

    def _write_all(self) -> None:
        try:
            connection = self._connect()
            while (batch := self._next_batch()) is not None:
                self._commit(connection, batch)
            connection.close()
        except sqlite3.Error as error:
            logger.critical("the journal cannot be written: %s", error)
            self.failure = error  # also when no write was waiting for the answer

    def _next_batch(self) -> list[_Write] | None:
        """What has gathered, at least one; None when the journal is closed."""
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

    def _commit(self, connection: sqlite3.Connection, batch: list[_Write]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO events (source, sequence, kind, body) VALUES (?, ?, ?, ?)",
                [(self.boot, write.sequence, write.kind, write.body) for write in batch],
            )
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._tell(batch, error)
            raise
        self._tell(batch, None)

    def _tell(self, batch: list[_Write], error: Exception | None) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._settle, batch, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass

    def _settle(self, batch: list[_Write], error: Exception | None) -> None:
        if error is None:
            self.acknowledged += len(batch)
        else:
            self.failure = error
        for write in batch:
            if write.done.cancelled():
                continue
            if error is None:
                write.done.set_result(write.sequence)
            else:
                write.done.set_exception(JournalFailed(str(error)))
                write.done.exception()  # many writers do not wait for the answer
