"""An app's own server is told what happens in its rooms, and asked: a real node, a real receiver, real failures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from stage import NodeProcess, Told, Voice, wait_for
from test_office import Office

from signaling.callbacks import commands

pytestmark = pytest.mark.slow

KEY, TOKEN = "livekey0123456789", "xxxxyyyy"
OK = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}


@dataclass
class Receiver:
    """The app's own server: it verifies every signature, and answers as the test wants."""

    app: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    failures: int = 0
    """How many calls in a row it fails from now on."""
    is_away: bool = False
    answers: dict[str, Any] = field(default_factory=dict)
    """By command: what it answers, or None to say nothing for long."""

    async def live(self, request: web.Request) -> web.Response:
        body = await request.read()
        query = request.query
        assert (query["SdkAppid"], query["contenttype"]) == (str(self.app), "json")
        assert query["Sign"] == hashlib.sha256(f"{TOKEN}{query['RequestTime']}".encode()).hexdigest()
        assert abs(time.time() - int(query["RequestTime"])) < 60
        self._verify(request, body)
        said = json.loads(body)
        assert said["CallbackCommand"] == query["CallbackCommand"]
        return await self._answer(request, query["CallbackCommand"], said)

    async def rtc(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert not request.query_string
        self._verify(request, body)
        said = json.loads(body)
        return await self._answer(request, str(said["EventType"]), said)

    def _verify(self, request: web.Request, body: bytes) -> None:
        made = base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha256).digest()).decode()
        assert hmac.compare_digest(made, request.headers["Sign"])
        assert request.headers["SdkAppId"] == str(self.app)

    async def _answer(self, request: web.Request, command: str, said: dict[str, Any]) -> web.Response:
        if self.is_away:
            raise web.HTTPServiceUnavailable
        if self.failures:
            self.failures -= 1
            raise web.HTTPInternalServerError
        answer = self.answers.get(command, OK)
        self.got.append(said)
        self.numbers.append(int(request.headers.get("X-Tally-Callback", 0)))
        if answer is None:
            await asyncio.sleep(5)
        return web.json_response(answer)

    def told(self, room: str | None = None) -> list[str]:
        """The names of what was told, of one room if one is named; asking is not telling."""
        return [
            said["CallbackCommand"].rpartition("Callback")[2]
            for said in self.got
            if "Before" not in said.get("CallbackCommand", "Before") and room in (None, room_of(said))
        ]

    async def body(self, command: str, room: str | None = None, seconds: float = 10) -> dict[str, Any]:
        """The first callback of that name, now or soon."""

        async def come() -> dict[str, Any] | None:
            return next(
                (
                    said
                    for said in self.got
                    if said.get("CallbackCommand", "").endswith(command) and room in (None, room_of(said))
                ),
                None,
            )

        return await wait_for(come, seconds, f"the callback {command} of {room}")


def room_of(said: Mapping[str, Any]) -> str:
    inner = said.get("RoomInfo", {}).get("RoomId") or said.get("FromRoomInfo", {}).get("RoomId")
    return str(said.get("RoomId") or said.get("GroupId") or said.get("FromRoomId") or inner or "")


@dataclass
class Scene:
    """A node, an app on it, and the app's receiver."""

    nodes: Callable[..., NodeProcess]
    office: Office
    receiver: Receiver
    url: str

    @property
    def node(self) -> NodeProcess:
        return self.office.node

    def restart(self, *options: str) -> None:
        self.office.node = self.nodes("--private-callbacks", *options)

    async def stop(self) -> int:
        """Ctrl-C, while the receiver goes on answering."""
        return await asyncio.to_thread(self.node.stop)

    async def on_disk(self) -> None:
        """Returns once everything that is to be told is."""

        async def nothing_waits() -> bool:
            return (await asyncio.to_thread(self.node.metrics))["tally_callbacks_store_waiting"] == 0

        await wait_for(nothing_waits, 5, "all is on disk")

    def kept(self, **query: Any) -> dict[str, Any]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return dict(self.node.get(f"v1/apps/{self.office.app}/callbacks?{text}", self.node.operator_key))

    async def delivered(self, seconds: float = 30) -> None:
        """Returns once nothing waits to be told."""

        async def none_waits() -> bool:
            return not (await asyncio.to_thread(self.kept, state="pending"))["callbacks"]

        await wait_for(none_waits, seconds, "everything is told")


