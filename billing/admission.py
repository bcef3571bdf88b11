"""Who holds a unit of which limit right now: leases that end by themselves.

One call checks and takes in one step, so that racing callers never hold more than the limit. A limit that is lowered
evicts nobody; it only refuses new leases.

Pure: keys and `now` (Unix seconds) in, leases or refusals out.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import replace

from billing.errors import gauge_full
from billing.interface import AppId, Gauge, Lease

__all__ = ["Admission", "TTL"]

TTL = 30.0
"""Seconds a lease lives without renewal."""
Scope = tuple[AppId, Gauge, str]


class Admission:
    """All leases of a node."""

    def __init__(self) -> None:
        self._held: dict[Scope, dict[str, Lease]] = {}
        self._expiries: list[tuple[float, int, Scope, str]] = []  # a heap; stale entries are passed over
        self._epoch = 0

    def admit(self, app: AppId, gauge: Gauge, scope: str, holder: str, limit: int | None, now: float) -> Lease:
        """One unit for `holder`, or Refused. The holder of a running lease gets it renewed."""
        self.expire(now)
        key = (app, gauge, scope)
        holders = self._held.get(key, {})
        current = holders.get(holder)
        if current is not None:
            return self._keep(key, replace(current, expires_at=now + TTL))
        if limit is not None and len(holders) >= limit:
            raise gauge_full(gauge, limit, len(holders))
        self._epoch += 1
        return self._keep(key, Lease(app, gauge, scope, holder, self._epoch, now + TTL))

    def release(self, lease: Lease) -> None:
        """Gives back; a lease that has been followed by another of the same holder is left alone."""
        key = (lease.app, lease.gauge, lease.scope)
        current = self._held.get(key, {}).get(lease.holder)
        if current is not None and current.epoch == lease.epoch:
            self._drop(key, lease.holder)

    def renew(self, leases: Sequence[Lease], now: float) -> list[Lease]:
        """The extended leases; what had expired is missing."""
        self.expire(now)
        renewed = []
        for lease in leases:
            key = (lease.app, lease.gauge, lease.scope)
            current = self._held.get(key, {}).get(lease.holder)
            if current is not None and current.epoch == lease.epoch:
                renewed.append(self._keep(key, replace(current, expires_at=now + TTL)))
        return renewed

    def expire(self, now: float) -> None:
        """Frees what nobody renewed."""
        while self._expiries and self._expiries[0][0] <= now:
            _, epoch, key, holder = heapq.heappop(self._expiries)
            current = self._held.get(key, {}).get(holder)
            if current is None or current.epoch != epoch:
                continue
            if current.expires_at <= now:
                self._drop(key, holder)
            else:
                heapq.heappush(self._expiries, (current.expires_at, epoch, key, holder))

    def used(self, app: AppId, gauge: Gauge, scope: str, now: float) -> int:
        self.expire(now)
        return len(self._held.get((app, gauge, scope), {}))

    def statistics(self) -> Mapping[str, int]:
        """Leases held, by gauge."""
        counts = {f"leases_{gauge}": 0 for gauge in Gauge}
        for (_, gauge, _), holders in self._held.items():
            counts[f"leases_{gauge}"] += len(holders)
        return counts

    def _keep(self, key: Scope, lease: Lease) -> Lease:
        holders = self._held.setdefault(key, {})
        if lease.holder not in holders:  # a renewed lease keeps its entry in the heap, which is moved when it comes up
            heapq.heappush(self._expiries, (lease.expires_at, lease.epoch, key, lease.holder))
        holders[lease.holder] = lease
        return lease

    def _drop(self, key: Scope, holder: str) -> None:
        holders = self._held[key]
        del holders[holder]
        if not holders:
            del self._held[key]
