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
        after_first = settled()
        for cycle in range(cycles):
            progress(f"cycle {cycle + 1} of {cycles}")
            load.ask(f"join {viewers} {JOINING}")
            load.ask("leave")
        after_all = settled()
        load.say("end")
    return {
        "viewers": viewers,
        "kib_per_viewer": round((full - empty) / viewers, 1),
        "growth_kib": after_all - after_first,
        "joins_and_leaves": viewers * cycles,
        "empty_kib": empty,
    }
