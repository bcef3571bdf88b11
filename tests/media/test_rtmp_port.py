"""The RTMP port on real sockets: FFmpeg pushes and is watched; those who waste our time are sent away."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from media.codecs.pool import CodecPool
from media.errors import MediaRefused
from media.interface import (
    Admission,
    MediaEvent,
    PeerClosed,
    PeerConnected,
    PictureChanged,
    Publishing,
    Refusal,
)
from media.rtmp.flv import Part, written_video
from media.rtmp.handshake import ENTROPY
from media.rtmp.ingest import B_FRAMES
from media.rtmp.port import Limits, RtmpPort
from media.rtmp.push import Begun, PushEvent, PushSession, Refused
from media.sfu import Sfu
from tools.load.peer import ClientPeer
from tools.load.whip import _offer

SPS, PPS = bytes.fromhex("6742c01fda014016e9a808080a000003000200000300791e30654000"), bytes.fromhex("68ce3c80")
RECORD = b"\x01\x42\xc0\x1f\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS + b"\x01\x00\x04" + PPS
SETUP = written_video(Part.CONFIGURATION, RECORD, key=True)


def picture(number: int, *, key: bool, composition: int = 0) -> bytes:
    unit = bytes((0x65 if key else 0x41,)) + number.to_bytes(2, "big") + bytes(50)
    return written_video(Part.FRAME, len(unit).to_bytes(4, "big") + unit, key=key, composition=composition)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def closed(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


class Stage:
    """A node with an RTMP port, a clock that can be moved, and a judge that knows one key."""

    def __init__(self) -> None:
        self.ahead = 0.0
        loop = asyncio.get_running_loop()
        self.events: list[MediaEvent] = []
        self.asked: list[tuple[str, str]] = []
        self.told: list[list[str]] = []  # kinds of publications, each time
        self.publishing: Publishing | None = None
        self.ended: list[bool] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.sfu = Sfu(listener=self.events.append)
        limits = Limits(connections=12, strangers=8, strangers_per_address=6)
        self.pool = CodecPool()
        self.port = RtmpPort(
            self.sfu, self.judge, sound=self.pool, limits=limits, clock=lambda: loop.time() + self.ahead
        )
        self.number = 0
        self.clients: list[ClientPeer] = []

    async def judge(self, app: str, key: str) -> Admission | Refusal:
        self.asked.append((app, key))
        await self.gate.wait()
        if key == "broken":
            raise ZeroDivisionError
        if key == "full":
            raise MediaRefused("this node cannot keep up")
        if not key.startswith("room?"):
            return Refusal("NetStream.Publish.BadName", "There is no such room.")
        return Admission(1920 * 1080, "group", self.take, self.ended.append)

    def take(self, publishing: Publishing) -> None:
        self.publishing = publishing
        self.told.append([view.kind for view in publishing.publications])

    async def watch(self) -> list[bytes]:
        """Sequence numbers and times that a player gets."""
        client = ClientPeer()
        self.clients.append(client)
        headers: list[bytes] = []
        client.on_packet = lambda packet: headers.append(bytes(packet[:12])) if client.decrypts(packet) else None
        assert self.publishing is not None
        h264 = "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=42e01f"
        offer = _offer(client, "recvonly").replace("a=rtpmap:96 VP8/90000", h264)
        viewing = self.sfu.play(offer, [view.id for view in self.publishing.publications])
        await client.connect(viewing.answer)
        return headers


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.sfu.start(["127.0.0.1"], 0)
    await stage.pool.start()
    stage.number = await stage.port.start("127.0.0.1", 0)
    yield stage
    for client in stage.clients:
        await client.close()
    await stage.port.close()
    assert stage.port.statistics()["connections"] == 0
    assert stage.pool.statistics()["running"] == 0
    await stage.pool.close()
    await stage.sfu.close()


class Encoder:
    """Our own client on a socket."""

    def __init__(self, key: str = "room?usersig=x") -> None:
        self.session = PushSession("push", key, "rtmp://127.0.0.1/push", secrets.token_bytes(ENTROPY))
        self.events: list[PushEvent] = []
        self.gone = False
        self._task: asyncio.Task[None]

    async def open(self, number: int, tls: ssl.SSLContext | None = None) -> Encoder:
        reader, self.writer = await asyncio.open_connection("127.0.0.1", number, ssl=tls)
        self.session.start(0.0)
        self.flush()
        self._task = asyncio.create_task(self._read(reader))
        return self

    def flush(self) -> None:
        self.writer.write(self.session.outgoing())

    def push(self, time: int, payload: bytes) -> None:
        self.session.send_video(time, payload)
        self.flush()

    async def close(self) -> None:
        await closed(self.writer)
        await self._task

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65536):
                self.events += self.session.receive(data, 0.0)
                self.flush()
        except ConnectionError:
            pass
        self.gone = True


async def test_a_stream_is_watched_from_its_first_key_frame(stage: Stage) -> None:
    encoder = await Encoder().open(stage.number)
    await until(lambda: encoder.events == [Begun()])
    assert stage.asked == [("push", "room?usersig=x")]
    assert stage.told == [[]]

    encoder.session.send_metadata({"videocodecid": 7.0})
    encoder.push(0, SETUP)
    for number in range(30):
        encoder.push(33 * number, picture(number, key=number == 0))
    await until(lambda: stage.told == [[], ["video"]])
    await until(lambda: any(isinstance(event, PictureChanged) for event in stage.events))
    headers = await stage.watch()
    number = 30
    while len(headers) < 20:
        encoder.push(33 * number, picture(number, key=False))
        number += 1
        await asyncio.sleep(0.005)
    numbers = [int.from_bytes(head[2:4], "big") for head in headers]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] <= 24, "the past is shown, but for what came before its end of the handshake was done"

    encoder.session.end()
    encoder.flush()
    await until(lambda: isinstance(stage.events[-1], PeerClosed))
    assert encoder.gone or await until(lambda: encoder.gone) is None
    assert stage.port.statistics()["streams"] == 0
    assert stage.ended == [True]
    await encoder.close()


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        ("elsewhere", Refused("NetStream.Publish.BadName", "There is no such room.")),
        ("full", Refused("NetStream.Publish.Denied", "this node cannot keep up")),
        ("broken", Refused("NetStream.Publish.Denied", "The server failed; try again.")),
    ],
)
async def test_a_refusal_is_read_by_the_encoder(stage: Stage, key: str, refusal: Refused) -> None:
    encoder = await Encoder(key).open(stage.number)
    await until(lambda: encoder.gone)
    assert encoder.events == [refusal]
    assert stage.sfu.statistics()["publishers"] == 0
    await encoder.close()


async def test_b_frames_and_what_is_not_taken_end_with_a_sentence(stage: Stage) -> None:
    encoder = await Encoder().open(stage.number)
    await until(lambda: encoder.session.publishing)
    encoder.session.send_metadata({"videocodecid": 7.0})
    encoder.push(0, SETUP)
    for number, composition in enumerate((80, 160, 40)):
        encoder.push(40 * number, picture(number, key=number == 0, composition=composition))
    await until(lambda: encoder.gone)
    assert encoder.events[-1] == Refused("NetStream.Publish.Rejected", B_FRAMES)
    assert isinstance(stage.events[-1], PeerClosed)
    await encoder.close()

    encoder = await Encoder().open(stage.number)
    await until(lambda: encoder.session.publishing)
    encoder.push(0, bytes.fromhex("90 68766331 01"))
    await until(lambda: encoder.gone)
    assert encoder.events[-1] == Refused("NetStream.Publish.Rejected", "HEVC is not taken; send H.264")
    assert stage.port.statistics()["UnsupportedTrack"] == 2
    await encoder.close()


async def test_the_owner_can_end_a_stream(stage: Stage) -> None:
    encoder = await Encoder().open(stage.number)
    await until(lambda: encoder.session.publishing)
    assert stage.publishing is not None
    stage.publishing.close("the room was dismissed")
    await until(lambda: encoder.gone)
    assert encoder.events[-1] == Refused("NetStream.Publish.Rejected", "the room was dismissed")
    await encoder.close()


async def test_who_leaves_before_the_judgement_is_told_of_as_one_who_left(stage: Stage) -> None:
    stage.gate.clear()
    encoder = await Encoder().open(stage.number)
    await until(lambda: stage.asked)
    await encoder.close()
    await until(lambda: not stage.port.connections)
    stage.gate.set()
    await until(lambda: stage.events)
    assert stage.publishing is not None
    assert [(type(event), getattr(event, "peer", "")) for event in stage.events] == [
        (PeerClosed, stage.publishing.peer)
    ]
    assert stage.ended == [False]


async def test_half_open_slow_and_silent_ones_are_sent_away(stage: Stage) -> None:
    publishing = await Encoder().open(stage.number)
    await until(lambda: publishing.session.publishing)
    publishing.push(0, SETUP)
    half_open, quiet = await asyncio.open_connection("127.0.0.1", stage.number)
    slow_reader, slow = await asyncio.open_connection("127.0.0.1", stage.number)
    slow.write(b"\x03" + bytes(100))
    greeted_reader, greeted = await asyncio.open_connection("127.0.0.1", stage.number)
    greeted.write(b"\x03" + bytes(2 * 1536))
    await greeted_reader.readexactly(1 + 2 * 1536)

    stage.ahead += 6
    assert await half_open.read() == b""
    assert await slow_reader.read() == b""
    stage.ahead += 5
    assert await greeted_reader.read() == b""
    assert not publishing.gone
    stage.ahead += 31
    await until(lambda: publishing.gone)
    assert publishing.events[-1] == Refused("NetStream.Publish.Rejected", "no frame came for 30 s")
    assert {key: stage.port.statistics()[key] for key in ("slow", "idle")} == {"slow": 3, "idle": 1}
    await closed(quiet, slow, greeted)
    await publishing.close()


async def test_a_crowd_of_strangers_does_not_keep_publishers_out_for_long(stage: Stage) -> None:
    publishing = await Encoder().open(stage.number)
    await until(lambda: publishing.session.publishing)
    crowd = [await asyncio.open_connection("127.0.0.1", stage.number) for _ in range(40)]
    await until(lambda: stage.port.counts["full"] == 34)
    assert stage.port.statistics() | {"full": 0} == {"connections": 7, "streams": 1, "accepted": 1, "full": 0}
    assert not publishing.gone

    stage.ahead += 6
    await until(lambda: stage.port.statistics()["connections"] == 1)
    another = await Encoder().open(stage.number)
    await until(lambda: another.session.publishing)
    await closed(*(writer for _, writer in crowd))
    await publishing.close()
    await another.close()


async def test_it_speaks_tls_where_it_is_told_to(stage: Stage, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost", "-days", "1"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    number = await stage.port.start("127.0.0.1", 0, tls=context)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False

    encoder = await Encoder().open(number, trusting)
    await until(lambda: encoder.events == [Begun()])
    await encoder.close()


def ffmpeg(number: int, *options: str, seconds: int = 3, size: str = "320x240") -> list[str]:
    return [
        "ffmpeg", "-hide_banner", "-loglevel", "error", "-re", "-f", "lavfi", "-i", f"testsrc=s={size}:r=30",
        "-t", str(seconds), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", *options,
        "-f", "flv", f"rtmp://127.0.0.1:{number}/push/room?sdkappid=1&usersig=x",
    ]  # fmt: skip


@pytest.mark.slow
async def test_ffmpeg_pushes_and_is_watched(stage: Stage) -> None:
    process = await asyncio.create_subprocess_exec(*ffmpeg(stage.number, "-tune", "zerolatency", seconds=6))
    try:
        await until(lambda: stage.told == [[], ["video"]])
        await until(lambda: any(isinstance(event, PictureChanged) for event in stage.events))
        [picture] = [event.publication for event in stage.events if isinstance(event, PictureChanged)]
        assert (picture.width, picture.height, picture.codec) == (320, 240, "H264")
        assert stage.publishing is not None
        assert PeerConnected(stage.publishing.peer) in stage.events
        headers = await stage.watch()
        await until(lambda: len({head[4:8] for head in headers}) >= 60)
    finally:
        await process.wait()
    assert process.returncode == 0
    await until(lambda: isinstance(stage.events[-1], PeerClosed))


@pytest.mark.slow
async def test_sound_and_picture_of_ffmpeg_come_together(stage: Stage) -> None:
    """Mono AAC of 44.1 kHz becomes Opus; what was captured together has the same time on the clock that both share."""
    source = ["-f", "lavfi", "-i", "sine=r=44100", "-c:a", "aac", "-ac", "1", "-tune", "zerolatency"]
    command = ffmpeg(stage.number, *source[4:], seconds=6)
    command[command.index("-t") : command.index("-t")] = source[:4]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await until(lambda: stage.told == [[], ["video", "audio"]])
        headers = await stage.watch()
        kinds: Callable[[], Counter[int]] = lambda: Counter(head[1] & 0x7F for head in headers)  # noqa: E731
        await until(lambda: kinds()[111] >= 50 and kinds()[96] >= 30)
    finally:
        await process.wait()
    latest = {head[1] & 0x7F: int.from_bytes(head[4:8], "big") for head in headers}
    started = 1 << 32  # where StreamClock lets a stream that counts from 0 begin
    apart = (latest[96] - 90 * started) % (1 << 32) / 90 - (latest[111] - 48 * started) % (1 << 32) / 48
    assert abs(apart) < 250, "they end together, but for what a worker had in hand"
    times = [int.from_bytes(head[4:8], "big") for head in headers if head[1] & 0x7F == 111]
    assert {(later - earlier) % (1 << 32) for earlier, later in pairwise(times)} == {960}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kinds", "picture"),
    [
        (["-vn", "-c:a", "libmp3lame", "-ar", "44100"], ["audio"], (0, 0)),
        (["-an", "-bf", "0", "-r", "60", "-vf", "crop=318:178"], ["video"], (318, 178)),
        (
            ["-c:a", "aac", "-bf", "0", "-output_ts_offset", "4294964"],
            ["video", "audio"],
            (320, 240),
        ),  # 3.3 s to the wrap
    ],
)
async def test_what_else_ffmpeg_pushes(
    stage: Stage, options: list[str], kinds: list[str], picture: tuple[int, int]
) -> None:
    command = ffmpeg(stage.number, *options, seconds=6)
    command[command.index("-t") : command.index("-t")] = ["-re", "-f", "lavfi", "-i", "sine=r=48000"]
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
    await until(lambda: stage.ended)

    assert (stage.told, stage.ended) == ([[], kinds], [True])
    pictures = [event.publication for event in stage.events if isinstance(event, PictureChanged)]
    assert [(view.width, view.height) for view in pictures] == ([picture] if picture[0] else [])
    assert set(stage.pool.counts) <= {"jobs"}, stage.pool.counts


@pytest.mark.slow
async def test_ffmpeg_with_b_frames_is_refused(stage: Stage) -> None:
    process = await asyncio.create_subprocess_exec(*ffmpeg(stage.number, "-bf", "2", "-preset", "medium"))
    await process.wait()
    assert process.returncode != 0
    assert stage.port.statistics()["UnsupportedTrack"] == 1
