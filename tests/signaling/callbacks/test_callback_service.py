"""What the node's callbacks do without HTTP: whom they leave alone, what they note of open rooms, and who is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from callback_house import ANNA, APP, NOW, OLGA, Billing, House, Store, settled

from rooms.interface import Draft, FollowChanged, MessageKind, RoomId, Rooms, UpdateRoom
from signaling.callbacks import commands, outbox, poster
from signaling.callbacks.config import Config, LiveCallbacks, RtcCallbacks, Token
from signaling.callbacks.service import Callbacks
from signaling.callbacks.store import Kept
from signaling.errors import ProtocolError

EVERYTHING = LiveCallbacks(url="http://127.0.0.1:9/", commands=commands.ALL)


class Node(House):
    """Rooms with callbacks over a folder; it dies without a word."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__()

    async def start(self) -> None:
        self.callbacks = Callbacks(self.folder, Billing(), private=True, clock=lambda: self.now)
        await self.callbacks.start()
        reporter = self.callbacks.reporter
        self.rooms = Rooms(
            Billing(), clock=lambda: self.now, store=Store(), listener=reporter.handle_room,
            alliance_listener=reporter.handle_alliance,
        )  # fmt: skip
        reporter.attach_rooms(self.rooms)

    async def die(self) -> None:
        await self.callbacks.close()

    async def want(self, **config: Any) -> None:
        await self.callbacks.change(APP, lambda before: msgspec.structs.replace(before, **config))

    async def told(self) -> list[Kept]:  # type: ignore[override]
        await settled(self.callbacks._outbox)
        return await self.callbacks.list(APP, ["pending", "dead"], subject=None, after=0, most=200)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path)
    await made.start()
    yield made
    await made.die()


def names(told: list[Kept]) -> list[str]:
    return [each.command.rpartition("Callback")[2] for each in told]


async def test_an_app_that_has_set_nothing_is_told_nothing(node: Node) -> None:
    await node.create()
    await node.enter(ANNA)
    await node.rooms.leave(APP, "r", OLGA)

    assert await node.told() == []
    assert node.callbacks.gates.message(APP, RoomId("r"), Draft(MessageKind.TEXT, ANNA, "hello")) is None


async def test_only_what_is_wanted_is_told(node: Node) -> None:
    wanted = frozenset({commands.AFTER_SEATS, commands.AFTER_FOLLOW_ADD})
    rtc = RtcCallbacks(url="http://127.0.0.1:9/", events=frozenset({101, 105}))
    await node.want(live=msgspec.structs.replace(EVERYTHING, commands=wanted), rtc=rtc)
    await node.create()
    await node.enter(ANNA)
    await node.rooms.take_seat(APP, "r", ANNA, 1)
    node.callbacks.reporter.handle_follow(FollowChanged(APP, ANNA, OLGA, True, 0.0))
    node.callbacks.reporter.handle_follow(FollowChanged(APP, ANNA, OLGA, False, 0.0))

    assert [(each.kind, each.command) for each in await node.told()] == [
        ("rtc", "101"), ("rtc", "105"), ("live", commands.AFTER_SEATS), ("live", commands.AFTER_FOLLOW_ADD),
    ]  # fmt: skip


async def test_a_room_that_died_is_told_with_its_last_figures(node: Node) -> None:
    await node.want(live=EVERYTHING)
    await node.create()
    node.rooms.talk.like(APP, "r", OLGA, 5)
    await node.callbacks.reporter.note_figures()
    node.rooms.talk.like(APP, "r", OLGA, 1)  # after the last look
    await node.die()

    node.now += 60
    await node.start()
    lost = (await node.told())[-1]
    body = msgspec.json.decode(lost.body)
    assert (lost.command, body["EventType"]) == (commands.AFTER_DESTROY_ROOM, "DestroyBySystem")
    assert (body["Statistic"]["TotalLikesReceived"], body["EventTime"]) == (5, round(1000 * (NOW + 60)))
    await node.die()
    await node.start()
    assert names(await node.told()).count("AfterDestroyRoom") == 1


