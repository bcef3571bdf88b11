"""People of a journey: each in a page of its own in one shared browser, in front of a small painted camera."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect
from stage import wait_for

PICTURES = os.environ.get("TALLY_PICTURES", "")
"""A folder for screenshots; empty: none are taken."""

PHONE = (390, 844)
LAPTOP = (1280, 800) if PICTURES else (1000, 700)
DESKTOP = (1440, 900) if PICTURES else LAPTOP

# Everybody has a camera whose colour is its own, so that a picture says whose it is. What the page asks for is passed
# over: small pictures are enough, and three publishers and their viewers share two cores. Nor do they estimate their
# lines: a browser that gets little of a busy machine takes that for a slow line, and test_layers.py is about those.
_CAMERA = """(() => {
  const [name, hue, width, height] = %s;
  localStorage.setItem('tally.name', name);
  const connections = RTCPeerConnection.prototype, describe = connections.setRemoteDescription;
  connections.setRemoteDescription = function ({ type, sdp }) {
    return describe.call(this, { type, sdp: sdp.replace(/^a=rtcp-fb:\\d+ goog-remb\\r\\n/gm, '') });
  };
  navigator.mediaDevices.enumerateDevices = async () => [];
  const paint = (context, at) => {
    const ellipse = (colour, x, y, a, b) => {
      context.fillStyle = colour;
      context.beginPath();
      context.ellipse(x * height, y * height, a * height, b * height, 0, 0, 2 * Math.PI);
      context.fill();
    };
    const wall = context.createLinearGradient(0, 0, width, height);
    wall.addColorStop(0, `hsl(${hue} 70%% 62%%)`);
    wall.addColorStop(1, `hsl(${hue} 75%% 38%%)`);
    context.fillStyle = wall;
    context.fillRect(0, 0, width, height);
    const sway = 0.03 * Math.sin(at / 400), x = width / height / 2 + sway;
    ellipse(`hsl(${hue} 45%% 22%%)`, x, 1.12, 0.42, 0.42);
    ellipse(`hsl(${(hue + 25) %% 360} 35%% 16%%)`, x, 0.44, 0.235, 0.265);
    ellipse('hsl(24 52%% 70%%)', x, 0.5, 0.19, 0.235);
    ellipse('hsl(24 30%% 20%%)', x - 0.07, 0.47, 0.018, 0.022);
    ellipse('hsl(24 30%% 20%%)', x + 0.07, 0.47, 0.018, 0.022);
    ellipse('hsl(8 55%% 50%%)', x, 0.6, 0.06, 0.012 + 0.012 * (1 + Math.sin(at / 130)));
  };
  const openCamera = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d');
    const painting = setInterval(() => paint(context, performance.now()), 200);
    const [track] = canvas.captureStream(5).getVideoTracks();
    const stop = track.stop.bind(track);
    track.stop = () => { clearInterval(painting); stop(); };
    return track;
  };
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const sound = audio ? (await open({ audio: true })).getAudioTracks() : [];
    return new MediaStream([...sound, ...(video ? [openCamera()] : [])]);
  };
})()"""

# Where a video is, and how many pictures it has decoded, shown or covered.
_PLAYED = "(video) => [video.currentTime, video.getVideoPlaybackQuality().totalVideoFrames]"

# The hue in the corner of a picture, where nothing but the wall is; null before the first frame.
_HUE = """(video) => {
  if (!video.videoWidth) return null;
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  context.drawImage(video, 0, 0, video.videoWidth / 8, video.videoHeight / 8, 0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  const most = Math.max(r, g, b), span = most - Math.min(r, g, b);
  if (span < 20) return null;
  const turn = most === r ? (g - b) / span : most === g ? 2 + (b - r) / span : 4 + (r - g) / span;
  return (60 * turn + 360) % 360;
}"""


@dataclass
class Actor:
    """Somebody at the room page."""

    name: str
    hue: int
    page: Page

    @classmethod
    async def open(
        cls, browser: Browser, url: str, name: str, hue: int, size: tuple[int, int] = LAPTOP, locale: str = "en-US"
    ) -> Actor:
        width, height = size
        context = await browser.new_context(viewport={"width": width, "height": height}, locale=locale)
        camera = [name, hue, *((400, 225) if PICTURES else (320, 180))]
        await context.add_init_script(_CAMERA % json.dumps(camera))
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.goto(url)
        actor = cls(name, hue, page)
        await wait_for(actor.is_in, 60, f"{name} is in the room")
        return actor

    async def is_in(self) -> bool:
        """Whether this one is in. A server on a busy machine refuses for a while: then one tries again, in no hurry."""
        if await self.page.locator("#retry").is_visible():
            await asyncio.sleep(3)
            await self.page.click("#retry")
        return await self.page.locator("#controls").is_visible()

    def tile(self, whose: Actor) -> Locator:
        """The picture of somebody on this one's stage."""
        return self.page.locator('figure[data-source="camera"]', has_text=whose.name)

    async def sees(self, whose: Actor) -> None:
        """Returns once the picture of that one moves here, and is that one's and nobody else's."""
        video = self.tile(whose).locator("video.remote")
        await expect(video).to_be_visible(timeout=20_000)
        time, frames = await video.evaluate(_PLAYED)
        signs = ""

        async def moves() -> bool:
            nonlocal time, frames, signs
            signs = await self.tile(whose).inner_text()
            now, decoded = await video.evaluate(_PLAYED)
            time, frames = min(time, now), min(frames, decoded)  # it may have begun anew
            return bool(now > time and decoded >= frames + 5)

        try:
            await wait_for(moves, 60, f"{self.name} sees {whose.name} move")
        except AssertionError as late:
            late.add_note(f"the tile says {signs!r}")
            raise

        async def is_that_one() -> bool:
            hue = await video.evaluate(_HUE)
            return hue is not None and abs((hue - whose.hue + 180) % 360 - 180) < 30

        await wait_for(is_that_one, 20, f"{self.name} sees {whose.name} under that name")

    async def says(self, text: str) -> None:
        await self.page.fill("#chat-text", text)
        await self.page.press("#chat-text", "Enter")

    async def reads(self, text: str) -> None:
        await expect(self.page.locator("#messages .message", has_text=text)).to_have_count(1)

    async def gives(self, gift: str, count: int) -> None:
        await self.page.click("#open-gifts")
        await self.page.locator(f'#gift-choices .gift:has(input[value="{gift}"])').click()
        await self.page.select_option("#gift-count", str(count))
        await self.page.click("#gift-send")
        await expect(self.page.locator("#gifts")).to_be_hidden()

    async def chooses(self, menu: str, *items: str) -> None:
        """By keyboard: an entry of a menu, and of the menu that it opens."""
        await self.page.get_by_label(menu, exact=True).press("Enter")
        for item in items:
            await self.page.get_by_role("menuitem", name=item, exact=True).press("Enter")
        await expect(self.page.get_by_role("menu")).to_have_count(0)

    async def photographed(self, name: str) -> None:
        """Takes a screenshot where such are wanted."""
        if PICTURES:
            await self.page.screenshot(path=Path(PICTURES) / f"{name}.jpg", type="jpeg", quality=85)
