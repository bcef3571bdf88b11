"""What the journeys play with: a node as its own process, and pages of the web client in real browsers."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
TALLY = Path(sys.executable).with_name("tally")
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection",
]  # fmt: skip
T = TypeVar("T")


async def wait_for(condition: Callable[[], Awaitable[T | None]], seconds: float, what: str) -> T:
    """The first truthy answer of `condition`, which is asked ten times a second."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)


@dataclass
class NodeProcess:
    """`tally serve` as a child process."""

    data: Path
    options: tuple[str, ...] = ()
    url: str = ""
    process: subprocess.Popen[str] | None = None
    output: list[str] = field(default_factory=list)

    def start(self) -> None:
        command = [str(TALLY), "serve", "--data", str(self.data), "--port", "0", *self.options]
        with (self.data / "stderr.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"http://\S+/", line)
        assert match, f"the node did not start: {line!r} {(self.data / 'stderr.log').read_text()}"
        self.url = match[0]

    def kill(self) -> None:
        """SIGKILL; harmless when it has ended."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self._reap()

    def stop(self) -> int:
        """Ctrl-C; gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=20)
        self.process.stdout.close()
        return code

    @property
    def log(self) -> str:
        return (self.data / "stderr.log").read_text()

    def get(self, path: str, token: str | None = None) -> Any:
        request = urllib.request.Request(self.url + path.lstrip("/"))
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    def send(self, method: str, path: str, body: dict[str, Any], token: str | None = None) -> Any:
        """A request with a body, by the operator unless another token is given."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), method=method)
        request.add_header("Authorization", f"Bearer {token or self.operator_key}")
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    def credentials(self, user: str) -> dict[str, Any]:
        return dict(self.get(f"/demo/credentials?userid={user}"))

    @property
    def operator_key(self) -> str:
        return (self.data / "operator.key").read_text()

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(self.url + "metrics", timeout=10) as response:
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}


_LONGEST_STANDSTILL = """(duration) => new Promise((resolve) => {
    const video = document.querySelector("video.remote");
    const begin = performance.now();
    let latest = begin;
    let longest = 0;
    const shown = () => {
        longest = Math.max(longest, performance.now() - latest);
        latest = performance.now();
        video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
    setTimeout(() => resolve(Math.max(longest, performance.now() - latest)), duration);
})"""

REMEMBER_CONNECTIONS = """(() => {
    const Native = window.RTCPeerConnection;
    window.connections = [];
    window.RTCPeerConnection = function (...options) {
        const connection = new Native(...options);
        window.connections.push(connection);
        return connection;
    };
    window.RTCPeerConnection.prototype = Native.prototype;
})()"""

_STATISTICS = """async (type) => {
    const found = [];
    for (const connection of window.connections) {
        for (const entry of (await connection.getStats()).values())
            if (entry.type === type) found.push({...entry, state: connection.connectionState});
    }
    return found;
}"""

_BRIGHTNESS = """() => {
    const video = document.querySelector('video.remote');
    if (!video || !video.videoWidth) return null;
    const canvas = new OffscreenCanvas(64, 36), context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 64, 36);
    const pixels = context.getImageData(0, 0, 64, 36).data;
    let sum = 0, most = 0;
    for (let i = 0; i < pixels.length; i += 4) {
        const light = Math.max(pixels[i], pixels[i + 1], pixels[i + 2]);
        sum += light;
        most = Math.max(most, light);
    }
    return {mean: sum / (pixels.length / 4), most};
}"""


@dataclass
class Tab:
    """A page of the web client."""

    page: Page

    @classmethod
    async def open(cls, browser: Browser, url: str) -> Tab:
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        await context.add_init_script(REMEMBER_CONNECTIONS)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.goto(url)
        return cls(page)

    async def statistics(self, kind: str) -> list[dict[str, Any]]:
        return list(await self.page.evaluate(_STATISTICS, kind))

    async def video_in(self) -> dict[str, Any]:
        """The figures of the one picture that is received."""
        return next((entry for entry in await self.statistics("inbound-rtp") if entry["kind"] == "video"), {})

    async def longest_standstill(self, seconds: float) -> float:
        """Watches the one picture so long, and gives the longest time in which it stood still, in seconds."""
        return float(await self.page.evaluate(_LONGEST_STANDSTILL, 1000 * seconds)) / 1000

    async def frames_decoded(self) -> int:
        return sum(entry.get("framesDecoded", 0) for entry in await self.statistics("inbound-rtp"))

    async def brightness(self) -> dict[str, float] | None:
        found: dict[str, float] | None = await self.page.evaluate(_BRIGHTNESS)
        return found


class Told(Exception):
    """The server's refusal of a request."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]
        self.name: str = error["data"]["name"]
        self.data: dict[str, Any] = error["data"]


class Member:
    """A client of `/ws` without media."""

    def __init__(self, node: NodeProcess, user: str) -> None:
        self.node = node
        self.user = user
        self.events: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session = aiohttp.ClientSession()

    async def connect(self, **credentials: Any) -> dict[str, Any]:
        """Opens the socket and logs in, with the demo's credentials unless others are given."""
        self.socket = await self._session.ws_connect(self.node.url + "ws")
        self._reader = asyncio.create_task(self._read())
        given = credentials or await asyncio.to_thread(self.node.credentials, self.user)
        return await self.call("login", **given)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(self._waiting[number], 10)
        del self._waiting[number]
        if "error" in answer:
            raise Told(answer["error"])
        return dict(answer["result"])

    async def event(self, method: str, seconds: float = 10) -> dict[str, Any]:
        """The params of the first notification `method` that has come, or comes in time."""

        async def come() -> dict[str, Any] | None:
            return next((event["params"] for event in self.events if event["method"] == method), None)

        return await wait_for(come, seconds, f"the notification {method} to {self.user}")

    async def close(self) -> None:
        self._reader.cancel()
        await self.socket.close()
        await self._session.close()

    async def _read(self) -> None:
        async for frame in self.socket:
            message = json.loads(frame.data)
            if "method" in message:
                self.events.append(message)
            elif message["id"] in self._waiting:
                self._waiting[message["id"]].set_result(message)


class Voice(Member):
    """A member with stock aiortc connections: it publishes silence, and receives what it is offered."""

    def __init__(self, node: NodeProcess, user: str) -> None:
        super().__init__(node, user)
        self.up: RTCPeerConnection | None = None
        self.down: RTCPeerConnection | None = None
        self.received: set[str] = set()

    async def publish(self) -> None:
        self.up = RTCPeerConnection()
        self.up.addTransceiver(AudioStreamTrack(), direction="sendonly")
        await self.up.setLocalDescription(await self.up.createOffer())
        answer = await self.call("media.publish", sdp=self.up.localDescription.sdp)
        await self.up.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def watch(self) -> None:
        """Answers the first media.offer."""
        offer = await self.event("media.offer")
        self.down = RTCPeerConnection()
        self.down.on("track", lambda track: self.received.add(track.kind))
        await self.down.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await self.down.setLocalDescription(await self.down.createAnswer())
        await self.call("media.answer", revision=offer["revision"], sdp=self.down.localDescription.sdp)

    async def connected(self) -> None:
        """Returns once its connections are."""

        async def all_connected() -> bool:
            return all(pc.connectionState == "connected" for pc in (self.up, self.down) if pc is not None)

        await wait_for(all_connected, 10, f"{self.user} is connected")

    async def close(self) -> None:
        for pc in (self.up, self.down):
            if pc is not None:
                await pc.close()
        await super().close()