async def test_a_room_that_was_there_before_is_noted_when_the_app_sets_its_callbacks(node: Node) -> None:
    await node.create()
    await node.enter(ANNA)
    await node.rooms.take_seat(APP, "r", ANNA, 1)
    await node.want(live=EVERYTHING, rtc=RtcCallbacks(url="http://127.0.0.1:9/"))
    await node.rooms.kick(APP, "r", None, ANNA)
    left = next(each for each in await node.told() if each.command == "104")
    assert msgspec.json.decode(left.body)["EventInfo"]["Role"] == 20, "she sat there before"

    await node.die()
    await node.start()
    assert [each.command for each in await node.told()][-2:] == ["102", commands.AFTER_DESTROY_ROOM]


@pytest.mark.parametrize("trouble", ["refused", "lost"])
async def test_a_note_that_was_not_written_is_written_later(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    await node.want(live=EVERYTHING)
    await node.create()
    with monkeypatch.context() as patch:
        if trouble == "refused":
            patch.setattr(outbox, "MAX_OF_TARGET", 0)
        else:
            patch.setattr(outbox, "adding", lambda _: broken)
        await node.rooms.update(APP, "r", UpdateRoom(OLGA, name="renamed"))
        await node.told()
    await node.callbacks.reporter.note_figures()
    await node.die()

    await node.start()
    lost = (await node.told())[-1]
    assert msgspec.json.decode(lost.body)["RoomInfo"]["RoomName"] == "renamed"


def broken(_: object) -> None:
    raise RuntimeError("ours")


async def test_who_wants_nothing_any_more_is_not_told_of_rooms_that_died(node: Node) -> None:
    await node.want(live=EVERYTHING)
    await node.create()
    await node.want(live=None)
    await node.die()
    await node.start()

    assert node.callbacks.config(APP) == Config()
    assert "AfterDestroyRoom" not in names(await node.told())


async def test_what_is_set_outlives_the_process(node: Node) -> None:
    config = Config(live=EVERYTHING, rtc=RtcCallbacks(url="http://127.0.0.1:9/", key="k"), token=Token("t", True))
    await node.want(live=config.live, rtc=config.rtc, token=config.token)
    await node.die()
    await node.start()

    assert node.callbacks.config(APP) == config


async def test_a_url_that_is_refused_changes_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.want(live=EVERYTHING)
    monkeypatch.setattr(node.callbacks._poster, "_private", False)

    for config in ({"live": LiveCallbacks(url="http://10.0.0.1/", commands=commands.ALL)},
                   {"rtc": RtcCallbacks(url="ftp://example.com/")}):  # fmt: skip
        with pytest.raises(ProtocolError):
            await node.want(**config)
    assert node.callbacks.config(APP) == Config(live=EVERYTHING)


async def test_too_many_questions_at_once_are_not_answered(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("nobody is called")

    monkeypatch.setattr(poster.Poster, "post", never)
    await node.want(live=EVERYTHING)
    gates = node.callbacks.gates
    gates._asking[APP] = 256

    asked = gates.message(APP, RoomId("r"), Draft(MessageKind.TEXT, ANNA, "hello"))
    assert asked is not None
    await asked
    assert node.callbacks.statistics()["questions_unanswered"] == 1


async def test_a_fault_of_ours_reaches_no_room(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    await node.want(live=EVERYTHING)

    def broken(*_: object) -> bool:
        raise RuntimeError("ours")

    node.callbacks.reporter._outbox.tell = broken  # type: ignore[method-assign]
    await node.create()
    assert node.rooms.room(APP, "r").owner == OLGA
    assert "an event of a room was not told" in caplog.text
    del node.callbacks.reporter._outbox.tell  # type: ignore[attr-defined]
