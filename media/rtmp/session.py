"""Somebody pushes to us: an RTMP connection from its first byte to the end of its stream.

A `publish` is accepted or refused by the owner, before anything of it is taken: the session reports `PublishAsked` and
waits for `accept` or `refuse`. What comes meanwhile is dropped. A refusal reaches the encoder as a status with a
sentence that people can read; the owner closes the connection after sending it.

Who only knows how to push is served; `play` is refused.

    opened --connect--> connected --publish--> asked --accept--> publishing --deleteStream--> ended
                                                 '--refuse--> ended

Pure: bytes and `now` (monotonic seconds) in, events and bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from media.rtmp import flv, messages
from media.rtmp.amf0 import UNDEFINED, Value
from media.rtmp.chunks import Message
from media.rtmp.handshake import ServerHandshake
from media.rtmp.messages import Command
from media.rtmp.wire import CONTROL, Wire

__all__ = [
    "Audio", "Event", "MAX_MESSAGE", "Metadata", "PublishAsked", "PublishEnded", "ServerSession", "State", "Video",
]  # fmt: skip

MAX_MESSAGE = 4 << 20
"""Bytes: a key frame of 4K in best quality has half of it."""
MAX_MESSAGE_BEFORE = 64 << 10
"""The same for a stranger, before its stream was accepted."""
CHUNK_SIZE = 65536
"""Ours. FFmpeg cuts its own chunks as large as ours, which saves both of us time."""
WINDOW = 2_500_000
"""Bytes, as all servers say."""
MAX_STREAMS = 16
"""Message streams that one connection may create."""
MAX_KEY = 2048
"""Characters of an application or stream name, with its query."""


class State(Enum):
    """Where a connection stands."""

    OPENED = "opened"
    CONNECTED = "connected"
    ASKED = "asked"
    PUBLISHING = "publishing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class PublishAsked:
    """It wants to publish; answer with `accept` or `refuse`."""

    app: str
    """As in the address, with its query if it has one."""
    key: str
    """Stream name or key, with its query."""
    address: str
    """`tcUrl`: what the encoder was told."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the encoder says of its stream; none of it is proven."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Audio:
    time: int
    """Milliseconds, 32 bits."""
    tag: flv.AudioTag


@dataclass(frozen=True, slots=True)
class Video:
    time: int
    """Milliseconds of decoding, 32 bits."""
    tag: flv.VideoTag


@dataclass(frozen=True, slots=True)
class PublishEnded:
    """It said that its stream is over, or withdrew its wish."""


Event: TypeAlias = PublishAsked | Metadata | Audio | Video | PublishEnded


