"""The callbacks of a node: what apps have set, what they are told and asked, and what an operator may do about it."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from billing.interface import AppId, Entitlements
from rooms.interface import RoomId, RoomRefused
from signaling.callbacks import commands, payloads, rtc
from signaling.callbacks.config import KINDS, Config
from signaling.callbacks.gates import Gates
from signaling.callbacks.lanes import Callback
from signaling.callbacks.note import RoomNote
from signaling.callbacks.outbox import NotAccepted, Outbox, Undeliverable
from signaling.callbacks.poster import Poster, PostFailed
from signaling.callbacks.replies import fault_of, refusal_of
from signaling.callbacks.reporter import Reporter
from signaling.callbacks.store import (
    Kept,
    State,
    Store,
    all_configs,
    all_open_rooms,
    dropping_old,
    forgetting,
    listing,
    reviving,
    setting,
    surplus_before,
)
from signaling.callbacks.wire import request_of

__all__ = ["Callbacks"]

logger = logging.getLogger(__name__)

DELIVER_WITHIN_S = 5.0
"""As TRTC does (research/tencent.md 6.1)."""
NOTE_EVERY_S = 10.0
DROP_EVERY_S = 60.0
KEEP_DELIVERED_S = 7 * 86400.0
KEEP_DEAD_S = 30 * 86400.0
KEEP_MOST = 500_000
"""Callbacks of a node, about half a gigabyte; of more than that the oldest ended ones go earlier."""
DROP_AT_ONCE = 1_000
DROPS = 100
"""Forgotten in one transaction, so that what is told meanwhile waits for no long one; and how often in a row."""
REPLAY_AT_ONCE = 1_000
DRAIN_S = 2.0
"""How long the end of a node waits for receivers."""


class Callbacks:
    """Everything about them; made and ended by the composer."""

    def __init__(
        self, data_dir: Path, entitlements: Entitlements, *, private: bool, clock: Callable[[], float]
    ) -> None:
        """`private`: receivers may have addresses that are not public. `clock` gives Unix seconds."""
        self._clock = clock
        self._configs: dict[AppId, Config] = {}
        self._changing: defaultdict[AppId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._store = Store(f"sqlite:///{data_dir / 'callbacks.db'}")
        self._poster = Poster(private=private)
        self._outbox = Outbox(self._store, self._send, clock=clock)
        self.gates = Gates(self._configs.get, self._poster, clock=clock)
        self.reporter = Reporter(self._configs.get, self._outbox, entitlements, clock=clock, start=self._run_beside)

    async def start(self) -> None:
        """Takes up what a former process has left, and tells of the rooms that died with it."""
        await self._store.open()
        await self._poster.start()
        for app, body in await self._store.read(all_configs):
            self._configs[app] = msgspec.json.decode(body, type=Config)
            self.reporter.configured(app, self._configs[app], self._configs[app])
        await self._outbox.open()
        for app, room, body in await self._store.read(all_open_rooms):
            self._tell_lost(app, RoomId(room), msgspec.json.decode(body, type=RoomNote))
        self._run_beside(self._outbox.run())
        self._run_beside(_every(NOTE_EVERY_S, self.reporter.note_figures))
        self._run_beside(_every(DROP_EVERY_S, self._drop_old))

    async def close(self) -> None:
        """Delivers what can be at once; the rest is on disk. Harmless when repeated."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._outbox.drain(DRAIN_S)
        await self._store.close()
        await self._poster.close()

    # What apps set

    def config(self, app: AppId) -> Config:
        """What the app has set; nothing, if it has not."""
        return self._configs.get(app, Config())

    async def change(self, app: AppId, change: Callable[[Config], Config]) -> None:
        """Sets something else, on disk before it counts. Raises 100002 for a URL that may not be called, and what
        `change` raises."""
        async with self._changing[app]:
            before = self._configs.get(app)
            after = change(before or Config())
            for url in _urls(after) - _urls(before):
                await self._poster.check(url)
            nothing = after == Config()
            await self._store.write(setting(app, None if nothing else msgspec.json.encode(after).decode()))
            if nothing:
                self._configs.pop(app, None)
            else:
                self._configs[app] = after
            self.reporter.configured(app, before, None if nothing else after)

    # What an operator does

    async def list(
        self, app: AppId, states: Sequence[State], *, subject: str | None, after: int, most: int
    ) -> list[Kept]:
        """The app's callbacks after the number `after`, the oldest first."""
        return await self._store.read(listing(app, states, subject=subject, after=after, most=most))

    async def replay(
        self, app: AppId, states: Sequence[State], *, subject: str | None, numbers: Sequence[int] | None
    ) -> int:
        """Tells ended callbacks again, the oldest of each kind first; how many. What does not fit into the outbox is
        left."""
        if not any(self._outbox.room_for((app, kind)) for kind in KINDS):
            raise RoomRefused(100012, "too_frequent", "Too many callbacks wait already; try again later.")
        count = 0
        for kind in KINDS:
            most = min(REPLAY_AT_ONCE - count, self._outbox.room_for((app, kind)))
            revived = await self._store.write(
                reviving(app, kind, states, self._clock(), subject=subject, numbers=numbers, most=most)
            )
            self._outbox.take_up(revived)
            count += len(revived)
        return count

    def statistics(self) -> Mapping[str, int]:
        return {
            **self._outbox.statistics(),
            **self.gates.statistics(),
            "apps": len(self._configs),
            "store_failing": int(self._store.is_failing),
            "store_waiting": self._store.waiting,
        }

    # Steps

    async def _send(self, callback: Callback) -> str | None:
        request = request_of(self.config(callback.app), callback, self._clock())
        if request is None:
            raise Undeliverable("the app has no URL for it any more")
        try:
            answer = await self._poster.post(request, DELIVER_WITHIN_S)
        except PostFailed as error:
            return str(error)
        fault = fault_of(answer)
        if fault is None and (refusal := refusal_of(answer)) is not None:
            raise NotAccepted(refusal)
        return fault

    def _tell_lost(self, app: AppId, room: RoomId, note: RoomNote) -> None:
        """A room that was open when the former process died."""
        config, now = self.config(app), self._clock()
        if config.rtc is not None and (config.rtc.events is None or rtc.DISMISSED in config.rtc.events):
            self._outbox.tell(app, "rtc", [rtc.room_over(room, now)])
        wanted = config.live is not None and commands.AFTER_DESTROY_ROOM in config.live.commands
        lost = [payloads.room_lost(room, note.info, note.statistic, now)] if wanted else []
        self._outbox.tell(app, "live", lost, forgetting(app, room))

    async def _drop_old(self) -> None:
        now, surplus = self._clock(), await self._store.read(surplus_before(KEEP_MOST))
        work = dropping_old(now - KEEP_DELIVERED_S, now - KEEP_DEAD_S, surplus, DROP_AT_ONCE)
        for _ in range(DROPS):
            if await self._store.write(work) < DROP_AT_ONCE:
                break

    def _run_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of the callbacks failed", exc_info=task.exception())


def _urls(config: Config | None) -> set[str]:
    targets = (config.live, config.rtc) if config is not None else ()
    return {target.url for target in targets if target is not None}


async def _every(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            logger.exception("what callbacks do every %g s failed", seconds)
