"""Billing, small and in memory: limits, features, epochs, expiry; every call really lets the others run.

It is strict where the true one is lenient, so that a rooms package that leaks or gives back too much is found out: a
release of what is not held is counted in `odd_releases`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from billing.interface import AppId, EditionView, Feature, Gauge, Lease, Refused

TTL = 30.0
"""Seconds a lease lives."""

CODES = {
    Gauge.ROOMS: (100013, "rooms_limit"),
    Gauge.AUDIENCE: (101011, "audience_full"),
    Gauge.SEATS: (100205, "seats_full"),
}

Holder = tuple[AppId, Gauge, str, str]


class FakeEntitlements:
    def __init__(self, clock: Callable[[], float], **limits: int | None) -> None:
        """`limits` by the name of the gauge; a gauge that is not named is unlimited."""
        self.clock = clock
        self.limits: dict[Gauge, int | None] = {gauge: limits.get(gauge.value) for gauge in Gauge}
        self.features = set(Feature)
        self.held: dict[Holder, Lease] = {}
        self.most: dict[tuple[AppId, Gauge, str], int] = {}
        self.calls: list[str] = []
        self.renewals: list[int] = []
        self.odd_releases = 0
        self.failing: set[str] = set()
        self.gate: asyncio.Event | None = None
        """When there, `admit` and `release` wait for it after they have been called."""
        self._epoch = 0
        self._forgotten: set[int] = set()

    async def edition(self, app: AppId) -> EditionView:
        await self._turn("edition")
        if app < 0:
            raise Refused(60006, "unknown_app", "There is no such app.")
        return EditionView(app, "trial", frozenset(self.features), dict(self.limits), 1280 * 720, None)

    async def admit(self, app: AppId, gauge: Gauge, *, scope: str, holder: str) -> Lease:
        await self._turn(f"admit {gauge}")
        key = (app, gauge, scope, holder)
        self._expire()
        limit, used = self.limits[gauge], self.used(app, gauge, scope)
        if key not in self.held:
            if limit is not None and used >= limit:
                raise Refused(*CODES[gauge], f"The limit of {gauge} is {limit}.", limit=limit, used=used)
            self._epoch += 1
            self.held[key] = Lease(app, gauge, scope, holder, self._epoch, 0)
            self.most[key[:3]] = max(self.most.get(key[:3], 0), used + 1)
        lease = self.held[key] = replace(self.held[key], expires_at=self.clock() + TTL)
        await asyncio.sleep(0)  # the answer travels too: a caller can be cancelled after it was granted
        return lease

    async def release(self, lease: Lease) -> None:
        await self._turn(f"release {lease.gauge}")
        key = (lease.app, lease.gauge, lease.scope, lease.holder)
        if key in self.held and self.held[key].epoch == lease.epoch:
            del self.held[key]
        elif lease.epoch not in self._forgotten:
            self.odd_releases += 1
        await asyncio.sleep(0)

    async def renew(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        await self._turn("renew")
        self._expire()
        self.renewals.append(len(leases))
        renewed = []
        for lease in leases:
            key = (lease.app, lease.gauge, lease.scope, lease.holder)
            if key in self.held and self.held[key].epoch == lease.epoch:
                self.held[key] = replace(self.held[key], expires_at=self.clock() + TTL)
                renewed.append(self.held[key])
        await asyncio.sleep(0)
        return renewed

    async def require(self, app: AppId, feature: Feature) -> None:
        await self._turn(f"require {feature}")
        if feature not in self.features:
            raise Refused(100007, "not_in_edition", f"The edition has no {feature}.")

    # For tests

    def used(self, app: AppId, gauge: Gauge, scope: str) -> int:
        return sum(key[:3] == (app, gauge, scope) for key in self.held)

    def holders(self, app: AppId, gauge: Gauge, scope: str = "") -> set[str]:
        return {key[3] for key in self.held if key[:3] == (app, gauge, scope)}

    def restart(self) -> None:
        """The store forgets everything; giving back what it forgot is not odd."""
        self._forgotten |= {lease.epoch for lease in self.held.values()}
        self.held.clear()

    def _expire(self) -> None:
        self.held = {key: lease for key, lease in self.held.items() if lease.expires_at > self.clock()}

    async def _turn(self, call: str) -> None:
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.gate is not None and call.startswith(("admit", "release")):
            await self.gate.wait()
        if call.split()[0] in self.failing:
            raise OSError("the store is not there")
