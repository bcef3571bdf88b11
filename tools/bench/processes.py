"""What every bench needs: a real node on one core, its load on the other, and the CPU time of both.

Children are ended whatever happens; everything waits with a deadline.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.service import Billing

__all__ = ["BenchFailed", "Child", "Node", "audience", "cores", "cpu_seconds", "node", "python", "resident_kib"]

_TICKS = os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """The bench could not be run; the message says why in words."""


def cores() -> tuple[int, int]:
    """One core for the server, one for the load."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise BenchFailed("a bench needs two cores: one for the server, one for the load")
    return found[0], found[1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all its living children."""
    total = 0.0
    for process in [pid, *_children(pid)]:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += [int(child), *_children(int(child))]
    return found


@dataclass
class Child:
    """A child process that speaks JSON lines on its standard output and reads words on its input."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line. Raises BenchFailed when the child ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchFailed(f"a child ended early (exit code {self.process.wait(5)})")
        answer = dict(json.loads(line))
        if "error" in answer:
            raise BenchFailed(str(answer["error"]))
        return answer

    def ask(self, word: str) -> dict[str, Any]:
        self.say(word)
        return self.hear()


@contextmanager
def python(core: int, *arguments: str) -> Iterator[Child]:
    """`python -m ...` pinned to `core`; ended at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        yield Child(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def audience(core: int, server: Node, bitrate_kbps: int) -> Iterator[Child]:
    """The load of tools.bench.audience, its publisher already sending."""
    arguments = (server.url, str(server.app), str(bitrate_kbps * 1000))
    with python(core, "tools.bench.audience", *arguments) as load:
        load.say(server.secret)
        load.hear()
        yield load


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@dataclass(frozen=True)
class Node:
    """A node under test."""

    url: str
    pid: int
    app: int
    secret: str


@contextmanager
def node(core: int, *options: str) -> Iterator[Node]:
    """`tally serve` on free ports with an app of the large-scale edition, pinned to `core`; `options` are its own."""
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        app, secret = asyncio.run(_prepare(Path(folder)))
        command = [sys.executable, "-m", "tools.cli", "serve", "--data", folder, "--port", "0", "--production"]
        process = subprocess.Popen([*command, "--log-level", "warning", *options], stdout=subprocess.PIPE, text=True)
        try:
            os.sched_setaffinity(process.pid, {core})
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                raise BenchFailed("the node did not start")
            yield Node(line.split()[-1], process.pid, app, secret)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            if process.stdout is not None:
                process.stdout.close()


async def _prepare(folder: Path) -> tuple[int, str]:
    billing = Billing(folder, clock=time.time)
    await billing.start()
    app, secret = await billing.create_app(await billing.create_account("bench"), "bench")
    await billing.assign_edition(app, "large_scale", None)
    await billing.close()
    return app, secret
