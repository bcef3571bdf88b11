"""What goes out: the objects of the public API, field by field.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from rooms.interface import (
    CategoryView,
    Gift,
    GiftCategory,
    Naming,
    RoomCard,
    RoomInfo,
    RoomStatistic,
    RoomView,
    SeatMode,
    SeatView,
    UserId,
)

__all__ = [
    "SEAT_MODES", "category", "category_row", "gift", "gift_row", "member_page", "portraits", "room", "room_row",
    "seats", "statistic", "tag",
]  # fmt: skip

SEAT_MODES: Mapping[str, SeatMode] = {"FreeToTake": SeatMode.FREE, "ApplyToTake": SeatMode.APPLY}
_MODE_NAMES = {mode: name for name, mode in SEAT_MODES.items()}


def room(view: RoomView, viewers: int) -> dict[str, Any]:
    info = view.info
    return {
        "RoomId": view.room_id,
        "RoomName": info.name,
        "RoomType": "Live",
        "Owner_Account": view.owner,
        "CoverURL": info.cover,
        "BackgroundURL": info.background,
        "Notice": info.notice,
        "Category": list(info.category),
        "IsMessageDisabled": info.message_disabled,
        "IsPublicVisible": info.is_public,
        "IsSeatEnabled": info.seat_enabled,
        "TakeSeatMode": _MODE_NAMES[info.seat_mode],
        "SeatTemplate": info.seat_template,
        "MaxSeatCount": len(view.seats),
        "MaxMemberCount": view.max_members or 0,
        "ActivityStatus": info.activity_status,
        "IsUnlimitedRoomEnabled": info.unlimited,
        "KeepOwnerOnSeat": info.keep_owner_on_seat,
        "CreateTime": int(view.created_at),
        "ViewCount": viewers,
    }


def room_row(card: RoomCard, info: RoomInfo, viewers: int) -> dict[str, Any]:
    return {
        "RoomId": card.room_id,
        "RoomName": card.name,
        "Owner_Account": card.owner,
        "CoverURL": card.cover,
        "Category": list(card.category),
        "CreateTime": int(card.created_at),
        "ActivityStatus": info.activity_status,
        "ViewCount": viewers,
    }


def member_page(
    listed: Mapping[UserId, float], offset: int, limit: int | None, until: str
) -> tuple[list[dict[str, Any]], int]:
    """The members from `offset`, at most `limit`; and the next offset, 0 at the end. `until` is the time's field."""
    end = len(listed) if limit is None else offset + limit
    page = [{"Member_Account": user, until: int(time)} for user, time in islice(listed.items(), offset, end)]
    return page, end if end < len(listed) else 0


def statistic(figures: RoomStatistic) -> dict[str, Any]:
    return {
        "TotalViewers": figures.total_viewers,
        "TotalGiftsSent": figures.total_gifts_sent,
        "TotalGiftCoins": figures.total_gift_coins,
        "TotalUniqueGiftSenders": figures.total_unique_gift_senders,
        "TotalLikesReceived": figures.total_likes_received,
        "TotalMsgCount": figures.total_msg_count,
    }


def seats(views: Sequence[SeatView]) -> list[dict[str, Any]]:
    """A free seat has no Member_Account, as documented."""
    return [
        {"Index": seat.index}
        | ({} if seat.user is None else {"Member_Account": seat.user})
        | {
            "IsTakenDisabled": seat.locked,
            "IsVideoDisabled": seat.video_locked,
            "IsAudioDisabled": seat.audio_locked,
        }
        for seat in views
    ]


def gift(gift: Gift) -> dict[str, Any]:
    """As it was added."""
    return _gift(gift) | {"DefaultName": gift.name, "DefaultDesc": gift.desc}


def gift_row(gift: Gift, languages: Mapping[str, Naming]) -> dict[str, Any]:
    """In the list of all, in one language."""
    named = [
        {"Language": tag(language), "Name": naming.name, "Desc": naming.desc} for language, naming in languages.items()
    ]
    return _gift(gift) | {"Name": gift.name, "Desc": gift.desc, "LanguageList": named}


def category(category: GiftCategory) -> dict[str, Any]:
    return {
        "CategoryId": category.category_id,
        "ExtensionInfo": category.extension,
        "DefaultName": category.name,
        "DefaultDesc": category.desc,
    }


def category_row(view: CategoryView, languages: Mapping[str, Naming]) -> dict[str, Any]:
    return {
        "CategoryId": view.category.category_id,
        "CategoryName": view.category.name,
        "CategoryDesc": view.category.desc,
        "ExtensionInfo": view.category.extension,
        "GiftIdList": [gift.gift_id for gift in view.gifts],
        "LanguageList": [
            {"Language": tag(language), "CategoryName": naming.name, "CategoryDesc": naming.desc}
            for language, naming in languages.items()
        ],
    }


def portraits(
    users: Sequence[UserId], found: Mapping[UserId, Mapping[str, str | int]], tags: Sequence[str]
) -> dict[str, Any]:
    """Of each user what it has of `tags`; those who are no accounts are named besides, as documented."""
    rows = [_portrait(user, found.get(user), tags) for user in users]
    missing = [user for user in users if user not in found]
    return {"UserProfileItem": rows, "ErrorDisplay": ""} | ({"Fail_Account": missing} if missing else {})


def tag(language: str) -> str:
    """A language as it is usually written: zh-Hans, zh-CN. Rooms keeps it in small letters."""
    first, *others = language.split("-")
    usual = [part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part for part in others]
    return "-".join([first, *usual])


def _portrait(user: UserId, values: Mapping[str, str | int] | None, tags: Sequence[str]) -> dict[str, Any]:
    if values is None:
        result = {"ResultCode": 40003, "ResultInfo": "The account does not exist."}
        return {"To_Account": user, "ProfileItem": [], **result}
    items = [{"Tag": tag, "Value": values[tag]} for tag in tags if tag in values]
    return {"To_Account": user, "ProfileItem": items, "ResultCode": 0, "ResultInfo": ""}


def _gift(gift: Gift) -> dict[str, Any]:
    return {
        "GiftId": gift.gift_id,
        "IconUrl": gift.icon_url,
        "ResourceUrl": gift.resource_url,
        "Coins": gift.coins,
        "Level": gift.level,
        "ExtensionInfo": gift.extension,
    }
