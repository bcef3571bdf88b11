"""The load of a bench, as a program: one WHIP publisher and its WHEP viewers.

    python -m tools.bench.audience URL SDKAPPID BITRATE        (the app's secret is the first line of standard input)

Prints {"publishing": true} once its publisher sends, then obeys each line and answers it with one line of JSON:

    join N AT_ONCE [TIMED]      N viewers join, AT_ONCE at a time; answers when all receive both streams; each packet of
                                TIMED of them is timed
    leave                       all viewers leave
    mark                        the counts so far
    delays                      the milliseconds that timed packets took since the last such order, ascending
    reports 0|1                 viewers send no reports from now on, or do
    end
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvloop

from signaling import usersig
from tools.load.session import Refused
from tools.load.whip import Publisher, Viewer

DEADLINE = 60.0
ASK_AGAIN = 1.0
TOKEN_FOR = 3600


class Audience:
    """The publisher and whoever watches it now."""

    def __init__(self, http: aiohttp.ClientSession, url: str, app: int, secret: str, bitrate: int) -> None:
        self._http = http
        self._url = url
        self._app = app
        self._secret = secret
        self._viewers: list[Viewer] = []
        self.publisher = Publisher(http, f"{url}whip/bench", self._token("publisher"), bitrate)

    def _token(self, user: str) -> str:
        return usersig.make(self._app, self._secret, user, TOKEN_FOR, time.time())

    async def join(self, count: int, at_once: int, timed: int = 0) -> dict[str, Any]:
        every = count // timed if timed else count + 1
        new = [
            Viewer(self._http, f"{self._url}whep/bench", self._token(f"viewer{n}"), timed=n % every == every - 1)
            for n in range(count)
        ]
        requests = self.publisher.key_frame_requests
        gate = asyncio.Semaphore(at_once)

        began = time.monotonic()

        async def start(viewer: Viewer) -> None:
            async with gate:
                while True:
                    try:
                        return await viewer.start()
                    except Refused as refused:  # a server that is too busy says so, and is asked again
                        if refused.status != 503 or time.monotonic() - began > DEADLINE:
                            raise
                        await asyncio.sleep(ASK_AGAIN)

        await asyncio.gather(*(start(viewer) for viewer in new))
        connected = time.monotonic() - began
        self._viewers += new
        while not all(len(viewer.counts.streams) == 2 for viewer in new):
            if time.monotonic() - began > DEADLINE:
                raise TimeoutError("not every viewer received both streams")
            await asyncio.sleep(0.01)
        srtp = new[0].peer.srtp
        return {
            "join_s": connected,
            "first_key_frame_s": sorted(viewer.first_key_frame_s or 0.0 for viewer in new),
            "plis": self.publisher.key_frame_requests - requests,
            "profile": srtp.profile if srtp else "",
        }

    async def delays(self) -> dict[str, Any]:
        found = sorted(delay / 1e6 for viewer in self._viewers for delay in viewer.delays)
        for viewer in self._viewers:
            viewer.delays.clear()
        return {"milliseconds": found}

    async def reports(self, wanted: int) -> dict[str, Any]:
        for viewer in self._viewers:
            viewer.reports = bool(wanted)
        return {"reporting": len(self._viewers) * wanted}

    async def leave(self) -> dict[str, Any]:
        leaving, self._viewers = self._viewers, []
        await asyncio.gather(*(viewer.close() for viewer in leaving))
        return {"left": len(leaving)}

    async def mark(self) -> dict[str, Any]:
        counts = [viewer.counts for viewer in self._viewers]
        return {
            "time": time.monotonic(),
            "packets": sum(each.packets for each in counts),
            "octets": sum(each.octets for each in counts),
            "expected": sum(viewer.expected for viewer in self._viewers),
            "received": sum(stream.packets for each in counts for stream in each.streams.values()),
            "sampled": sum(each.sampled for each in counts),
            "bad": sum(each.bad for each in counts),
        }


async def run(url: str, app: int, secret: str, bitrate: int) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        audience = Audience(http, url, app, secret, bitrate)
        await audience.publisher.start()
        say({"publishing": True})
        orders: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "join": audience.join,
            "leave": audience.leave,
            "mark": audience.mark,
            "delays": audience.delays,
            "reports": audience.reports,
        }
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while (line := (await reader.readline()).decode().split()) and line[0] != "end":
            say(await orders[line[0]](*map(int, line[1:])))
        await audience.leave()
        await audience.publisher.close()


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


def main() -> None:
    url, app, bitrate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    secret = sys.stdin.readline().strip()
    try:
        uvloop.run(run(url, app, secret, bitrate))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
