"""Names of rooms and users, and what texts may be made of.

A text that does not fit is refused, never cut: a cut name is somebody else's name.

Pure: text in, a fault's sentence or None out.
"""

from __future__ import annotations

import re
from typing import NewType

from billing.interface import AppId
from rooms.errors import bad_parameter

__all__ = [
    "AppId", "RoomId", "UserId", "MAX_CATEGORIES", "MAX_COVER", "MAX_NAME", "MAX_NOTICE",
    "room_id_fault", "user_id_fault", "text_fault", "number_fault", "refuse_faults",
]  # fmt: skip

RoomId = NewType("RoomId", str)
"""Unique within its app while the room lives; may be used again afterwards."""
UserId = NewType("UserId", str)
"""Unique within its app; vouched for by the UserSig."""

MAX_NAME = 100
"""Bytes of UTF-8; of a room's and of a member's name (public Live API: longer is 100002)."""
MAX_COVER = 200
"""Bytes of UTF-8; of a cover's URL."""
MAX_NOTICE = 100
"""Bytes of UTF-8; of a room's notice."""
MAX_CATEGORIES = 3

_ROOM = re.compile(r"[A-Za-z0-9_-]{1,48}")
_USER = re.compile(r"[A-Za-z0-9_-]{1,32}")


def room_id_fault(text: str) -> str | None:
    if _ROOM.fullmatch(text):
        return None
    return "A room id has 1 to 48 letters, digits, _ or -."


def user_id_fault(text: str) -> str | None:
    if _USER.fullmatch(text):
        return None
    return "A user id has 1 to 32 letters, digits, _ or -."


def text_fault(what: str, text: str, most: int) -> str | None:
    """A fault when `text` has more than `most` bytes of UTF-8, or is not Unicode (JSON lets lone surrogates in)."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"{what} is not Unicode text."
    return None if size <= most else f"{what} has at most {most} bytes."


def number_fault(what: str, number: int | None) -> str | None:
    """A fault when `number` is given and less than one."""
    return None if number is None or number >= 1 else f"{what} is at least 1."


def refuse_faults(*faults: str | None) -> None:
    """Raises 100002 with all faults together, so that nobody has to find them one by one."""
    found = [fault for fault in faults if fault is not None]
    if found:
        raise bad_parameter(" ".join(found))