@pytest.fixture
async def scene(nodes: Callable[..., NodeProcess]) -> AsyncIterator[Scene]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/live", receiver.live)
    application.router.add_post("/rtc", receiver.rtc)
    async with TestServer(application) as server:
        node = nodes("--private-callbacks")
        account = node.send("POST", "v1/accounts", {"name": "Ltd"})["account"]
        made = node.send("POST", "v1/apps", {"account": account, "name": "App"})
        app = receiver.app = made["sdkappid"]
        node.send("POST", f"v1/apps/{app}/trial", {})
        yield Scene(nodes, Office(node, app, made["secret"]), receiver, str(server.make_url("/")))


async def want(scene: Scene, *names: str, rtc: bool = False, **more: Any) -> None:
    """The app's server sets its callbacks by the back office, the operator the key of the body's signature."""
    await scene.office.done("live_config/set_callback_token", Token=TOKEN, IsTokenEnable=True)
    await scene.office.done("live_config/set_callback", Url=scene.url + "live", CallbackCommandList=list(names))
    wish: dict[str, Any] = {"live": {"url": scene.url + "live", "commands": list(names), "key": KEY, **more}}
    if rtc:
        wish["rtc"] = {"url": scene.url + "rtc", "key": KEY}
    await asyncio.to_thread(scene.node.send, "PUT", f"v1/apps/{scene.office.app}/callbacks", wish)


EVERYTHING = sorted(name for name in commands.ALL if "Before" not in name)


async def test_an_evening_is_told_in_order_and_ends_with_its_figures(scene: Scene) -> None:
    await want(scene, *EVERYTHING)
    office = scene.office
    olga, paul, anna = [await office.member(user) for user in ("olga", "paul", "anna")]
    await olga.call("room.create", room_id="r", name="Olga's")
    await paul.call("room.create", room_id="s")
    await anna.call("room.enter", room_id="r")
    await anna.call("seat.take", index=1)
    await olga.call("room.admin", userid="anna", admin=True)
    await olga.call("room.set_metadata", metadata={"mood": "good"})
    await olga.call("room.delete_metadata", keys=["mood"])
    await anna.call("barrage.send", text="hello")
    await anna.call("like.send", count=7)
    await office.done("update_room_info", RoomInfo={"RoomId": "r", "Notice": "welcome"})

    asked = await olga.call("link.request", room_id="s")
    await paul.call("link.answer", request_id=asked["request_id"], accept=True)
    await office.done("add_gift", GiftId="rose", DefaultName="Rose", Coins=5)
    battle = (await olga.call("battle.create", rooms=["s"], duration_s=60))["battle_id"]
    await paul.call("battle.answer", battle_id=battle, accept=True)
    await anna.call("gift.send", gift_id="rose", count=3, send_id="1")
    await office.done("live_engine_http_pk/end", BattleId=battle)
    statistic = await office.told("get_room_statistic", RoomId="r")
    await olga.call("room.kick", userid="anna")
    await olga.call("room.leave")
    await scene.delivered()

    destroyed = await scene.receiver.body("AfterDestroyRoom", "r")
    assert destroyed["Statistic"] == statistic
    assert statistic == {
        "TotalViewers": 1, "TotalGiftsSent": 3, "TotalGiftCoins": 15, "TotalUniqueGiftSenders": 1,
        "TotalLikesReceived": 7, "TotalMsgCount": 1,
    }  # fmt: skip
    assert (destroyed["EventType"], destroyed["Operator_Account"]) == ("DestroyByUser", "olga")
    assert destroyed["RoomInfo"]["Notice"] == "welcome"
    assert scene.receiver.told("r") == [
        "AfterCreateRoom", "AfterMemberStateChanged", "AfterMemberStateChanged", "AfterSeatInfoChanged",
        "AfterModifyAdmin", "AfterSetMetadata", "AfterDelMetadata", "AfterSendMsg", "AfterUpdateRoomInfo",
        "AfterCreateBattle", "AfterStartBattle", "AfterEndBattle", "AfterMemberStateChanged", "AfterSeatInfoChanged",
        "AfterDestroyRoom",
    ]  # fmt: skip
    ended = await scene.receiver.body("AfterEndBattle")
    assert ended["FromRoomInfo"] == {"RoomId": "r", "Score": 15, "Owner_Account": "olga"}
    assert ended["ToRoomList"] == [{"RoomId": "s", "Score": 0, "Owner_Account": "paul"}]
    assert len(scene.receiver.numbers) == len(set(scene.receiver.numbers)), "nobody failed, so nothing came twice"
    metrics = await asyncio.to_thread(scene.node.metrics)
    assert metrics["tally_callbacks_delivered_total"] == len(scene.receiver.numbers)
    assert metrics["tally_callbacks_refused_total"] == 0
    for member in (olga, paul, anna):
        await member.close()
    assert await scene.stop() == 0
    assert " ERROR " not in scene.node.log, scene.node.log


