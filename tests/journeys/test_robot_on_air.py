"""What an app's own server does with accounts: it imports them, speaks for them, and lets OBS publish by a robot."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from office import FRAME, Office, found_app
from stage import NodeProcess, Voice, wait_for

pytestmark = pytest.mark.slow

IMPORT, GET, SET = "im_open_login_svc/account_import", "profile/portrait_get", "profile/portrait_set"
SEND = "group_open_http_svc/send_group_msg"
NICK, IMAGE, LEVEL = "Tag_Profile_IM_Nick", "Tag_Profile_IM_Image", "Tag_Profile_IM_Level"
TOWN = "Tag_Profile_Custom_Town"


async def viewer(office: Office, room_id: str) -> Voice:
    made = Voice(office.node, "viewer")
    await made.connect(sdkappid=office.app, userid="viewer", usersig=office.signature("viewer"))
    await made.call("room.enter", room_id=room_id)
    return made


async def test_obs_publishes_by_the_seat_of_a_robot(node: NodeProcess) -> None:
    office = found_app(node)
    await office.done("create_room", RoomInfo={"RoomId": "live", "Owner_Account": "olga"})
    assert await office.refused("create_room", RoomInfo={"RoomId": "live", "Owner_Account": "olga"}) == 100012
    assert await office.refused("add_robot", RoomId="live", RobotList_Account=["obs_robot_live"]) == 100002
    await office.done(IMPORT, UserID="obs_robot_live", Nick="OBS")
    await office.done("add_robot", RoomId="live", RobotList_Account=["obs_robot_live"])
    assert await office.told("get_robot", RoomId="live") == {"RobotList_Account": ["obs_robot_live"]}
    seat = {"RoomId": "live", "Member_Account": "obs_robot_live", "Index": 1}
    await office.done("room_engine_http_mic/pick_user_on_seat", **seat)
    watching = await viewer(office, "live")

    program = Path(__file__).with_name("whip_publisher.py")
    obs = await asyncio.create_subprocess_exec(
        sys.executable, str(program), f"{node.url}whip/live", office.signature("obs_robot_live"), "5"
    )
    try:
        await watching.watch()
        published = await watching.event("publication.added")
        assert published["publication"]["userid"] == "obs_robot_live"

        async def picture() -> bool:
            return "video" in watching.received

        await wait_for(picture, 10, "the picture of the robot")
        await watching.connected()
        assert await asyncio.wait_for(obs.wait(), 30) == 0
    finally:
        if obs.returncode is None:
            obs.kill()
            await obs.wait()

    async def silent() -> bool:
        return node.metrics()["tally_signaling_http_sessions"] == 0

    await wait_for(silent, 5, "OBS said goodbye")
    assert await office.told("get_robot", RoomId="live") == {"RobotList_Account": ["obs_robot_live"]}
    seats = (await office.told("room_engine_http_mic/get_seat_list", RoomId="live"))["SeatList"]
    assert seats[1]["Member_Account"] == "obs_robot_live", "it keeps its seat, and OBS may come back"
    assert not [event for event in watching.events if event["method"] in ("room.member_left", "room.dismissed")]
    await publish_again(office)
    await office.done("del_robot", RoomId="live", RobotList_Account=["obs_robot_live"])
    assert (await watching.event("room.member_left"))["userid"] == "obs_robot_live"
    assert await office.refused("del_robot", RoomId="live", RobotList_Account=["obs_robot_live"]) == 100005
    await watching.close()


async def publish_again(office: Office) -> None:
    """By another client, until it is gone without a goodbye."""
    connection = RTCPeerConnection()
    connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    headers = {
        "Content-Type": "application/sdp", "Authorization": f"Bearer {office.signature('obs_robot_live')}",
    }  # fmt: skip
    offer = connection.localDescription.sdp
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{office.node.url}whip/live", data=offer, headers=headers) as answer,
    ):
        assert answer.status == 201
        await connection.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))

    async def publishing() -> bool:
        return connection.connectionState == "connected"

    async def gone() -> bool:
        return office.node.metrics()["tally_media_publishers"] == 0

    await wait_for(publishing, 10, "the other client publishes")
    await connection.close()
    await wait_for(gone, 5, "its connection is gone")
    assert await office.told("get_robot", RoomId="live") == {"RobotList_Account": ["obs_robot_live"]}


async def test_accounts_and_gifts_are_there_after_a_kill(nodes: Callable[..., NodeProcess]) -> None:
    node = nodes()
    office = found_app(node)
    await office.done(IMPORT, Identifier="olga", Nick="Olga", FaceUrl="https://pictures/o.png")
    await office.done(IMPORT, UserID="anna")
    assert await office.refused(IMPORT, UserID="no name") == 100002
    assert await office.refused(IMPORT, UserID="eve", FaceUrl="javascript:alert(1)") == 100002
    answer = await office.post(
        SET, {"From_Account": "anna", "ProfileItem": [
            {"Tag": NICK, "Value": "Anna"}, {"Tag": LEVEL, "Value": 7}, {"Tag": TOWN, "Value": "X"},
        ]},
    )  # fmt: skip
    assert (answer["ErrorCode"], set(answer)) == (0, FRAME | {"ErrorDisplay"})
    for items, code in (
        ([{"Tag": "Tag_Profile_IM_Shoes", "Value": "red"}], 40009),
        ([{"Tag": LEVEL, "Value": "high"}], 40610),
        ([{"Tag": NICK, "Value": "é" * 51}, {"Tag": LEVEL, "Value": 8}], 100002),
    ):
        assert await office.refused(SET, From_Account="anna", ProfileItem=items) == code
    assert await office.refused(SET, From_Account="nobody", ProfileItem=[{"Tag": NICK, "Value": "N"}]) == 40003
    await office.done("add_gift", GiftId="rose", Coins=3, DefaultName="Rose")
    await office.done("set_gift_language", GiftId="rose", Language="zh", Name="玫瑰")
    node.kill()

    office = Office(nodes(), office.app, office.secret)
    answer = await office.post(GET, {"To_Account": ["olga", "anna", "nobody"], "TagList": [NICK, IMAGE, LEVEL, TOWN]})
    assert set(answer) == FRAME | {"UserProfileItem", "Fail_Account", "ErrorDisplay"}
    assert answer["Fail_Account"] == ["nobody"]
    rows = {row["To_Account"]: row for row in answer["UserProfileItem"]}
    assert [rows[user]["ResultCode"] for user in ("olga", "anna", "nobody")] == [0, 0, 40003]
    said = {user: {item["Tag"]: item["Value"] for item in row["ProfileItem"]} for user, row in rows.items()}
    assert said == {
        "olga": {NICK: "Olga", IMAGE: "https://pictures/o.png"},
        "anna": {NICK: "Anna", IMAGE: "", LEVEL: 7, TOWN: "X"},
        "nobody": {},
    }
    listed = await office.told("get_gift_info_list", Language="zh-CN")
    assert [(gift["GiftId"], gift["Name"], gift["Coins"]) for gift in listed["GiftList"]] == [("rose", "玫瑰", 3)]

    await office.done("create_room", RoomInfo={"RoomId": "live", "Owner_Account": "olga"})
    watching = await viewer(office, "live")
    room = await watching.call("room.search", text="OLGA")
    assert [card["owner_name"] for card in room["rooms"]] == ["Olga"], "the stored name is the owner's"
    await said_by_its_author(office, watching)
    assert await office.refused("resume_mcu_task", RoomId="nowhere") == 100004
    assert await office.refused("resume_mcu_task", RoomId="live") == 100006
    await office.done("update_room_info", RoomInfo={"RoomId": "live", "IsUnlimitedRoomEnabled": True})
    assert await office.refused("resume_mcu_task", RoomId="live") == 100424
    await watching.close()
    assert office.node.stop() == 0
    assert " ERROR " not in office.node.log, office.node.log


async def said_by_its_author(office: Office, watching: Voice) -> None:
    """A message that was held back is sent again, with the documented words."""

    async def send(element: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {
            "GroupId": "live", "From_Account": "viewer", "Random": 8912345, "MsgPriority": "High", "MsgBody": [element],
            "SendMsgControl": ["NoMsgCheck"], "ForbidCallbackControl": ["ForbidBeforeSendMsgCallback"],
        }  # fmt: skip
        return await office.post(SEND, body | more)

    answer = await send({"MsgType": "TIMTextElem", "MsgContent": {"Text": "hello"}}, CloudCustomData="{}")
    assert set(answer) == FRAME | {"MsgTime", "MsgSeq"}, answer
    assert (answer["ErrorCode"], answer["MsgSeq"]) == (0, 1)
    answer = await send({"MsgType": "TIMCustomElem", "MsgContent": {"Data": "[1]", "Desc": "poll", "Ext": ""}})
    assert answer["MsgSeq"] == 2

    async def both() -> list[dict[str, Any]]:
        rounds = [event["params"]["messages"] for event in watching.events if event["method"] == "barrage.messages"]
        heard = [message for each in rounds for message in each]
        return heard if len(heard) == 2 else []

    text, custom = await wait_for(both, 5, "both messages")
    assert (text["userid"], text["text"], text["extension"]) == ("viewer", "hello", "{}")
    assert (custom["kind"], custom["business_id"], custom["data"]) == ("custom", "poll", "[1]")
    for element in ({"MsgType": "TIMFaceElem", "MsgContent": {"Index": 6}}, {"MsgType": "TIMTextElem"}):
        assert (await send(element))["ErrorCode"] == 100002
    missing = await send({"MsgType": "TIMTextElem", "MsgContent": {"Text": "hello"}}, GroupId="nowhere")
    assert missing["ErrorCode"] == 100004
