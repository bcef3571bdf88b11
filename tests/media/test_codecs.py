"""Sound in codec workers: real processes, real AAC and MP3."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from media.codecs import pool as codecs
from media.codecs.pool import CodecPool, Job
from media.codecs.sound import FRAME, RATE, OpusTranscoder
from media.codecs.wire import MAX_RECORD, Record, Records, pack
from media.errors import Overloaded

START = (1 << 32) + 12_345
"""Milliseconds: where the clock of a stream may begin."""


def coded(name: str, rate: int, layout: str, seconds: float, beep: float) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Configuration and frames, with times in milliseconds from 0, of silence with 0.1 s of 1 kHz at `beep`."""
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, layout, "fltp"
    context.bit_rate, context.time_base = 128_000, Fraction(1, rate)
    context.open()
    channels = len(av.AudioLayout(layout).channels)
    when = np.arange(int(seconds * rate)) / rate
    sound = np.where((when >= beep) & (when < beep + 0.1), 0.8 * np.sin(2000 * np.pi * when), 0).astype(np.float32)
    frames: list[tuple[int, bytes]] = []
    size = context.frame_size
    for at in range(0, len(sound) - size, size):
        frame = av.AudioFrame.from_ndarray(np.tile(sound[at : at + size], (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        frames += [(round(1000 * (packet.pts or 0) / rate), bytes(packet)) for packet in context.encode(frame)]
    return bytes(context.extradata or b""), frames


def heard(packets: list[tuple[int, bytes]]) -> float:
    """Seconds at which the beep begins."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    for at, payload in packets:
        for frame in decoder.decode(av.Packet(payload)):
            loud = np.abs(frame.to_ndarray().astype(np.float64).reshape(-1, 2)[:, 0])
            if frame.format.name.startswith("s16"):
                loud /= 32768
            if loud.max() > 0.2:
                return (at - RATE * START // 1000 + int(np.argmax(loud > 0.2))) / RATE
    raise AssertionError("no beep")


@pytest.mark.parametrize(
    ("codec", "encoder", "rate", "layout"),
    [
        ("AAC", "aac", 44100, "stereo"), ("AAC", "aac", 48000, "mono"), ("AAC", "aac", 48000, "5.1"),
        ("MP3", "libmp3lame", 44100, "stereo"),
    ],
)  # fmt: skip
def test_a_beep_stays_where_it_was(codec: str, encoder: str, rate: int, layout: str) -> None:
    configuration, frames = coded(encoder, rate, layout, 2.0, beep=1.2)
    transcoder = OpusTranscoder(codec, configuration, 96_000)
    packets = [packet for time, data in frames for packet in transcoder.feed(START + time, data)]

    assert {later - earlier for (earlier, _), (later, _) in pairwise(packets)} == {FRAME}
    assert heard(packets) == pytest.approx(1.2, abs=0.030)
    assert transcoder.damaged == 0


def test_lost_frames_become_silence_and_a_jump_a_new_beginning() -> None:
    configuration, frames = coded("aac", 48000, "stereo", 3.0, beep=2.0)
    transcoder = OpusTranscoder("AAC", configuration, 96_000)
    packets = [
        packet
        for index, (time, data) in enumerate(frames) if not 30 <= index < 50
        for packet in transcoder.feed(START + time, data)
    ]  # fmt: skip
    assert {later - earlier for (earlier, _), (later, _) in pairwise(packets)} == {FRAME}
    assert heard(packets) == pytest.approx(2.0, abs=0.040)

    late = [packet for time, data in frames[:9] for packet in transcoder.feed(START + 60_000 + time, data)]
    assert late[-1][0] / RATE == pytest.approx((START + 60_000) / 1000 + 0.15, abs=0.08)
    assert list(transcoder.feed(START + 61_000, b"\xff" * 50)) == []
    assert transcoder.damaged == 1


def test_a_clock_that_runs_otherwise_is_followed() -> None:
    """Two minutes of an encoder whose sound is half a percent slower than its milliseconds say: 600 ms in the end."""
    configuration, frames = coded("aac", 48000, "mono", 12.0, beep=11.0)
    transcoder = OpusTranscoder("AAC", configuration, 32_000)
    worst = 0.0
    time = float(START)
    for _ in range(10):
        for _, data in frames:
            packets = list(transcoder.feed(int(time), data))
            if packets:
                worst = max(worst, abs(packets[-1][0] / 48 - time))
            time += 1024 / 48 * 1.005
    assert worst < 30 + 20 + 1024 / 48


def test_records_come_in_any_pieces() -> None:
    data = pack(2, -5, b"abc") + pack(4, 1 << 40)
    records = Records()
    assert [record for at in range(len(data)) for record in records.feed(data[at : at + 1])] == [
        Record(2, -5, b"abc"), Record(4, 1 << 40, b""),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="bytes"):
        records.feed((MAX_RECORD + 1).to_bytes(4, "big") + bytes(9))


# Workers


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CodecPool]:
    monkeypatch.setattr(codecs, "HANG", 5.0)  # the machine may be busy
    pool = CodecPool()
    await pool.start()
    yield pool
    await pool.close()
    assert pool.statistics()["workers"] == 0


class Listener:
    """A job with what it made."""

    def __init__(self, pool: CodecPool) -> None:
        configuration, self.frames = coded("aac", 48000, "stereo", 1.0, beep=0.5)
        self.packets: list[tuple[int, bytes]] = []
        self.failures: list[str] = []
        self.time = START
        self.job: Job = pool.begin(
            "AAC", configuration, lambda at, data: self.packets.append((at, data)), self.failures.append
        )

    async def play(self, count: int) -> None:
        for index in range(count):
            self.job.feed(self.time, self.frames[index % len(self.frames)][1])
            self.time += 21 + (index % 3 == 0)
            await asyncio.sleep(0.002)

    @property
    def process(self) -> int:
        assert self.job.worker is not None
        assert self.job.worker._process is not None
        return self.job.worker._process.pid


async def test_jobs_are_done_by_processes_of_their_own(pool: CodecPool) -> None:
    first, second = Listener(pool), Listener(pool)
    await until(lambda: first.job.worker and second.job.worker)
    assert first.process != second.process
    await asyncio.gather(first.play(30), second.play(30))
    await until(lambda: len(first.packets) >= 28 and len(second.packets) >= 28)
    assert first.packets[0][0] == pytest.approx(START * 48, abs=FRAME)
    assert all(cpu > 0 for cpu in pool.cpu())
    first.job.close()
    first.job.close()
    second.job.close()
    await until(lambda: pool.statistics()["workers"] == 1)
    assert {**pool.statistics(), "cpu_ms": 0} == {"running": 0, "workers": 1, "jobs": 2, "cpu_ms": 0}
    assert pool.statistics()["cpu_ms"] > 0


async def test_a_dead_worker_is_replaced_by_the_spare_within_a_second_of_media(pool: CodecPool) -> None:
    listener = Listener(pool)
    await until(lambda: listener.job.worker and sum(worker.ready for worker in pool._workers) == 2)
    await listener.play(20)
    await until(lambda: len(listener.packets) > 15)
    cpu, before, last = listener.job.cpu, listener.process, listener.packets[-1][0]
    os.kill(before, signal.SIGKILL)
    await until(lambda: listener.job.worker is None or listener.process != before)
    count = len(listener.packets)
    await listener.play(20)
    await until(lambda: len(listener.packets) > count)

    assert listener.packets[count][0] - last < RATE
    assert listener.process != before
    assert listener.job.cpu > cpu
    assert pool.counts["deaths"] == 1
    assert not listener.failures
    os.kill(listener.process, signal.SIGKILL)
    await until(lambda: pool.counts["deaths"] == 2)


async def test_one_that_hangs_is_killed(pool: CodecPool) -> None:
    listener = Listener(pool)
    await until(lambda: listener.job.worker)
    before = listener.process
    os.kill(before, signal.SIGSTOP)
    for _ in range(300):
        listener.job.feed(listener.time, listener.frames[0][1])
        listener.time += 21
    assert listener.job.dropped == 300 - codecs.IN_HAND - codecs.MAX_WAITING
    assert len(listener.job.waiting) <= codecs.MAX_WAITING
    await until(lambda: pool.counts["hangs"] == 1)
    await until(lambda: listener.packets)
    assert listener.process != before


async def test_a_stream_that_kills_its_workers_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "import socket, sys\n"
        "from media.codecs.wire import *\n"
        "s = socket.socket(fileno=int(sys.argv[1]))\n"
        "s.sendall(pack(READY))\n"
        "s.recv(1)\n"
    )
    monkeypatch.setattr(codecs, "STARTING", 60.0)
    pool = CodecPool(command=(sys.executable, str(script)))
    await pool.start()
    listener = Listener(pool)
    await until(lambda: listener.failures)
    assert listener.failures == ["its sound cannot be converted"]
    assert pool.statistics()["deaths"] == codecs.DEATHS
    assert pool.statistics()["running"] == 0
    await pool.close()


async def test_there_are_only_so_many_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = CodecPool(most=1, spares=0)
    await pool.start()
    Listener(pool)
    with pytest.raises(Overloaded):
        Listener(pool)
    await pool.close()
