"""`tally load`: what it sends is real, what it counts is right, and a whole one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tools.load import clips
from tools.load.reception import BUFFER, GIVE_UP, Reception
from tools.load.report import Report, Sample, percentiles, plot

TALLY = Path(sys.executable).with_name("tally")
SMALL = clips.LAYERS[0]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_stamped_clip_can_be_decoded(codec: str) -> None:
    """The stamps are where decoders do not look."""
    clip = clips.video(codec, SMALL)
    decoder = av.CodecContext.create({"VP8": "vp8", "H264": "h264"}[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    pictures = []
    for index in range(len(clip.frames)):
        stamp = clips.make_stamp(index * 977)
        payloads = list(clip.payloads(index, stamp, index))
        assert [found for payload in payloads if (found := clips.stamp_of(codec, payload))] == [stamp]
        assert clips.is_key_frame(codec, payloads[0 if codec == "VP8" else 1]) is (index == 0)
        assert all(clip.knows(payload) for payload in payloads)
        assert not any(clip.knows(_spoilt(payload)) for payload in payloads if len(payload) > 60)
        frame = b"".join(_unpacked(codec, payloads))
        pictures += decoder.decode(av.Packet(frame))
    pictures += decoder.decode(None)

    assert len(pictures) == clips.SECONDS * clips.FRAMES_PER_SECOND
    assert {(picture.width, picture.height) for picture in pictures} == {(320, 180)}


def _spoilt(payload: bytes) -> bytes:
    return payload[:-9] + bytes((payload[-9] ^ 0xFF,)) + payload[-8:]


def _unpacked(codec: str, payloads: list[bytes]) -> list[bytes]:
    if codec == "VP8":
        return [payload[4:] for payload in payloads]
    units = []
    for payload in payloads:
        if payload[0] & 0x1F != 28:
            units.append(b"\0\0\0\1" + payload)
        elif payload[1] & 0x80:
            units.append(b"\0\0\0\1" + bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)) + payload[2:])
        else:
            units.append(payload[2:])
    return units


def test_stamped_sound_can_be_decoded() -> None:
    clip = clips.opus()
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = 48000, "mono"
    samples = 0
    for index in range(50):
        (payload,) = clip.payloads(index, clips.make_stamp(index), 0)
        assert clips.stamp_of("opus", payload) == clips.make_stamp(index)
        assert clip.knows(payload)
        samples += sum(frame.samples for frame in decoder.decode(av.Packet(payload)))
    assert samples >= 49 * 960


class Line:
    """A stream of 30 frames a second, three packets each, from a sequence number that wraps."""

    def __init__(self) -> None:
        self.reception = Reception(65530, 0.0, is_video=True)
        self.reception.restart(65530, 0.0)

    def send(self, packets: range, *, but: tuple[int, ...] = (), late: float = 0.0) -> None:
        for index in packets:
            if index not in but:
                frame, place = divmod(index, 3)
                self.reception.take(65530 + index & 0xFFFF, 3000 * frame, place == 2, frame / 30 + late)


def test_everything_that_comes_is_a_frame_and_no_freeze() -> None:
    line = Line()
    line.send(range(300))

    assert (line.reception.frames, line.reception.freezes, line.reception.loss) == (100, 0, 0.0)


def test_what_is_missing_is_asked_for_and_its_frame_waits() -> None:
    line = Line()
    line.send(range(30), but=(16,))
    assert line.reception.frames == 5
    assert line.reception.missing(9 / 30 + 0.05) == [65530 + 16]
    assert line.reception.missing(9 / 30 + 0.06) == []
    line.send(range(16, 17), late=0.2)

    assert line.reception.frames == 10
    assert line.reception.freezes == 0, "it came before the imagined player wanted it"
    assert line.reception.loss == 0.0


def test_a_pause_beyond_the_buffer_is_a_freeze_and_the_stream_catches_up() -> None:
    line = Line()
    line.send(range(90))
    line.send(range(90, 150), late=BUFFER + 0.4)
    line.send(range(150, 240))

    assert line.reception.freezes == 1
    assert 0.3 < line.reception.frozen < 0.6
    assert line.reception.frames == 80


def test_a_gap_that_nobody_fills_breaks_the_picture_until_a_key_frame() -> None:
    line = Line()
    line.send(range(120), but=(31,))
    line.reception.missing(4.0 + GIVE_UP)
    assert line.reception.broken
    line.send(range(120, 150))
    assert line.reception.frames == 10
    line.reception.restart(65530 + 150, 5.0)
    line.send(range(150, 180))

    assert line.reception.frames == 20
    assert line.reception.given_up == 1
    assert line.reception.loss == pytest.approx(1 / 180)


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentiles([]) == {}
    assert percentiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}
    assert percentiles(list(range(1, 101))) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def test_a_report_is_drawn(tmp_path: Path) -> None:
    report = Report(1, 1, 2, "VP8", 3)
    report.samples = [Sample(at, 1, 2, 400.0, 3.0, 0, 0, None, None, None, None) for at in (1.0, 2.0, 3.0)]
    plot(report, tmp_path / "load.png")

    assert (tmp_path / "load.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_a_whole_load_on_a_bad_network(tmp_path: Path) -> None:
    command = [
        str(TALLY), "load", "--rooms", "2", "--publishers", "2", "--viewers", "3", "--codec", "mixed",
        "--duration", "4", "--loss", "0.02", "--delay", "10", "--jitter", "5", "--json",
        "--plot", str(tmp_path / "load.png"),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout.splitlines()[-1])

    assert (report["joined"], report["failed"], report["without_a_frame"]) == (6, 0, 0)
    assert report["frames"] > 6 * 2 * 60
    assert report["packets_checked"] > 500
    assert report["packets_bad"] == 0
    assert 0 < report["loss_ratio"] < 0.05, "sound is not sent again, pictures are"
    assert report["delay_ms"]["p50"] > 20
    assert report["server_mib"] > 20
    assert len(report["samples"]) >= 4
    assert (tmp_path / "load.png").stat().st_size > 10_000


def test_a_server_that_is_not_there_is_one_clear_error() -> None:
    ended = subprocess.run(
        [str(TALLY), "load", "http://127.0.0.1:9/", "--viewers", "1"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1
    assert "nobody can publish there" in ended.stderr
    assert "Traceback" not in ended.stderr
