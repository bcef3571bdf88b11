"""Messages of data channels: how many, and how they leave."""

from __future__ import annotations

import asyncio

from media.drops import Drop, Drops
from media.forwarding.messages import MAX_WAITING, OCTETS_PER_SECOND, PER_SECOND, Allowance, Delivery


def test_a_sender_may_send_so_many_a_second_and_twice_as_many_at_once() -> None:
    allowance, now = Allowance(100.0), 100.0
    assert sum(allowance.take(10, now) for _ in range(1000)) == 2 * PER_SECOND
    passed = 0
    for _ in range(3000):
        now += 0.001
        passed += allowance.take(10, now)

    assert abs(passed - 3 * PER_SECOND) <= 1


def test_large_messages_are_bounded_by_their_bytes() -> None:
    allowance = Allowance(0.0)
    assert sum(allowance.take(16 << 10, 0.0) for _ in range(100)) == 2 * OCTETS_PER_SECOND // (16 << 10)
    assert not allowance.take(16 << 10, 0.1)
    assert allowance.take(16 << 10, 0.4)


class Ear:
    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def send_data(self, message: bytes) -> None:
        self.heard.append(message)


async def test_everybody_gets_every_message_in_turn_and_the_loop_goes_on() -> None:
    ears, delivery = [Ear() for _ in range(5000)], Delivery(Drops())
    turns = 0
    for number in range(3):
        delivery.submit(ears, bytes((number,)))
    async with asyncio.timeout(10):
        while len(ears[-1].heard) < 3:
            turns += 1
            await asyncio.sleep(0)

    assert all(ear.heard == [b"\0", b"\1", b"\2"] for ear in ears)
    assert turns > 1


async def test_what_waits_is_bounded() -> None:
    drops, ear = Drops(), Ear()
    delivery = Delivery(drops)
    delivery.submit([ear] * (MAX_WAITING + 7), b"x")
    assert drops[Drop.DATA_FULL] == 7
    delivery.close()
    await asyncio.sleep(0)
    assert ear.heard == []
