"""What rooms hold of billing's limits: one book of leases per room, and the asking, giving back and renewing.

Billing renews the running lease of a holder that asks again instead of giving a second one. So asking and giving back
for one room never overlap (the caller holds the room's lock), and nothing is left to happen later: a caller that is
cancelled waits for billing's answer, gives back what it got, and is cancelled then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from billing.interface import AppId, Entitlements, Gauge, Lease, Refused
from rooms.ids import RoomId

__all__ = ["Book", "Leases", "Unit", "to_the_end"]

logger = logging.getLogger(__name__)

Unit = tuple[Gauge, str]
"""One unit of a gauge and who holds it, within one room."""
T = TypeVar("T")


class Book:
    """The leases of one room. `lock` is the room's: who asks or gives back holds it."""

    def __init__(self, app: AppId, room_id: RoomId, lock: asyncio.Lock) -> None:
        self.app = app
        self.key = f"{app}:{room_id}"
        """The room as billing knows it: an opaque word."""
        self.lock = lock
        self.leases: dict[Unit, Lease] = {}

    def strike(self, *units: Unit) -> list[Lease]:
        """Takes what is held of `units` out of the book."""
        struck = [self.leases.pop(unit, None) for unit in units]
        return [lease for lease in struck if lease is not None]

    def strike_all(self) -> list[Lease]:
        return self.strike(*list(self.leases))


class Leases:
    """Asks billing, and gives back."""

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements
        self.releases_failed = 0

    async def ask(self, book: Book, *units: Unit) -> Mapping[Unit, Lease]:
        """Takes all `units` for the caller to book, or raises what billing says and has taken none."""
        asking = asyncio.ensure_future(self._admit(book, units))
        try:
            leases = await to_the_end(asking)
        except asyncio.CancelledError:
            if not asking.cancelled() and asking.exception() is None:
                await self.give_back(asking.result())
            raise
        return dict(zip(units, leases, strict=True))

    async def give_back(self, leases: Iterable[Lease]) -> None:
        """Returns what was struck out; does so to the end when cancelled, and never fails."""
        struck = list(leases)
        if struck:
            await to_the_end(asyncio.ensure_future(self._release(struck)))

    async def renew(self, books: Iterable[Book]) -> None:
        """Renews all leases in one call, and asks again for those that were lost (billing's store was restarted)."""
        held = [(book, unit, lease) for book in books for unit, lease in book.leases.items()]
        if not held:
            return
        renewed = await self._entitlements.renew([lease for _, _, lease in held])
        found = {(lease.app, lease.gauge, lease.scope, lease.holder): lease for lease in renewed}
        for book, unit, lease in held:
            extended = found.get((lease.app, lease.gauge, lease.scope, lease.holder))
            if extended is None:
                await self._ask_again(book, unit, lease)
            elif book.leases.get(unit) is lease:  # else it ended, or is another one, since we asked
                book.leases[unit] = extended

    async def _ask_again(self, book: Book, unit: Unit, lost: Lease) -> None:
        """A limit never evicts: refused now, the lost lease stays in the book and is asked for at the next renewal."""
        async with book.lock:
            if book.leases.get(unit) is lost:
                try:
                    book.leases.update(await self.ask(book, unit))
                except Refused:
                    return

    async def _admit(self, book: Book, units: Sequence[Unit]) -> list[Lease]:
        leases: list[Lease] = []
        try:
            for gauge, holder in units:
                scope = "" if gauge is Gauge.ROOMS else book.key
                leases.append(await self._entitlements.admit(book.app, gauge, scope=scope, holder=holder))
        except BaseException:
            await self._release(leases)
            raise
        return leases

    async def _release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            try:
                await self._entitlements.release(lease)
            except Exception:
                # Nothing is lost: nobody renews it, so it ends by itself. A member's leaving must not fail for it.
                self.releases_failed += 1
                logger.exception("a lease could not be given back gauge=%s scope=%s", lease.gauge, lease.scope)


async def to_the_end(work: asyncio.Future[T]) -> T:
    """Awaits `work` until it is done. When the caller is cancelled meanwhile, CancelledError is raised, but only then.

    Billing answers within its own time limits, so this waits for one answer and not for ever.
    """
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return work.result()
    if not work.cancelled():
        work.exception()  # looked at, so that asyncio does not complain about an answer nobody wanted
    raise cancelled
