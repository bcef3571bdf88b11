"""Runs a target in a process of its own, and says what it found: crashes, hangs, growth.

The same seed gives the same inputs, so a finding is named by its seed and number. A crash or a hang also keeps its
input. What a target remembers lives as long as the campaign, and must not grow.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import multiprocessing
import os
import resource
import signal
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from tools.fuzz.target import State, Target

__all__ = ["Finding", "Result", "corpus_of", "run", "table"]

HANG = 1.0
"""Seconds of one input that are too many."""
HOPELESS = 60.0
"""Seconds after which a hang that no exception ends, in C, ends the process."""
CHECKPOINTS = 40
"""Looks at what is in memory."""
GROWN_OBJECTS = 5_000
GROWN_BYTES = 24 << 20
"""What the last quarter of a campaign may have more than the second one, in the median; about a tenth of a leak of one
object an input in a million."""
MOST = 20
"""Findings after which a campaign ends."""


class Hang(BaseException):
    """One input took longer than HANG. Not an Exception, so that nothing catches it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    kind: str
    """`crash`, `hang`, `growth`, `death` (of the process)."""
    number: int
    """Of the input, from 0."""
    text: str
    """The end of the traceback, or the figures."""
    data: bytes = b""


@dataclass(slots=True)
class Result:
    """A campaign."""

    target: str
    seed: int
    inputs: int = 0
    seconds: float = 0.0
    peak_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def corpus_of(folder: Path) -> list[bytes]:
    """The inputs that are kept in a folder, by name. Raises FileNotFoundError when there is none."""
    kept = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    if not kept:
        raise FileNotFoundError(f"{folder} is empty")
    return kept


def run(
    target: Target, inputs: int, seed: int, folder: Path, progress: Callable[[int], None] = lambda count: None
) -> Result:
    """Feeds `inputs` made from `seed` and the corpus in `folder`, where crashes and hangs are kept.

    `progress` gets the number of inputs that were fed since its last call. Ctrl-C ends the campaign early."""
    corpus = corpus_of(folder)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(theirs, target, inputs, seed, corpus), daemon=True)
    result = Result(target.name, seed)
    begin = time.monotonic()
    child.start()
    theirs.close()
    try:
        for message in _messages(ours):
            if isinstance(message, Finding):
                result.findings.append(message)
                if message.data:
                    _keep(message, folder)
            else:
                count, result.peak_bytes = message
                progress(count - result.inputs)
                result.inputs = count
    except KeyboardInterrupt:
        child.terminate()
    child.join(10)
    if child.exitcode not in (0, -signal.SIGTERM):
        text = f"exit code {child.exitcode}, somewhat later than input {result.inputs}"
        result.findings.append(Finding("death", result.inputs, text))
    result.seconds = time.monotonic() - begin
    return result


def _messages(source: Connection) -> Iterator[Finding | tuple[int, int]]:
    try:
        while True:
            yield source.recv()
    except EOFError:
        return


def _keep(finding: Finding, folder: Path) -> None:
    name = hashlib.sha256(finding.data).hexdigest()[:12]
    (folder / f"found-{finding.kind}-{name}").write_bytes(finding.data)


# In the process of the campaign


def _work(sink: Connection, target: Target, inputs: int, seed: int, corpus: list[bytes]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    faulthandler.enable()
    for finding in _campaign(sink, target, inputs, seed, corpus):
        sink.send(finding)
    sink.close()


def _campaign(sink: Connection, target: Target, inputs: int, seed: int, corpus: list[bytes]) -> Iterator[Finding]:
    shaper = target.shaper(seed, corpus)
    state = _begun(target, corpus)
    memory: list[tuple[int, int]] = []
    places: set[str] = set()
    pace = max(1, inputs // CHECKPOINTS)
    with _watched() as watch:
        for number in range(inputs):
            data = shaper.shape()
            watch.number = number
            try:
                state.feed(data)
            except (Exception, Hang) as error:
                kind = "hang" if isinstance(error, Hang) else "crash"
                place = _place(error)
                if place not in places:
                    places.add(place)
                    yield Finding(kind, number, "".join(traceback.format_exception(error)[-4:]), data)
                if len(places) >= MOST:
                    break
                _abandon(state)
                state = _begun(target, corpus)
            if number % pace == pace - 1:
                memory.append(_memory())
                sink.send((number + 1, memory[-1][1]))
    try:
        state.close()
    except Exception as error:
        yield Finding("crash", inputs, "at the end: " + "".join(traceback.format_exception(error)[-4:]))
    yield from _growth(memory, inputs)
    sink.send((number + 1, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10))


def _begun(target: Target, corpus: list[bytes]) -> State:
    """A state that has seen the corpus, so that streams are known and peers agreed."""
    state = target.begin()
    for data in corpus:
        state.feed(data)
    return state


def _growth(memory: list[tuple[int, int]], inputs: int) -> Iterator[Finding]:
    quarter = len(memory) // 4
    if quarter < 2:
        return
    for index, (unit, bound) in enumerate((("objects", GROWN_OBJECTS), ("bytes", GROWN_BYTES))):
        early = statistics.median(sample[index] for sample in memory[quarter : 2 * quarter])
        late = statistics.median(sample[index] for sample in memory[-quarter:])
        if late - early > bound:
            yield Finding("growth", inputs, f"{unit}: {early:.0f} in the second quarter, {late:.0f} in the last")


def _memory() -> tuple[int, int]:
    """Objects and resident bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return len(gc.get_objects()), pages * resource.getpagesize()


def _abandon(state: State) -> None:
    """A state that something went wrong in; that it cannot be closed in order is no second finding."""
    try:
        state.close()
    except Exception:
        return


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}" if frames else type(error).__name__


@dataclass(slots=True)
class _Watch:
    number: int = -1
    seen: int = -2


@contextmanager
def _watched() -> Iterator[_Watch]:
    """Raises Hang in the main thread when no other input has begun for HANG."""
    watch = _Watch()

    def look(signum: int, frame: FrameType | None) -> None:
        faulthandler.dump_traceback_later(HOPELESS, exit=True)
        if watch.number == watch.seen:
            raise Hang
        watch.seen = watch.number

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, HANG, HANG)
    try:
        yield watch
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def table(results: Mapping[str, Result]) -> Iterator[str]:
    """Lines for people."""
    yield f"{'target':10}{'inputs':>12}{'per second':>12}{'peak MiB':>10}  findings"
    for name, result in results.items():
        rate = result.inputs / result.seconds if result.seconds else 0.0
        found = ", ".join(finding.kind for finding in result.findings) or "none"
        yield f"{name:10}{result.inputs:12,}{rate:12,.0f}{result.peak_bytes / 2**20:10.0f}  {found}"
