"""`tally bench feedback`: the part of the server's work that is reading what viewers report and telling publishers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.bench.processes import Child, audience, cores, cpu_seconds, node

__all__ = ["run"]

SETTLE = 2.0
JOINING = 16
BITRATE_KBPS = 1200
ROUNDS = 3
"""Turns of silence and reports: the machine may change its mind in between."""


def run(viewers: int, seconds: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """The CPU of a packet while viewers report as Chromium does (RR, REMB, RRTR, each second), beside that of the same
    viewers in silence."""
    server_core, load_core = cores()
    progress(f"starting a node on core {server_core}")
    costs: dict[int, list[float]] = {0: [], 1: []}
    with node(server_core) as server, audience(load_core, server, BITRATE_KBPS) as load:
        progress(f"{viewers} viewers are joining")
        load.ask(f"join {viewers} {JOINING}")
        for turn in range(ROUNDS):
            for reports in (0, 1):
                load.ask(f"reports {reports}")
                time.sleep(SETTLE)
                progress(f"turn {turn + 1} of {ROUNDS}: {'reports' if reports else 'silence'}")
                costs[reports].append(_cost(server.pid, load, seconds))
        load.say("end")
    silent, reporting = (sorted(costs[reports])[ROUNDS // 2] for reports in (0, 1))
    return {
        "viewers": viewers,
        "cpu_share_feedback": round(max(0.0, 1 - silent / reporting), 4),
        "cpu_us_per_packet_silent": round(silent, 3),
        "cpu_us_per_packet_reporting": round(reporting, 3),
    }


def _cost(pid: int, load: Child, seconds: float) -> float:
    """Microseconds of CPU a packet."""
    before, cpu_before = load.ask("mark"), cpu_seconds(pid)
    time.sleep(seconds)
    after, cpu_after = load.ask("mark"), cpu_seconds(pid)
    return float((cpu_after - cpu_before) / max(1, after["packets"] - before["packets"]) * 1e6)
