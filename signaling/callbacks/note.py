"""What is kept on disk of an open room, so that its end can be told by the next process if this one dies.

Pure: values in, text out, and back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rooms.interface import RoomStatistic, RoomView
from signaling.back_office import replies

__all__ = ["RoomNote", "note_of"]


class RoomNote(msgspec.Struct, frozen=True):
    """A room as it was lately, in the words of the public API."""

    owner: str
    info: dict[str, Any]
    statistic: dict[str, Any]


def note_of(view: RoomView, statistic: RoomStatistic) -> str:
    note = RoomNote(view.owner, replies.room(view, statistic.total_viewers), replies.statistic(statistic))
    return msgspec.json.encode(note).decode()
