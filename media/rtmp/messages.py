"""The messages of RTMP by their numbers (specification 1.0, sections 5.4, 6.2 and 7.1), and the few that we write.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.rtmp import amf0
from media.rtmp.amf0 import Value
from media.rtmp.chunks import Message
from media.rtmp.errors import BadMessage

__all__ = [
    "ACKNOWLEDGEMENT", "AGGREGATE", "AUDIO", "COMMAND", "COMMAND_AMF3", "DATA", "DATA_AMF3", "PEER_BANDWIDTH",
    "USER_CONTROL", "VIDEO", "WINDOW_SIZE",
    "PING", "PONG",
    "Command", "command", "command_of", "data_of", "number", "parts_of", "user_control", "values_of",
]  # fmt: skip

ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 3, 4, 5, 6
AUDIO, VIDEO = 8, 9
DATA_AMF3, COMMAND_AMF3 = 15, 17
DATA, COMMAND = 18, 20
AGGREGATE = 22

STREAM_BEGIN, PING, PONG = 0, 6, 7
"""Events of user control."""


@dataclass(frozen=True, slots=True)
class Command:
    """A call of the peer."""

    name: str
    transaction: float
    """What its answer must name; 0 when it wants none."""
    stream: int
    values: Sequence[Value]
    """All behind name and transaction: the command object, then the arguments."""

    def argument(self, index: int) -> Value:
        """The argument behind the command object, from 0; None when it is missing."""
        return self.values[index + 1] if index + 1 < len(self.values) else None


def values_of(message: Message) -> list[Value]:
    """The values of a command or data message. Those of AMF3 begin with a zero, and then are AMF0. Raises BadAmf."""
    skip = 1 if message.kind in (COMMAND_AMF3, DATA_AMF3) and message.payload[:1] == b"\x00" else 0
    return amf0.decode(message.payload[skip:])


def command_of(message: Message) -> Command:
    """Raises BadAmf, BadMessage."""
    values = values_of(message)
    name = values[0] if values else None
    transaction = values[1] if len(values) > 1 else 0.0
    if not isinstance(name, str) or isinstance(transaction, bool) or not isinstance(transaction, int | float):
        raise BadMessage("a command begins with its name and a number")
    return Command(name, transaction, message.stream, values[2:])


def command(name: str, transaction: float, *values: Value, stream: int = 0) -> Message:
    return Message(COMMAND, 0, stream, amf0.encode(name, transaction, *values))


def data_of(message: Message) -> tuple[str, Sequence[Value]]:
    """The name of a data message and what it says; `@setDataFrame`, which says "keep this for later joiners", is taken
    off. Raises BadAmf."""
    values = values_of(message)
    if values and values[0] == "@setDataFrame":
        del values[0]
    name = values[0] if values else None
    return (name if isinstance(name, str) else ""), values[1:]


def number(kind: int, value: int, *more: int) -> Message:
    """A control message of one number of four bytes, and single bytes behind it."""
    return Message(kind, 0, 0, value.to_bytes(4, "big") + bytes(more))


def user_control(event: int, value: bytes | int) -> Message:
    value = value.to_bytes(4, "big") if isinstance(value, int) else value
    return Message(USER_CONTROL, 0, 0, event.to_bytes(2, "big") + value)


def parts_of(message: Message) -> list[Message]:
    """The messages inside an aggregate (section 7.1.6): FLV tags whose times are relative to the aggregate's.

    Raises BadMessage for an aggregate inside it and for parts that reach outside of it."""
    payload, at, offset = message.payload, 0, None
    parts: list[Message] = []
    while at < len(payload):
        if at + 11 > len(payload):
            raise BadMessage("an aggregate ends inside a header")
        kind, size = payload[at], int.from_bytes(payload[at + 1 : at + 4], "big")
        time = int.from_bytes(payload[at + 4 : at + 7], "big") | payload[at + 7] << 24
        start = at + 11
        if start + size > len(payload):
            raise BadMessage("a part reaches outside of its aggregate")
        if kind not in (AUDIO, VIDEO, DATA, DATA_AMF3):
            raise BadMessage(f"an aggregate with a message of kind {kind} inside")
        offset = (message.time - time) & 0xFFFFFFFF if offset is None else offset
        parts.append(Message(kind, (time + offset) & 0xFFFFFFFF, message.stream, payload[start : start + size]))
        at = start + size + 4
    return parts
