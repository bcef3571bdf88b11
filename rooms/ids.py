"""Names of rooms and users, and what they may be made of.

Pure: text in, text or a refusal out.
"""

from __future__ import annotations

import re
from typing import NewType

from billing.interface import AppId
from rooms.errors import bad_parameter

__all__ = ["AppId", "RoomId", "UserId", "check_room_id", "check_text"]

RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)

_ROOM = re.compile(r"[A-Za-z0-9_\-]{1,48}")
MAX_NAME, MAX_COVER = 100, 200


def check_room_id(text: str) -> RoomId:
    """The id, or a refusal: 1 to 48 of [A-Za-z0-9_-] (public Live API, RoomId)."""
    if not _ROOM.fullmatch(text):
        raise bad_parameter("A room id has 1 to 48 letters, digits, _ or -.")
    return RoomId(text)


def check_text(what: str, text: str, most: int) -> str:
    """`text` unless it is longer than `most` bytes: too long is refused, never cut."""
    if len(text.encode()) > most:
        raise bad_parameter(f"{what} has at most {most} bytes.")
    return text
