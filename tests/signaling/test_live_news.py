"""Followers are told when an owner's room begins: those who are logged in here, and of public rooms only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from typing import cast

import pytest

from billing.interface import AppId, Refused
from rooms.interface import FollowKind, People, RoomCard, RoomCreated, RoomId, Rooms, UserId
from signaling import live_news
from signaling.live_news import LiveNews
from signaling.online import Online

APP, OLGA = AppId(1400000001), UserId("olga")
CARD = RoomCard(RoomId("r"), "Piano", OLGA, "Olga", "", 1.0, 0, 1, 1, 4)
BEGUN = RoomCreated(APP, RoomId("r"), 1.0, CARD)


class Outlet:
    takes_offers = True

    def __init__(self, identifier: str) -> None:
        self.id = identifier
        self.heard: list[str] = []

    def push(self, text: str) -> None:
        self.heard.append(text)

    def write(self, frames: bytes) -> None:
        raise AssertionError("news are pushed")

    def left(self, reason: str) -> None:
        raise AssertionError("nobody is in a room here")


class SomeRooms:
    card: RoomCard | None = CARD

    def owned_by(self, app: AppId, user: UserId) -> RoomCard | None:
        return self.card if user == OLGA else None


class SomePeople:
    """bob and cyd follow olga."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.answered = asyncio.Event()
        self.refusal: Exception | None = None

    async def among(self, app: AppId, user: UserId, kind: FollowKind, users: Collection[UserId]) -> set[UserId]:
        assert (user, kind) == (OLGA, FollowKind.FOLLOWERS)
        self.asked.append(len(users))
        await asyncio.sleep(0)
        self.answered.set()
        if self.refusal is not None:
            raise self.refusal
        return {UserId("bob"), UserId("cyd")} & set(users)


class Stage:
    def __init__(self) -> None:
        self.rooms, self.people, self.online = SomeRooms(), SomePeople(), Online()
        self.news = LiveNews(cast(Rooms, self.rooms), cast(People, self.people), self.online)

    def login(self, user: str, connection: str = "c", app: AppId = APP) -> Outlet:
        outlet = Outlet(f"{user}_{connection}")
        self.online.add(app, UserId(user), outlet)
        return outlet

    async def told(self, *events: RoomCreated) -> None:
        """Returns when all of `events` have been told of."""
        for event in events:
            self.people.answered.clear()
            self.news.hear(event)
            await asyncio.wait_for(self.people.answered.wait(), 5)
            for _ in range(3):
                await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    running = asyncio.create_task(made.news.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_followers_hear_of_it_by_all_of_their_connections_and_others_do_not(stage: Stage) -> None:
    bob, again, dan = stage.login("bob"), stage.login("bob", "d"), stage.login("dan")
    foreign = stage.login("bob", app=AppId(1))

    await stage.told(BEGUN)

    expected = {"userid": "olga", "name": "Olga", "room_id": "r", "room_name": "Piano"}
    for outlet in (bob, again):
        (text,) = outlet.heard
        assert json.loads(text)["method"] == "follow.live"
        assert json.loads(text)["params"] == expected
    assert dan.heard == foreign.heard == []


async def test_a_room_that_is_hidden_or_over_or_another_by_then_is_not_told_of(stage: Stage) -> None:
    bob = stage.login("bob")
    for card in (None, RoomCard(RoomId("other"), "Other", OLGA, "Olga", "", 1.0, 0, 1, 1, 4)):
        stage.rooms.card = card
        await stage.told(BEGUN)

    assert bob.heard == []


async def test_a_refusal_or_a_fault_ends_nothing_but_this_news(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    bob = stage.login("bob")
    for refusal, logged in ((Refused(100007, "not_in_edition", "No."), 0), (OSError("no store"), 1)):
        stage.people.refusal = refusal
        await stage.told(BEGUN)
        assert len(caplog.records) == logged
    stage.people.refusal = None
    await stage.told(BEGUN)

    assert len(bob.heard) == 1


async def test_many_users_are_asked_about_in_chunks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_news, "CHUNK", 2)
    outlets = [stage.login(user) for user in ("bob", "dan", "eve", "cyd", "fay")]
    stage.news.hear(BEGUN)

    for _ in range(20):  # turns of the loop: nothing here waits for the world
        await asyncio.sleep(0)

    assert stage.people.asked == [2, 2, 1]
    assert [len(outlet.heard) for outlet in outlets] == [1, 0, 0, 1, 0]


async def test_what_does_not_fit_the_queue_is_counted_and_not_told() -> None:
    stage = Stage()  # nobody reads the queue
    for _ in range(live_news.MAX_WAITING + 2):
        stage.news.hear(BEGUN)

    assert stage.news.statistics() == {"live_news_untold": 2}


def test_who_logs_out_is_gone() -> None:
    online = Online()
    first, second = Outlet("1"), Outlet("2")
    for outlet in (first, second):
        online.add(APP, OLGA, outlet)
    online.remove(APP, OLGA, first)
    online.push(APP, OLGA, "hello")
    assert (first.heard, second.heard, online.users(APP)) == ([], ["hello"], [OLGA])

    online.remove(APP, OLGA, second)
    online.remove(APP, OLGA, second)
    online.push(APP, OLGA, "hello?")
    assert (online.users(APP), online.statistics(), second.heard) == ([], {"users_online": 0}, ["hello"])
