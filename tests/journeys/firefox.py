"""Debian's Firefox in a network of its own.

Firefox takes no loopback address for media, so it gets a network namespace, joined to ours by a pair of virtual
Ethernet devices. It is driven by WebDriver BiDi (a W3C standard: JSON over one WebSocket), which it speaks itself: no
driver needs to be installed. A page has the few methods of Playwright's that `stage.Tab` uses.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import aiohttp
from stage import wait_for

FIREFOX = Path("/usr/bin/firefox-esr")
BIDI_PORT = 9222
"""Fixed: nobody else is in that network."""
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,  # nothing is fetched, so there is no H.264
    "dom.securecontext.allowlist": "",  # the server's address: cameras are for secure pages
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.normandy.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "toolkit.startup.max_resumed_crashes": -1,
}


class NoNamespace(Exception):
    """A network namespace cannot be made here; the message says why."""


@dataclass(frozen=True)
class Network:
    """A network namespace with a way to ours."""

    name: str
    server: str
    """Our address on that way."""

    @classmethod
    def make(cls) -> Network:
        """Raises NoNamespace."""
        if os.geteuid() != 0:
            raise NoNamespace("a network namespace for Firefox needs root")
        if shutil.which("ip") is None:
            raise NoNamespace("a network namespace for Firefox needs iproute2: tools/test installs it where it may")
        name = f"tally{secrets.token_hex(3)}"
        # Of the addresses that are kept for tests of networks (RFC 2544), so that no real one is hidden.
        base = IPv4Address("198.18.0.0") + 4 * secrets.randbelow(1 << 15)
        network = cls(name, str(base + 1))
        try:
            _ip("netns", "add", name)
        except subprocess.CalledProcessError as error:
            raise NoNamespace(f"no network namespace for Firefox: {error.stderr.strip()}") from None
        try:
            _ip("link", "add", f"{name}-h", "type", "veth", "peer", "name", f"{name}-n", "netns", name)
            _ip("address", "add", f"{base + 1}/30", "dev", f"{name}-h")
            _ip("link", "set", f"{name}-h", "up")
            _ip("-netns", name, "address", "add", f"{base + 2}/30", "dev", f"{name}-n")
            _ip("-netns", name, "link", "set", "lo", "up")
            _ip("-netns", name, "link", "set", f"{name}-n", "up")
            _ip("-netns", name, "route", "add", "default", "via", f"{base + 1}")  # else Firefox has no own address
        except BaseException:
            network.remove()
            raise
        return network

    def remove(self) -> None:
        """Both ends of the way go with the namespace, once nothing runs in it any more."""
        for pid in _ip("netns", "pids", self.name).split():
            os.kill(int(pid), signal.SIGKILL)
        _ip("link", "delete", f"{self.name}-h")
        _ip("netns", "delete", self.name)

    def socket(self, address: tuple[Any, ...]) -> socket.socket:
        """A socket in there, for aiohttp: it stays where the thread was that made it."""
        made: list[socket.socket] = []

        def make() -> None:
            with open(f"/run/netns/{self.name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(*address[:3]))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10).stdout


class BidiError(Exception):
    """Firefox refused a command, or a script in the page threw."""


class Firefox:
    """One headless Firefox with one page."""

    def __init__(self, network: Network, folder: Path) -> None:
        self._network = network
        self._folder = folder
        self.version = ""
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        profile = self._folder / "firefox"
        profile.mkdir()
        values = PREFERENCES | {"dom.securecontext.allowlist": self._network.server}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in values.items()]
        (profile / "user.js").write_text("".join(lines))
        command = ["ip", "netns", "exec", self._network.name, str(FIREFOX), "--headless", "--no-remote",
                   "--profile", str(profile), "--remote-debugging-port", str(BIDI_PORT), "about:blank"]  # fmt: skip
        # A home of its own: as root, Firefox refuses that of another user.
        environment = os.environ | {"HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"}
        with (self._folder / "firefox.log").open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        connector = aiohttp.TCPConnector(socket_factory=self._network.socket)
        self._session = aiohttp.ClientSession(connector=connector)
        self._socket = await wait_for(self._connect, 20, f"Firefox listens: {self._folder / 'firefox.log'}")
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())
        self.version = (await self.command("session.new", capabilities={}))["capabilities"]["browserVersion"]

    async def _connect(self) -> aiohttp.ClientWebSocketResponse | None:
        assert self._process is not None
        assert self._session is not None
        assert self._process.returncode is None, f"Firefox ended: {(self._folder / 'firefox.log').read_text()}"
        try:
            return await self._session.ws_connect(f"ws://127.0.0.1:{BIDI_PORT}/session", max_msg_size=0)
        except aiohttp.ClientError:
            return None

    async def _read(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame.data)
            waiting = self._waiting.pop(message.get("id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        answer = await asyncio.wait_for(self._waiting[number], 20)
        if answer["type"] != "success":
            raise BidiError(f"{method}: {answer['error']}: {answer['message']}")
        return dict(answer["result"])

    async def open(self, url: str, before: str) -> FirefoxPage:
        """Its page, at `url`; the script `before` runs before those of every page."""
        context = (await self.command("browsingContext.getTree"))["contexts"][0]["context"]
        await self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {before} }}")
        page = FirefoxPage(self, context)
        await page.goto(url)
        return page

    async def close(self) -> None:
        """Ends it, whatever state it is in."""
        if self._process is not None:
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._session is not None:
            await self._session.close()


class FirefoxPage:
    """What `stage.Tab` needs of a page."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    async def goto(self, url: str) -> None:
        await self._firefox.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Calls a function in the page; argument and result travel as JSON."""
        answer = await self._firefox.command(
            "script.callFunction",
            functionDeclaration=f"async (text) => JSON.stringify(await ({function})(JSON.parse(text)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(argument)}],
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def fill(self, selector: str, text: str) -> None:
        await self.wait_for_selector(selector)
        await self.evaluate(
            "([selector, text]) => { document.querySelector(selector).value = text; }", [selector, text]
        )

    async def click(self, selector: str) -> None:
        await self.wait_for_selector(selector)
        await self.evaluate("(selector) => document.querySelector(selector).click()", selector)

    async def wait_for_selector(self, selector: str) -> None:
        """Returns once there is such an element, and it is visible."""

        async def is_there() -> bool:
            try:
                visible = "(selector) => document.querySelector(selector)?.checkVisibility()"
                return bool(await self.evaluate(visible, selector))
            except BidiError:  # the page is just being left for another
                return False

        await wait_for(is_there, 20, f"the element {selector}")
