"""Messages over data channels, beside sound and pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from stage import NodeProcess, wait_for

pytestmark = pytest.mark.slow

CONNECT = """async ([credentials, module]) => {
    const { LiveClient } = await import(module);
    window.client = new LiveClient();
    window.heard = [];
    client.addEventListener("data", ({ detail }) => {
        heard.push([detail.userid, new TextDecoder().decode(detail.data).slice(0, 40), detail.data.length]);
    });
    await client.connect({ url: location.origin.replace("http", "ws") + "/ws", ...credentials });
}"""
PUBLISH = """async (room) => {
    await client.createRoom({ room_id: room });
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    await client.publish({ audio: media.getAudioTracks()[0], video: media.getVideoTracks()[0] });
}"""


async def page_of(node: NodeProcess, browser: Browser, user: str) -> Page:
    page = await browser.new_page()
    await page.goto(node.url)
    module = await page.evaluate(
        "document.querySelector('script[type=module]').src.replace(/[^/]*$/, 'live_client.js')"
    )
    await page.evaluate(CONNECT, [await asyncio.to_thread(node.credentials, user), module])
    return page


async def test_a_message_reaches_all_who_want_messages_and_nobody_else(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    browser = await chromium()
    ann = await page_of(node, browser, "ann")
    await ann.evaluate(PUBLISH, "talk")
    viewers = [await page_of(node, await chromium(), name) for name in ("bob", "carl", "dora")]
    for page, wants in zip(viewers, (True, True, False), strict=True):
        await page.evaluate(
            "async (data) => { await client.enterRoom('talk'); await client.receive({ data }); }", wants
        )
    bob, carl, dora = viewers

    async def first_messages() -> bool:
        await ann.evaluate("client.sendData('hello')")
        return all([await page.evaluate("heard.length > 3") for page in (bob, carl)])

    await wait_for(first_messages, 15, "messages come")
    assert (await bob.evaluate("heard[0]")) == ["ann", "hello", 5]
    assert await dora.evaluate("heard") == []
    room: dict[str, Any] = await bob.evaluate("client.room")
    assert sorted(publication["kind"] for publication in room["publications"]) == ["audio", "data", "video"]

    async def has_whole() -> bool:
        await ann.evaluate("client.sendData(new Uint8Array(16 << 10).fill(97))")
        return bool(await bob.evaluate("heard.some((message) => message[2] === 16384)"))

    await wait_for(has_whole, 10, "a message of 16 KiB in one piece")

    await ann.evaluate("async () => { for (let i = 0; i < 1000; i += 1) await client.sendData('flood'); }")

    async def flood_is_dropped() -> bool:
        return (await asyncio.to_thread(node.metrics))['tally_media_drops_total{reason="data_rate"}'] > 500

    await wait_for(flood_is_dropped, 10, "what is too much is dropped by name")
    assert await bob.evaluate("heard.filter((message) => message[1] === 'flood').length") < 400
    await bob.evaluate("client.receive({ data: false })")

    async def one_hears() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_hearers"] == 1

    await wait_for(one_hears, 10, "Bob hears no more")
    frames = "(async () => [...(await client.streams).values()].length)()"
    assert await carl.evaluate(frames) == 2, "data is no stream"
    for page in (ann, *viewers):
        await page.close()

    async def all_gone() -> bool:
        metrics = await asyncio.to_thread(node.metrics)
        return (
            metrics["tally_media_hearers"] == metrics["tally_media_viewers"] == metrics["tally_media_publishers"] == 0
        )

    await wait_for(all_gone, 20, "nothing is left")
