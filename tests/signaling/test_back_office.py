"""The back office without a room: who may call, what is refused in which words, and what is documented."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from billing.interface import AppId, Refused
from rooms.interface import People, Rooms
from signaling import usersig
from signaling.back_office.frame import BackOffice
from signaling.back_office.openapi import document
from signaling.back_office.rates import Made, Rates
from signaling.back_office.table import TABLE
from signaling.callbacks.config import Config
from signaling.identity import Identities
from signaling.settings import Settings, SettingsError

APP, SECRET, NOW = 1400000001, "0123456789abcdef", 1_800_000_000.0

PUBLIC = {
    "live_engine_http_srv": """create_room destroy_room get_room_list get_room_info update_room_info get_room_metadata
        set_room_metadata del_room_metadata send_text_msg send_custom_msg mute_member get_muted_member_list ban_member
        unban_member get_banned_member_list get_admin_list modify_admin get_room_statistic get_room_stats add_gift
        edit_gift del_gift get_gift get_gift_info_list get_gift_count send_gift get_gift_language set_gift_language
        del_gift_language add_gift_category edit_gift_category del_gift_category get_gift_category
        get_gift_category_language set_gift_category_language del_gift_category_language add_gift_category_relations
        del_gift_category_relations add_robot get_robot del_robot resume_mcu_task""",
    "room_engine_http_mic": "get_seat_list pick_user_on_seat kick_user_off_seat lock_seat switch_seat",
    "live_engine_http_pk": "create_battle set_battle_score get_battle_info end",
    "live_config": "set_callback get_callback update_callback delete_callback set_callback_token",
    "group_open_http_svc": "send_group_msg",
    "im_open_login_svc": "account_import",
    "profile": "portrait_get portrait_set",
}


class Secrets:
    async def app_secret(self, app: AppId) -> str:
        if app != APP:
            raise Refused(60006, "unknown_app", "There is no such app.")
        return SECRET


class NoGifts:
    async def get(self, app: AppId) -> Any:
        raise RuntimeError("this is our fault")


class NoRooms:
    """The frame must refuse before rooms is asked."""

    gifts = NoGifts()


class Settled:
    """What apps have set about their callbacks, in memory."""

    def __init__(self) -> None:
        self.configs: dict[AppId, Config] = {}

    def config(self, app: AppId) -> Config:
        return self.configs.get(app, Config())

    async def change(self, app: AppId, change: Callable[[Config], Config]) -> None:
        self.configs[app] = change(self.config(app))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def office() -> AsyncIterator[tuple[TestClient[Any, Any], Clock]]:
    clock = Clock()
    identities = Identities(Secrets(), clock=lambda: NOW)
    application = web.Application(client_max_size=4096)
    made = BackOffice(
        cast(Rooms, NoRooms()), cast(People, None), Settled(), identities,
        admins=("administrator", "boss"), clock=clock,
    )  # fmt: skip
    application.add_routes(made.routes())
    async with TestClient(TestServer(application)) as client:
        yield client, clock


def query(user: str = "administrator", **others: str | None) -> dict[str, str]:
    signature = usersig.make(APP, SECRET, user, 60, NOW)
    given = {
        "sdkappid": f"{APP}",
        "identifier": user,
        "usersig": signature,
        "random": "99999999",
        "contenttype": "json",
    }
    return {name: value for name, value in (given | others).items() if value is not None}


async def call(
    client: TestClient[Any, Any], command: str, query: dict[str, str], body: bytes = b"{}"
) -> dict[str, Any]:
    async with client.post(f"/v4/{command}", params=query, data=body) as response:
        assert response.status == 200
        answer: dict[str, Any] = await response.json()
    return answer


EXPIRED = usersig.make(APP, SECRET, "administrator", 60, NOW - 61)
FORGED = usersig.make(APP, "another secret", "administrator", 60, NOW)
INFO = "live_engine_http_srv/get_room_info"


@pytest.mark.parametrize(
    ("command", "given", "body", "code"),
    [
        ("live_engine_http_srv/no_such_command", query(), b"{}", 60009),
        ("no_such_service/get_room_info", query(), b"{}", 60009),
        ("profile/portrait_get", query(), b'{"To_Account": ["a"], "TagList": ["Tag_Profile_IM_Shoes"]}', 40009),
        ("im_open_login_svc/account_import", query(), b"{}", 100002),
        ("group_open_http_svc/send_group_msg", query(), b'{"GroupId": "r", "MsgBody": [{"MsgType": "Face"}]}', 100002),
        ("live_config/set_callback", query(), b"{}", 100002),
        ("live_config/update_callback", query(), b"{}", 100002),
        ("live_config/set_callback_token", query(), b'{"Token": "t"}', 100002),
        ("live_config/set_callback_token", query(), b'{"Token": "", "IsTokenEnable": true}', 100002),
        (INFO, query(sdkappid=None), b"{}", 60012),
        (INFO, query(sdkappid="one"), b"{}", 60006),
        (INFO, query(sdkappid="²"), b"{}", 60006),
        (INFO, query(sdkappid="1400000002"), b"{}", 60006),
        (INFO, query(random="4294967296"), b"{}", 60008),
        (INFO, query(random="-1"), b"{}", 60008),
        (INFO, query(contenttype="xml"), b"{}", 60008),
        (INFO, query(identifier=None), b"{}", 60004),
        (INFO, query(identifier="boss"), b"{}", 60004),
        (INFO, query(usersig=None), b"{}", 60005),
        (INFO, query(usersig="nonsense"), b"{}", 60005),
        (INFO, query(usersig=EXPIRED), b"{}", 60005),
        (INFO, query(usersig=FORGED), b"{}", 60005),
        (INFO, query("olga"), b"{}", 60010),
        (INFO, query(), b"", 60003),
        (INFO, query(), b"{", 60003),
        (INFO, query(), b'{"RoomId": "\xff"}', 60003),
        (INFO, query(), b'{"deep": ' + b"[" * 4000, 60003),
        (INFO, query(), b" " * 5000, 60002),
        (INFO, query(), b"[]", 100002),
        (INFO, query(), b"{}", 100002),
        (INFO, query(), b'{"RoomId": 7}', 100002),
    ],
)
async def test_what_the_frame_refuses(
    office: tuple[TestClient[Any, Any], Clock], command: str, given: dict[str, str], body: bytes, code: int
) -> None:
    answer = await call(office[0], command, given, body)

    assert (answer["ActionStatus"], answer["ErrorCode"]) == ("FAIL", code)
    assert set(answer) == {"ActionStatus", "ErrorCode", "ErrorInfo", "RequestId"}
    assert answer["ErrorInfo"].endswith(".")
    assert len(answer["RequestId"]) == 32


async def test_a_refused_field_is_named(office: tuple[TestClient[Any, Any], Clock]) -> None:
    create = "live_engine_http_srv/create_room"
    for body, named in (
        ({}, "RoomInfo"),
        ({"RoomInfo": {}}, "RoomId"),
        ({"RoomInfo": {"RoomId": "r", "RoomType": "Party"}}, "RoomType"),
        ({"RoomInfo": {"RoomId": "r", "Category": [1, 2, 3, 4]}}, "Category"),
        ({"RoomInfo": {"RoomId": "r", "SeatTemplate": "Sofa"}}, "SeatTemplate"),
        ({"RoomInfo": {"RoomId": "r", "IsPublicVisible": "yes"}}, "IsPublicVisible"),
        ({"RoomInfo": {"RoomId": "r", "ActivityStatus": 2**31}}, "ActivityStatus"),
    ):
        answer = await call(office[0], create, query(), json.dumps(body).encode())
        assert answer["ErrorCode"] == 100002
        assert named in answer["ErrorInfo"]


async def test_callbacks_are_set_as_documented(office: tuple[TestClient[Any, Any], Clock]) -> None:
    async def said(command: str, **body: Any) -> Any:
        answer = await call(office[0], f"live_config/{command}", query(), json.dumps(body).encode())
        assert answer["ErrorCode"] == 0, answer
        return answer.get("Response")

    names = ["Live.CallbackAfterCreateRoom", "Live.CallbackAfterDestroyRoom"]
    nothing = {"Url": "", "CallbackCommandList": []}
    assert await said("get_callback") == nothing
    assert await said("set_callback", Url="http://www.example.com/callback", CallbackCommandList=names) is None
    assert await said("get_callback") == {"Url": "http://www.example.com/callback", "CallbackCommandList": names}
    assert await said("update_callback", CallbackCommandList=["Live.CallbackMemberStateChanged"]) is None
    assert await said("update_callback", Url="http://www.example.com/other") is None
    assert await said("get_callback") == {
        "Url": "http://www.example.com/other", "CallbackCommandList": ["Live.CallbackAfterMemberStateChanged"],
    }  # fmt: skip

    assert await said("get_callback_token") == {"Token": "", "IsTokenEnable": False}
    assert await said("set_callback_token", Token="xxxxyyyy", IsTokenEnable=True) is None
    assert await said("set_callback_token", IsTokenEnable=False) is None
    assert await said("get_callback_token") == {"Token": "xxxxyyyy", "IsTokenEnable": False}

    unknown = json.dumps({"Url": "http://www.example.com", "CallbackCommandList": ["Live.CallbackAfterLunch"]})
    answer = await call(office[0], "live_config/set_callback", query(), unknown.encode())
    assert (answer["ErrorCode"], "AfterLunch" in answer["ErrorInfo"]) == (100002, True)
    assert await said("delete_callback") is None
    assert await said("get_callback") == nothing
    assert await said("delete_callback") is None, "harmless when repeated"


async def test_what_fails_with_us_is_told_as_our_fault(office: tuple[TestClient[Any, Any], Clock]) -> None:
    answer = await call(office[0], "live_engine_http_srv/get_gift", query(), b'{"GiftId": "rose"}')

    assert (answer["ActionStatus"], answer["ErrorCode"]) == ("FAIL", 100001)


async def test_a_command_is_called_so_often_and_no_more(office: tuple[TestClient[Any, Any], Clock]) -> None:
    client, clock = office
    add = "live_engine_http_srv/add_gift"

    assert [(await call(client, add, query()))["ErrorCode"] for _ in range(2)] == [100002, 60007]
    assert (await call(client, "live_engine_http_srv/edit_gift", query()))["ErrorCode"] == 100002, "others may"
    clock.now += 1
    assert (await call(client, add, query()))["ErrorCode"] == 100002


def test_the_buckets_of_apps_and_commands_are_apart() -> None:
    rates = Rates()
    taken = [rates.take(AppId(1), "list", 10, 5.0) for _ in range(11)]

    assert taken == [True] * 10 + [False]
    assert rates.take(AppId(2), "list", 10, 5.0)
    assert [rates.take(AppId(1), "list", 10, 5.25) for _ in range(3)] == [True, True, False]
    assert not rates.take(AppId(1), "list", 10, 4.0), "a clock set back fills nothing"


def test_a_room_was_made_just_now_for_a_second() -> None:
    made = Made()
    made.note(AppId(1), "r", 5.0)
    made.note(AppId(1), "s", 5.5)
    for now, there in ((5.999, ("r", "s")), (6.0, ("s",)), (6.5, ())):
        made.forget_old(now)
        assert tuple(room for room in ("r", "s") if (AppId(1), room) in made) == there
    assert (AppId(2), "s") not in made


def test_who_may_call_is_set_at_the_start() -> None:
    assert Settings().admins == ("administrator",)
    assert Settings(admins=("administrator", "boss-2")).admins == ("administrator", "boss-2")
    for admins in ((), ("no name",), ("administrator", "")):
        with pytest.raises(SettingsError, match="admins"):
            Settings(admins=admins)


def test_every_public_command_is_in_the_table() -> None:
    public = {f"{service}/{name}" for service, names in PUBLIC.items() for name in names.split()}

    assert public <= set(TABLE)
    ours = {
        "room_engine_http_mic/move_user_to_seat", "live_engine_http_srv/get_gift_category_relations",
        "live_config/get_callback_token",
    }  # fmt: skip
    assert set(TABLE) - public == ours, "documented, but not in the list above"
    rates = {name.partition("/")[2]: command.rate for name, command in TABLE.items() if command.rate != 200}
    assert rates == {
        "get_room_list": 10, "get_room_statistic": 100, "get_room_stats": 100, "add_robot": 100, "get_robot": 100,
        "del_robot": 100, "resume_mcu_task": 20, "add_gift": 1,
    }  # fmt: skip


async def test_the_document_says_all_of_it(office: tuple[TestClient[Any, Any], Clock]) -> None:
    async with office[0].get("/openapi.json") as response:
        made = json.loads(await response.read())

    assert made["openapi"] == "3.1.0"
    assert set(made["paths"]) == {f"/v4/{name}" for name in TABLE}
    for item in made["paths"].values():
        operation = item["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert body.rpartition("/")[2] in made["components"]["schemas"]
        assert operation["summary"].endswith(".")
    create = made["components"]["schemas"]["RoomInfo"]
    assert create["required"] == ["RoomId"]
    assert create["properties"]["Category"]["anyOf"][0]["maxItems"] == 3
    assert {"60003", "60005", "60007", "60010", "60012"} <= set(made["x-error-codes"])
    assert len({item["post"]["operationId"] for item in made["paths"].values()}) == len(TABLE)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    made = document(TABLE)

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [found for each in value.values() for found in references(each)]
        return [found for each in value for found in references(each)] if isinstance(value, list | tuple) else []

    for reference in set(references(made)):
        place: Any = made
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
