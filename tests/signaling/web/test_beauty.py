"""The beauty filter on a painted picture: what it smooths, what it leaves alone, and that off costs nothing."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright
from test_web_client import ORIGIN, serve

pytestmark = pytest.mark.slow

ARGS = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"]

# A camera that shows rough skin on the left, a blue chequer on the right and, across the skin, a dark line; and a
# reading of what comes out: the middle and the spread of light, by field.
SCENE = """async () => {
  const { BeautyFilter } = await import('/web/beauty.js');
  const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 90 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const paint = () => {
    for (let x = 0; x < 160; x += 2) for (let y = 0; y < 90; y += 2) {
      const rough = (x * 7 + y * 13) % 4 < 2 ? 12 : -12;
      const blue = ((x + y) / 2) % 2 === 0 ? '#1030a0' : '#3060ff';
      context.fillStyle = x < 80 ? `rgb(${205 + rough}, ${150 + rough}, ${125 + rough})` : blue;
      context.fillRect(x, y, 2, 2);
    }
    context.fillStyle = '#201010';
    context.fillRect(0, 60, 80, 8);
  };
  paint();
  setInterval(paint, 50);
  const [camera] = canvas.captureStream(20).getVideoTracks();
  const field = (pixels, x0, y0, x1, y1) => {
    const light = [], red = [];
    for (let x = x0; x < x1; x += 1) for (let y = y0; y < y1; y += 1) {
      const at = 4 * (y * 160 + x);
      light.push(0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2]);
      red.push(pixels[at] - pixels[at + 2]);
    }
    const middle = (all) => all.reduce((sum, one) => sum + one, 0) / all.length;
    const mean = middle(light);
    return { mean, spread: Math.sqrt(middle(light.map((one) => (one - mean) ** 2))), red: middle(red) };
  };
  const look = async (track) => {
    const video = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([track]) });
    await video.play();
    for (let count = 0; count < 4; count += 1) await new Promise((f) => video.requestVideoFrameCallback(f));
    const out = new OffscreenCanvas(160, 90).getContext('2d');
    out.drawImage(video, 0, 0, 160, 90);
    const { data } = out.getImageData(0, 0, 160, 90);
    return { width: video.videoWidth, skin: field(data, 12, 12, 68, 50), blue: field(data, 92, 12, 148, 78),
      line: field(data, 12, 62, 68, 66) };
  };
  window.beautified = async (levels) => {
    const filter = new BeautyFilter(camera, { smooth: 0, whiteness: 0, ruddy: 0, ...levels });
    const seen = await look(filter.track);
    filter.stop();
    return { ...seen, isOver: filter.track.readyState === 'ended', isAlive: camera.readyState === 'live' };
  };
  window.plain = () => look(camera);
}"""


@pytest.fixture(params=["frames", "canvas"])
async def page(request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        page = await browser.new_page()
        await page.route("**/*", serve)
        await page.goto(f"{ORIGIN}/")
        if request.param == "canvas":  # a browser without the stream of frames
            await page.evaluate("delete window.MediaStreamTrackProcessor")
        await page.evaluate(SCENE)
        yield page
        await browser.close()


async def test_skin_is_smoothed_and_lifted_and_nothing_else_is(page: Page) -> None:
    before = await page.evaluate("plain()")
    smooth = await page.evaluate("beautified({smooth: 9})")
    assert smooth["width"] == 160
    assert before["skin"]["spread"] > 8
    assert smooth["skin"]["spread"] < before["skin"]["spread"] / 2, "rough skin becomes smooth"
    assert abs(smooth["skin"]["mean"] - before["skin"]["mean"]) < 6, "and keeps its light"
    assert abs(smooth["blue"]["spread"] - before["blue"]["spread"]) < 5, "what is no skin keeps its detail"
    assert smooth["line"]["mean"] < 60, "an edge in the skin stays"

    bright = await page.evaluate("beautified({whiteness: 9})")
    assert bright["skin"]["mean"] > before["skin"]["mean"] + 10
    rosy = await page.evaluate("beautified({ruddy: 9})")
    assert rosy["skin"]["red"] > before["skin"]["red"] + 5
    assert abs(rosy["blue"]["red"] - before["blue"]["red"]) < 6
    assert smooth["isOver"], "the filter's track ends"
    assert smooth["isAlive"], "the camera goes on"


OWN_MEDIA = """async () => {
  const text = await (await fetch('/web/room.html')).text();
  document.body.replaceWith(new DOMParser().parseFromString(text, 'text/html').body);
  (await import('/web/dom.js')).fill();
  const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 90 });
  canvas.getContext('2d').fillRect(0, 0, 160, 90);
  const [camera] = canvas.captureStream(10).getVideoTracks();
  navigator.mediaDevices = { getUserMedia: async () => new MediaStream([camera]) };
  Object.defineProperty(navigator, 'mediaDevices', { value: {
    addEventListener() {}, enumerateDevices: async () => [], getUserMedia: async () => new MediaStream([camera]) } });
  const { OwnMedia } = await import('/web/own_media.js');
  const replaced = [];
  const media = new OwnMedia({
    edition: { max_pixels: 1e6 }, publish: async () => [], publicationOf: () => ({}),
    replaceTrack: async (key, track) => { replaced.push(track); } }, () => {});
  await media.open();
  const seen = [media.tracks.video === camera];
  await media.beautify({ smooth: 0, whiteness: 0, ruddy: 0 });
  seen.push(media.tracks.video === camera, replaced.length === 0);
  camera.enabled = false;
  await media.beautify({ smooth: 5, whiteness: 0, ruddy: 0 });
  const filtered = media.tracks.video;
  seen.push(filtered !== camera, replaced.at(-1) === filtered, filtered.enabled === false);
  await media.beautify({ smooth: 7, whiteness: 2, ruddy: 0 });
  seen.push(media.tracks.video === filtered, replaced.length === 1);
  await media.beautify({ smooth: 0, whiteness: 0, ruddy: 0 });
  seen.push(media.tracks.video === camera, replaced.at(-1) === camera, filtered.readyState === 'ended');
  media.stop();
  seen.push(camera.readyState === 'ended');
  return seen;
}"""


async def test_off_sends_the_cameras_own_track(page: Page) -> None:
    assert await page.evaluate(OWN_MEDIA) == [True] * 12
