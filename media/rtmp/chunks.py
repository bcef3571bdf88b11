"""The chunk layer of RTMP (specification 1.0, section 5.3): messages cut into chunks, interleaved, with short headers.

Set Chunk Size and Abort concern this layer only and end here. What senders do differently is taken: a chunk that
continues a message repeats an extended time stamp or does not (there are both kinds); a type 1 header may be the first
of its stream (librtmp's ping).

Pure: bytes in, messages out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from media.rtmp.errors import BadChunk, MessageTooLarge, TooManyChunkStreams

__all__ = ["ABORT", "MAX_CHUNK_STREAMS", "SET_CHUNK_SIZE", "ChunkReader", "ChunkWriter", "Message"]

MAX_CHUNK_STREAMS = 32
"""OBS uses 3, FFmpeg 6."""
UNFINISHED = 2
"""How many of the largest messages may be under way at once."""
FIRST_CHUNK_SIZE = 128
LONGEST_CHUNK = 0xFFFFFF
"""Bytes: no message is longer."""
SET_CHUNK_SIZE, ABORT = 1, 2
_EXTENDED = 0xFFFFFF
_WRAP = 0xFFFFFFFF
_SIZES = (11, 7, 3, 0)


class Message(NamedTuple):
    """One message, whole."""

    kind: int
    time: int
    """Milliseconds, 32 bits, from a start that its sender chose."""
    stream: int
    """Message stream; 0 for the connection itself."""
    payload: bytes


class _Stream:
    """What the headers of one chunk stream have said so far."""

    __slots__ = ("begun", "delta", "extended", "kind", "length", "payload", "stream", "time")

    def __init__(self) -> None:
        self.time = 0
        self.delta = 0
        self.length = 0
        self.kind = 0
        self.stream = 0
        self.extended: bytes | None = None  # the four bytes of the last header, if it had them
        self.begun = False
        self.payload = bytearray()


class ChunkReader:
    """Our end of what the peer sends."""

    def __init__(self, max_message: int) -> None:
        self.max_message = max_message
        """Bytes of one message from the next one on."""
        self.chunk_size = FIRST_CHUNK_SIZE
        self._buffer = bytearray()
        self._streams: dict[int, _Stream] = {}
        self._current: _Stream | None = None  # whose chunk is being read
        self._left = 0  # bytes of that chunk to come
        self._promised = 0  # bytes of all unfinished messages

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """The messages that these bytes complete. Raises RtmpError."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        at, end = 0, len(buffer)
        while True:
            if self._current is None:
                following = self._read_header(at, end)
                if following < 0:
                    break
                at = following
            stream = self._current
            assert stream is not None, "a header that was read names its stream"
            stop = min(end, at + self._left)
            stream.payload += memoryview(buffer)[at:stop]
            self._left -= stop - at
            at = stop
            if self._left:
                break
            self._current = None
            if len(stream.payload) == stream.length:
                self._finish(stream, messages)
        del buffer[:at]
        return messages

    def _read_header(self, at: int, end: int) -> int:
        """Reads the header at `at`: where its payload begins; or -1 when not all of it is there, nothing changed."""
        if at >= end:
            return -1
        buffer = self._buffer
        form, number = buffer[at] >> 6, buffer[at] & 63
        at += 1
        if number < 2:
            if at + 1 + number > end:
                return -1
            long_form = number
            number = 64 + buffer[at] + (buffer[at + 1] << 8 if long_form else 0)
            at += 1 + long_form
        body = at + _SIZES[form]
        if body > end:
            return -1
        stream = self._streams.get(number) or self._opened(number, form)
        if stream.begun and form != 3:
            raise BadChunk("a message begins inside another one of the same chunk stream")
        extends = stream.extended is not None if form == 3 else buffer[at : at + 3] == b"\xff\xff\xff"
        if extends and body + 4 > end:
            return -1
        extended = bytes(buffer[body : body + 4]) if extends else None
        if stream.begun:
            if extends and extended == stream.extended:
                body += 4
        else:
            self._begin(stream, form, at, extended)
            body += 4 if extends else 0
            self._streams[number] = stream
        self._current = stream
        self._left = min(self.chunk_size, stream.length - len(stream.payload))
        return body

    def _opened(self, number: int, form: int) -> _Stream:
        if form > 1:
            raise BadChunk("a chunk stream begins with a header that refers to an earlier one")
        if len(self._streams) >= MAX_CHUNK_STREAMS:
            raise TooManyChunkStreams(f"more than {MAX_CHUNK_STREAMS} chunk streams")
        return _Stream()

    def _begin(self, stream: _Stream, form: int, at: int, extended: bytes | None) -> None:
        """A new message: `at` is where the fields of its header stand."""
        buffer = self._buffer
        length = int.from_bytes(buffer[at + 3 : at + 6], "big") if form < 2 else stream.length
        if length > self.max_message or self._promised + length > UNFINISHED * self.max_message:
            raise MessageTooLarge(f"a message of {length} bytes, when {self.max_message} are allowed")
        self._promised += length
        stream.length = length
        stream.begun = True
        if form < 2:
            stream.kind = buffer[at + 6]
        if form == 0:
            stream.stream = int.from_bytes(buffer[at + 7 : at + 11], "little")
        if form < 3:
            stream.extended = extended
            stream.delta = int.from_bytes(extended or buffer[at : at + 3], "big")
        elif extended is not None:
            stream.extended = extended
            stream.delta = int.from_bytes(extended, "big")
        # Behind a type 0 header, type 3 repeats its whole time as the step (section 5.3.1.2.4).
        stream.time = stream.delta if form == 0 else (stream.time + stream.delta) & _WRAP

    def _finish(self, stream: _Stream, messages: list[Message]) -> None:
        payload = bytes(stream.payload)
        self._forget(stream)
        if stream.kind == SET_CHUNK_SIZE:
            size = int.from_bytes(payload[:4], "big")
            if len(payload) < 4 or not 0 < size < 0x80000000:
                raise BadChunk("a chunk size below 1 or above 2,147,483,647")
            self.chunk_size = min(size, LONGEST_CHUNK)
        elif stream.kind == ABORT:
            aborted = self._streams.get(int.from_bytes(payload[:4], "big"))
            if aborted is not None and aborted.begun:
                self._forget(aborted)
        else:
            messages.append(Message(stream.kind, stream.time, stream.stream, payload))

    def _forget(self, stream: _Stream) -> None:
        self._promised -= stream.length
        stream.payload = bytearray()
        stream.begun = False


