"""Pushing over RTMP: FFmpeg goes live, Chromium watches and hears; who may not gets a sentence."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from stage import Member, NodeProcess, Tab, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def node(nodes: Callable[..., NodeProcess]) -> Iterator[NodeProcess]:
    """A node that encoders can push to."""
    process = nodes("--rtmp-port", "0")
    yield process
    assert process.stop() == 0
    assert " ERROR " not in process.log, process.log


def server(node: NodeProcess) -> str:
    """The second line that a node prints."""
    assert node.process is not None
    assert node.process.stdout is not None
    return node.process.stdout.readline().removeprefix("Encoders push to ").strip()


def key(node: NodeProcess, user: str, room: str) -> str:
    told = node.credentials(user)
    return f"{room}?sdkappid={told['sdkappid']}&userid={user}&usersig={told['usersig']}"


async def push(url: str, *video: str, seconds: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "ffmpeg", "-hide_banner", "-loglevel", "warning", "-re",
        "-f", "lavfi", "-i", "testsrc=s=640x360:r=30", "-f", "lavfi", "-i", "sine=f=440:r=44100",
        "-t", str(seconds), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "300", *video,
        "-c:a", "aac", "-b:a", "96k", "-f", "flv", url, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_ffmpeg_pushes_and_chromium_watches_and_hears(
    node: NodeProcess, chromium: Callable[[], Awaitable[Browser]]
) -> None:
    """A key frame every 10 s: who comes is shown the past."""
    url = f"{server(node)}/{await asyncio.to_thread(key, node, 'obs', 'studio')}"
    ffmpeg = await push(url, "-preset", "ultrafast", "-tune", "zerolatency", seconds=90)
    watcher = Member(node, "watcher")
    try:
        await watcher.connect()

        async def live() -> bool:
            return bool((await watcher.call("room.list"))["rooms"])

        await wait_for(live, 20, "the room is live")
        bob = await Tab.open(await chromium(), f"{node.url}room/studio")
        await bob.page.wait_for_selector("video.remote")

        async def many_frames() -> bool:
            return await bob.frames_decoded() > 100

        await wait_for(many_frames, 20, "more than 100 decoded frames")
        light = await bob.brightness()
        assert light is not None
        assert light["mean"] > 30

        await bob.page.mouse.click(5, 300)
        await bob.page.evaluate("for (const sound of document.querySelectorAll('audio')) sound.play()")

        async def hears() -> bool:
            reports = await bob.statistics("inbound-rtp")
            return any(report.get("totalAudioEnergy", 0) > 0.001 for report in reports)

        await wait_for(hears, 10, "the tone is heard")

        async def together() -> bool:
            """Chromium's own estimate. From the first sender reports on it delays the picture by and by until it is
            in time with the sound, whose buffer is the longer one where FFmpeg writes in bursts."""
            times = [report.get("estimatedPlayoutTimestamp") for report in await bob.statistics("inbound-rtp")]
            return len(times) == 2 and all(times) and abs(times[0] - times[1]) < 300

        await wait_for(together, 30, "sound and picture are played together")
        metrics = await asyncio.to_thread(node.metrics)
        assert metrics["tally_rtmp_streams"] == 1
        assert metrics["tally_codecs_running"] == 1
    finally:
        await watcher.close()
        ffmpeg.terminate()
        await ffmpeg.communicate()

    async def gone() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_rtmp_connections"] == 0

    await wait_for(gone, 10, "the connection ended")

    async def ended() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_rooms_rooms"] == 0

    await wait_for(ended, 5, "the room ended with its encoder")


async def test_an_encoder_that_was_lost_takes_its_place_again(node: NodeProcess) -> None:
    """It stops without a word, as when a network goes away, and comes back before the node has noticed."""
    url = f"{server(node)}/{await asyncio.to_thread(key, node, 'obs', 'studio')}"
    lost = await push(url, "-preset", "ultrafast", "-tune", "zerolatency", seconds=60)

    async def accepted(count: int) -> bool:
        metrics = await asyncio.to_thread(node.metrics)
        return metrics.get("tally_rtmp_accepted", 0) == count and metrics["tally_media_publications"] == 2

    back = None
    try:
        await wait_for(lambda: accepted(1), 20, "it publishes")
        lost.send_signal(signal.SIGSTOP)
        back = await push(url, "-preset", "ultrafast", "-tune", "zerolatency", seconds=60)
        await wait_for(lambda: accepted(2), 20, "it publishes again")
        metrics = await asyncio.to_thread(node.metrics)
        assert (metrics["tally_rooms_rooms"], metrics["tally_signaling_rtmp_sessions"]) == (1, 1)
        back.kill()

        async def waits() -> bool:
            metrics = await asyncio.to_thread(node.metrics)
            return metrics["tally_rtmp_connections"] == 0 and metrics["tally_signaling_rtmp_sessions"] == 0

        await wait_for(waits, 10, "it is gone")
        assert (await asyncio.to_thread(node.metrics))["tally_rooms_rooms"] == 1, "its grace time runs"
    finally:
        for process in filter(None, (lost, back)):
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda key: key.replace("usersig=", "usersig=x"), "(70003)"),
        (lambda key: key.partition("?")[0], "lacks its UserSig"),
        (lambda key: key.replace("userid=obs", "userid=eve"), "another user"),
    ],
)
async def test_a_wrong_key_is_refused_with_a_sentence(
    node: NodeProcess, change: Callable[[str], str], sentence: str
) -> None:
    url = f"{server(node)}/{change(await asyncio.to_thread(key, node, 'obs', 'studio'))}"
    ffmpeg = await push(url, "-preset", "ultrafast", seconds=5)
    _, told = await ffmpeg.communicate()
    assert ffmpeg.returncode != 0
    assert sentence in told.decode(), told.decode()
    assert (await asyncio.to_thread(node.metrics))["tally_rooms_rooms"] == 0


async def test_ffmpeg_pushes_over_tls(nodes: Callable[..., NodeProcess], tmp_path: Path) -> None:
    private, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", str(private), "-out", str(certificate), "-subj", "/CN=localhost", "-days", "1"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221
    node = nodes("--rtmps-port", "0", "--tls-certificate", str(certificate), "--tls-key", str(private))
    address = server(node)
    assert address.startswith("rtmps://")
    ffmpeg = await push(
        f"{address}/{await asyncio.to_thread(key, node, 'obs', 'studio')}",
        "-preset",
        "ultrafast",
        "-bf",
        "0",
        seconds=60,
    )

    async def publishes() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_publications"] == 2

    try:
        await wait_for(publishes, 20, "it publishes")
    finally:
        ffmpeg.terminate()
        await ffmpeg.communicate()
    assert node.stop() == 0
    assert " ERROR " not in node.log, node.log


async def test_a_room_of_somebody_else_is_busy(node: NodeProcess) -> None:
    address = server(node)
    first = await push(
        f"{address}/{await asyncio.to_thread(key, node, 'obs', 'studio')}", "-tune", "zerolatency", seconds=60
    )

    async def publishes() -> bool:
        return (await asyncio.to_thread(node.metrics))["tally_media_publications"] == 2

    try:
        await wait_for(publishes, 20, "it publishes")
        other = await push(f"{address}/{await asyncio.to_thread(key, node, 'eve', 'studio')}", seconds=5)
        _, told = await other.communicate()
        assert other.returncode != 0
        assert "take a seat first. (100431)" in told.decode(), told.decode()
        assert await publishes()
    finally:
        first.terminate()
        await first.communicate()
