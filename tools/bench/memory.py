"""`tally bench memory`: what a viewer costs the server in resident memory, and whether it is given back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.bench.processes import audience, cores, node, resident_kib

__all__ = ["run"]

SETTLE = 2.0
BITRATE_KBPS = 300
JOINING = 16
WARM_UP = 5
"""Cycles before growth is looked at: what was used once is kept by the allocator, and leases run out after a while."""


def run(viewers: int, cycles: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """`viewers` join and leave once to warm up, join again (this is measured), and come and go `cycles` times."""
    server_core, load_core = cores()
    progress(f"starting a node on core {server_core}")
    with node(server_core) as server, audience(load_core, server, BITRATE_KBPS) as load:

        def settled() -> int:
            time.sleep(SETTLE)
            return resident_kib(server.pid)

        empty = settled()
        progress(f"{viewers} viewers are joining")
        load.ask(f"join {viewers} {JOINING}")
        full = settled()
        load.ask("leave")
        warm = settled()
        for cycle in range(WARM_UP + cycles):
            if cycle == WARM_UP:
                warm = settled()
            progress(f"cycle {cycle + 1} of {WARM_UP + cycles}")
            load.ask(f"join {viewers} {JOINING}")
            load.ask("leave")
        after_all = settled()
        load.say("end")
    return {
        "viewers": viewers,
        "kib_per_viewer": round((full - empty) / viewers, 1),
        "growth_kib": after_all - warm,
        "joins_and_leaves": viewers * cycles,
        "empty_kib": empty,
    }
