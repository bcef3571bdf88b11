"""A publisher that prefers redundant audio is heard by who can take it, and by who cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser
from stage import NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow

PREFER_RED = """(() => {
    const add = RTCPeerConnection.prototype.addTransceiver;
    RTCPeerConnection.prototype.addTransceiver = function (track, options) {
        const transceiver = add.call(this, track, options);
        if (track.kind === "audio") {
            const { codecs } = RTCRtpSender.getCapabilities("audio");
            const isRed = (codec) => codec.mimeType === "audio/red";
            transceiver.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((codec) => !isRed(codec))]);
        }
        return transceiver;
    };
})()"""
REFUSE_RED = """(() => {
    const answer = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
        const plain = sdp.replace(/(m=audio \\d+ \\S+ 111) 63/g, "$1").replace(/a=(rtpmap|fmtp):63 .*\\r\\n/g, "");
        return answer.call(this, { type, sdp: plain });
    };
})()"""


async def test_redundant_sound_is_passed_on_and_unwrapped_for_who_cannot_take_it(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    ann = await _tab(await chromium(), node.url, PREFER_RED)
    await ann.page.fill("#name", "Ann")
    await ann.page.click("#go-live")
    await ann.page.wait_for_selector("#controls")
    room = ann.page.url.partition("?")[0]
    bob = await _tab(await chromium(), room, "")
    carl = await _tab(await chromium(), room, REFUSE_RED)

    for tab in (bob, carl):
        await wait_for(_hears(tab), 15, "sound")
    sizes = [await _packet_size(tab) for tab in (bob, carl)]
    assert sizes[0] > 1.6 * sizes[1], "Chromium calls both audio/opus, but each packet comes with the one before"
    drops = await asyncio.to_thread(node.metrics)
    assert drops['tally_media_drops_total{reason="bad_rtp"}'] == 0
    assert drops['tally_media_drops_total{reason="unknown_payload_type"}'] == 0


async def _tab(browser: Browser, url: str, script: str) -> Tab:
    tab = await Tab.open(browser, "about:blank")
    await tab.page.add_init_script(script)
    await tab.page.goto(url)
    return tab


def _hears(tab: Tab) -> Callable[[], Awaitable[bool]]:
    """Whether more than two seconds of sound came, most of it not made up."""

    async def is_hearing() -> bool:
        entry = await _sound(tab)
        heard = entry.get("totalSamplesReceived", 0) - entry.get("concealedSamples", 0)
        return bool(entry and entry["packetsReceived"] > 100 and heard > 96_000)

    return is_hearing


async def _packet_size(tab: Tab) -> float:
    """Bytes of payload in the mean."""
    entry = await _sound(tab)
    return float(entry["bytesReceived"] / entry["packetsReceived"])


async def _sound(tab: Tab) -> dict[str, Any]:
    return next((entry for entry in await tab.statistics("inbound-rtp") if entry["kind"] == "audio"), {})
