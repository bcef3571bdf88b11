"""A browser goes live, another watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser
from playwright.async_api import Error as PlaywrightError
from stage import NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow


async def test_one_goes_live_another_watches_and_the_room_reacts_when_the_tab_is_killed(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    ann_browser, bob_browser = await chromium(), await chromium()
    ann = await Tab.open(ann_browser, node.url)
    bob = await Tab.open(bob_browser, node.url)

    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    await bob.page.fill("#name", "Bob")
    await bob.page.click("#rooms li[data-room-id] a.card")
    await bob.page.wait_for_selector("video.remote")

    async def many_frames() -> bool:
        return await bob.frames_decoded() > 100

    await wait_for(many_frames, 10, "more than 100 decoded frames")
    light = await bob.brightness()
    assert light is not None
    assert light["mean"] > 30, "the picture is black"
    assert light["most"] > 100
    transports = await bob.statistics("transport")
    assert {entry["srtpCipher"] for entry in transports} == {"SRTP_AEAD_AES_128_GCM"}

    await bob.page.wait_for_selector('figure[data-speaking][data-source="camera"]')

    async def has_used() -> bool:
        text = await bob.page.inner_text("#usage")
        return "HD" in text or "SD" in text

    await wait_for(has_used, 12, "the used time on the page")

    async def ramped_up() -> bool:
        targets = [entry.get("targetBitrate", 0) for entry in await ann.statistics("outbound-rtp")]
        return max(targets) > 1_000_000

    await wait_for(ramped_up, 15, "the publisher's bitrate ramped up")

    with pytest.raises(PlaywrightError):
        await ann.page.goto("chrome://crash")
    await bob.page.wait_for_selector("text=Connection lost")

    async def publisher_gone() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_publishers"] == 0

    await wait_for(publisher_gone, 30, "the peer of the killed tab is gone")
    await bob.page.wait_for_selector("video.remote", state="hidden")


async def test_a_resumed_picture_is_decoded_again_after_audio_only(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    browser = await chromium()
    ann = await Tab.open(browser, node.url)
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), ann.page.url.partition("?")[0])
    await bob.page.wait_for_selector("video.remote")

    async def playing() -> bool:
        return await bob.frames_decoded() > 20

    await wait_for(playing, 10, "frames")
    await bob.page.click("#audio-only")
    await bob.page.wait_for_selector("video.remote", state="hidden")
    await bob.page.click("#audio-only")
    await bob.page.wait_for_selector("video.remote")
    before = await bob.frames_decoded()

    async def going_on() -> bool:
        await asyncio.sleep(0)
        return await bob.frames_decoded() > before + 20

    await wait_for(going_on, 10, "frames after the pause")

    async def shown() -> bool:
        return bool(await bob.brightness())

    await wait_for(shown, 5, "the picture is shown, not only decoded")
