"""What comes in: the body of every command. Fields have their public names, and unknown ones are passed over.

The types bound what is looked at; what a text may be in bytes, and what a number may mean, is judged by rooms.

Pure: values only.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = [
    "AddGift", "AddGiftCategory", "BanMember", "BattleRef", "BattleScore", "CategoryRef", "CategoryRelations",
    "CreateBattle", "CreateRoom", "CustomElement", "DeleteMetadata", "SetBattleScore",
    "EditGift", "EditGiftCategory", "GetMetadata", "GetPortraits", "GiftCount", "GiftInfoList", "GiftRef", "GiftTongue",
    "ImportAccount", "KickOffSeat", "LockSeat", "MemberPage", "Metadata", "ModifyAdmin", "MoveToSeat", "MuteMember",
    "Nothing", "PickOnSeat", "Robots", "RoomInfo", "RoomList", "RoomRef", "SendCustomMessage", "SendGift",
    "SendGroupMessage", "SendTextMessage", "SetCallback", "SetCallbackToken", "SetCategoryLanguage", "SetGiftLanguage",
    "SetMetadata", "SetPortrait", "SwitchSeat", "CategoryTongue", "TextElement", "UnbanMember", "UpdateCallback",
]  # fmt: skip

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=256)]
Long = Annotated[str, msgspec.Meta(max_length=8192)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Users = Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]
SeatMode = Literal["FreeToTake", "ApplyToTake"]
Template = Literal[
    "VideoDynamicGrid9Seats", "VideoDynamicFloat7Seats", "VideoFixedGrid9Seats", "VideoFixedFloat7Seats",
    "VideoLandscape4Seats", "AudioSalon", "Karaoke",
]  # fmt: skip


class _Body(msgspec.Struct):
    """The public API passes over what it does not know, and so does this one."""


class Nothing(_Body):
    """A command that reads nothing of its body."""


# Rooms


class RoomInfo(_Body):
    """What is said of a room; what is left out has its default, or stays."""

    RoomId: Id
    RoomType: Literal["Live"] = "Live"
    RoomName: Text | None = None
    Owner_Account: Id | None = None
    CoverURL: Text | None = None
    BackgroundURL: Text | None = None
    Notice: Text | None = None
    Category: Annotated[list[Whole], msgspec.Meta(max_length=3)] | None = None
    IsMessageDisabled: bool | None = None
    IsPublicVisible: bool | None = None
    IsSeatEnabled: bool | None = None
    TakeSeatMode: SeatMode | None = None
    SeatTemplate: Template | None = None
    MaxSeatCount: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    MaxMemberCount: Count | None = None
    ActivityStatus: Whole | None = None
    IsUnlimitedRoomEnabled: bool | None = None
    KeepOwnerOnSeat: bool | None = None


class CreateRoom(_Body):
    """Of update_room_info, too."""

    RoomInfo: RoomInfo


class RoomRef(_Body):
    RoomId: Id


class RoomList(_Body):
    Next: Text = ""
    Count: Annotated[int, msgspec.Meta(ge=1, le=20)] = 20


class GetMetadata(_Body):
    RoomId: Id
    Keys: Annotated[list[Text], msgspec.Meta(max_length=64)] = []


class DeleteMetadata(_Body):
    RoomId: Id
    Keys: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=64)]


class Metadata(_Body):
    Key: Text
    Value: Long


class SetMetadata(_Body):
    RoomId: Id
    Metadata: Annotated[list[Metadata], msgspec.Meta(min_length=1, max_length=64)]


class SendTextMessage(_Body):
    RoomId: Id
    Sender_Account: Id
    TextContent: Long
    ExtensionInfo: Long = ""


class SendCustomMessage(_Body):
    RoomId: Id
    Sender_Account: Id
    BusinessId: Text
    Data: Long


# Members


class MuteMember(_Body):
    RoomId: Id
    MemberList_Account: Users
    MuteTime: Count


class BanMember(_Body):
    RoomId: Id
    MemberList_Account: Users
    Duration: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    Reason: Text = ""


class UnbanMember(_Body):
    RoomId: Id
    MemberList_Account: Users


class MemberPage(_Body):
    """Offset and Limit, or Next and Count: both are in use."""

    RoomId: Id
    Offset: Count = 0
    Limit: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    Next: Count = 0
    Count: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None


class ModifyAdmin(_Body):
    RoomId: Id
    Admin_Account: Users
    OpType: Literal["add", "delete"]


# Seats


class PickOnSeat(_Body):
    RoomId: Id
    Member_Account: Id
    Index: Count


class KickOffSeat(_Body):
    RoomId: Id
    Member_Account: Id


class LockSeat(_Body):
    """What is left out stays."""

    RoomId: Id
    Index: Count
    ForbidTaken: bool | None = None
    ForbidVideo: bool | None = None
    ForbidAudio: bool | None = None


class SwitchSeat(_Body):
    RoomId: Id
    Member_Account: Id
    ToIndex: Count


class MoveToSeat(_Body):
    RoomId: Id
    Member_Account: Id
    SeatIndex: Count
    Policy: Literal[0, 1, 2]


# Battles


class CreateBattle(_Body):
    FromRoomId: Id
    ToRoomIdList: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=16)]
    Duration: Count = 300_000
    """Milliseconds, as Timeout is."""
    NeedResponse: bool = True
    Timeout: Count = 10_000
    ExtensionInfo: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class BattleScore(_Body):
    RoomId: Id
    Score: Annotated[int, msgspec.Meta(ge=0, le=10**15)]


class SetBattleScore(_Body):
    BattleId: Id
    ScoreList: Annotated[list[BattleScore], msgspec.Meta(min_length=1, max_length=16)]
    OpType: Whole = 0


class BattleRef(_Body):
    BattleId: Id


# Gifts


class AddGift(_Body):
    GiftId: Id
    Coins: Count
    DefaultName: Text
    DefaultDesc: Text = ""
    IconUrl: Text = ""
    ResourceUrl: Text = ""
    Level: Count = 0
    ExtensionInfo: Text = ""


class EditGift(_Body):
    """What is left out stays."""

    GiftId: Id
    Coins: Count | None = None
    DefaultName: Text | None = None
    DefaultDesc: Text | None = None
    IconUrl: Text | None = None
    ResourceUrl: Text | None = None
    Level: Count | None = None
    ExtensionInfo: Text | None = None


class GiftRef(_Body):
    GiftId: Id


class GiftInfoList(_Body):
    Language: Text = ""


class GiftCount(_Body):
    RoomId: Id
    From_Account: Id


class SendGift(_Body):
    RoomId: Id
    GiftId: Id
    From_Account: Id
    ReceiverList_Account: Annotated[list[Id], msgspec.Meta(max_length=64)] = []
    Count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1


class GiftTongue(_Body):
    """A gift in one language."""

    GiftId: Id
    Language: Text


class SetGiftLanguage(_Body):
    """What is left out stays; the first time there is a Name."""

    GiftId: Id
    Language: Text
    Name: Text | None = None
    Desc: Text | None = None


class AddGiftCategory(_Body):
    CategoryId: Id
    DefaultName: Text
    DefaultDesc: Text = ""
    ExtensionInfo: Text = ""


class EditGiftCategory(_Body):
    """What is left out stays."""

    CategoryId: Id
    DefaultName: Text | None = None
    DefaultDesc: Text | None = None
    ExtensionInfo: Text | None = None


class CategoryRef(_Body):
    CategoryId: Id


class CategoryTongue(_Body):
    """A category in one language."""

    CategoryId: Id
    Language: Text


class SetCategoryLanguage(_Body):
    """What is left out stays; the first time there is a CategoryName."""

    CategoryId: Id
    Language: Text
    CategoryName: Text | None = None
    CategoryDesc: Text | None = None


class CategoryRelations(_Body):
    CategoryId: Id
    GiftIdList: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=64)]


# Messages as the chat service has them


class TextContent(_Body):
    Text: Long


class CustomContent(_Body):
    Data: Long
    Desc: Text = ""


class TextElement(_Body, tag_field="MsgType", tag="TIMTextElem"):
    MsgContent: TextContent


class CustomElement(_Body, tag_field="MsgType", tag="TIMCustomElem"):
    MsgContent: CustomContent


class SendGroupMessage(_Body):
    """One element; the fields that are not here (priorities, controls, pushes) change nothing and are passed over."""

    GroupId: Id
    MsgBody: Annotated[list[TextElement | CustomElement], msgspec.Meta(min_length=1, max_length=1)]
    From_Account: Id | None = None
    CloudCustomData: Long = ""


# Accounts


class ImportAccount(_Body):
    """What is left out stays."""

    UserID: Id | None = None
    Identifier: Id | None = None
    """Its older name."""
    Nick: Text | None = None
    FaceUrl: Text | None = None


class GetPortraits(_Body):
    To_Account: Users
    TagList: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=64)]


class PortraitItem(_Body):
    Tag: Text
    Value: Annotated[str, msgspec.Meta(max_length=500)] | Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class SetPortrait(_Body):
    From_Account: Id
    ProfileItem: Annotated[list[PortraitItem], msgspec.Meta(min_length=1, max_length=64)]


class Robots(_Body):
    RoomId: Id
    RobotList_Account: Users


# Callbacks

CallbackUrl = Annotated[str, msgspec.Meta(max_length=500)]
CallbackNames = Annotated[list[Text], msgspec.Meta(max_length=64)]


class SetCallback(_Body):
    """All of it is new."""

    Url: CallbackUrl
    CallbackCommandList: CallbackNames


class UpdateCallback(_Body):
    """What is left out stays."""

    Url: CallbackUrl | None = None
    CallbackCommandList: CallbackNames | None = None


class SetCallbackToken(_Body):
    """What is left out stays; the first time there is all of it."""

    Token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    IsTokenEnable: bool | None = None
