"""`tally bench join`: how long it takes until everybody who joins a running room at once has a picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tools.bench.processes import audience, cores, cpu_seconds, node

__all__ = ["run"]

SETTLE = 2.0
BITRATE_KBPS = 1200


def run(viewers: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """`viewers` WHEP players ask at the same instant; the publisher makes a key frame every 2 s or when asked."""
    server_core, load_core = cores()
    progress(f"starting a node on core {server_core}")
    with node(server_core) as server, audience(load_core, server, BITRATE_KBPS) as load:
        time.sleep(SETTLE)
        progress(f"{viewers} viewers are joining at once")
        before = cpu_seconds(server.pid)
        joined = load.ask(f"join {viewers} {viewers}")
        spent = cpu_seconds(server.pid) - before
        load.say("end")
    waits = joined["first_key_frame_s"]
    return {
        "viewers": viewers,
        "first_keyframe_s_p50": round(median(waits), 3),
        "first_keyframe_s_max": round(waits[-1], 3),
        "plis_to_publisher": joined["plis"],
        "joins_per_s": round(viewers / joined["join_s"], 1),
        "server_cpu_ms_per_join": round(1000 * spent / viewers, 2),
    }