@dataclass(slots=True)
class _Before:
    time: int
    delta: int
    length: int
    kind: int
    stream: int


class ChunkWriter:
    """Our end of what we send."""

    def __init__(self) -> None:
        self.chunk_size = FIRST_CHUNK_SIZE
        """Whoever changes it has told the peer by Set Chunk Size before."""
        self._before: dict[int, _Before] = {}

    def write(self, message: Message, chunk_stream: int) -> bytes:
        """`message` in chunks of `chunk_stream` (2 to 65,599), with the shortest header that says all."""
        form, step = self._form(message, chunk_stream)
        field = min(step, _EXTENDED)
        fields = (
            field.to_bytes(3, "big") + len(message.payload).to_bytes(3, "big")
            + bytes((message.kind,)) + message.stream.to_bytes(4, "little")
        )[: _SIZES[form]]  # fmt: skip
        extended = step.to_bytes(4, "big") if field == _EXTENDED else b""
        size, payload = self.chunk_size, message.payload
        parts = [_basic(form, chunk_stream), fields, extended, payload[:size]]
        again = _basic(3, chunk_stream) + extended
        for at in range(size, len(payload), size):
            parts += (again, payload[at : at + size])
        return b"".join(parts)

    def _form(self, message: Message, chunk_stream: int) -> tuple[int, int]:
        """The kind of header, and the time or step in it."""
        before = self._before.get(chunk_stream)
        length = len(message.payload)
        if before is None or before.stream != message.stream or (message.time - before.time) & _WRAP > 0x7FFFFFFF:
            form, step = 0, message.time
        else:
            step = (message.time - before.time) & _WRAP
            form = 1 if (length, message.kind) != (before.length, before.kind) else 2 if step != before.delta else 3
        self._before[chunk_stream] = _Before(message.time, step, length, message.kind, message.stream)
        return form, step


def _basic(form: int, chunk_stream: int) -> bytes:
    if chunk_stream < 64:
        return bytes((form << 6 | chunk_stream,))
    if chunk_stream < 320:
        return bytes((form << 6, chunk_stream - 64))
    return bytes((form << 6 | 1,)) + (chunk_stream - 64).to_bytes(2, "little")
