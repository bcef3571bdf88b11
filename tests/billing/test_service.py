"""Billing as a whole: what is reported is booked once, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from billing.interface import AppId, Bucket, Feature, Gauge, Refused, Session, Tier
from billing.journal import Event
from billing.service import Billing
from billing.store import Gap, Store, event_body

NOON = 1_795_406_400  # 2026-11-23 12:00:00 in Shanghai
DAY = 86400
HD = 1280 * 720


class Clock:
    def __init__(self) -> None:
        self.now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def opened(tmp_path: Path, clock: Clock) -> Billing:
    billing = Billing(tmp_path, clock=clock)
    await billing.start()
    return billing


async def code_of(call: object) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        await call  # type: ignore[misc]
    return refusal.value.code, refusal.value.name


async def test_the_demo_app_is_found_again_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    demo = await billing.demo_app()
    await billing.close()
    clock.now += DAY
    billing = await opened(tmp_path, clock)

    assert await billing.demo_app() == demo
    assert demo.expires_at == NOON + 7 * DAY
    assert (await billing.edition(demo.app)).edition == "trial"
    await billing.close()


async def test_trials_are_two_of_an_app_and_ten_of_an_account(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    account = await billing.create_account("acme")
    apps = [(await billing.create_app(account, f"app{number}"))[0] for number in range(6)]

    for app in apps[:5]:
        await billing.start_trial(app)
        extension = await billing.start_trial(app)
        assert extension.ends_at == NOON + 14 * DAY
    assert await code_of(billing.start_trial(apps[0])) == (100007, "trial_used_up")
    assert await code_of(billing.start_trial(apps[5])) == (100007, "trial_used_up")
    await billing.close()


async def test_an_edition_that_ended_refuses_everything_until_another_begins(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    app, _ = await billing.create_app(await billing.create_account("acme"), "app")
    assert await code_of(billing.admit(app, Gauge.ROOMS, scope="", holder="r")) == (100007, "not_in_edition")

    await billing.assign_edition(app, "single_host", NOON + DAY)
    await billing.admit(app, Gauge.ROOMS, scope="", holder="r")
    assert await code_of(billing.require(app, Feature.CO_GUEST)) == (100007, "not_in_edition")

    clock.now += DAY
    assert (await billing.edition(app)).edition == "none"
    assert await code_of(billing.require(app, Feature.BEAUTY)) == (100007, "not_in_edition")
    await billing.assign_edition(app, "large_scale", None)
    await billing.require(app, Feature.CO_GUEST)
    assert (await billing.edition(app)).limits[Gauge.AUDIENCE] is None
    await billing.close()


async def test_an_unknown_app_is_60006_everywhere(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    stranger = AppId(1_499_999_999)

    assert await code_of(billing.edition(stranger)) == (60006, "unknown_app")
    assert await code_of(billing.app_secret(stranger)) == (60006, "unknown_app")
    assert await code_of(billing.admit(stranger, Gauge.ROOMS, scope="", holder="r")) == (60006, "unknown_app")
    usage = billing.usage(stranger, start=0, end=1, bucket=Bucket.DAY)
    assert await code_of(usage) == (60006, "unknown_app")
    await billing.close()


async def test_used_seconds_are_reported_by_bucket_and_day(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    app = (await billing.demo_app()).app
    ann = Session(app, "stay_a", "room", "ann")
    for second in range(NOON - 30, NOON + 45):
        billing.observe(ann, second, HD if second < NOON else 0)
    billing.end(ann)
    await billing.flush()

    rows = await billing.usage(app, start=NOON - 300, end=NOON + 300, bucket=Bucket.FIVE_MINUTES)
    assert [(row.start, row.tier, row.seconds) for row in rows] == [
        (NOON - 300, Tier.HD, 30), (NOON, Tier.AUDIO, 45),
    ]  # fmt: skip
    (audio, video) = await billing.usage(app, start=NOON - DAY, end=NOON + 300, bucket=Bucket.DAY)
    assert (audio.tier, audio.minutes, video.tier, video.minutes) == (Tier.AUDIO, 1, Tier.HD, 1)
    assert await billing.audit() == []
    await billing.close()


@pytest.mark.parametrize(
    ("start", "end", "bucket"),
    [(10, 10, Bucket.DAY), (0, 32 * DAY, Bucket.DAY), (0, DAY + 1, Bucket.FIVE_MINUTES)],
)
async def test_ranges_that_make_no_sense_are_refused(
    tmp_path: Path, clock: Clock, start: int, end: int, bucket: Bucket
) -> None:
    billing = await opened(tmp_path, clock)
    app = (await billing.demo_app()).app

    assert await code_of(billing.usage(app, start=start, end=end, bucket=bucket)) == (100002, "bad_parameter")
    await billing.close()


async def test_open_runs_are_written_when_the_node_stops(tmp_path: Path, clock: Clock) -> None:
    billing = await opened(tmp_path, clock)
    app = (await billing.demo_app()).app
    billing.observe(Session(app, "stay_a", "room", "ann"), NOON, 0)
    await billing.close()
    billing = await opened(tmp_path, clock)

    rows = await billing.usage(app, start=NOON, end=NOON + 300, bucket=Bucket.FIVE_MINUTES)
    assert [row.seconds for row in rows] == [1]
    await billing.close()


def segment(source: str, sequence: int, start: int = NOON) -> Event:
    return Event(source, sequence, "media.segment", event_body(7, "stay", "room", "ann", "hd", start, start + 5))


async def test_a_repeat_is_booked_once_and_a_gap_is_named(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    await store.open()

    assert await store.append([segment("a", 1), segment("a", 2)]) == []
    assert await store.append([segment("a", 2), segment("a", 3)]) == []
    assert await store.append([segment("a", 6), segment("b", 1)]) == [Gap("a", 4, 6)]
    assert await store.append([segment("a", 6), segment("b", 1)]) == []

    assert sum(seconds for _, _, seconds in await store.seconds(AppId(7), 0, NOON + DAY)) == 5 * 5
    assert await store.audit() == []
    await store.close()


async def test_the_audit_finds_a_row_that_was_changed_by_hand(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    await store.open()
    await store.append([segment("a", 1)])
    await store._run(lambda connection: connection.exec_driver_sql("UPDATE usage_rollup SET seconds = 4"))

    (difference,) = await store.audit()
    assert (difference.rolled_up, difference.recomputed) == (4, 5)
    await store.close()
