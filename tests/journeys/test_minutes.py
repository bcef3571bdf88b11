"""The minutes of a scripted session, computed by hand.

Real rooms, real billing with its journal and ledger on disk, the real meter; the clocks and what flowed are the script.
The evening, in seconds from 20:00:00 Asia/Shanghai on 2026-11-23:

      0   the host's media is ready; it publishes 1280x720 and receives nothing      -> audio
     10   ann watches, ben watches                                                    -> HD each
     30   dan listens only                                                            -> audio
     70   ben switches to audio only                                                  -> audio from here on
    100   ann's tab is closed; her last sign of life was at 95                        -> billed to 95
    130   ben and dan leave
    150   the host ends the room

      host 150 audio; ann 95 - 10 = 85 HD; ben 60 HD + 60 audio; dan 100 audio
      audio 150 + 60 + 100 = 310 s = 6 min (rounded up once), HD 85 + 60 = 145 s = 3 min
"""

from __future__ import annotations

from pathlib import Path

from billing.interface import AppId, Bucket, Session, Tier
from billing.service import Billing
from media.interface import FlowFact
from rooms.interface import RoomId, UserId
from signaling.stays import Stay, Stays
from signaling.usage import UsageMeter

HD = 1280 * 720
EVENING = 1_795_435_200  # 2026-11-23 20:00:00 +08:00
AHEAD = 1_000  # what the monotonic clock shows then


class Evening:
    """Members come and go; each second the meter looks at what flowed."""

    def __init__(self, app: AppId, billing: Billing) -> None:
        self.app = app
        self.billing = billing
        self.now = 0.0
        self.stays = Stays()
        self.meter = UsageMeter(billing, self.stays)
        self.flowing: dict[str, tuple[int, float | None]] = {}  # user -> (pixels, last sign of life if it is fixed)

    def enter(self, user: str, pixels: int) -> None:
        stay = Stay(self.app, RoomId("evening"), UserId(user), Session(self.app, f"stay_{user}", "evening", user))
        self.stays.add(stay)
        self.stays.bind(user, stay)
        self.flowing[user] = (pixels, None)

    def leave(self, user: str) -> None:
        stay = self.stays.unbind(user)
        assert stay is not None
        self.stays.remove(stay)
        del self.flowing[user]
        self.billing.end(stay.session)

    def run_until(self, second: int) -> None:
        while self.now < second:
            self.now += 1
            facts = [
                FlowFact(user, pixels, AHEAD + (self.now if seen is None else seen))
                for user, (pixels, seen) in self.flowing.items()
            ]
            self.meter.tick(facts, wall=EVENING + self.now, monotonic=AHEAD + self.now)


async def test_the_minutes_of_a_scripted_evening(tmp_path: Path) -> None:
    billing = Billing(tmp_path, clock=lambda: EVENING + 300.0)
    await billing.start()
    app = (await billing.demo_app()).app
    evening = Evening(app, billing)

    evening.enter("host", 0)
    evening.run_until(10)
    evening.enter("ann", HD)
    evening.enter("ben", HD)
    evening.run_until(30)
    evening.enter("dan", 0)
    evening.run_until(70)
    evening.flowing["ben"] = (0, None)
    evening.run_until(95)
    evening.flowing["ann"] = (HD, 95.0)
    evening.run_until(100)
    evening.leave("ann")
    evening.run_until(130)
    evening.leave("ben")
    evening.leave("dan")
    evening.run_until(150)
    evening.leave("host")
    await billing.flush()

    midnight = EVENING - 20 * 3600
    rows = await billing.usage(app, start=midnight, end=midnight + 86400, bucket=Bucket.DAY)
    assert [(row.start, row.tier, row.seconds, row.minutes) for row in rows] == [
        (midnight, Tier.AUDIO, 310, 6),
        (midnight, Tier.HD, 145, 3),
    ]
    assert await billing.audit() == []
    await billing.close()
