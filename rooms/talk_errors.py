"""The refusals of what is said and given in a room: chat, gifts, likes, metadata, follows.

Apart from errors.py, because who is where and what is said there share nothing but the shape of a "no".

Pure: values only.
"""

from __future__ import annotations

from rooms.errors import RoomRefused

__all__ = [
    "key_too_long", "no_such_gift", "no_such_keys", "request_conflict", "too_frequent", "too_many", "too_many_keys",
    "total_too_long", "value_too_long",
]  # fmt: skip


def too_many(sentence: str, limit: int) -> RoomRefused:
    """A list that is full; the published codes have no better one than 100002 for it."""
    return RoomRefused(100002, "bad_parameter", sentence, limit=limit, used=limit)


def too_frequent(sentence: str) -> RoomRefused:
    return RoomRefused(100012, "too_frequent", sentence)


def request_conflict(sentence: str) -> RoomRefused:
    return RoomRefused(100102, "request_conflict", sentence)


def too_many_keys(limit: int) -> RoomRefused:
    return RoomRefused(100500, "too_many_keys", f"A room's metadata has at most {limit} keys.", limit=limit)


def value_too_long(limit: int, used: int) -> RoomRefused:
    sentence = f"A value of a room's metadata has at most {limit} bytes."
    return RoomRefused(100501, "value_too_long", sentence, limit=limit, used=used)


def total_too_long(limit: int, used: int) -> RoomRefused:
    sentence = f"A room's metadata has at most {limit} bytes, keys and values together."
    return RoomRefused(100502, "total_too_long", sentence, limit=limit, used=used)


def no_such_keys() -> RoomRefused:
    return RoomRefused(100503, "no_such_keys", "The room's metadata has none of these keys.")


def key_too_long(limit: int, used: int) -> RoomRefused:
    sentence = f"A key of a room's metadata has at most {limit} bytes."
    return RoomRefused(100504, "key_too_long", sentence, limit=limit, used=used)


def no_such_gift() -> RoomRefused:
    return RoomRefused(102002, "no_such_gift", "There is no such gift.")