async def test_a_receiver_that_fails_twice_gets_everything_in_order(scene: Scene) -> None:
    await want(scene, *EVERYTHING)
    scene.receiver.failures = 2
    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga", "Notice": "hi"})
    anna = await scene.office.member("anna", "r")

    await scene.receiver.body("AfterUpdateRoomInfo", "r", seconds=30)
    await scene.delivered()

    told = scene.receiver.told("r")
    assert told == ["AfterCreateRoom", "AfterMemberStateChanged", "AfterUpdateRoomInfo", "AfterMemberStateChanged"]
    first = scene.kept(room="r")["callbacks"][0]
    assert (first["command"], first["state"], first["attempts"]) == ("Live.CallbackAfterCreateRoom", "delivered", 3)
    await anna.close()


async def test_a_killed_node_tells_everything_afterwards_and_ends_its_rooms(scene: Scene) -> None:
    await want(scene, *EVERYTHING, rtc=True)
    scene.receiver.is_away = True
    info = {"RoomId": "r", "RoomName": "Olga's", "Owner_Account": "olga", "Notice": "hi"}
    await scene.office.done("create_room", RoomInfo=info)
    await scene.office.done("create_room", RoomInfo={"RoomId": "gone", "Owner_Account": "paul"})
    anna = await scene.office.member("anna", "r")
    await anna.call("like.send", count=3)
    await scene.office.done("destroy_room", RoomId="gone")

    async def all_are_noted() -> bool:
        kept = await asyncio.to_thread(scene.kept, state="pending", room="r", count=200)
        names = [row["command"].rpartition("Callback")[2] for row in kept["callbacks"] if row["kind"] == "live"]
        return names == ["AfterCreateRoom", "AfterMemberStateChanged", "AfterUpdateRoomInfo", "AfterMemberStateChanged"]

    await wait_for(all_are_noted, 5, "the callbacks of r are on disk")
    scene.node.kill()
    await anna.close()
    assert scene.receiver.got == []

    scene.receiver.is_away = False
    scene.restart()
    destroyed = await scene.receiver.body("AfterDestroyRoom", "r", seconds=30)
    await scene.delivered()

    assert scene.receiver.told("r") == [
        "AfterCreateRoom", "AfterMemberStateChanged", "AfterUpdateRoomInfo", "AfterMemberStateChanged",
        "AfterDestroyRoom",
    ]  # fmt: skip
    assert (destroyed["EventType"], destroyed["Operator_Account"]) == ("DestroyBySystem", "@TIM#SYSTEM")
    assert (destroyed["RoomInfo"]["RoomName"], destroyed["RoomInfo"]["Owner_Account"]) == ("Olga's", "olga")
    assert scene.receiver.told("gone").count("AfterDestroyRoom") == 1
    assert (await scene.receiver.body("AfterDestroyRoom", "gone"))["EventType"] == "DestroyByUser"
    for room in ("r", "gone"):
        types = [
            said["EventType"]
            for said in scene.receiver.got
            if "EventInfo" in said and said["EventInfo"]["RoomId"] == room
        ]
        assert types == ([101, 103, 103, 102] if room == "r" else [101, 103, 102])

    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    await scene.on_disk()
    scene.node.kill()
    scene.restart()

    async def ended_again() -> bool:
        return scene.receiver.told("r").count("AfterDestroyRoom") == 2

    await wait_for(ended_again, 10, "the second room of that name is told to be over as well")
    assert await scene.stop() == 0
    scene.restart()
    await scene.delivered()
    assert scene.receiver.told("r").count("AfterDestroyRoom") == 2, "a room is over once"


