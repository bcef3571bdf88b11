"""Members whom UDP does not reach."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser
from stage import NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow


async def test_media_passes_over_the_tcp_port_of_the_pages(
    nodes: Callable[..., NodeProcess], chromium: Callable[[], Awaitable[Browser]]
) -> None:
    node = nodes("--media-over", "tcp")
    ann = await Tab.open(await chromium(), node.url)
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), ann.page.url.partition("?")[0])
    await bob.page.wait_for_selector("video.remote")

    async def many_frames() -> bool:
        return await bob.frames_decoded() > 100

    await wait_for(many_frames, 15, "more than 100 decoded frames")
    for tab in (ann, bob):
        assert {entry["protocol"] for entry in await tab.statistics("remote-candidate")} == {"tcp"}
        assert {entry["srtpCipher"] for entry in await tab.statistics("transport")} == {"SRTP_AEAD_AES_128_GCM"}
    assert (await asyncio.to_thread(node.metrics))["tally_media_streams"] >= 2
    await ann.page.close()
    await bob.page.close()

    async def all_gone() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_streams"] == 0

    await wait_for(all_gone, 10, "their connections are closed")
    assert node.stop() == 0
    assert " ERROR " not in node.log, node.log


@pytest.mark.parametrize(
    "opening", [b"\x05\xff", b"\x00\x00", b"\x00\x14" + bytes(20), b"\x00\x03\x16\xfe\xff", b"\x00"]
)
async def test_a_stranger_on_the_media_side_of_the_port_harms_nobody(node: NodeProcess, opening: bytes) -> None:
    port = int(node.url.rstrip("/").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(opening)
    await writer.drain()
    if opening[0] == 5:
        assert await asyncio.wait_for(reader.read(), 5) == b"", "a length no packet has: closed at once"
    assert (await asyncio.to_thread(node.get, "/healthz"))["status"] == "alive"
    writer.close()

    async def gone() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_streams"] == 0

    await wait_for(gone, 5, "nothing is left of it")


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
async def test_a_node_on_every_address_is_reached_over_both_families(
    nodes: Callable[..., NodeProcess], chromium: Callable[[], Awaitable[Browser]], host: str
) -> None:
    """Chromium is told of one only, else it would choose."""
    node = nodes("--host", "::", "--announce", host)
    port = node.url.rstrip("/").rpartition(":")[2]
    address = f"[{host}]" if ":" in host else host
    ann = await Tab.open(await chromium(), f"http://{address}:{port}/")
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    bob = await Tab.open(await chromium(), ann.page.url.partition("?")[0])
    await bob.page.wait_for_selector("video.remote")

    async def frames() -> bool:
        return await bob.frames_decoded() > 50

    await wait_for(frames, 15, "more than 50 decoded frames")
    assert {entry["address"] for entry in await bob.statistics("remote-candidate")} == {host}
    assert node.stop() == 0
    assert " ERROR " not in node.log, node.log
