"""The journal: acknowledged means on disk, also when the process is killed."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from billing.journal import Journal, JournalFailed

KILLED = """
import asyncio, sys
from pathlib import Path
from billing.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.open()
    print(journal.boot, flush=True)
    while True:
        done = [journal.append("test", {"n": n}) for n in range(20)]
        await asyncio.gather(*done)
        print(journal.acknowledged, flush=True)

asyncio.run(main())
"""


async def test_events_come_back_in_order_with_their_keys(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    done = [journal.append("media.segment", {"n": n}) for n in range(3)]
    assert await asyncio.gather(*done) == [1, 2, 3]
    await journal.close()

    again = Journal(tmp_path / "j.sqlite")
    await again.open()
    await again.append("media.segment", {"n": 3})
    events = await again.read(10)
    await again.close()

    assert [(event.source, event.sequence, event.body["n"]) for event in events] == [
        (journal.boot, 1, 0), (journal.boot, 2, 1), (journal.boot, 3, 2), (again.boot, 1, 3),
    ]  # fmt: skip


async def test_trimmed_events_are_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    await asyncio.gather(*(journal.append("x", {}) for _ in range(3)))
    first = (await journal.read(2))[:2]
    await journal.trim(first)
    left = await journal.read(10)
    await journal.close()

    assert [event.sequence for event in left] == [3]


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    for _ in range(500):
        journal.append("x", {})
    await journal.close()

    assert journal.acknowledged == 500
    connection = sqlite3.connect(tmp_path / "j.sqlite")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (500,)
    connection.close()


async def test_a_disk_that_refuses_is_told_to_the_writer_and_to_all_who_come_after(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    connection = sqlite3.connect(tmp_path / "j.sqlite")
    connection.execute("DROP TABLE events")
    connection.commit()
    connection.close()

    with pytest.raises(JournalFailed):
        await journal.append("x", {})
    with pytest.raises(JournalFailed):
        journal.append("x", {})
    await journal.close()


@pytest.mark.slow
@pytest.mark.parametrize("acknowledgements", [1, 7, 40])
async def test_a_kill_loses_nothing_acknowledged_and_repeats_nothing(tmp_path: Path, acknowledgements: int) -> None:
    path = tmp_path / "j.sqlite"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert child.stdout is not None
    boot = child.stdout.readline().strip()
    acknowledged = 0
    for _ in range(acknowledgements):
        acknowledged = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()

    journal = Journal(path)
    await journal.open()
    events = await journal.read(1_000_000)
    await journal.close()

    sequences = [event.sequence for event in events if event.source == boot]
    assert len(sequences) >= acknowledged > 0
    assert sequences == list(range(1, len(sequences) + 1))