async def test_a_node_that_stops_ends_its_rooms_by_itself(scene: Scene) -> None:
    await want(scene, *EVERYTHING)
    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})

    assert await scene.stop() == 0

    destroyed = await scene.receiver.body("AfterDestroyRoom", "r", seconds=1)
    assert (destroyed["EventType"], destroyed["Operator_Account"]) == ("DestroyBySystem", "@TIM#SYSTEM")


async def test_the_server_decides_about_gifts(scene: Scene) -> None:
    await want(scene, commands.BEFORE_SEND_GIFT, gift_timeout_s=0.5)
    await scene.office.done("add_gift", GiftId="rose", DefaultName="Rose", Coins=5)
    olga = await scene.office.member("olga")
    await olga.call("room.create", room_id="r")
    anna = await scene.office.member("anna", "r")

    async def give(send_id: str) -> int:
        try:
            await anna.call("gift.send", gift_id="rose", count=2, send_id=send_id, receivers=["olga"])
        except Told as told:
            return told.code
        return 0

    answers = scene.receiver.answers
    assert await give("1") == 0
    asked = scene.receiver.got[-1]
    began, _, word = asked["GiftWater"].pop("SendId").partition("-")
    assert (word, int(began) <= 1000 * asked["GiftWater"]["Time"] + 1000) == ("1", True)
    assert asked["GiftWater"] | {"Time": 0} == {
        "From_Account": "anna", "To_Account": ["olga"], "Time": 0, "GiftId": "rose", "Count": 2, "Coins": 10,
    }  # fmt: skip
    assert await give("1") == 0
    assert len(scene.receiver.got) == 1, "it is given already, and not asked about again"

    answers[commands.BEFORE_SEND_GIFT] = {"ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": ""}
    assert await give("2") == 102004
    answers[commands.BEFORE_SEND_GIFT] = {"ActionStatus": "OK", "ErrorCode": 102150, "ErrorInfo": "Top up first."}
    with pytest.raises(Told, match="Top up first") as told:
        await anna.call("gift.send", gift_id="rose", count=1, send_id="3")
    assert told.value.code == 102150
    answers[commands.BEFORE_SEND_GIFT] = None
    with pytest.raises(Told) as unanswered:
        await anna.call("gift.send", gift_id="rose", count=1, send_id="3")
    assert (unanswered.value.code, unanswered.value.name) == (102004, "gift_unanswered"), "it is not given"
    assert (await anna.call("room.statistic"))["total_gifts_sent"] == 2

    await want(scene, commands.BEFORE_SEND_GIFT, commands.GIFT_NOT_BLOCKING, gift_timeout_s=0.5)
    assert await give("4") == 0, "nobody answers, and the app said that it need not"
    before = len(scene.receiver.got)
    await scene.office.done("send_gift", RoomId="r", GiftId="rose", From_Account="ben", Count=1)
    assert len(scene.receiver.got) == before, "its own gifts it is not asked about"
    assert (await anna.call("room.statistic"))["total_gifts_sent"] == 5
    for member in (olga, anna):
        await member.close()


