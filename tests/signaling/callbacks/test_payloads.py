"""The bodies of callbacks, field by field, from the events of real rooms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from callback_house import ANNA, APP, MS, NOW, OLGA, PAUL, House

from media.interface import PublicationView
from rooms.interface import (
    ConnectionReplaced,
    Draft,
    FollowChanged,
    Gift,
    LinkChanged,
    LinkEnded,
    MessageKind,
    RoomCreated,
    RoomDismissed,
    RoomId,
    RoomUpdated,
    Sending,
    UpdateRoom,
    UserId,
    connection_of,
)
from signaling.back_office import replies
from signaling.callbacks import payloads
from signaling.callbacks.battle_book import BattleBook
from signaling.callbacks.payloads import Notice
from signaling.callbacks.rtc import RtcBook
from signaling.callbacks.threshold import Threshold


@pytest.fixture
async def house() -> House:
    made = House()
    await made.create()
    return made


def only(notices: list[Notice]) -> dict[str, Any]:
    (notice,) = notices
    assert notice.body.get("CallbackCommand", notice.command) == notice.command
    return {name: value for name, value in notice.body.items() if name != "CallbackCommand"}


async def test_a_room_is_told_as_the_back_office_shows_it(house: House) -> None:
    notice = payloads.room_created(house.rooms.room(APP, "r"), NOW)

    assert (notice.command, notice.subject) == ("Live.CallbackAfterCreateRoom", "r")
    info = replies.room(house.rooms.room(APP, "r"), 0)
    assert only([notice]) == {"Operator_Account": "olga", "RoomInfo": info, "EventTime": MS}

    await house.rooms.update(APP, "r", UpdateRoom(None, name="another"))
    updated = house.last(RoomUpdated)
    body = only([payloads.room_updated(house.rooms.room(APP, "r"), 3, updated.by, updated.at)])
    assert (body["Operator_Account"], body["RoomInfo"]["RoomName"], body["RoomInfo"]["ViewCount"]) == (
        "administrator", "another", 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "stopping", "kind", "operator"),
    [
        ("leave", False, "DestroyByUser", "olga"),
        ("dismiss", False, "DestroyByUser", "administrator"),
        ("dismiss", True, "DestroyBySystem", "@TIM#SYSTEM"),
        ("lose", False, "DestroyBySystem", "@TIM#SYSTEM"),
    ],
)
async def test_the_end_of_a_room_brings_its_final_figures(
    house: House, how: str, stopping: bool, kind: str, operator: str
) -> None:
    await house.enter(ANNA)
    house.rooms.talk.like(APP, "r", ANNA, 5)
    await house.rooms.talk.say(APP, "r", ANNA, "hello")
    before = replies.statistic(house.rooms.talk.statistic(APP, "r"))
    info = replies.room(house.rooms.room(APP, "r"), 1)

    if how == "leave":
        await house.rooms.leave(APP, "r", OLGA)
    elif how == "dismiss":
        await house.rooms.dismiss(APP, "r", None)
    else:
        await house.rooms.disconnected(APP, "r", OLGA, "c_olga")
        house.now += 91
        await house.rooms.tick()

    body = only([payloads.room_dismissed(house.last(RoomDismissed), stopping=stopping)])
    if how == "lose":
        info["ViewCount"] = 1
    assert body == {
        "Operator_Account": operator, "RoomId": "r", "EventType": kind, "RoomInfo": info, "Statistic": before,
        "EventTime": payloads.milliseconds(house.now),
    }  # fmt: skip
    assert before["TotalLikesReceived"] == 5
    assert before["TotalViewers"] == before["TotalMsgCount"] == 1


async def test_comings_and_goings(house: House) -> None:
    house.told()

    async def state() -> tuple[str, str]:
        (notice,) = [each for each in house.told() if each.command == "Live.CallbackAfterMemberStateChanged"]
        assert set(notice.body) == {
            "CallbackCommand", "RoomId", "EventType", "EventCause", "MemberList", "EventTime",
        }  # fmt: skip
        assert notice.body["MemberList"] == [{"Member_Account": "anna"}]
        return notice.body["EventType"], notice.body["EventCause"]

    await house.enter(ANNA)
    assert await state() == ("Online", "Enter")
    await house.rooms.disconnected(APP, "r", ANNA, "c_anna")
    assert await state() == ("Offline", "HeartbeatInterrupt")
    await house.enter(ANNA)
    assert await state() == ("Online", "HeartbeatRecover")
    await house.rooms.leave(APP, "r", ANNA)
    assert await state() == ("Offline", "Leave")
    await house.enter(ANNA)
    house.told()
    await house.rooms.kick(APP, "r", None, ANNA)
    assert await state() == ("Offline", "Kicked")


async def test_seats_admins_and_metadata(house: House) -> None:
    await house.enter(ANNA)
    house.told()

    await house.rooms.lock_seat(APP, "r", None, 1, locked=False, audio=True, video=False)
    assert only(house.told()) == {
        "RoomId": "r",
        "SeatList": [
            {"Index": 0, "Member_Account": "olga", "IsTakenDisabled": False, "IsVideoDisabled": False,
             "IsAudioDisabled": False},
            {"Index": 1, "IsTakenDisabled": False, "IsVideoDisabled": False, "IsAudioDisabled": True},
        ],
        "EventTime": MS,
    }  # fmt: skip

    await house.rooms.set_admin(APP, "r", OLGA, ANNA, True)
    assert only(house.told()) == {
        "RoomId": "r", "Operator_Account": "olga", "Admin_Account": ["anna"], "opType": "add", "EventTime": MS,
    }  # fmt: skip
    await house.rooms.set_admin(APP, "r", None, ANNA, False)
    body = only(house.told())
    assert (body["Operator_Account"], body["opType"]) == ("administrator", "delete")

    house.rooms.talk.set_metadata(APP, "r", OLGA, {"a": "1", "b": "2"})
    (notice,) = house.told()
    assert notice.command == "Live.CallbackAfterSetMetadata"
    assert only([notice]) == {
        "RoomId": "r", "Operator_Account": "olga", "EventTime": MS,
        "Metadata": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }  # fmt: skip
    house.rooms.talk.delete_metadata(APP, "r", None, ["a"])
    (notice,) = house.told()
    assert notice.command == "Live.CallbackAfterDelMetadata"
    assert only([notice]) == {"RoomId": "r", "Operator_Account": "administrator", "EventTime": MS, "Keys": ["a"]}


async def test_what_was_asked_about_is_known_again_when_it_was_said(house: House) -> None:
    house.told()
    draft = Draft(MessageKind.TEXT, OLGA, "red packet", '{"c":1}')
    asked = payloads.message_before(RoomId("r"), draft, NOW)
    await house.rooms.talk.say(APP, "r", OLGA, "red packet", '{"c":1}')
    (told,) = house.told()

    common = {
        "GroupId": "r", "Type": "Live", "From_Account": "olga", "Operator_Account": "olga",
        "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": "red packet"}}], "CloudCustomData": '{"c":1}',
        "EventTime": MS, "Random": asked.body["Random"],
    }  # fmt: skip
    assert (asked.command, told.command) == ("Group.CallbackBeforeSendMsg", "Group.CallbackAfterSendMsg")
    assert only([asked]) == common
    assert only([told]) == common | {"MsgSeq": 1, "MsgTime": int(NOW)}
    assert 0 <= asked.body["Random"] < 2**32

    await house.rooms.talk.say_custom(APP, "r", OLGA, "poll", "[]")
    assert only(house.told())["MsgBody"] == [
        {"MsgType": "TIMCustomElem", "MsgContent": {"Data": "[]", "Desc": "poll", "Ext": ""}}
    ]


def test_a_gift_is_asked_about_with_what_all_of_it_costs() -> None:
    sending = Sending("s1", ANNA, Gift("rose", "Rose", coins=3), 4, (OLGA,), NOW)

    assert only([payloads.gift_before(RoomId("r"), NOW - 60, sending)]) == {
        "Operator_Account": "anna", "RoomId": "r",
        "GiftWater": {
            "From_Account": "anna", "To_Account": ["olga"], "Time": int(NOW), "GiftId": "rose", "Count": 4,
            "Coins": 12, "SendId": f"{MS - 60000}-s1",
        },
    }  # fmt: skip


def test_follows_keep_the_order_of_who_follows() -> None:
    followed = payloads.follow_changed(FollowChanged(APP, ANNA, OLGA, True, NOW))

    assert (followed.command, followed.subject) == ("Follow.CallbackAfterFollowAdd", "user:anna")
    assert only([followed]) == {"From_Account": "anna", "FollowList": [{"To_Account": "olga"}], "EventTime": MS}
    ended = payloads.follow_changed(FollowChanged(APP, ANNA, OLGA, False, NOW))
    assert ended.command == "Follow.CallbackAfterFollowDelete"


def test_the_alarm_rings_once_for_each_crossing() -> None:
    threshold = Threshold()
    told = [threshold.look(count, 10) for count in (6, 7, 8, 7, 6, 7, 10)]

    assert told == [False, True, False, False, False, True, False]
    assert not Threshold().look(10**6, None)
    assert only([payloads.rooms_near_limit(OLGA, 7, 10, NOW)]) == {
        "Operator_Account": "olga", "EventTime": MS, "CurRoomCount": 7, "MaxRoomCount": 10,
    }  # fmt: skip


# Battles


class Battles:
    """Two linked rooms, and what is told of their battles."""

    def __init__(self, house: House) -> None:
        self.house, self.book = house, BattleBook()

    def told(self) -> list[Notice]:
        owner = {RoomId("r"): OLGA, RoomId("s"): PAUL}
        found = [each for event in self.house.between for each in self.book.of_event(event, lambda room: owner[room])]
        self.house.between.clear()
        return found

    async def create(self, need_response: bool) -> str:
        created = await self.house.rooms.alliances.create_battle(
            APP, "r", None, ["s"], duration_s=60, need_response=need_response, timeout_s=30, extra="pk"
        )
        return created.battle_id


@pytest.fixture
async def battles(house: House) -> Battles:
    await house.create(PAUL, "s")
    alliances = house.rooms.alliances
    asked = await alliances.request_link(APP, "r", None, "s", timeout_s=0, extra="")
    await alliances.answer_link(APP, "s", None, asked.request_id, True)
    made = Battles(house)
    assert made.told() == []
    return made


async def test_a_battle_from_its_call_to_its_end(battles: Battles, house: House) -> None:
    battle_id = await battles.create(need_response=True)
    (created,) = battles.told()
    assert created.subject == "r"
    assert only([created]) == {
        "Operator_Account": "olga", "BattleId": battle_id, "FromRoomId": "r", "ToRoomIdList": ["s"],
        "Timeout": 30000, "Duration": 60000, "NeedResponse": True, "ExtensionInfo": "pk", "EventTime": MS,
    }  # fmt: skip

    house.now += 1
    house.rooms.alliances.answer_battle(APP, "s", None, battle_id, True)
    (started,) = battles.told()
    times = {"BattleId": battle_id, "Duration": 60000, "CreateTime": int(NOW), "StartTime": int(NOW) + 1}
    assert only([started]) == times | {
        "FromRoomInfo": {"RoomId": "r", "Owner_Account": "olga"},
        "ToRoomList": [{"RoomId": "s", "Owner_Account": "paul"}],
        "EventTime": MS + 1000,
    }

    await house.rooms.gifts.change(APP, lambda catalogue: catalogue.add(Gift("rose", "Rose", coins=5)))
    await house.rooms.talk.send_gift(APP, "s", PAUL, gift_id="rose", count=2, send_id="1")
    assert battles.told() == [], "scores are not told one by one"
    house.now += 60
    await house.rooms.tick()
    (ended,) = battles.told()
    assert ended.command == "Live.CallbackAfterEndBattle"
    assert only([ended]) == times | {
        "EndTime": int(NOW) + 61, "OpType": 0,
        "FromRoomInfo": {"RoomId": "r", "Score": 0, "Owner_Account": "olga"},
        "ToRoomList": [{"RoomId": "s", "Score": 10, "Owner_Account": "paul"}],
        "EventTime": MS + 61000,
    }  # fmt: skip


async def test_one_that_starts_at_once_is_called_and_started(battles: Battles, house: House) -> None:
    await battles.create(need_response=False)

    created, started = battles.told()
    assert (created.command, started.command) == ("Live.CallbackAfterCreateBattle", "Live.CallbackAfterStartBattle")
    assert (created.body["NeedResponse"], created.body["Timeout"], created.body["Duration"]) == (False, 0, 60000)

    await house.rooms.leave(APP, "s", PAUL)
    (ended,) = battles.told()
    assert ended.body["OpType"] == 1
    assert ended.body["ToRoomList"][0]["Owner_Account"] == "paul", "though its room is over"


async def test_one_that_nobody_joins_is_ended_as_such(battles: Battles, house: House) -> None:
    battle_id = await battles.create(need_response=True)
    house.rooms.alliances.answer_battle(APP, "s", None, battle_id, False)

    _, ended = battles.told()
    assert (ended.body["OpType"], ended.body["StartTime"]) == (2, 0)
    assert ended.body["ToRoomList"] == [{"RoomId": "s", "Owner_Account": "paul", "Score": 0}]


# TRTC's


class RtcWatch:
    def __init__(self, house: House) -> None:
        self.house, self.book = house, RtcBook()

    def told(self) -> Iterator[tuple[int, dict[str, Any]]]:
        events = [(event, self.book.of_event) for event in self.house.events]
        links = [(e, self.book.of_link) for e in self.house.between if isinstance(e, LinkChanged | LinkEnded)]
        self.house.events.clear()
        self.house.between.clear()
        for event, of in (*events, *links):
            for notice in of(event):  # type: ignore[arg-type]
                assert int(notice.command) == notice.body["EventType"]
                assert notice.body["CallbackTs"] == notice.body["EventInfo"]["EventMsTs"]
                fixed = {"RoomId", "EventTs", "EventMsTs"}
                yield (
                    int(notice.command),
                    {key: value for key, value in notice.body["EventInfo"].items() if key not in fixed},
                )


async def test_rooms_as_trtc_tells_them(house: House) -> None:
    watch = RtcWatch(house)
    webrtc = {"TerminalType": 100, "UserType": 1}
    assert list(watch.told()) == [
        (101, {"UserId": "olga"}),
        (103, {"UserId": "olga", "Role": 20, "Reason": 1} | webrtc),
    ]
    await house.enter(ANNA)
    await house.rooms.take_seat(APP, "r", ANNA, 1)
    await house.rooms.disconnected(APP, "r", ANNA, "c_anna")
    await house.enter(ANNA)
    await house.rooms.enter(APP, ANNA, name="anna", connection="c2", room_id="r")
    assert list(watch.told()) == [
        (103, {"UserId": "anna", "Role": 21, "Reason": 1} | webrtc),
        (105, {"UserId": "anna", "Role": 20}),
        (103, {"UserId": "anna", "Role": 20, "Reason": 3} | webrtc),
        (103, {"UserId": "anna", "Role": 20, "Reason": 2} | webrtc),
    ]
    await house.rooms.leave_seat(APP, "r", ANNA)
    await house.rooms.kick(APP, "r", None, ANNA)
    await house.rooms.leave(APP, "r", OLGA)
    assert list(watch.told()) == [
        (105, {"UserId": "anna", "Role": 21}),
        (104, {"UserId": "anna", "Role": 21, "Reason": 3}),
        (102, {}),
    ]


def test_a_robot_that_stands_by_itself_again_has_not_entered() -> None:
    gone = ConnectionReplaced(APP, RoomId("r"), NOW, ANNA, "whip_1", connection_of(ANNA))
    assert RtcBook().of_event(gone) == []


async def test_the_owner_of_a_linked_room_enters_and_leaves_across(house: House) -> None:
    watch = RtcWatch(house)
    await house.create(PAUL, "s")
    list(watch.told())
    alliances = house.rooms.alliances
    asked = await alliances.request_link(APP, "r", None, "s", timeout_s=0, extra="")
    await alliances.answer_link(APP, "s", None, asked.request_id, True)
    webrtc = {"Role": 20, "TerminalType": 100, "UserType": 1, "Reason": 4}
    assert list(watch.told()) == [(103, {"UserId": "paul"} | webrtc), (103, {"UserId": "olga"} | webrtc)]

    alliances.exit_link(APP, "r", None)
    left = {"Role": 20, "Reason": 4}
    assert list(watch.told()) == [(104, {"UserId": "paul"} | left), (104, {"UserId": "olga"} | left)]


@pytest.mark.parametrize("others", [{"s": "paul"}, {"s": "paul", "t": "anna"}])
async def test_the_owner_of_a_linked_room_that_is_over_leaves_the_others(house: House, others: dict[str, str]) -> None:
    alliances, book = house.rooms.alliances, RtcBook()
    for room, owner in others.items():
        await house.create(UserId(owner), room)
        asked = await alliances.request_link(APP, "r", None, room, timeout_s=0, extra="")
        await alliances.answer_link(APP, room, None, asked.request_id, True)
    for event in house.events:
        book.of_event(event)
    for linked in house.between:
        if isinstance(linked, LinkChanged | LinkEnded):
            book.of_link(linked)
    house.events.clear()
    house.between.clear()

    await house.rooms.leave(APP, "r", OLGA)

    told = [notice for event in house.events for notice in book.of_event(event)]
    told += [n for e in house.between if isinstance(e, LinkChanged | LinkEnded) for n in book.of_link(e)]
    assert [(n.command, n.subject, n.body["EventInfo"].get("UserId")) for n in told] == [
        ("102", "r", None), *(("104", room, "olga") for room in others),
    ]  # fmt: skip
    assert {n.body["EventInfo"]["Reason"] for n in told[1:]} == {4}
    await house.create()
    assert [n.command for n in book.of_event(house.last(RoomCreated))] == ["101"]
    assert not book._over


@pytest.mark.parametrize(
    ("kind", "source", "types"),
    [("video", "camera", [201, 202]), ("audio", "microphone", [203, 204]), ("video", "screen", [205, 206]),
     ("data", "data", [])],
)  # fmt: skip
def test_streams_as_trtc_tells_them(kind: Any, source: str, types: list[int]) -> None:
    view = PublicationView("pub_1", "0", kind, source, "", 0, 0, blocked=False)
    told = [
        notice for started in (True, False) for notice in RtcBook().of_stream(RoomId("r"), ANNA, view, started, NOW)
    ]

    assert [int(notice.command) for notice in told] == types
    for notice in told:
        assert notice.body["EventGroupId"] == 2
        assert notice.body["EventInfo"] == {
            "RoomId": "r", "EventTs": int(NOW), "EventMsTs": MS, "UserId": "anna",
        }  # fmt: skip
