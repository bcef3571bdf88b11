"""Leases: never more than the limit, none left behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.admission import TTL, Admission
from billing.interface import AppId, Gauge, Lease, Refused

APP = AppId(1)


def admit(admission: Admission, holder: str, limit: int | None, now: float = 0.0, gauge: Gauge = Gauge.SEATS) -> Lease:
    return admission.admit(APP, gauge, "room", holder, limit, now)


@pytest.mark.parametrize(
    ("gauge", "code", "name"),
    [
        (Gauge.ROOMS, 100013, "rooms_limit"), (Gauge.AUDIENCE, 101011, "audience_full"),
        (Gauge.SEATS, 100205, "seats_full"), (Gauge.LINKED_ROOMS, 100404, "linked_rooms_limit"),
    ],
)  # fmt: skip
def test_each_limit_has_its_public_code(gauge: Gauge, code: int, name: str) -> None:
    admission = Admission()
    admit(admission, "a", 1, gauge=gauge)

    with pytest.raises(Refused) as refusal:
        admit(admission, "b", 1, gauge=gauge)
    assert (refusal.value.code, refusal.value.name, refusal.value.limit, refusal.value.used) == (code, name, 1, 1)


def test_the_same_holder_gets_its_lease_renewed() -> None:
    admission = Admission()
    first = admit(admission, "a", 1)
    again = admit(admission, "a", 1, now=10)

    assert again.epoch == first.epoch
    assert again.expires_at == 10 + TTL


def test_a_lease_nobody_renews_frees_its_unit() -> None:
    admission = Admission()
    lease = admit(admission, "a", 1)

    with pytest.raises(Refused):
        admit(admission, "b", 1, now=TTL - 0.1)
    admit(admission, "b", 1, now=TTL)
    assert admission.renew([lease], TTL) == []


def test_a_renewed_lease_outlives_its_first_term() -> None:
    admission = Admission()
    lease = admit(admission, "a", 1)
    (renewed,) = admission.renew([lease], 20)

    with pytest.raises(Refused):
        admit(admission, "b", 1, now=TTL + 1)
    assert renewed.expires_at == 20 + TTL


def test_a_late_release_does_not_free_a_later_lease_of_the_same_holder() -> None:
    admission = Admission()
    old = admit(admission, "a", 1)
    admit(admission, "a", 1, now=TTL)
    admission.release(old)

    with pytest.raises(Refused):
        admit(admission, "b", 1, now=TTL)


def test_a_lowered_limit_evicts_nobody() -> None:
    admission = Admission()
    leases = [admit(admission, holder, 3) for holder in "abc"]

    with pytest.raises(Refused):
        admit(admission, "d", 1)
    assert len(admission.renew(leases, 1)) == 3


STEP = st.tuples(
    st.sampled_from(["admit", "release", "renew", "wait"]), st.sampled_from("abcdef"), st.floats(0.0, 20.0)
)


@given(st.lists(STEP, max_size=60), st.integers(0, 4))
def test_in_any_history_no_more_than_the_limit_hold_a_unit(steps: list[tuple[str, str, float]], limit: int) -> None:
    admission, held, now = Admission(), dict[str, Lease](), 0.0
    for action, holder, amount in steps:
        held = {name: lease for name, lease in held.items() if lease.expires_at > now}
        if action == "wait":
            now += amount
        elif action == "admit":
            room = holder in held or len(held) < limit
            try:
                held[holder] = admit(admission, holder, limit, now)
                assert room
            except Refused:
                assert not room
        elif action == "release" and holder in held:
            admission.release(held.pop(holder))
        elif action == "renew" and holder in held:
            held |= {lease.holder: lease for lease in admission.renew([held[holder]], now)}
        held = {name: lease for name, lease in held.items() if lease.expires_at > now}
        assert admission.used(APP, Gauge.SEATS, "room", now) == len(held) <= max(limit, 0)
    for lease in held.values():
        admission.release(lease)
    admission.expire(now + TTL)
    assert not any(admission.statistics().values())