async def test_the_server_decides_what_is_said(scene: Scene) -> None:
    await want(scene, commands.BEFORE_SEND_MSG, commands.AFTER_SEND_MSG, message_timeout_s=0.5)
    olga = await scene.office.member("olga")
    await olga.call("room.create", room_id="r")

    await olga.call("barrage.send", text="hello")
    told = await scene.receiver.body("AfterSendMsg")
    asked = await scene.receiver.body("BeforeSendMsg")
    assert (asked["MsgBody"], asked["Random"]) == (told["MsgBody"], told["Random"])

    scene.receiver.answers[commands.BEFORE_SEND_MSG] = {"ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": ""}
    with pytest.raises(Told) as refused:
        await olga.call("barrage.custom", business_id="poll", data="[]")
    assert (refused.value.code, refused.value.name) == (80001, "message_blocked")
    scene.receiver.answers[commands.BEFORE_SEND_MSG] = None
    await olga.call("barrage.send", text="nobody answers, so it is said")
    texts = [message["text"] for message in (await olga.call("barrage.recent"))["messages"]]
    assert texts == ["hello", "nobody answers, so it is said"]

    await want(scene, commands.BEFORE_SEND_MSG, message_timeout_s=0.5, message_gate="closed")
    with pytest.raises(Told) as closed:
        await olga.call("barrage.send", text="not this time")
    assert closed.value.code == 80001
    await olga.close()


async def test_streams_are_told_and_leaving_is_no_stop(scene: Scene) -> None:
    await want(scene, rtc=True)

    async def voice(user: str) -> Voice:
        made = Voice(scene.node, user)
        await made.connect(sdkappid=scene.office.app, userid=user, usersig=scene.office.signature(user))
        return made

    def told() -> list[tuple[int, str]]:
        return [(said["EventType"], said["EventInfo"].get("UserId", "")) for said in scene.receiver.got]

    olga, anna = await voice("olga"), await voice("anna")
    await olga.call("room.create", room_id="r")
    await olga.publish()
    await anna.call("room.enter", room_id="r")
    await anna.call("seat.take", index=1)
    await anna.publish()
    await olga.call("media.unpublish")
    await anna.call("room.leave")
    await olga.call("room.leave")

    async def is_over() -> bool:
        return told()[-1:] == [(102, "")]

    await wait_for(is_over, 10, "the room is told to be over")
    assert told() == [
        (101, "olga"), (103, "olga"), (203, "olga"), (103, "anna"), (105, "anna"), (203, "anna"), (204, "olga"),
        (104, "anna"), (102, ""),
    ]  # fmt: skip
    for member in (olga, anna):
        await member.close()


async def test_rooms_that_were_there_before_are_told_to_end(scene: Scene) -> None:
    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    anna = await scene.office.member("anna", "r")
    await want(scene, *EVERYTHING, rtc=True)
    await scene.on_disk()
    scene.node.kill()
    await anna.close()
    scene.restart()

    destroyed = await scene.receiver.body("AfterDestroyRoom", "r")
    assert (destroyed["EventType"], destroyed["Statistic"]["TotalViewers"]) == ("DestroyBySystem", 1)


async def test_the_alarm_before_the_rooms_run_out(scene: Scene) -> None:
    await want(scene, commands.AFTER_REACHING_THRESHOLD)
    for number in range(8):
        await scene.office.done("create_room", RoomInfo={"RoomId": f"r{number}", "Owner_Account": f"owner{number}"})
    await scene.receiver.body("AfterCreateRoomReachingThreshold")
    await scene.delivered()

    (told,) = scene.receiver.got
    assert (told["CurRoomCount"], told["MaxRoomCount"], told["Operator_Account"]) == (7, 10, "owner6")


