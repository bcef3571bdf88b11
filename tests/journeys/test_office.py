"""An app's own server runs its rooms: the documented examples, and answers of the documented shape."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import aiohttp
import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack
from office import Office, found_app
from stage import NodeProcess, Told, wait_for

pytestmark = pytest.mark.slow

ROOM_INFO = {
    "RoomId", "RoomName", "RoomType", "Owner_Account", "CoverURL", "BackgroundURL", "Notice", "Category",
    "IsMessageDisabled", "IsPublicVisible", "IsSeatEnabled", "TakeSeatMode", "SeatTemplate", "MaxSeatCount",
    "MaxMemberCount", "ActivityStatus", "IsUnlimitedRoomEnabled", "KeepOwnerOnSeat", "CreateTime", "ViewCount",
}  # fmt: skip
ROOM_ROW = {
    "RoomId", "RoomName", "Owner_Account", "CoverURL", "Category", "CreateTime", "ActivityStatus", "ViewCount",
}  # fmt: skip
GIFT = {"GiftId", "IconUrl", "ResourceUrl", "Coins", "Level", "ExtensionInfo"}


@pytest.fixture
def office(node: NodeProcess) -> Office:
    return found_app(node)


async def test_a_room_from_its_making_to_its_end(office: Office) -> None:
    await office.done(
        "create_room",
        RoomInfo={
            "RoomId": "live-room", "RoomType": "Live", "RoomName": "live name", "Owner_Account": "olga",
            "MaxMemberCount": 400, "CoverURL": "cover url", "IsMessageDisabled": True, "Category": [1, 2, 3],
            "IsPublicVisible": True, "IsSeatEnabled": True, "TakeSeatMode": "ApplyToTake", "MaxSeatCount": 8,
            "ActivityStatus": 1, "SomethingNew": "is passed over",
        },
    )  # fmt: skip
    info = (await office.told("get_room_info", RoomId="live-room"))["RoomInfo"]
    assert set(info) == ROOM_INFO
    assert abs(info.pop("CreateTime") - time.time()) < 10
    assert info == {
        "RoomId": "live-room", "RoomType": "Live", "RoomName": "live name", "Owner_Account": "olga",
        "MaxMemberCount": 400, "CoverURL": "cover url", "BackgroundURL": "", "Notice": "", "IsMessageDisabled": True,
        "Category": [1, 2, 3], "IsPublicVisible": True, "IsSeatEnabled": True, "TakeSeatMode": "ApplyToTake",
        "SeatTemplate": "", "MaxSeatCount": 8, "ActivityStatus": 1, "IsUnlimitedRoomEnabled": False,
        "KeepOwnerOnSeat": True, "ViewCount": 0,
    }  # fmt: skip

    async def second_is_over() -> bool:
        return await office.refused("create_room", RoomInfo={"RoomId": "live-room"}) != 100012

    await wait_for(second_is_over, 5, "a room of the same id may be tried again")
    assert await office.refused("create_room", RoomInfo={"RoomId": "live-room"}) == 100003
    assert await office.refused("create_room", RoomInfo={"RoomId": "other", "MaxSeatCount": 17}) == 100013
    assert await office.refused("create_room", RoomInfo={"RoomId": "other", "RoomName": "é" * 51}) == 100002
    assert await office.refused("get_room_info", RoomId="other") == 100004

    await office.done(
        "update_room_info",
        RoomInfo={
            "RoomId": "live-room", "RoomName": "another", "Notice": "welcome", "BackgroundURL": "back",
            "IsMessageDisabled": False, "SeatTemplate": "AudioSalon", "IsUnlimitedRoomEnabled": True,
            "KeepOwnerOnSeat": False, "MaxSeatCount": 8,
        },
    )  # fmt: skip
    changed = (await office.told("get_room_info", RoomId="live-room"))["RoomInfo"]
    assert {name for name in info if info[name] != changed[name]} == {
        "RoomName", "Notice", "BackgroundURL", "IsMessageDisabled", "SeatTemplate", "IsUnlimitedRoomEnabled",
        "KeepOwnerOnSeat",
    }  # fmt: skip
    assert await office.refused("update_room_info", RoomInfo={"RoomId": "live-room", "MaxSeatCount": 9}) == 100002
    assert await office.refused("update_room_info", RoomInfo={"RoomId": "live-room", "Owner_Account": "u"}) == 100002

    olga = await office.member("olga", "live-room")
    assert (await olga.call("room.statistic"))["total_viewers"] == 0
    await office.done("destroy_room", RoomId="live-room")
    assert await olga.event("room.dismissed") == {"reason": "by_server"}
    assert await office.refused("destroy_room", RoomId="live-room") == 100004
    await olga.close()


async def test_the_list_of_rooms_comes_in_pages(office: Office) -> None:
    for number in range(3):
        await office.done("create_room", RoomInfo={"RoomId": f"r{number}", "Owner_Account": f"owner{number}"})
    await office.done("create_room", RoomInfo={"RoomId": "hidden", "Owner_Account": "o", "IsPublicVisible": False})
    anna = await office.member("anna", "r2")

    first = await office.told("get_room_list", Next="", Count=2)
    second = await office.told("get_room_list", Next=first["Next"], Count=2)

    assert set(first) == {"RoomList", "Next"}
    assert all(set(row) == ROOM_ROW for row in first["RoomList"])
    rows = [*first["RoomList"], *second["RoomList"]]
    assert [(row["RoomId"], row["ViewCount"]) for row in rows] == [("r2", 1), ("r0", 0), ("r1", 0)]
    assert second["Next"] == ""
    assert (await office.told("get_room_list", Next="0"))["RoomList"] == rows
    assert await office.refused("get_room_list", Next="nonsense") == 100002
    assert await office.refused("get_room_list", Count=21) == 100002
    answers = await asyncio.gather(*(office.post("get_room_list", {}) for _ in range(20)))
    assert {answer["ErrorCode"] for answer in answers} == {0, 60007}
    await anna.close()


async def test_a_room_waits_for_its_owner(office: Office) -> None:
    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    assert (await office.post("create_room", {"RoomInfo": {"RoomId": "s", "Owner_Account": "olga"}}))[
        "ErrorCode"
    ] == -2108

    olga = await office.member("olga", "r")

    seats = (await office.told("room_engine_http_mic/get_seat_list", RoomId="r"))["SeatList"]
    assert seats[0]["Member_Account"] == "olga"
    await olga.call("room.leave")
    assert await office.refused("get_room_info", RoomId="r") == 100004, "from now on it is her room, as any other"
    await office.done("create_room", RoomInfo={"RoomId": "mine"})
    assert (await office.told("get_room_info", RoomId="mine"))["RoomInfo"]["Owner_Account"] == "administrator"
    await olga.close()


async def test_the_owner_may_come_by_whip(office: Office) -> None:
    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    anna = await office.member("anna", "r")
    publisher = RTCPeerConnection()
    publisher.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await publisher.setLocalDescription(await publisher.createOffer())
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {office.signature('olga')}"}

    async with aiohttp.ClientSession(headers=headers) as http:
        offer = publisher.localDescription.sdp
        async with http.post(f"{office.node.url}whip/r", data=offer) as response:
            assert response.status == 201

    assert (await anna.event("publication.added"))["publication"]["userid"] == "olga"
    await publisher.close()
    await anna.close()


async def test_metadata_as_documented(office: Office) -> None:
    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    anna = await office.member("anna", "r")
    pairs = [{"Key": "key1", "Value": "value1"}, {"Key": "key2", "Value": "value2"}]

    await office.done("set_room_metadata", RoomId="r", Metadata=pairs)

    assert await office.told("get_room_metadata", RoomId="r", Keys=[]) == {"Metadata": pairs}
    assert await office.told("get_room_metadata", RoomId="r", Keys=["key2", "none"]) == {"Metadata": pairs[1:]}
    assert (await anna.event("room.metadata_changed"))["changed"] == {"key1": "value1", "key2": "value2"}
    await office.done("del_room_metadata", RoomId="r", Keys=["key1"])
    assert await office.told("get_room_metadata", RoomId="r") == {"Metadata": pairs[1:]}
    assert await office.refused("del_room_metadata", RoomId="r", Keys=["key1"]) == 100503
    long = [{"Key": "k", "Value": "v" * 2049}]
    assert await office.refused("set_room_metadata", RoomId="r", Metadata=long) == 100501
    many = [{"Key": f"k{number}", "Value": ""} for number in range(11)]
    assert await office.refused("set_room_metadata", RoomId="r", Metadata=many) == 100500
    await anna.close()


async def test_who_is_muted_banned_or_an_admin(office: Office) -> None:
    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    anna, ben = await office.member("anna", "r"), await office.member("ben", "r")

    await office.done("mute_member", RoomId="r", MemberList_Account=["anna", "ben"], MuteTime=600)
    with pytest.raises(Told) as told:
        await anna.call("barrage.send", text="hello")
    assert told.value.code == 100017
    assert (await anna.event("room.member_muted"))["by"] is None
    listed = await office.told("get_muted_member_list", RoomId="r")
    assert set(listed) == {"MutedAccountList", "NextOffset"}
    assert [set(row) for row in listed["MutedAccountList"]] == [{"Member_Account", "MutedUntil"}] * 2
    assert abs(listed["MutedAccountList"][0]["MutedUntil"] - time.time() - 600) < 10
    page = await office.told("get_muted_member_list", RoomId="r", Offset=0, Limit=1)
    assert ([row["Member_Account"] for row in page["MutedAccountList"]], page["NextOffset"]) == (["anna"], 1)
    page = await office.told("get_muted_member_list", RoomId="r", Next=page["NextOffset"], Count=1)
    assert ([row["Member_Account"] for row in page["MutedAccountList"]], page["NextOffset"]) == (["ben"], 0)
    await office.done("mute_member", RoomId="r", MemberList_Account=["anna"], MuteTime=0)
    await anna.call("barrage.send", text="hello")
    assert await office.refused("mute_member", RoomId="r", MemberList_Account=["olga"], MuteTime=1) == 100006

    await office.done("modify_admin", RoomId="r", Admin_Account=["anna"], OpType="add")
    assert await office.told("get_admin_list", RoomId="r") == {"Admin_Account": ["anna"]}
    await office.done("modify_admin", RoomId="r", Admin_Account=["anna"], OpType="delete")
    assert await office.told("get_admin_list", RoomId="r") == {"Admin_Account": []}
    assert await office.refused("modify_admin", RoomId="r", Admin_Account=["nobody"], OpType="add") == 100005

    await office.done("ban_member", RoomId="r", MemberList_Account=["ben"], Duration=3600, Reason="noise")
    assert await ben.event("room.kicked") == {"reason": "banned"}
    listed = await office.told("get_banned_member_list", RoomId="r", Offset=0, Limit=10)
    assert set(listed) == {"BannedAccountList", "NextOffset"}
    assert [set(row) for row in listed["BannedAccountList"]] == [{"Member_Account", "BannedUntil"}]
    with pytest.raises(Told):
        await ben.call("room.enter", room_id="r")
    await office.done("unban_member", RoomId="r", MemberList_Account=["ben"])
    await ben.call("room.enter", room_id="r")
    for member in (anna, ben):
        await member.close()


async def test_messages_in_the_name_of_others(office: Office) -> None:
    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga", "IsMessageDisabled": True})
    anna = await office.member("anna", "r")

    await office.done(
        "send_text_msg", RoomId="r", Sender_Account="user1", TextContent="msg", ExtensionInfo='{"data":1}'
    )
    await office.done("send_custom_msg", RoomId="r", Sender_Account="anna", BusinessId="poll", Data="[]")

    async def both() -> list[dict[str, Any]] | None:
        found = (await anna.call("barrage.recent"))["messages"]
        return found if len(found) == 2 else None

    text, custom = await wait_for(both, 5, "two messages")
    assert (text["kind"], text["userid"], text["text"], text["extension"]) == ("text", "user1", "msg", '{"data":1}')
    assert (custom["kind"], custom["userid"], custom["business_id"], custom["data"]) == ("custom", "anna", "poll", "[]")
    assert (await anna.event("barrage.messages"))["messages"][0] == text
    assert await office.refused("send_text_msg", RoomId="r", Sender_Account="user1", TextContent=" ") == 100002
    assert await office.refused("send_text_msg", RoomId="s", Sender_Account="user1", TextContent="m") == 100004
    await anna.close()


async def test_seats_as_documented(office: Office) -> None:
    mic = "room_engine_http_mic/"
    await office.done(
        "create_room",
        RoomInfo={"RoomId": "r", "Owner_Account": "olga", "MaxSeatCount": 3, "TakeSeatMode": "ApplyToTake"},
    )
    anna, ben = await office.member("anna", "r"), await office.member("ben", "r")
    flags = {"IsTakenDisabled": False, "IsVideoDisabled": False, "IsAudioDisabled": False}

    await office.done(mic + "pick_user_on_seat", RoomId="r", Member_Account="anna", Index=1)

    assert await office.told(mic + "get_seat_list", RoomId="r") == {
        "SeatList": [
            {"Index": 0, "Member_Account": "olga", **flags},
            {"Index": 1, "Member_Account": "anna", **flags},
            {"Index": 2, **flags},
        ]
    }
    assert [seat["userid"] for seat in (await anna.event("seat.changed"))["seats"]] == ["olga", "anna", None]
    assert await office.refused(mic + "pick_user_on_seat", RoomId="r", Member_Account="ben", Index=1) == 100201
    assert await office.refused(mic + "pick_user_on_seat", RoomId="r", Member_Account="none", Index=2) == 100005
    await office.done(mic + "switch_seat", RoomId="r", Member_Account="anna", ToIndex=2)
    await office.done(mic + "pick_user_on_seat", RoomId="r", Member_Account="ben", Index=1)
    assert await office.refused(mic + "switch_seat", RoomId="r", Member_Account="anna", ToIndex=1) == 100201
    await office.done(mic + "move_user_to_seat", RoomId="r", Member_Account="anna", SeatIndex=1, Policy=2)
    await office.done(mic + "lock_seat", RoomId="r", Index=2, ForbidTaken=True, ForbidVideo=False, ForbidAudio=True)
    await office.done(mic + "lock_seat", RoomId="r", Index=2, ForbidVideo=True)
    seats = (await office.told(mic + "get_seat_list", RoomId="r"))["SeatList"]
    assert seats[2] == {"Index": 2, "IsTakenDisabled": True, "IsVideoDisabled": True, "IsAudioDisabled": True}
    assert await office.refused(mic + "lock_seat", RoomId="r", Index=3, ForbidTaken=True) == 100002
    await office.done(mic + "kick_user_off_seat", RoomId="r", Member_Account="anna")
    assert await office.refused(mic + "kick_user_off_seat", RoomId="r", Member_Account="anna") == 100206
    for member in (anna, ben):
        await member.close()


async def test_gifts_from_the_catalogue_to_the_count(office: Office) -> None:
    one = {
        "GiftId": "GId1", "IconUrl": "https://www.xxx.com/xxx1.png", "ResourceUrl": "https://www.xxx.com/xxx2.png",
        "Coins": 10, "Level": 1, "ExtensionInfo": '{"key": "value"}', "DefaultName": "name1", "DefaultDesc": "desc1",
    }  # fmt: skip
    await office.done("add_gift", **one)
    assert await office.beside("get_gift", "GiftInfo", GiftId="GId1") == one
    assert await office.refused("add_gift", GiftId="GId2", Coins=1, DefaultName="n") == 60007
    await office.done("edit_gift", GiftId="GId1", Coins=20)
    assert await office.beside("get_gift", "GiftInfo", GiftId="GId1") == one | {"Coins": 20}
    assert await office.refused("get_gift", GiftId="none") == 102002
    assert await office.refused("edit_gift", GiftId="GId1", ExtensionInfo="{") == 100002

    language = {"GiftId": "GId1", "Language": "zh-Hans"}
    assert await office.refused("set_gift_language", **language, Desc="d") == 100002
    await office.done("set_gift_language", **language, Name="玫瑰", Desc="一")
    await office.done("set_gift_language", **language, Desc="二")
    assert await office.beside("get_gift_language", "GiftInfo", **language) == {"Name": "玫瑰", "Desc": "二"}

    category = {"CategoryId": "CId2", "ExtensionInfo": '{"key": "value"}', "DefaultName": "n", "DefaultDesc": "desc1"}
    await office.done("add_gift_category", **category)
    await office.done("edit_gift_category", CategoryId="CId2", DefaultName="name1")
    found = await office.beside("get_gift_category", "GiftCategoryInfo", CategoryId="CId2")
    assert found == category | {"DefaultName": "name1"}
    named = {"CategoryId": "CId2", "Language": "en"}
    await office.done("set_gift_category_language", **named, CategoryName="name", CategoryDesc="desc")
    found = await office.beside("get_gift_category_language", "CategoryInfo", **named)
    assert found == {"CategoryName": "name", "CategoryDesc": "desc"}
    await office.done("add_gift_category_relations", CategoryId="CId2", GiftIdList=["GId1"])
    assert await office.refused("add_gift_category_relations", CategoryId="CId2", GiftIdList=["none"]) == 102002
    found = await office.beside("get_gift_category_relations", "Relation", CategoryId="CId2")
    assert found == {"CategoryId": "CId2", "GiftIdList": ["GId1"]}

    listed = await office.told("get_gift_info_list", Language="zh-Hans")
    assert set(listed) == {"TotalCount", "GiftList", "CategoryList"}
    (row,), (shelf,) = listed["GiftList"], listed["CategoryList"]
    assert set(row) == GIFT | {"Name", "Desc", "LanguageList"}
    assert (row["Name"], row["LanguageList"]) == ("玫瑰", [{"Language": "zh-Hans", "Name": "玫瑰", "Desc": "二"}])
    assert shelf == {
        "CategoryId": "CId2", "CategoryName": "name1", "CategoryDesc": "desc1", "ExtensionInfo": '{"key": "value"}',
        "GiftIdList": ["GId1"], "LanguageList": [{"Language": "en", "CategoryName": "name", "CategoryDesc": "desc"}],
    }  # fmt: skip

    await office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    anna = await office.member("anna", "r")
    for sender in ("user1", "anna"):
        await office.done(
            "send_gift", RoomId="r", GiftId="GId1", Count=2, From_Account=sender, ReceiverList_Account=["olga"]
        )
    assert await office.told("get_gift_count", RoomId="r", From_Account="user1") == {
        "Sequence": 2, "TotalCount": 2, "TotalCoins": 40, "GiftSenderCount": 2,
    }  # fmt: skip
    given = (await anna.event("barrage.messages"))["messages"][0]
    assert (given["kind"], given["userid"], json.loads(given["data"])["receivers"]) == ("gift", "user1", ["olga"])
    assert await office.told("get_room_statistic", RoomId="r") == {
        "TotalViewers": 1, "TotalGiftsSent": 4, "TotalGiftCoins": 80, "TotalUniqueGiftSenders": 2,
        "TotalLikesReceived": 0, "TotalMsgCount": 0,
    }  # fmt: skip
    assert await office.refused("send_gift", RoomId="r", GiftId="none", From_Account="anna") == 102002

    await office.done("del_gift_category_relations", CategoryId="CId2", GiftIdList=["GId1"])
    await office.done("del_gift_category_language", **named)
    assert await office.refused("get_gift_category_language", **named) == 100002
    await office.done("del_gift_category", CategoryId="CId2")
    await office.done("del_gift_language", **language)
    await office.done("del_gift", GiftId="GId1")
    listed = await office.told("get_gift_info_list")
    assert listed == {"TotalCount": 0, "GiftList": [], "CategoryList": []}
    await anna.close()


async def test_only_an_administrator_calls_and_the_demo_makes_none(office: Office) -> None:
    answer = await office.post("get_room_list", {}, user="olga")
    assert (answer["ActionStatus"], answer["ErrorCode"]) == ("FAIL", 60010)
    with pytest.raises(urllib.error.HTTPError):
        await asyncio.to_thread(office.node.credentials, "administrator")
    document = await asyncio.to_thread(office.node.get, "openapi.json")
    assert "/v4/live_engine_http_srv/create_room" in document["paths"]


async def test_a_battle_is_called_scored_and_decided(office: Office) -> None:
    olga, paul = await office.member("olga"), await office.member("paul")
    await olga.call("room.create", room_id="a")
    await paul.call("room.create", room_id="b")
    called = {"FromRoomId": "a", "ToRoomIdList": ["b", "nowhere"], "Duration": 60_000, "NeedResponse": False}
    assert await office.refused("live_engine_http_pk/create_battle", **called) == 100400, "they are not linked"
    request = await olga.call("link.request", room_id="b")
    await paul.call("link.answer", request_id=request["request_id"], accept=True)

    made = await office.told("live_engine_http_pk/create_battle", **called)
    assert set(made) == {"BattleId", "Result"}
    assert made["Result"] == [{"RoomId": "b", "ErrorCode": 0}, {"RoomId": "nowhere", "ErrorCode": 100400}]
    scores = [{"RoomId": "a", "Score": 5}, {"RoomId": "b", "Score": 7}]
    for how in (0, 1, 1):
        await office.done(
            "live_engine_http_pk/set_battle_score", BattleId=made["BattleId"], OpType=how, ScoreList=scores
        )
    info = (await office.told("live_engine_http_pk/get_battle_info", BattleId=made["BattleId"]))["BattleInfo"]
    assert info["FromRoomInfo"] == {"RoomId": "a", "Score": 15, "Owner_Account": "olga"}
    assert info["ToRoomList"] == [{"RoomId": "b", "Score": 21, "Owner_Account": "paul"}]
    await office.done("live_engine_http_pk/end", BattleId=made["BattleId"])
    for member in (olga, paul):
        ended = await member.event("battle.ended")
        assert (ended["reason"], ended["winners"]) == ("by_server", ["b"])
    assert await office.refused("live_engine_http_pk/end", BattleId="none") == 100411
    for member in (olga, paul):
        await member.close()
