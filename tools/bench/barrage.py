"""`tally bench barrage`: a room of thousands that chats at its limit, beside a room with media."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.bench.processes import BenchFailed, audience, cores, cpu_seconds, node, python
from tools.load.report import percentiles

__all__ = ["run"]

VIEWERS = 20
"""Of the media beside it."""
BITRATE_KBPS = 1200


def run(members: int, seconds: float, rate: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """`members` in one room hear `rate` messages a second; meanwhile one publisher has twenty viewers in another room.

    Messages are timed from before the request to the arrival at every twentieth member, by one clock."""
    server_core, load_core = cores()
    progress(f"starting a node on core {server_core}")
    with node(server_core) as server, audience(load_core, server, BITRATE_KBPS) as media:
        media.ask(f"join {VIEWERS} 8")
        progress(f"{members} members are entering")
        with python(load_core, "tools.bench.chatters", server.url, str(server.app), str(members)) as crowd:
            crowd.say(server.secret)
            entered = crowd.hear()
            progress(f"they entered in {entered['seconds']:.1f} s; talking for {seconds:.0f} s")
            before, cpu, began = media.ask("mark"), cpu_seconds(server.pid), time.monotonic()
            talk = crowd.ask(f"talk {seconds} {rate}")
            busy = (cpu_seconds(server.pid) - cpu) / (time.monotonic() - began)
            after = media.ask("mark")
            crowd.say("end")
        media.say("end")
    delivery = percentiles(talk["delays_ms"])
    if not delivery:
        raise BenchFailed("nothing was heard")
    expected, received = (after[name] - before[name] for name in ("expected", "received"))
    return {
        "members": members,
        "messages_per_s": round(talk["passed"] / talk["seconds"], 2),
        "delivery_ms_p50": delivery["p50"],
        "delivery_ms_p99": delivery["p99"],
        "delivery_ms_max": delivery["max"],
        "shed": talk["asked"] - talk["passed"],
        "not_heard": talk["expected"] - talk["heard"],
        "sockets_lost": talk["lost"],
        "frames_per_member_s": round(talk["frames"] / (members + 1) / talk["seconds"], 2),
        "entered_per_s": round(members / entered["seconds"], 1),
        "server_cpu": round(busy, 3),
        "media_loss_ratio": round(max(0, expected - received) / max(1, expected), 7),
    }
