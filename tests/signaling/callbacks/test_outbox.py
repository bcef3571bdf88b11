"""What is told is on disk first, goes out in order, is tried again, given up, and told again by an operator's wish."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from callback_house import settled

from billing.interface import AppId
from signaling.callbacks import commands
from signaling.callbacks import outbox as outboxes
from signaling.callbacks import store as stores
from signaling.callbacks.lanes import Callback, Lanes
from signaling.callbacks.outbox import NotAccepted, Outbox, Undeliverable
from signaling.callbacks.payloads import Notice
from signaling.callbacks.schedule import DEAD_AFTER_S, pause
from signaling.callbacks.store import Store

APP, OTHER = AppId(1400000001), AppId(1400000002)
DAY = 86400.0


class Desk:
    """An outbox over a file, a receiver that says what the test wants, and a clock that tests move."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.got: list[tuple[str, str]] = []
        self.says: dict[str, Any] = {}  # by room: what is wrong there

    async def start(self) -> None:
        self.store = Store(f"sqlite:///{self.folder / 'callbacks.db'}")
        await self.store.open()
        self.outbox = Outbox(self.store, self.send, clock=lambda: self.now)
        await self.outbox.open()

    async def stop(self) -> None:
        await self.store.close()

    async def send(self, callback: Callback) -> str | None:
        self.got.append((callback.subject, callback.command))
        said = self.says.get(callback.subject)
        if isinstance(said, Exception):
            raise said
        return said() if callable(said) else said

    def tell(self, room: str, *names: str, app: AppId = APP) -> bool:
        return self.outbox.tell(app, "live", [Notice(name, room, {"CallbackCommand": name}) for name in names])

    async def turn(self) -> list[tuple[str, str]]:
        """Lets everything happen that is due by now; what the receiver got."""
        while True:
            await settled(self.outbox)
            self.outbox.start_due()
            if not self.outbox.statistics()["under_way"]:
                break
        got, self.got = self.got, []
        return got

    async def kept(self, *states: Any, room: str | None = None) -> list[stores.Kept]:
        await settled(self.outbox)
        wanted = states or ("pending", "delivered", "dead")
        return await self.store.read(stores.listing(APP, wanted, subject=room, after=0, most=100))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_what_is_told_goes_out_in_order(desk: Desk) -> None:
    desk.tell("r", "a", "b")
    desk.tell("s", "x")
    desk.tell("r", "c")

    got = await desk.turn()

    assert [name for room, name in got if room == "r"] == ["a", "b", "c"]
    assert ("s", "x") in got
    assert [(each.state, each.attempts, each.body) for each in await desk.kept(room="s")] == [
        ("delivered", 1, '{"CallbackCommand":"x"}')
    ]


async def test_nothing_goes_out_before_it_is_on_disk(desk: Desk) -> None:
    async def on_disk(callback: Callback) -> str | None:
        query = sa.select(stores.callbacks.c.number)
        numbers = await desk.store.read(lambda connection: list(connection.execute(query).scalars()))
        assert callback.number in numbers
        desk.got.append((callback.subject, callback.command))
        return None

    desk.outbox._send = on_disk
    desk.tell("r", "a", "b")
    assert await desk.turn() == [("r", "a"), ("r", "b")]


async def test_one_that_fails_holds_its_room_up_and_no_other(desk: Desk) -> None:
    desk.says["r"] = "HTTP 500"
    desk.tell("r", "a", "b")
    desk.tell("s", "x", "y")

    assert Counter(await desk.turn()) == Counter([("r", "a"), ("r", "a"), ("s", "x"), ("s", "y")]), "again at once"
    desk.now += 9
    assert await desk.turn() == []
    desk.now += 1
    assert await desk.turn() == [("r", "a")]
    del desk.says["r"]
    desk.now += 10
    assert await desk.turn() == [("r", "a"), ("r", "b")]
    first = (await desk.kept(room="r"))[0]
    assert (first.state, first.attempts, first.error) == ("delivered", 4, "")


def test_the_pauses() -> None:
    assert [pause(attempts) for attempts in range(1, 12)] == [0, 10, 10, 10, 10, 10, 10, 20, 40, 80, 160]
    assert pause(1000) == 3600


async def test_after_a_day_it_is_given_up_and_the_next_one_goes(desk: Desk) -> None:
    desk.says["r"] = "no answer within 5 s"
    began = desk.now
    desk.tell("r", "a")
    await desk.turn()
    desk.now += 12 * 3600
    desk.tell("r", "b")
    while desk.now < began + DEAD_AFTER_S:
        await desk.turn()
        desk.now += 1800
    assert set(await desk.turn()) == {("r", "a"), ("r", "b")}

    dead, waiting = await desk.kept()
    assert (dead.command, dead.state, dead.error) == ("a", "dead", "no answer within 5 s")
    assert dead.attempts == 21
    assert waiting.state == "pending"


