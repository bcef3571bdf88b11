"""What a load found: a table for people, JSON for machines, a picture for both.

Pure but for the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Report", "Sample", "percentiles", "plot", "table"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One second of the load."""

    at: float
    """Seconds since its start."""
    publishers: int
    viewers: int
    packets_per_second: float
    """Received by all viewers."""
    mbit_per_second: float
    lost: int
    """Packets so far that never came."""
    freezes: int
    """So far."""
    delay_ms_p50: float | None
    delay_ms_p99: float | None
    """One way, in this second; None when nothing was sampled."""
    server_cores: float | None
    server_mib: float | None


@dataclass(slots=True)
class Report:
    """Everything. Times are in seconds from the request on."""

    rooms: int
    publishers: int
    viewers: int
    codec: str
    layers: int
    seconds: float = 0.0
    joined: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """How often which reason was given."""
    join_s: dict[str, float] = field(default_factory=dict)
    """Until the handshake was done: p50, p95, p99, max."""
    first_frame_s: dict[str, float] = field(default_factory=dict)
    """Until the first whole frame."""
    without_a_frame: int = 0
    """Viewers who never had one."""
    packets_sent: int = 0
    packets_received: int = 0
    packets_expected: int = 0
    loss_ratio: float = 0.0
    """Of media packets, after retransmission."""
    retransmitted_to_server: int = 0
    key_frame_requests: int = 0
    """That reached publishers."""
    frames: int = 0
    freezes: int = 0
    frozen_ratio: float = 0.0
    """Of the time in which viewers had a picture."""
    viewers_with_freezes: int = 0
    delay_ms: dict[str, float] = field(default_factory=dict)
    """One way through the server: p50, p95, p99, max, of the sampled viewers."""
    packets_checked: int = 0
    packets_bad: int = 0
    """Did not decrypt, or were not what was sent."""
    server_cpu_us_per_packet: float | None = None
    server_cores: float | None = None
    server_mib: float | None = None
    """At the end."""
    impairment: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def percentiles(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """p50, p95, p99 and max by nearest rank; empty without values."""
    if not values:
        return {}
    ranked = sorted(values)
    found = {f"p{share}": ranked[math.ceil(share / 100 * len(ranked)) - 1] for share in (50, 95, 99)}
    return {name: round(value, digits) for name, value in (found | {"max": ranked[-1]}).items()}


def table(report: Report) -> Iterator[tuple[str, str]]:
    """Rows of (what, how much)."""

    def several(values: dict[str, float], unit: str) -> str:
        return "   ".join(f"{name} {value:g} {unit}" for name, value in values.items()) or "none"

    yield "rooms x publishers x viewers", f"{report.rooms} x {report.publishers} x {report.viewers}"
    yield "codec, layers", f"{report.codec}, {report.layers}"
    yield "joined", f"{report.joined}" + (f", {report.failed} failed" if report.failed else "")
    for reason, count in report.failures.items():
        yield "", f"{count} x {reason}"
    yield "join", several(report.join_s, "s")
    yield "first frame", several(report.first_frame_s, "s")
    if report.without_a_frame:
        yield "without a frame", f"{report.without_a_frame} viewers"
    yield "packets", f"{report.packets_sent:,} sent, {report.packets_received:,} received"
    yield "lost", f"{100 * report.loss_ratio:.4f} %"
    yield (
        "freezes",
        (f"{report.freezes} of {report.viewers_with_freezes} viewers, {100 * report.frozen_ratio:.2f} % of the time"),
    )
    yield "delay through the server", several(report.delay_ms, "ms")
    yield "key frame requests", f"{report.key_frame_requests}"
    yield "checked", f"{report.packets_checked:,} packets, {report.packets_bad} bad"
    if report.server_cores is not None:
        yield (
            "server",
            f"{report.server_cores:.2f} cores, {report.server_mib:.0f} MiB"
            + (f", {report.server_cpu_us_per_packet:.1f} us a packet" if report.server_cpu_us_per_packet else ""),
        )


def plot(report: Report, path: Path) -> None:
    """Draws the samples as PNG. Raises ModuleNotFoundError without matplotlib, OSError when it cannot be written."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    samples = report.samples
    at = [sample.at for sample in samples]
    measured = any(sample.server_cores is not None for sample in samples)  # else we do not know the server's process
    panels = 3 + measured
    figure, axes = pyplot.subplots(panels, 1, sharex=True, figsize=(10, 2.75 * panels), layout="constrained")
    title = f"rooms x publishers x viewers: {report.rooms} x {report.publishers} x {report.viewers}, {report.codec}"
    figure.suptitle(title, fontsize=14, weight="bold")
    blue, orange, green, red = "#2a6f97", "#e07a1f", "#3a8f5d", "#c1352d"

    who, flow, late = axes[:3]
    who.fill_between(at, [sample.viewers for sample in samples], color=blue, alpha=0.25)
    who.plot(at, [sample.viewers for sample in samples], color=blue, label="viewers")
    who.plot(at, [sample.publishers for sample in samples], color=orange, label="publishers")
    who.set_ylabel("connected")

    flow.plot(at, [sample.mbit_per_second for sample in samples], color=blue, label="received, Mbit/s")
    flow.set_ylabel("Mbit/s")
    trouble = flow.twinx()
    trouble.plot(at, [sample.freezes for sample in samples], color=red, label="freezes so far")
    trouble.plot(at, [sample.lost for sample in samples], color=orange, label="packets lost so far")
    trouble.set_ylim(bottom=0, top=max(5, *(1.1 * max(sample.freezes, sample.lost) for sample in samples)))
    trouble.legend(loc="lower right", frameon=False)

    for name, colour, values in (
        ("p50", green, [sample.delay_ms_p50 for sample in samples]),
        ("p99", red, [sample.delay_ms_p99 for sample in samples]),
    ):
        late.plot(at, [math.nan if value is None else value for value in values], color=colour, label=name)
    late.set_yscale("log")
    late.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    late.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    late.yaxis.set_minor_formatter(NullFormatter())
    late.set_ylabel("delay through the server, ms")

    if measured:
        _plot_cost(axes[3], samples, blue, green)
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.legend(loc="upper left", frameon=False)
        axis.spines[["top"]].set_visible(False)
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _plot_cost(cost: Any, samples: Sequence[Sample], blue: str, green: str) -> None:
    at = [sample.at for sample in samples]
    cores = [math.nan if sample.server_cores is None else 100 * sample.server_cores for sample in samples]
    cost.plot(at, cores, color=blue, label="server CPU, % of a core")
    cost.set_ylim(bottom=0)
    cost.set_ylabel("% of a core")
    memory = cost.twinx()
    mib = [math.nan if sample.server_mib is None else sample.server_mib for sample in samples]
    memory.plot(at, mib, color=green, label="server memory, MiB")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("MiB")
    memory.legend(loc="lower right", frameon=False)
