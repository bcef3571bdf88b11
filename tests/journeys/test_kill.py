"""SIGKILL in mid-stream: what was acknowledged is there afterwards, nothing twice, and at most 10 s are missing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stage import NodeProcess, Voice

pytestmark = pytest.mark.slow

STREAMED = 12.0
"""Seconds of media before the kill: two slices and a half."""


def audio_seconds(node: NodeProcess) -> int:
    app = node.credentials("anyone")["sdkappid"]
    rows = node.get(f"/v1/apps/{app}/usage?bucket=day", node.operator_key)["usage"]
    return sum(row["seconds"] for row in rows if row["tier"] == "audio")


def seconds_by_member(data: Path) -> dict[str, list[int]]:
    """Every billed second of each member, from the booked segments."""
    connection = sqlite3.connect(data / "tally.sqlite")
    rows = connection.execute("SELECT member, start, stop FROM usage_events").fetchall()
    connection.close()
    found: dict[str, list[int]] = {}
    for member, start, stop in rows:
        found.setdefault(member, []).extend(range(start, stop))
    return found


async def test_a_killed_node_loses_less_than_ten_seconds_and_bills_nothing_twice(
    nodes: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    node = nodes()
    host, *viewers = (Voice(node, name) for name in ("host", "bob", "cyd"))
    await host.connect()
    await host.call("room.create", room_id="main")
    await host.publish()
    for viewer in viewers:
        await viewer.connect()
        await viewer.call("room.enter", room_id="main")
        await viewer.watch()
    for member in (host, *viewers):
        await member.connected()
    began = time.time()

    await asyncio.sleep(STREAMED)  # the media itself takes this time
    acknowledged = await asyncio.to_thread(audio_seconds, node)
    killed = time.time()
    node.kill()

    node = nodes()
    after = await asyncio.to_thread(audio_seconds, node)
    billed = seconds_by_member(tmp_path)
    assert acknowledged > 0
    assert after >= acknowledged
    assert set(billed) == {"host", "bob", "cyd"}
    for member, seconds in billed.items():
        assert len(seconds) == len(set(seconds)), f"{member} was billed a second twice"
        assert len(seconds) >= killed - began - 10, f"{member} lost more than 10 s"
        assert max(seconds) < killed
    assert after == sum(map(len, billed.values()))
    assert node.stop() == 0
    for person in (host, *viewers):
        await person.close()