async def test_one_that_is_not_accepted_is_given_up_after_a_minute_and_the_next_one_goes(desk: Desk) -> None:
    desk.says["r"] = NotAccepted("code 7")
    desk.tell("r", "a", "b")
    for _ in range(6):
        await desk.turn()
        assert [each.state for each in await desk.kept()] == ["pending", "pending"]
        desk.now += 10
    assert ("r", "b") in await desk.turn()

    dead, waiting = await desk.kept()
    assert (dead.command, dead.state, dead.attempts, dead.error) == ("a", "dead", 8, "code 7")
    assert waiting.state == "pending"


async def test_one_without_a_receiver_is_given_up_at_once(desk: Desk) -> None:
    desk.says["r"] = Undeliverable("no URL")
    desk.tell("r", "a", "b")
    await desk.turn()

    assert [(each.state, each.attempts) for each in await desk.kept()] == [("dead", 1), ("dead", 1)]


async def test_an_error_of_ours_is_a_failed_attempt(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.says["r"] = RuntimeError("ours")
    desk.tell("r", "a")
    await desk.turn()

    assert (await desk.kept("pending"))[0].error == "an error of the server"
    assert "ours" in caplog.text


async def test_dead_and_delivered_ones_are_told_again_before_what_came_later(desk: Desk) -> None:
    desk.says["r"] = Undeliverable("no URL")
    desk.tell("r", "a", "b")
    await desk.turn()
    desk.says["r"] = "HTTP 503"
    desk.now += 2 * DAY
    desk.tell("r", "c")
    await desk.turn()
    del desk.says["r"]

    revived = await desk.store.write(
        stores.reviving(APP, "live", ["dead"], desk.now, subject="r", numbers=None, most=10)
    )  # fmt: skip
    desk.outbox.take_up(revived)
    assert await desk.turn() == [("r", "a"), ("r", "b")], "c waits for its own time"
    desk.now += 10
    assert await desk.turn() == [("r", "c")]

    numbers = [(await desk.kept())[1].number]
    again = await desk.store.write(
        stores.reviving(APP, "live", ["delivered"], desk.now, subject=None, numbers=numbers, most=10)
    )  # fmt: skip
    desk.outbox.take_up(again)
    assert await desk.turn() == [("r", "b")]
    assert (
        await desk.store.write(stores.reviving(OTHER, "live", ["delivered"], 0, subject=None, numbers=None, most=9))
        == []
    )


async def test_a_replayed_one_has_a_day_of_its_own(desk: Desk) -> None:
    desk.says["r"] = Undeliverable("no URL")
    desk.tell("r", "a")
    await desk.turn()
    desk.now += 5 * DAY
    desk.says["r"] = "HTTP 500"
    desk.outbox.take_up(
        await desk.store.write(stores.reviving(APP, "live", ["dead"], desk.now, subject=None, numbers=None, most=1))
    )
    await desk.turn()

    assert [each.state for each in await desk.kept()] == ["pending"]


async def test_a_new_process_goes_on_where_the_old_one_ended(desk: Desk) -> None:
    desk.says["r"] = "HTTP 500"
    desk.tell("r", "a", "b")
    await desk.turn()
    await settled(desk.outbox)
    await desk.stop()

    del desk.says["r"]
    await desk.start()
    assert await desk.turn() == [], "its pause is kept"
    desk.now += 10
    desk.tell("r", "c")
    assert await desk.turn() == [("r", "a"), ("r", "b"), ("r", "c")]


async def test_the_end_of_a_process_delivers_what_it_can(desk: Desk) -> None:
    desk.says["r"] = "HTTP 500"
    desk.tell("r", "a")
    desk.tell("s", "x", "y")

    await desk.outbox.drain(5)

    assert Counter(room for room, _ in desk.got) == {"r": 2, "s": 2}


async def test_a_receiver_that_hangs_does_not_hold_up_the_end(desk: Desk) -> None:
    async def hang(_: Callback) -> str | None:
        await asyncio.Event().wait()
        return None

    desk.outbox._send = hang
    desk.tell("r", "a")
    await desk.outbox.drain(0.05)

    assert (await desk.kept())[0].state == "pending"


async def test_too_much_of_one_receiver_is_refused_and_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "MAX_OF_TARGET", 3)
    desk.says = dict.fromkeys("rst", "HTTP 500")

    assert desk.tell("r", "a", "b", "c")
    assert not desk.tell("s", "d")
    assert desk.outbox.tell(APP, "rtc", [Notice("101", "r", {})]), "another receiver of the same app"
    assert desk.tell("s", "e", "f", app=OTHER)
    await desk.turn()

    figures = desk.outbox.statistics()
    assert (figures["told"], figures["waiting"], figures["refused"]) == (6, 6, 1)


async def test_every_receiver_has_a_share_whatever_waits_for_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "MAX_WAITING", 5)
    monkeypatch.setattr(outboxes, "SHARE", 2)

    assert desk.tell("r", *"abcde")
    assert not desk.tell("r", "f")
    assert desk.tell("s", "a", "b", app=OTHER)
    assert not desk.tell("s", "c", app=OTHER)


