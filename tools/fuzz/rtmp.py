"""Target `rtmp`: what an encoder sends over TCP, from its first byte to the RTP packets of its picture.

The first byte of an input says in its two low bits how far the connection has come before the rest is fed (STAGES), and
in the others how it is cut into pieces. Each input has a connection of its own, since a refused one has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.rtmp import amf0, messages
from media.rtmp.amf0 import Value
from media.rtmp.chunks import ChunkReader, ChunkWriter, Message
from media.rtmp.errors import RtmpError
from media.rtmp.flv import Part
from media.rtmp.handshake import ENTROPY
from media.rtmp.session import MAX_MESSAGE, PublishAsked, ServerSession, Video
from media.rtmp.tracks import VideoTrack
from media.rtp.frames import key_frame_of
from media.rtp.packets import MAX_DATAGRAM, RtpPacket
from tools.fuzz.mutation import WIDE, Mutator
from tools.fuzz.target import Target

__all__ = ["GREETING", "STAGES", "TARGET"]

STAGES = ("opened", "greeted", "connected", "publishing")
GREETING = b"\x03" + bytes(2 * 1536)
"""C0, C1 and C2 of the simple handshake."""
PIECES = (1 << 20, 1, 7, 64, 129, 1000)
"""Bytes at a time."""
MOST_PIECES = 8
"""However long it is: a greeting alone has 3 KB."""
LIMIT = 1 << 20
_ANSWER = 20_000
"""Bytes that may go out for the greeting and one piece, and REPLY for each byte that came."""
REPLY = 60
_ENTROPY = bytes(ENTROPY)
_key_frame_of = key_frame_of("H264")
_WORDS = (b"connect", b"publish", b"onMetaData", b"@setDataFrame", b"\x00\x00\x09", b"\xff\xff\xff", b"avc1", b"av01")


def _prelude(stage: int) -> bytes:
    """What a client has sent before."""
    writer = ChunkWriter()
    calls = (
        messages.command("connect", 1, {"app": "push", "tcUrl": "rtmp://host/push"}),
        messages.command("createStream", 2, None),
        messages.command("publish", 3, None, "room", "live", stream=1),
    )[: (0, 0, 2, 3)[stage]]
    return (GREETING if stage else b"") + b"".join(writer.write(call, 3) for call in calls)


_PRELUDES = [_prelude(stage) for stage in range(4)]


class _State:
    """Nothing is remembered: each input is a connection."""

    def __init__(self) -> None:
        self._video = VideoTrack()

    def feed(self, data: bytes) -> None:
        first = data[0] if data else 0
        session = ServerSession(_ENTROPY)
        self._video = VideoTrack()
        self._receive(session, _PRELUDES[first & 3])
        size = max(PIECES[(first >> 2) % len(PIECES)], len(data) // MOST_PIECES)
        try:
            for at in range(1, len(data), size):
                self._receive(session, data[at : at + size])
        except RtmpError:
            pass
        reader = session._wire.reader
        assert 0 <= reader._promised <= 2 * MAX_MESSAGE
        assert sum(len(stream.payload) for stream in reader._streams.values()) <= len(data) + len(GREETING)

    def _look(self, event: Video) -> None:
        """Its picture as RTP."""
        if event.tag.part is Part.CONFIGURATION:
            self._video.configure(event.tag)
        for packet in self._video.packets(event.time, event.tag):
            assert 12 < len(packet) <= MAX_DATAGRAM
            _key_frame_of(RtpPacket(packet).payload)

    def _receive(self, session: ServerSession, piece: bytes) -> None:
        for event in session.receive(piece, 1.0):
            if isinstance(event, PublishAsked):
                session.accept()
            elif isinstance(event, Video):
                self._look(event)
        assert len(session.outgoing()) <= _ANSWER + REPLY * len(piece)

    def close(self) -> None: ...


class _Shaper:
    """Messages that are changed one by one and cut into chunks anew; and bytes that are mangled as they are."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes]) -> None:
        self._mutator = Mutator(seed, corpus, _WORDS)
        self._messages = [(data[0] & 3, messages_in(data)) for data in corpus if data]

    def shape(self) -> bytes:
        mutator = self._mutator
        if mutator.chance(0.3):
            data = mutator.pick()
            return data[:1] + mutator.mangle(data[1:])
        stage, found = self._messages[mutator.below(len(self._messages))]
        parts = list(found)
        for _ in range(1 + mutator.below(3)):
            self._change(parts)
        return bytes((stage | mutator.below(6) << 2,)) + (GREETING if stage == 0 else b"") + self._written(parts)

    def _change(self, parts: list[Message]) -> None:
        mutator = self._mutator
        if not parts or mutator.chance(0.1):
            _, others = self._messages[mutator.below(len(self._messages))]
            parts += others[mutator.below(len(others) + 1) :][:3]
            return
        at = mutator.below(len(parts))
        part = parts[at]
        choice = mutator.below(8)
        if choice == 0:
            parts[at] = part._replace(kind=mutator.below(24))
        elif choice == 1:
            parts[at] = part._replace(time=WIDE[mutator.below(len(WIDE))])
        elif choice == 2:
            parts[at] = part._replace(stream=mutator.below(3))
        elif choice == 3:
            del parts[at]
        elif choice == 4:
            parts.insert(at, part)
        elif choice == 5 and part.kind in (messages.COMMAND, messages.DATA):
            parts[at] = part._replace(payload=self._spoken(part))
        else:
            parts[at] = part._replace(payload=bytes(mutator.mangle(part.payload)))

    def _spoken(self, part: Message) -> bytes:
        """The values of a command with one of them changed, and all in order as AMF0."""
        mutator = self._mutator
        try:
            values = messages.values_of(part)
        except RtmpError:
            return part.payload
        strange: Sequence[Value] = (None, 0.0, float("nan"), "", "x" * 70_000, [], {}, True, amf0.UNDEFINED)
        at = mutator.below(len(values) + 1)
        values[at : at + mutator.below(2)] = [strange[mutator.below(len(strange))]]
        return amf0.encode(*values)

    def _written(self, parts: Sequence[Message]) -> bytes:
        mutator = self._mutator
        writer = ChunkWriter()
        out = b""
        if mutator.chance(0.3):
            size = 1 + mutator.below(300)
            out += writer.write(messages.number(1, size), 2)
            writer.chunk_size = size
        for part in parts:
            out += writer.write(part, (3, 4, 64, 320)[mutator.below(4)])
        return bytes(mutator.mangle(out)) if mutator.chance(0.1) else out


def messages_in(data: bytes) -> list[Message]:
    """The whole messages of a corpus entry."""
    start = 1 + len(GREETING) if data[0] & 3 == 0 else 1
    try:
        return ChunkReader(LIMIT).feed(data[start:])
    except RtmpError:
        return []


TARGET = Target("rtmp", _State, _Shaper)
