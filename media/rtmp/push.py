"""We push to somebody: the client's end of RTMP, for a relay and to prove the server's end.

Pure: bytes and `now` (monotonic seconds) in, events and bytes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from media.rtmp import amf0, messages
from media.rtmp.amf0 import EcmaArray, Value
from media.rtmp.chunks import Message
from media.rtmp.handshake import ClientHandshake
from media.rtmp.messages import Command
from media.rtmp.wire import Wire

__all__ = ["Begun", "PushEvent", "PushSession", "Refused"]

MAX_MESSAGE = 64 << 10
"""Bytes: a server sends commands only."""
CHUNK_SIZE = 4096
MEDIA = 4
"""Chunk stream of sound, picture and metadata."""
_CONNECT, _RELEASE, _FCPUBLISH, _CREATE = 1.0, 2.0, 3.0, 4.0


@dataclass(frozen=True, slots=True)
class Begun:
    """The server takes our stream from now on."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not, or no longer; the connection is of no use."""

    code: str
    description: str


PushEvent: TypeAlias = Begun | Refused


class PushSession:
    """State of one connection."""

    def __init__(
        self, app: str, key: str, address: str, entropy: bytes, *, with_digest: bool = False, scheme: int = 0
    ) -> None:
        """`address`: the whole one without the key, as its owner wrote it. The rest: see media.rtmp.handshake."""
        self.publishing = False
        self._app, self._key, self._address = app, key, address
        self._handshake = ClientHandshake(entropy, with_digest=with_digest, scheme=scheme)
        self._wire = Wire(self._handshake, MAX_MESSAGE)
        self._stream = 0
        self._connecting = False

    def start(self, now: float) -> None:
        self._wire.send_raw(self._handshake.start(now))

    def outgoing(self) -> bytes:
        """What is to be sent; it is forgotten here."""
        return self._wire.outgoing()

    def receive(self, data: bytes, now: float) -> Sequence[PushEvent]:
        """What these bytes say. Raises RtmpError."""
        events: list[PushEvent] = []
        received = self._wire.receive(data, now)
        if self._wire.open and not self._connecting:
            self._connecting = True
            self._connect()
        for message in received:
            if message.kind in (messages.COMMAND, messages.COMMAND_AMF3):
                events += self._handle(messages.command_of(message))
        return events

    def send_metadata(self, values: dict[str, Value]) -> None:
        payload = amf0.encode("@setDataFrame", "onMetaData", EcmaArray(values))
        self._wire.send(Message(messages.DATA, 0, self._stream, payload), MEDIA)

    def send_audio(self, time: int, payload: bytes) -> None:
        """`time`: milliseconds. `payload`: see media.rtmp.flv.written_audio."""
        self._wire.send(Message(messages.AUDIO, time & 0xFFFFFFFF, self._stream, payload), MEDIA)

    def send_video(self, time: int, payload: bytes) -> None:
        """The same for a picture."""
        self._wire.send(Message(messages.VIDEO, time & 0xFFFFFFFF, self._stream, payload), MEDIA)

    def end(self) -> None:
        """The stream is over."""
        self._wire.send(messages.command("FCUnpublish", 6, None, self._key))
        self._wire.send(messages.command("deleteStream", 7, None, float(self._stream)))
        self.publishing = False

    def _connect(self) -> None:
        self._wire.announce_chunks(CHUNK_SIZE)
        wish: dict[str, Value] = {
            "app": self._app, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; Tally)", "tcUrl": self._address,
        }  # fmt: skip
        self._wire.send(messages.command("connect", _CONNECT, wish))

    def _handle(self, command: Command) -> list[PushEvent]:
        if command.name == "_result" and command.transaction == _CONNECT:
            self._wire.send(messages.command("releaseStream", _RELEASE, None, self._key))
            self._wire.send(messages.command("FCPublish", _FCPUBLISH, None, self._key))
            self._wire.send(messages.command("createStream", _CREATE, None))
        elif command.name == "_result" and command.transaction == _CREATE:
            created = command.argument(0)
            if not isinstance(created, float) or not 0 < created < 0x100000000:
                return [Refused("NetConnection.Call.Failed", "The server made no stream.")]
            self._stream = int(created)
            self._wire.send(messages.command("publish", 5, None, self._key, "live", stream=self._stream))
        elif command.name == "_error" and command.transaction in (_CONNECT, _CREATE):
            return [_refusal(command)]
        elif command.name == "onStatus":
            return self._status(command)
        return []

    def _status(self, command: Command) -> list[PushEvent]:
        status = command.argument(0)
        if isinstance(status, dict) and status.get("code") == "NetStream.Publish.Start":
            self.publishing = True
            return [Begun()]
        if isinstance(status, dict) and status.get("level") == "error":
            self.publishing = False
            return [_refusal(command)]
        return []


def _refusal(command: Command) -> Refused:
    status = command.argument(0)
    told = status if isinstance(status, dict) else {}
    code, description = told.get("code"), told.get("description")
    return Refused(
        code if isinstance(code, str) else "NetConnection.Call.Failed",
        description if isinstance(description, str) else "",
    )