async def test_an_operator_replays_what_was_given_up(scene: Scene) -> None:
    await want(scene, commands.AFTER_CREATE_ROOM)
    scene.receiver.is_away = True
    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})
    await scene.office.done("live_config/delete_callback")
    path = f"v1/apps/{scene.office.app}/callbacks"

    async def is_dead() -> list[dict[str, Any]]:
        return list((await asyncio.to_thread(scene.kept, state="dead"))["callbacks"])

    (dead,) = await wait_for(is_dead, 25, "the callback without a receiver is given up")
    assert (dead["room"], dead["command"], dead["error"]) == (
        "r", commands.AFTER_CREATE_ROOM, "the app has no URL for it any more",
    )  # fmt: skip

    await want(scene, commands.AFTER_CREATE_ROOM)
    scene.receiver.is_away = False
    answer = await asyncio.to_thread(scene.node.send, "POST", path + "/replay", {"state": "dead", "room": "r"})
    assert answer == {"replayed": 1}
    assert (await scene.receiver.body("AfterCreateRoom"))["RoomInfo"]["RoomId"] == "r"
    await scene.delivered()
    again = {"state": "delivered", "numbers": [dead["number"]]}
    assert await asyncio.to_thread(scene.node.send, "POST", path + "/replay", again) == {"replayed": 1}
    await scene.delivered()

    assert scene.receiver.numbers == [dead["number"]] * 2
    shown = scene.kept()
    assert (shown["live"]["key"], shown["token"], shown["next"]) == (True, {"enabled": True}, 0)
    assert KEY not in json.dumps(shown)
    assert TOKEN not in json.dumps(shown)


async def test_private_addresses_are_refused_unless_the_operator_says_otherwise(
    scene: Scene, nodes: Callable[..., NodeProcess]
) -> None:
    await want(scene, *EVERYTHING)
    assert await scene.stop() == 0
    scene.office.node = nodes()

    for url in (scene.url, "http://localhost/", "http://169.254.169.254/latest/meta-data", "ftp://example.com/"):
        wish = {"Url": url, "CallbackCommandList": EVERYTHING}
        assert await scene.office.refused("live_config/set_callback", **wish) == 100002
    await scene.office.done("create_room", RoomInfo={"RoomId": "r", "Owner_Account": "olga"})

    async def has_failed() -> bool:
        rows = (await asyncio.to_thread(scene.kept, state="pending", room="r"))["callbacks"]
        return bool(rows) and "public address" in rows[0]["error"]

    await wait_for(has_failed, 10, "what was set before is not called either")
    assert scene.receiver.got == []


async def test_only_the_operator_sees_and_sets_them_over_http(scene: Scene) -> None:
    path = f"v1/apps/{scene.office.app}/callbacks"
    wish = {"live": {"url": scene.url, "commands": ["Live.Callback"]}}

    def status(method: str, body: dict[str, Any], token: str | None = None, suffix: str = "") -> int:
        try:
            scene.node.send(method, path + suffix, body, token)
        except Exception as error:
            return int(getattr(error, "code", 0))
        return 200

    for token in ("wrong", scene.office.signature("administrator")):
        assert await asyncio.to_thread(status, "PUT", {"live": None}, token) == 401
        assert await asyncio.to_thread(status, "POST", {}, token, "/replay") == 401
    assert await asyncio.to_thread(status, "PUT", wish) == 400
    assert await asyncio.to_thread(status, "PUT", {"rtc": {"url": scene.url, "events": [999]}}) == 400
    assert await asyncio.to_thread(status, "PUT", {"rtc": {"url": scene.url, "key": "a b"}}) == 400
    for numbers in ([10**30], [-1], []):
        assert await asyncio.to_thread(status, "POST", {"numbers": numbers}, None, "/replay") == 400
    assert scene.kept()["live"] is None
