"""The load of a bench, as a program: one WHIP publisher and its WHEP viewers.

    python -m tools.bench.audience URL SDKAPPID VIEWERS BITRATE        (the app's secret on standard input)

Prints {"joined": ...} once everybody receives, then answers each line `mark` with the counts so far, and ends on `end`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp
import uvloop

from signaling import usersig
from tools.load.whip import Publisher, Viewer

JOINING = 16
"""Viewers that join at the same time."""
DEADLINE = 60.0


async def run(url: str, app: int, secret: str, viewers: int, bitrate: int) -> None:
    def token(user: str) -> str:
        return usersig.make(app, secret, user, 3600, time.time())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        publisher = Publisher(http, f"{url}whip/bench", token("publisher"), bitrate)
        await publisher.start()
        watching = [Viewer(http, f"{url}whep/bench", token(f"viewer{number}")) for number in range(viewers)]
        began = time.monotonic()
        gate = asyncio.Semaphore(JOINING)

        async def join(viewer: Viewer) -> None:
            async with gate:
                await viewer.start()

        await asyncio.gather(*(join(viewer) for viewer in watching))
        while not all(len(viewer.counts.streams) == 2 for viewer in watching):
            if time.monotonic() - began > DEADLINE:
                raise TimeoutError("not every viewer received both streams")
            await asyncio.sleep(0.05)
        srtp = watching[0].peer.srtp
        say({"joined": viewers, "join_s": time.monotonic() - began, "profile": srtp.profile if srtp else ""})
        await obey(publisher, watching)
        await asyncio.gather(*(viewer.close() for viewer in watching), return_exceptions=True)
        await publisher.close()


async def obey(publisher: Publisher, watching: list[Viewer]) -> None:
    """Answers marks until told to end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (line := await reader.readline()) and line.strip() != b"end":
        say(
            {
                "time": time.monotonic(),
                "packets": sum(viewer.counts.packets for viewer in watching),
                "octets": sum(viewer.counts.octets for viewer in watching),
                "expected": sum(viewer.expected for viewer in watching),
                "received": sum(stream.packets for viewer in watching for stream in viewer.counts.streams.values()),
                "sampled": sum(viewer.counts.sampled for viewer in watching),
                "bad": sum(viewer.counts.bad for viewer in watching),
                "published": publisher.packets,
                "plis": publisher.key_frame_requests,
            }
        )


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


def main() -> None:
    url, app, viewers, bitrate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    secret = sys.stdin.readline().strip()
    try:
        uvloop.run(run(url, app, secret, viewers, bitrate))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
