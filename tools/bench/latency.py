"""`tally bench latency`: what the server adds to each packet's way, and how soon it answers requests meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from signaling import usersig
from tools.bench.processes import BenchFailed, Node, audience, cores, node
from tools.load.report import percentiles

__all__ = ["run"]

SETTLE = 3.0
JOINING = 16
TIMED = 12
"""Viewers whose packets are timed, evenly spread over the order in which they are served."""
BITRATE_KBPS = 1200
ASK_EVERY = 0.05
"""Seconds between two requests: a connection may ask 30 times a second."""


def run(viewers: int, seconds: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """One publisher, `viewers` viewers; publisher and kernel write down when a packet left and came, so that the load's
    own lag does not count."""
    server_core, load_core = cores()
    progress(f"starting a node on core {server_core}")
    with node(server_core) as server, audience(load_core, server, BITRATE_KBPS) as load:
        progress(f"{viewers} viewers are joining")
        load.ask(f"join {viewers} {JOINING} {min(TIMED, viewers)}")
        time.sleep(SETTLE)
        load.ask("delays")
        before = load.ask("mark")
        progress(f"measuring for {seconds:.0f} s")
        _come_first(load_core)
        answers = asyncio.run(_ask(server, seconds))
        delays, after = load.ask("delays")["milliseconds"], load.ask("mark")
        load.say("end")
    added, asked = percentiles(delays), percentiles(answers)
    if not added or not asked:
        raise BenchFailed("nothing was measured")
    expected, received = (after[name] - before[name] for name in ("expected", "received"))
    return {
        "viewers": viewers,
        "added_ms_p50": added["p50"],
        "added_ms_p99": added["p99"],
        "added_ms_max": added["max"],
        "packets_timed": len(delays),
        "loss_ratio": round(max(0, expected - received) / max(1, expected), 7),
        "signaling_ms_p50": asked["p50"],
        "signaling_ms_p99": asked["p99"],
        "requests": len(answers),
    }


def _come_first(core: int) -> None:
    """The load must not keep the one who asks waiting, since they share a core; without the right to, figures are a bit
    higher."""
    os.sched_setaffinity(0, {core})
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return


async def _ask(server: Node, seconds: float) -> list[float]:
    """Milliseconds until each of many requests was answered."""
    took: list[float] = []
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url + "ws") as socket:
        signature = usersig.make(server.app, server.secret, "asker", 3600, time.time())
        login = {"sdkappid": server.app, "userid": "asker", "usersig": signature}
        requests = [("login", login), ("room.enter", {"room_id": "bench"})]
        until = time.monotonic() + seconds
        number = 0
        while time.monotonic() < until:
            method, params = requests.pop(0) if requests else ("audience.list", {"count": 20})
            number += 1
            began = time.perf_counter()
            await socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            answer: dict[str, Any] = {}
            while answer.get("id") != number:
                answer = await socket.receive_json(timeout=10)
            took.append(1000 * (time.perf_counter() - began))
            if "error" in answer:
                raise BenchFailed(f"{method} was refused: {answer['error']['message']}")
            await asyncio.sleep(ASK_EVERY)
    return took
