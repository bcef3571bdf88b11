"""What both ends of an RTMP connection do alike: handshake, chunks, acknowledgements, pings.

Pure: bytes and `now` in, messages and bytes out.
"""

from __future__ import annotations

from typing import Protocol

from media.rtmp import messages
from media.rtmp.chunks import SET_CHUNK_SIZE, ChunkReader, ChunkWriter, Message
from media.rtmp.errors import BadMessage
from media.rtmp.messages import ACKNOWLEDGEMENT, PEER_BANDWIDTH, USER_CONTROL, WINDOW_SIZE

__all__ = ["CONTROL", "Handshake", "Wire"]

CONTROL, COMMANDS = 2, 3
"""Chunk streams: the first by the specification, the second by custom."""
SMALLEST_WINDOW = 4096
"""Bytes between two acknowledgements, whatever is asked for."""


class Handshake(Protocol):
    """One side of media.rtmp.handshake."""

    done: bool

    def receive(self, buffer: bytearray, now: float) -> bytes: ...


class Wire:
    """One connection below its commands."""

    def __init__(self, handshake: Handshake, max_message: int) -> None:
        self.reader = ChunkReader(max_message)
        self._writer = ChunkWriter()
        self._handshake = handshake
        self._greeting = bytearray()
        self._out = bytearray()
        self._received = 0
        self._acknowledged = 0
        self._window: int | None = None  # bytes after which the peer wants to hear of it

    @property
    def open(self) -> bool:
        """The handshake is done."""
        return self._handshake.done

    def receive(self, data: bytes, now: float) -> list[Message]:
        """The messages that `data` completes, but those of this layer. Raises RtmpError."""
        self._received += len(data)
        if not self.open:
            data = self._shake_hands(data, now)
        kept = [message for message in self.reader.feed(data) if not self._is_control(message)]
        self._acknowledge()
        return kept

    def _shake_hands(self, data: bytes, now: float) -> bytes:
        """What is left of `data` behind the handshake."""
        greeting = self._greeting
        greeting += data
        before = -1
        while len(greeting) != before and not self._handshake.done:
            before = len(greeting)
            self._out += self._handshake.receive(greeting, now)
        if not self._handshake.done:
            return b""
        self._greeting = bytearray()
        return bytes(greeting)

    def send(self, message: Message, chunk_stream: int = COMMANDS) -> None:
        self._out += self._writer.write(message, chunk_stream)

    def send_raw(self, data: bytes) -> None:
        self._out += data

    def announce_chunks(self, size: int) -> None:
        """All that follows is cut into chunks of `size` bytes."""
        self.send(messages.number(SET_CHUNK_SIZE, size), CONTROL)
        self._writer.chunk_size = size

    def outgoing(self) -> bytes:
        """What is to be sent; it is forgotten here."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def _is_control(self, message: Message) -> bool:
        if message.kind == WINDOW_SIZE:
            self._window = max(SMALLEST_WINDOW, _first_number(message))
        elif message.kind == USER_CONTROL:
            if len(message.payload) >= 6 and int.from_bytes(message.payload[:2], "big") == messages.PING:
                self.send(messages.user_control(messages.PONG, message.payload[2:6]), CONTROL)
        else:
            return message.kind in (ACKNOWLEDGEMENT, PEER_BANDWIDTH)
        return True

    def _acknowledge(self) -> None:
        if self._window is not None and self._received - self._acknowledged >= self._window:
            self._acknowledged = self._received
            self.send(messages.number(ACKNOWLEDGEMENT, self._received & 0xFFFFFFFF), CONTROL)


def _first_number(message: Message) -> int:
    if len(message.payload) < 4:
        raise BadMessage("a control message without its number")
    return int.from_bytes(message.payload[:4], "big")
