"""Debian's Firefox publishes and watches, in a network of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from firefox import FIREFOX, Firefox, Network, NoNamespace
from playwright.async_api import Browser, Page
from stage import REMEMBER_CONNECTIONS, NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
async def firefox(tmp_path: Path) -> AsyncIterator[tuple[Firefox, Network]]:
    try:
        network = Network.make()
    except NoNamespace as error:
        pytest.skip(str(error))
    assert FIREFOX.exists(), "Firefox is missing: tools/test installs it with apt where it may"
    browser = Firefox(network, tmp_path)
    try:
        await browser.start()
        yield browser, network
    finally:
        await browser.close()
        network.remove()


async def test_firefox_publishes_and_watches(
    nodes: Callable[..., NodeProcess],
    chromium: Callable[[], Awaitable[Browser]],
    firefox: tuple[Firefox, Network],
) -> None:
    browser, network = firefox
    node = nodes("--host", "0.0.0.0")
    port = node.url.rstrip("/").rpartition(":")[2]
    page = await browser.open(f"http://{network.server}:{port}/", REMEMBER_CONNECTIONS)
    ann = Tab(cast(Page, page))
    await page.fill("#name", "Ann")
    await page.click("#go-live")
    await page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), node.url)
    await bob.page.fill("#name", "Bob")
    await bob.page.click("#rooms li[data-room-id] a.card")
    await wait_for(plays(bob), 20, "Chromium plays what Firefox publishes")

    await bob.page.click("#take-seat")
    await wait_for(plays(ann), 20, "Firefox plays what Chromium publishes")

    sent = [entry for entry in await ann.statistics("outbound-rtp") if entry["kind"] == "video"]
    assert sum(entry["packetsSent"] for entry in sent) > 50
    assert await lost_of(bob) < 0.05
    assert node.stop() == 0
    assert " ERROR " not in node.log, node.log


def plays(tab: Tab) -> Callable[[], Awaitable[bool]]:
    """Whether a tab decodes pictures and gets sound."""

    async def is_playing() -> bool:
        came = {entry["kind"]: entry for entry in await tab.statistics("inbound-rtp")}
        picture, sound = came.get("video", {}), came.get("audio", {})
        return picture.get("framesDecoded", 0) > 60 and picture["frameWidth"] >= 320 and sound["packetsReceived"] > 100

    return is_playing


async def lost_of(tab: Tab) -> float:
    """The share of video packets that never came."""
    came: dict[str, Any] = await tab.video_in()
    return float(came["packetsLost"] / (came["packetsReceived"] + came["packetsLost"]))
