"""What is said and given in one room, together: chat, likes, gifts, metadata, and the figures of all of it.

Pure: words and `now` (Unix seconds) in, facts or refusals out.
"""

from __future__ import annotations

from rooms.barrage import Barrage
from rooms.gift_book import GiftBook
from rooms.ids import UserId
from rooms.likes import Likes
from rooms.metadata import Metadata
from rooms.room_statistic import RoomFigures

__all__ = ["RoomTalk"]


class RoomTalk:
    """One subject each."""

    def __init__(self, owner: UserId) -> None:
        self.barrage = Barrage()
        self.likes = Likes()
        self.gifts = GiftBook()
        self.metadata = Metadata()
        self.figures = RoomFigures(owner)
