"""The app's own server is asked before a member's message is said: when, and what holds while it thinks."""

from __future__ import annotations

import asyncio

import pytest
from room_house import APP, House

from rooms.interface import Draft, MessageKind, RoomRefused, Rooms, UserId

ANNA, OLGA = UserId("anna"), UserId("olga")


class Gate:
    """Lets through what the test says yes to."""

    def __init__(self) -> None:
        self.asked: list[Draft] = []
        self.says: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, app: object, room: object, draft: Draft) -> asyncio.Future[None]:
        self.asked.append(draft)
        return self.says


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
async def house(gate: Gate) -> House:
    made = House()
    made.rooms = Rooms(made.billing, clock=made.clock, store=made.store, listener=made._hear_room, message_gate=gate)
    await made.create()
    await made.enter("anna")
    made.told()
    return made


async def asked(house: House, text: str = "hello") -> asyncio.Task[object]:
    """Anna's wish, which waits for the gate by now."""
    task: asyncio.Task[object] = asyncio.ensure_future(house.rooms.talk.say(APP, "r", ANNA, text))
    await asyncio.sleep(0)
    assert not task.done()
    assert house.told() == []
    return task


async def code_of(task: asyncio.Task[object]) -> int:
    with pytest.raises(RoomRefused) as refused:
        await task
    return refused.value.code


async def test_what_the_server_says_yes_to_is_said(house: House, gate: Gate) -> None:
    task = await asked(house)
    gate.says.set_result(None)
    await task

    assert gate.asked == [Draft(MessageKind.TEXT, ANNA, "hello")]
    assert house.told() == ["MessageSent"]
    assert house.rooms.talk.statistic(APP, "r").total_msg_count == 1


async def test_what_it_refuses_is_not_said_and_not_counted(house: House, gate: Gate) -> None:
    task = await asked(house)
    gate.says.set_exception(RoomRefused(80001, "message_blocked", "No."))

    assert await code_of(task) == 80001
    assert house.told() == []
    assert house.rooms.talk.statistic(APP, "r").total_msg_count == 0
    assert house.rooms.talk.recent(APP, "r", OLGA) == ()


async def test_nothing_is_said_by_who_was_muted_meanwhile(house: House, gate: Gate) -> None:
    task = await asked(house)
    await house.rooms.mute(APP, "r", None, ANNA, 60)
    gate.says.set_result(None)

    assert await code_of(task) == 100017
    assert house.told() == ["MemberMuted"]


async def test_nothing_is_said_by_who_left_meanwhile(house: House, gate: Gate) -> None:
    task = await asked(house)
    await house.rooms.leave(APP, "r", ANNA)
    gate.says.set_result(None)

    assert await code_of(task) == 100005
    assert house.told() == ["MemberLeft"]


async def test_nothing_is_said_in_a_room_that_ended_meanwhile_even_when_another_has_its_name(
    house: House, gate: Gate
) -> None:
    task = await asked(house)
    await house.rooms.dismiss(APP, "r", None)
    await house.create()
    await house.enter("anna")
    house.told()
    gate.says.set_result(None)

    assert await code_of(task) == 100004
    assert house.told() == []


async def test_the_server_is_not_asked_about_what_rooms_refuses(house: House, gate: Gate) -> None:
    gate.says.set_result(None)
    talk = house.rooms.talk
    for wish, code in (
        (talk.say(APP, "r", ANNA, "  "), 100002),
        (talk.say(APP, "r", UserId("ben"), "hello"), 100005),
        (talk.say_custom(APP, "r", ANNA, "b" * 51, ""), 100002),
    ):
        assert await code_of(asyncio.ensure_future(wish)) == code
    for number in range(10):
        await talk.say(APP, "r", ANNA, f"{number}")
    assert await code_of(asyncio.ensure_future(talk.say(APP, "r", ANNA, "too much"))) == 100012

    assert len(gate.asked) == 10


async def test_without_a_gate_nothing_is_awaited() -> None:
    house = House()
    await house.create()
    wish = house.rooms.talk.say(APP, "r", OLGA, "hello")

    with pytest.raises(StopIteration):
        wish.send(None)
    assert house.told()[-1] == "MessageSent"
