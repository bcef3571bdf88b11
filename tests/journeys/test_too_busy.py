"""A node that cannot keep up says so, and gives up what hurts least."""

from __future__ import annotations

import asyncio
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from playwright.async_api import Browser
from stage import Member, NodeProcess, Tab, Told, wait_for

pytestmark = pytest.mark.slow


@asynccontextmanager
async def hampered(node: NodeProcess) -> AsyncIterator[None]:
    """The node gets the processor for 30 ms of each 150."""
    process = node.process
    assert process is not None

    async def hamper() -> None:
        while True:
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.12)
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.03)

    task = asyncio.create_task(hamper())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        process.send_signal(signal.SIGCONT)


async def test_an_overloaded_node_sheds_layers_and_refuses_who_is_new_until_it_is_at_ease(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    ann = await Tab.open(await chromium(), node.url)
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), ann.page.url.partition("?")[0])
    await bob.page.wait_for_selector("video.remote")

    async def large() -> bool:
        return (await bob.video_in()).get("frameWidth") == 1280

    async def small() -> bool:
        return (await bob.video_in()).get("frameWidth") == 320

    async def shed(stage: int) -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_overload_stage"] == stage

    await wait_for(large, 15, "the large layer")
    carl = Member(node, "carl")
    await carl.connect()
    room = (await carl.call("room.list"))["rooms"][0]["room_id"]

    async with hampered(node):
        await wait_for(lambda: shed(3), 15, "everything is given up")
        with pytest.raises(Told) as refusal:
            await carl.call("room.enter", room_id=room)
        assert refusal.value.code == 100432
        assert await asyncio.to_thread(_refused_player, node, room) == (503, "10")
        await wait_for(small, 10, "the smallest layer")
    costs = await asyncio.to_thread(node.metrics)
    assert costs["tally_overload_joins_total"] == 2
    assert costs["tally_overload_layers_total"] >= 1
    assert costs["tally_overload_feedback_total"] > 0

    await wait_for(lambda: shed(0), 40, "everything is back")
    await wait_for(large, 15, "the large layer again")
    assert (await carl.call("room.enter", room_id=room))["room_id"] == room
    await carl.close()
    given_up = [line for line in node.log.splitlines() if "overload" in line]
    assert any("feedback, layers, joins" in line for line in given_up)
    assert "nothing" in given_up[-1]


def _refused_player(node: NodeProcess, room: str) -> tuple[int, str]:
    """Status and Retry-After of a WHEP request."""
    token = node.credentials("dora")["usersig"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    request = urllib.request.Request(f"{node.url}whep/{room}", b"v=0\r\n", headers, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    with refusal.value as error:
        return error.code, error.headers["Retry-After"]
