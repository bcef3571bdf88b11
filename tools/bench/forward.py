"""`tally bench forward`: what one forwarded packet costs the server, beside the floor measured before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import mean
from typing import Any

from tools.bench.processes import audience, cores, cpu_seconds, node, python

__all__ = ["run"]

SETTLE = 2.0
JOINING = 16
"""Viewers that join at the same time: joining is not what is measured."""


def run(
    viewers: int, seconds: float, bitrate_kbps: int, twin: str, offload: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """One publisher, `viewers` viewers, real DTLS and SRTP on loopback; server and load on a core each. `twin` and
    `offload` as `tally serve` takes them."""
    server_core, load_core = cores()

    def floor() -> float:
        progress("measuring the floor: a bare loop of rewrite, protect and sendmmsg")
        size = bitrate_kbps * 1000 // 8 // 150
        arguments = (str(viewers), str(size), str(seconds), str(load_core))
        with python(server_core, "tools.bench.floor", *arguments) as bare:
            return float(bare.hear()["us_per_packet"])

    floors = [floor()]
    options = ("--fan-out", twin, "--segment-offload" if offload else "--no-segment-offload")
    progress(f"starting a node on core {server_core}")
    with node(server_core, *options) as server, audience(load_core, server, bitrate_kbps) as load:
        progress(f"{viewers} viewers are joining")
        joined = load.ask(f"join {viewers} {JOINING}")
        time.sleep(SETTLE)
        progress(f"measuring for {seconds:.0f} s")
        before, cpu_before = load.ask("mark"), cpu_seconds(server.pid)
        time.sleep(seconds)
        after, cpu_after = load.ask("mark"), cpu_seconds(server.pid)
        load.say("end")
    packets = after["packets"] - before["packets"]
    expected = after["expected"] - before["expected"]
    received = after["received"] - before["received"]
    mean_size = (after["octets"] - before["octets"]) // max(1, packets)
    floors.append(floor())
    window = after["time"] - before["time"]
    cost = (cpu_after - cpu_before) / max(1, packets) * 1e6
    return {
        "viewers": viewers,
        "packets_sent": packets,
        "packets_per_second": round(packets / window),
        "loss_ratio": round(max(0, expected - received) / max(1, expected), 7),
        "cpu_us_per_packet": round(cost, 3),
        "floor_us_per_packet": round(mean(floors), 3),
        "ratio_to_floor": round(cost / mean(floors), 3),
        "floors_us_per_packet": [round(each, 3) for each in floors],
        "server_core_share": round((cpu_after - cpu_before) / window, 4),
        "mean_bytes_on_wire": mean_size,
        "srtp_profile": joined["profile"],
        "sampled": after["sampled"],
        "failed_to_decrypt": after["bad"],
        "join_s": round(joined["join_s"], 3),
        "plis_to_publisher": joined["plis"],
    }