class ServerSession:
    """State of one connection."""

    def __init__(self, entropy: bytes, fourccs: Sequence[str] = ("avc1",)) -> None:
        """`entropy`: media.rtmp.handshake.ENTROPY random bytes. `fourccs`: what Enhanced RTMP clients are told."""
        self.state = State.OPENED
        self.ignored = 0
        """Messages that were passed over."""
        self._wire = Wire(ServerHandshake(entropy), MAX_MESSAGE_BEFORE)
        self._fourccs = fourccs
        self._app = ""
        self._address = ""
        self._streams = 0  # created so far
        self._published = 0  # the message stream that is published on
        self._events: list[Event] = []

    @property
    def shook_hands(self) -> bool:
        return self._wire.open

    def receive(self, data: bytes, now: float) -> Sequence[Event]:
        """What these bytes say. Raises RtmpError; then the connection is to be closed."""
        self._events = []
        for message in self._wire.receive(data, now):
            self._handle(message)
        return self._events

    def outgoing(self) -> bytes:
        """What is to be sent; it is forgotten here."""
        return self._wire.outgoing()

    def accept(self) -> None:
        """The answer to PublishAsked: it may. Without effect when it has withdrawn meanwhile."""
        if self.state is not State.ASKED:
            return
        self.state = State.PUBLISHING
        self._wire.reader.max_message = MAX_MESSAGE
        self._wire.send(messages.user_control(messages.STREAM_BEGIN, self._published), CONTROL)
        self._tell("status", "NetStream.Publish.Start", "Publishing.", self._published)

    def refuse(self, code: str, description: str) -> None:
        """The answer to PublishAsked: it may not. `code`: `NetStream.Publish.Denied`, `.BadName`; or, once it
        publishes, why that ends now."""
        if self.state in (State.ASKED, State.PUBLISHING):
            self.state = State.ENDED
            self._tell("error", code, description, self._published)

    # Messages

    def _handle(self, message: Message) -> None:
        if self.state is State.ENDED:
            self.ignored += 1
        elif message.kind in (messages.COMMAND, messages.COMMAND_AMF3):
            command = messages.command_of(message)
            _COMMANDS.get(command.name, ServerSession._unknown)(self, command)
        elif self.state is not State.PUBLISHING or message.stream != self._published:
            self.ignored += 1
        elif message.kind == messages.AGGREGATE:
            for part in messages.parts_of(message):
                self._handle_media(part)
        else:
            self._handle_media(message)

    def _handle_media(self, message: Message) -> None:
        if not message.payload:  # seen from encoders that pause
            self.ignored += 1
        elif message.kind == messages.VIDEO:
            self._events.append(Video(message.time, flv.video_tag(message.payload)))
        elif message.kind == messages.AUDIO:
            self._events.append(Audio(message.time, flv.audio_tag(message.payload)))
        elif message.kind in (messages.DATA, messages.DATA_AMF3):
            self._handle_data(message)
        else:
            self.ignored += 1

    def _handle_data(self, message: Message) -> None:
        name, values = messages.data_of(message)
        told = values[0] if values else None
        if name == "onMetaData" and isinstance(told, dict):
            self._events.append(Metadata(told))
        else:
            self.ignored += 1

    # Commands

    def _connect(self, command: Command) -> None:
        told = command.values[0] if command.values else None
        app = told.get("app") if isinstance(told, dict) else None
        if self.state is not State.OPENED or not isinstance(told, dict) or not isinstance(app, str):
            self._fail(
                command, "NetConnection.Connect.Rejected", "connect comes once, with the name of an application."
            )
            return
        if len(app) > MAX_KEY:
            self._fail(command, "NetConnection.Connect.InvalidApp", "The name of the application is too long.")
            return
        address = told.get("tcUrl")
        self._app, self._address = app, address if isinstance(address, str) else ""
        self.state = State.CONNECTED
        self._wire.send(messages.number(messages.WINDOW_SIZE, WINDOW), CONTROL)
        self._wire.send(messages.number(messages.PEER_BANDWIDTH, WINDOW, 2), CONTROL)
        self._wire.announce_chunks(CHUNK_SIZE)
        encoding = told.get("objectEncoding")
        status: dict[str, Value] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "Connected.",
            "objectEncoding": encoding if isinstance(encoding, float) else 0.0,
        }
        if "fourCcList" in told:
            status["fourCcList"] = list(self._fourccs)
        self._result(command, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}, status)

    def _create_stream(self, command: Command) -> None:
        if self.state is State.OPENED or self._streams >= MAX_STREAMS:
            self._fail(command, "NetConnection.Call.Failed", "No stream can be created now.")
            return
        self._streams += 1
        self._result(command, None, float(self._streams))

    def _publish(self, command: Command) -> None:
        key = command.argument(0)
        if self.state is not State.CONNECTED or not 0 < command.stream <= self._streams:
            description = "This connection cannot publish now: it publishes already, or made no stream for it."
            self._tell("error", "NetStream.Publish.BadName", description, command.stream)
        elif not isinstance(key, str) or not key or len(key) > MAX_KEY:
            self._tell("error", "NetStream.Publish.BadName", "The stream key is missing or too long.", command.stream)
        else:
            self.state, self._published = State.ASKED, command.stream
            self._events.append(PublishAsked(self._app, key, self._address))

    def _announced(self, command: Command) -> None:
        """FCPublish and releaseStream: what Flash servers did with them is done by `publish`."""
        if self.state is State.OPENED:
            self._fail(command, "NetConnection.Call.Failed", "connect comes first.")
            return
        self._result(command, None, UNDEFINED)
        if command.name == "FCPublish":
            status: dict[str, Value] = {"code": "NetStream.Publish.Start", "description": command.argument(0)}
            self._wire.send(messages.command("onFCPublish", 0, None, status))

    def _unannounced(self, command: Command) -> None:
        self._result(command, None, UNDEFINED)
        self._end()

    def _delete_stream(self, command: Command) -> None:
        if command.argument(0) == float(self._published):
            self._end()

    def _close_stream(self, command: Command) -> None:
        if command.stream == self._published:
            self._end()

    def _end(self) -> None:
        if self.state in (State.ASKED, State.PUBLISHING):
            if self.state is State.PUBLISHING:
                self._tell("status", "NetStream.Unpublish.Success", "The stream is over.", self._published)
            self.state = State.ENDED
            self._events.append(PublishEnded())

    def _check_bandwidth(self, command: Command) -> None:
        self._result(command, None, UNDEFINED)

    def _play(self, command: Command) -> None:
        description = "Nothing is played over RTMP here; watch in a browser."
        self._tell("error", "NetStream.Play.Failed", description, command.stream)

    def _answered(self, command: Command) -> None:
        """The peer's answer to something of ours; we ask nothing that needs one."""
        self.ignored += 1

    def _unknown(self, command: Command) -> None:
        self.ignored += 1
        self._fail(command, "NetConnection.Call.Failed", f"{command.name[:64]} is not known here.")

    # Answers

    def _result(self, command: Command, *values: Value) -> None:
        if command.transaction:
            self._wire.send(messages.command("_result", command.transaction, *values))

    def _fail(self, command: Command, code: str, description: str) -> None:
        if command.transaction:
            status: dict[str, Value] = {"level": "error", "code": code, "description": description}
            self._wire.send(messages.command("_error", command.transaction, None, status))

    def _tell(self, level: str, code: str, description: str, stream: int) -> None:
        status: dict[str, Value] = {"level": level, "code": code, "description": description}
        self._wire.send(messages.command("onStatus", 0, None, status, stream=stream))


_COMMANDS: Mapping[str, Callable[[ServerSession, Command], None]] = {
    "connect": ServerSession._connect,
    "createStream": ServerSession._create_stream,
    "releaseStream": ServerSession._announced,
    "FCPublish": ServerSession._announced,
    "publish": ServerSession._publish,
    "FCUnpublish": ServerSession._unannounced,
    "closeStream": ServerSession._close_stream,
    "deleteStream": ServerSession._delete_stream,
    "_checkbw": ServerSession._check_bandwidth,
    "play": ServerSession._play,
    "_result": ServerSession._answered,
    "_error": ServerSession._answered,
    "onStatus": ServerSession._answered,
}
