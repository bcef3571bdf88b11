"""Renewing, losing and failing to give back."""

from __future__ import annotations

import logging

import pytest
from room_house import APP, House

from billing.interface import Gauge
from rooms.interface import RoomRefused, UserId

ANNA, BEN = UserId("anna"), UserId("ben")


async def test_all_leases_are_renewed_in_one_call_every_10_seconds(house: House) -> None:
    await house.create("olga", "r")
    await house.create("ben", "r2")
    await house.enter("anna")

    await house.pass_seconds(35)

    assert house.billing.renewals == [5, 5, 5]
    assert len(house.billing.held) == 5


async def test_an_evening_of_renewals_loses_nothing(house: House) -> None:
    await house.create()
    await house.enter("anna")

    await house.pass_seconds(3600)

    assert (house.audience_leases(), house.seat_leases(), house.room_leases()) == ({"anna"}, {"olga"}, {"r"})
    assert house.billing.odd_releases == 0


async def test_a_node_without_rooms_asks_billing_nothing(house: House) -> None:
    await house.pass_seconds(60)

    assert house.billing.calls == []


async def test_leases_that_were_lost_are_asked_for_again(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.rooms.take_seat(APP, "r", ANNA, None)
    house.billing.restart()
    house.told()

    await house.pass_seconds(10)

    assert (house.audience_leases(), house.seat_leases(), house.room_leases()) == ({"anna"}, {"olga", "anna"}, {"r"})
    assert house.told() == []
    await house.rooms.close()
    house.check_nothing_is_left()


async def test_a_limit_never_evicts_and_what_it_refused_is_asked_for_at_every_renewal(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.enter("ben")
    house.billing.restart()
    house.billing.limits[Gauge.AUDIENCE] = 1
    house.told()

    await house.pass_seconds(30)
    assert house.rooms.room(APP, "r").audience_count == 2
    assert house.told() == []
    assert len(house.audience_leases()) == 1

    house.billing.limits[Gauge.AUDIENCE] = None
    await house.pass_seconds(10)
    assert house.audience_leases() == {"anna", "ben"}


async def test_a_renewal_that_fails_is_tried_again_a_second_later(house: House) -> None:
    await house.create()
    house.billing.failing.add("renew")
    with pytest.raises(OSError, match="the store is not there"):
        await house.pass_seconds(10)

    house.billing.failing.clear()
    await house.pass_seconds(1)

    assert house.billing.renewals == [2]


@pytest.mark.parametrize("lost", [True, False])
async def test_who_leaves_while_leases_are_renewed_holds_none(house: House, lost: bool) -> None:
    await house.create()
    await house.enter("anna")
    if lost:
        house.billing.restart()
    house.clock.now += 10
    in_the_middle = 0
    real = house.billing.renew

    async def renew(leases: object) -> object:
        nonlocal in_the_middle
        found = await real(leases)  # type: ignore[arg-type]
        await house.rooms.leave(APP, "r", ANNA)
        in_the_middle += 1
        return found

    house.billing.renew = renew  # type: ignore[assignment, method-assign]
    await house.rooms.tick()

    assert in_the_middle == 1
    assert house.audience_leases() == set()
    assert house.rooms.statistics()["leases"] == 2


async def test_who_leaves_leaves_even_when_billing_takes_nothing_back(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.create()
    await house.enter("anna")
    house.billing.failing.add("release")

    with caplog.at_level(logging.CRITICAL, "rooms"):
        await house.rooms.leave(APP, "r", ANNA)
        await house.rooms.dismiss(APP, "r", None)

    assert house.told()[-2:] == ["MemberLeft", "RoomDismissed"]
    assert house.rooms.statistics()["releases_failed"] == 3
    with pytest.raises(RoomRefused):
        house.rooms.room(APP, "r")
    house.billing.failing.clear()
    await house.create()  # and what was not taken back is renewed for the same holder, or ends by itself


async def test_a_store_that_fails_in_the_middle_of_a_creation_leaves_nothing_behind(house: House) -> None:
    real = house.billing.admit

    async def admit(app: object, gauge: Gauge, **rest: str) -> object:
        if gauge is Gauge.SEATS:
            raise OSError("the store is not there")
        return await real(app, gauge, **rest)  # type: ignore[arg-type]

    house.billing.admit = admit  # type: ignore[assignment, method-assign]
    with pytest.raises(OSError, match="not there"):
        await house.create()

    house.check_nothing_is_left()
    assert house.billing.odd_releases == 0


async def test_a_grace_whose_end_failed_ends_at_the_next_tick(house: House) -> None:
    await house.create()
    await house.enter("anna")
    await house.drop("anna")

    def fail(event: object) -> None:
        raise RuntimeError("the listener failed")

    house.clock.now += 30
    told, house.rooms._listener = house.rooms._listener, fail
    with pytest.raises(RuntimeError):
        await house.rooms.tick()
    house.rooms._listener = told
    await house.rooms.tick()

    assert house.rooms.statistics()["members"] == 1
    assert len(house.rooms._graces) == 0
