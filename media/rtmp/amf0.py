"""AMF0, the values inside RTMP commands (AMF 0 specification of December 2007), read and written.

    number float · boolean bool · string str · null None · undefined UNDEFINED · unsupported UNSUPPORTED · object dict
    ECMA array EcmaArray · strict array list · date Date · XML Xml · typed object TypedObject

A reference stands for a value that came before; it is resolved, and counts as often as it is used, so that a few bytes
cannot mean millions of values. What encoders do differently from the specification is taken: the count of an ECMA array
is a hint, and its end may be missing when the message ends there.

Pure: bytes in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import TypeAlias

from media.rtmp.errors import AmfTooDeep, AmfTooMany, BadAmf

__all__ = [
    "UNDEFINED", "UNSUPPORTED", "Date", "EcmaArray", "MAX_DEPTH", "MAX_VALUES", "TypedObject", "Value", "Xml",
    "decode", "encode",
]  # fmt: skip

MAX_DEPTH = 16
"""Values inside each other. Enhanced RTMP needs 4."""
MAX_VALUES = 2048
"""Of one message. The longest metadata of OBS have 30."""

_DOUBLE = Struct("!d")
_DATE = Struct("!dh")
_END = b"\x00\x00\x09"

(NUMBER, BOOLEAN, STRING, OBJECT, _MOVIE, NULL, UNDEFINED_MARK, REFERENCE, ECMA_ARRAY, OBJECT_END, STRICT_ARRAY, DATE,
 LONG_STRING, UNSUPPORTED_MARK, _RECORDSET, XML, TYPED_OBJECT, AVMPLUS) = range(18)  # fmt: skip


class _Bare(Enum):
    UNDEFINED = UNDEFINED_MARK
    UNSUPPORTED = UNSUPPORTED_MARK


UNDEFINED = _Bare.UNDEFINED
UNSUPPORTED = _Bare.UNSUPPORTED


@dataclass(frozen=True, slots=True)
class Date:
    """A moment."""

    ms: float
    """Milliseconds since 1970 in UTC."""
    zone: int = 0
    """Reserved; senders should write 0."""


class Xml(str):
    """A document that is not looked into."""

    __slots__ = ()


class EcmaArray(dict[str, "Value"]):
    """An object that says how many properties it has."""


@dataclass(frozen=True, slots=True)
class TypedObject:
    """An object of a class that its sender knows."""

    name: str
    properties: dict[str, Value]


Value: TypeAlias = "bool | float | str | _Bare | Date | TypedObject | list[Value] | dict[str, Value] | None"
"""What a message can carry."""


def decode(data: bytes | bytearray | memoryview) -> list[Value]:
    """All values of `data`, one after the other. Raises BadAmf."""
    reader = _Reader(bytes(data))
    values: list[Value] = []
    while reader.at < len(reader.data):
        values.append(reader.value(0))
    return values


class _Reader:
    """The place in one message."""

    __slots__ = ("_complex", "_count", "at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self._count = 0
        self._complex: list[tuple[Value, int] | None] = []  # finished objects and how many values they are

    def value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise AmfTooDeep(f"values are nested deeper than {MAX_DEPTH}")
        self._counted(1)
        mark = self._take(1)[0]
        if mark == NUMBER:
            return float(_DOUBLE.unpack(self._take(8))[0])
        if mark == BOOLEAN:
            return self._take(1) != b"\x00"
        if mark == STRING:
            return self._text(2)
        if mark in (OBJECT, ECMA_ARRAY, STRICT_ARRAY, TYPED_OBJECT):
            return self._composite(mark, depth)
        if mark == NULL:
            return None
        if mark == REFERENCE:
            return self._referenced(int.from_bytes(self._take(2), "big"))
        if mark == DATE:
            return Date(*_DATE.unpack(self._take(10)))
        if mark == LONG_STRING:
            return self._text(4)
        if mark == XML:
            return Xml(self._text(4))
        if mark in (UNDEFINED_MARK, UNSUPPORTED_MARK):
            return _Bare(mark)
        raise BadAmf(f"{mark:#04x} begins no value of AMF0")

    def _composite(self, mark: int, depth: int) -> Value:
        place, before = len(self._complex), self._count
        self._complex.append(None)
        value: Value
        if mark == OBJECT:
            value = self._properties({}, depth)
        elif mark == ECMA_ARRAY:
            self._take(4)
            array = EcmaArray()
            self._properties(array, depth, may_lack_end=True)
            value = array
        elif mark == TYPED_OBJECT:
            value = TypedObject(self._text(2), self._properties({}, depth))
        else:
            count = int.from_bytes(self._take(4), "big")
            if count > MAX_VALUES:
                raise AmfTooMany(f"an array of more than {MAX_VALUES} values")
            value = [self.value(depth + 1) for _ in range(count)]
        self._complex[place] = (value, self._count - before + 1)
        return value

    def _properties(self, into: dict[str, Value], depth: int, *, may_lack_end: bool = False) -> dict[str, Value]:
        while not (may_lack_end and self.at == len(self.data)):
            key = self._text(2)
            if not key and self.data[self.at : self.at + 1] == _END[2:]:
                self.at += 1
                break
            into[key] = self.value(depth + 1)
        return into

    def _referenced(self, index: int) -> Value:
        found = self._complex[index] if index < len(self._complex) else None
        if found is None:
            raise BadAmf("a reference to what did not come before")
        value, count = found
        self._counted(count)
        return value

    def _counted(self, more: int) -> None:
        self._count += more
        if self._count > MAX_VALUES:
            raise AmfTooMany(f"more than {MAX_VALUES} values in one message")

    def _text(self, prefix: int) -> str:
        return self._take(int.from_bytes(self._take(prefix), "big")).decode("utf-8", "replace")

    def _take(self, size: int) -> bytes:
        start, stop = self.at, self.at + size
        if stop > len(self.data):
            raise BadAmf("the message ends inside a value")
        self.at = stop
        return self.data[start:stop]


def encode(*values: Value) -> bytes:
    """The bytes of `values`, one after the other."""
    return b"".join(map(_encoded, values))


def _encoded(value: Value) -> bytes:
    if value is None:
        return bytes((NULL,))
    if isinstance(value, _Bare):
        return bytes((value.value,))
    if isinstance(value, bool):
        return bytes((BOOLEAN, value))
    if isinstance(value, int | float):
        return bytes((NUMBER,)) + _DOUBLE.pack(value)
    if isinstance(value, Xml):
        return bytes((XML,)) + _prefixed(value, 4)
    if isinstance(value, str):
        is_long = len(value.encode()) > 0xFFFF
        return bytes((LONG_STRING,)) + _prefixed(value, 4) if is_long else bytes((STRING,)) + _prefixed(value, 2)
    if isinstance(value, EcmaArray):
        return bytes((ECMA_ARRAY,)) + len(value).to_bytes(4, "big") + _encoded_properties(value)
    if isinstance(value, dict):
        return bytes((OBJECT,)) + _encoded_properties(value)
    if isinstance(value, list):
        return bytes((STRICT_ARRAY,)) + len(value).to_bytes(4, "big") + encode(*value)
    if isinstance(value, Date):
        return bytes((DATE,)) + _DATE.pack(value.ms, value.zone)
    return bytes((TYPED_OBJECT,)) + _prefixed(value.name, 2) + _encoded_properties(value.properties)


def _encoded_properties(properties: dict[str, Value]) -> bytes:
    return b"".join(_prefixed(key, 2) + _encoded(value) for key, value in properties.items()) + _END


def _prefixed(text: str, size: int) -> bytes:
    data = text.encode()
    return len(data).to_bytes(size, "big") + data