async def test_cheap_callbacks_leave_a_reserve(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outboxes, "MAX_OF_TARGET", 8)

    assert desk.tell("r", *[commands.AFTER_SEND_MSG] * 6)
    for cheap in commands.CHEAP:
        assert not desk.tell("r", cheap)
    assert desk.tell("r", commands.AFTER_DESTROY_ROOM, commands.AFTER_END_BATTLE)
    assert desk.outbox.tell(APP, "rtc", [Notice("103", "r", {})] * 6)
    assert not desk.outbox.tell(APP, "rtc", [Notice("104", "r", {})])
    assert desk.outbox.tell(APP, "rtc", [Notice("102", "r", {})])


async def test_old_ones_are_forgotten_some_at_a_time(desk: Desk) -> None:
    desk.tell("r", *"abcde")
    await desk.turn()
    desk.says["s"] = Undeliverable("no URL")
    desk.tell("s", "dead")
    await desk.turn()
    await settled(desk.outbox)

    drop = stores.dropping_old(desk.now + 1, desk.now - 1, 0, 3)
    assert [await desk.store.write(drop) for _ in range(3)] == [3, 2, 0]
    assert [each.command for each in await desk.kept()] == ["dead"]
    desk.tell("r", "f")
    numbers = [each.number for each in await desk.kept()]
    assert numbers == sorted(set(numbers))


async def test_the_oldest_go_when_there_are_too_many(desk: Desk) -> None:
    desk.tell("r", *"abcde")
    await desk.turn()
    desk.says["r"] = "HTTP 500"
    desk.tell("r", "f")
    await desk.turn()
    await settled(desk.outbox)

    for most, left in ((7, "abcdef"), (4, "cdef"), (1, "f")):
        surplus = await desk.store.read(stores.surplus_before(most))
        await desk.store.write(stores.dropping_old(0, 0, surplus, 100))
        assert "".join(each.command for each in await desk.kept()) == left


async def test_a_disk_that_refuses_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "RETRY_S", 0.01)
    refusals = iter([True, True, False])

    def full(connection: sa.Connection) -> None:
        if next(refusals):
            raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    written = desk.store.write(full)
    desk.tell("r", "a")
    await written

    assert await desk.turn() == [("r", "a")]
    assert not desk.store.is_failing


async def test_a_write_that_fails_takes_no_other_with_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    desk.store.write(lambda _: gate.wait(5))  # what follows gathers in one batch
    desk.tell("r", "a")
    culprit = desk.store.write(stores.reviving(APP, "live", ["dead"], 0, subject=None, numbers=[10**30], most=1))
    desk.tell("r", "b")
    gate.set()

    with pytest.raises(Exception, match=r"(?i)too large"):
        await culprit
    assert await desk.turn() == [("r", "a"), ("r", "b")]
    assert desk.outbox.statistics()["lost"] == 0
    assert "a write of the callbacks failed" in caplog.text


async def test_many_writes_share_a_commit(desk: Desk) -> None:
    commits = []
    sa.event.listen(desk.store._engine, "commit", commits.append)
    for number in range(500):
        desk.tell(f"r{number}", "a")
    await settled(desk.outbox)

    assert len(commits) < 100
    assert desk.outbox.statistics()["told"] == 500


def callback(number: int, room: str = "r", app: AppId = APP) -> Callback:
    return Callback(number, app, "live", room, "c", "{}", 0.0)


def test_only_so_many_of_one_receiver_are_under_way() -> None:
    lanes = Lanes(per_target=2, total=3)
    for number in range(6):
        lanes.add(callback(number, f"r{number}"))
        lanes.add(callback(10 + number, f"r{number}", OTHER))

    first = lanes.take(0)
    assert Counter(each.app for each in first) == {APP: 2, OTHER: 1}
    turns = []
    for _ in range(4):
        lanes.done(first.pop(0))
        first += lanes.take(0)
        turns.append(first[-1].app)
    assert turns == [APP, OTHER, APP, OTHER]
    assert (len(lanes), lanes.flying) == (8, 3)


def test_all_that_is_added_goes_out_once_and_nothing_is_left() -> None:
    lanes = Lanes(per_target=2, total=3)
    for number in range(60):
        lanes.add(callback(number, f"r{number % 7}", APP if number % 2 else OTHER))
    out, now = [], 0.0
    while len(lanes):
        taken = lanes.take(now)
        assert taken or lanes.next_due is not None
        for each in taken:
            if each.attempts < each.number % 3:
                each.attempts += 1
                lanes.again(each, now + 10 * each.attempts)
            else:
                out.append(each)
                lanes.done(each)
        now += 1
    assert sorted(each.number for each in out) == list(range(60))
    for lane in {each.lane for each in out}:
        numbers = [each.number for each in out if each.lane == lane]
        assert numbers == sorted(numbers)
    assert lanes.take(now) == []
    assert lanes.next_due is None
    assert (lanes._lanes, lanes._ready, lanes._flying) == ({}, {}, {})
