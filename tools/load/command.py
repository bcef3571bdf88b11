"""`tally load`: a crowd, shown while it is there, and what it found."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tools.bench.processes import BenchFailed, cores, node
from tools.load.crowd import Crowd, Plan
from tools.load.impairment import Impairment
from tools.load.report import Report, plot, table
from tools.load.target import Plain, Tally, Target

__all__ = ["CannotLoad", "run"]

LINE_EVERY = 5
"""Seconds between two lines of progress where there is no terminal."""


class CannotLoad(Exception):
    """The load could not begin; the message says why in words."""


def run(
    url: str | None, whip: str | None, whep: str | None, picture: Path | None, options: Mapping[str, Any]
) -> Report:
    """Runs a load with the options of the command line. Raises CannotLoad."""
    if picture is not None:
        _check_plotting()
    impairment = Impairment(
        options["loss"], options["delay"] / 1000, options["jitter"] / 1000, options["reorder"],
        1000 * options["rate"] if options["rate"] else None,
    )  # fmt: skip
    try:
        with _target(url, whip, whep, options) as (target, pid):
            plan = Plan(
                options["rooms"], options["publishers"], options["viewers"], options["codec"], options["layers"],
                options["ramp"], options["duration"], impairment, impairment, options["seed"], options["sampled"], pid,
            )  # fmt: skip
            report = _watched(target, plan)
    except BenchFailed as error:
        raise CannotLoad(str(error)) from error
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        raise CannotLoad(f"nobody can publish there: {error or type(error).__name__}") from error
    if picture is not None:
        plot(report, picture)
    return report


@contextmanager
def _target(
    url: str | None, whip: str | None, whep: str | None, options: Mapping[str, Any]
) -> Iterator[tuple[Target, int | None]]:
    """The server, and the process to be measured."""
    pid: int | None = options["server_pid"]
    if pid is not None and not Path(f"/proc/{pid}").exists():
        raise CannotLoad(f"there is no process {pid}")
    if whip and whep:
        yield Plain(whip, whep, options["bearer"]), pid
    elif url:
        yield Tally(url, options["app"], options["secret"]), pid
    else:
        server_core, load_core = cores()
        with node(server_core) as server:
            os.sched_setaffinity(0, {load_core})
            yield Tally(server.url, server.app, server.secret), server.pid


def _watched(target: Target, plan: Plan) -> Report:
    console = Console(stderr=True)
    if console.is_terminal:
        with Live(console=console, refresh_per_second=2) as live:
            report = uvloop.run(_crowd(target, plan, lambda report: live.update(_now(report, plan))))
    else:
        report = uvloop.run(_crowd(target, plan, _line))
    result = Table("", "", title="tally load", show_header=False)
    for what, how_much in table(report):
        result.add_row(what, how_much)
    console.print(result)
    return report


async def _crowd(target: Target, plan: Plan, observe: Any) -> Report:
    crowd = Crowd(target, plan, observe)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, crowd.stop)
    return await crowd.run()


def _now(report: Report, plan: Plan) -> Table:
    """The latest second."""
    sample = report.samples[-1]
    total = plan.rooms * plan.viewers
    view = Table("now", "", title=f"tally load, {time.strftime('%H:%M:%S')}", show_header=False)
    view.add_row("viewers", f"{sample.viewers} of {total}" + (f", {report.failed} failed" if report.failed else ""))
    view.add_row("received", f"{sample.packets_per_second:,.0f} packets/s, {sample.mbit_per_second:,.1f} Mbit/s")
    view.add_row("lost, freezes", f"{sample.lost}, {sample.freezes}")
    if sample.delay_ms_p50 is not None:
        view.add_row("delay", f"p50 {sample.delay_ms_p50:.2f} ms, p99 {sample.delay_ms_p99:.2f} ms")
    if sample.server_cores is not None:
        view.add_row("server", f"{100 * sample.server_cores:.0f} % of a core, {sample.server_mib:.0f} MiB")
    view.add_row("seconds", f"{sample.at:.0f} of about {total / plan.ramp + plan.seconds:.0f}")
    return view


def _line(report: Report) -> None:
    if len(report.samples) % LINE_EVERY == 0:
        sample = report.samples[-1]
        print(
            f"... {sample.at:.0f} s: {sample.viewers} viewers, {sample.packets_per_second:,.0f} packets/s,"
            f" {sample.lost} lost, {sample.freezes} freezes",
            file=sys.stderr,
            flush=True,
        )


def _check_plotting() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise CannotLoad("--plot needs matplotlib: pip install 'tally[plot]'") from error
