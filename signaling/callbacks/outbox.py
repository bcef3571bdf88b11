"""Callbacks on their way: written down, then delivered at least once, in order within a lane (lanes.py).

    tell     takes what happened, never blocks; it goes out when it is on disk
    run      delivers, for ever
    drain    what can still be delivered before the node ends

What becomes of an attempt is written in the order of the attempts. So after a crash the callbacks of a lane that are
told again are its last ones, in their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from billing.interface import AppId
from signaling.callbacks import commands, rtc
from signaling.callbacks.config import Kind
from signaling.callbacks.lanes import Callback, Lanes, Target
from signaling.callbacks.payloads import Notice
from signaling.callbacks.schedule import DEAD_AFTER_S, REFUSALS, pause
from signaling.callbacks.store import State, Store, Work, adding, all_pending, marking, newest, together

__all__ = ["MAX_OF_TARGET", "MAX_WAITING", "NotAccepted", "Outbox", "SHARE", "Undeliverable"]

logger = logging.getLogger(__name__)

MAX_WAITING = 50_000
MAX_OF_TARGET = 20_000
"""Callbacks that are not delivered, in all and of one receiver. What is told beyond is refused and counted: a receiver
that is away must cost neither the memory nor the disk of all others."""
SHARE = 500
"""Callbacks that every receiver has a place for, however many wait for others."""
CHEAP_PART = 0.75
"""How much of all this is open to cheap callbacks: the rest is for rooms, seats and battles."""
CHEAP = commands.CHEAP | rtc.CHEAP

BEHIND = 2_000
"""Writes that wait for the disk: a batch of the store."""


class Undeliverable(Exception):
    """Trying again would not help; the message says why."""


class NotAccepted(Exception):
    """It was received, and the receiver says no to it: a minute is enough to try."""


class Outbox:
    """The callbacks of a node."""

    def __init__(
        self, store: Store, send: Callable[[Callback], Awaitable[str | None]], *, clock: Callable[[], float]
    ) -> None:
        """`send` makes one attempt, and gives back what is wrong, or None; it may raise NotAccepted and
        Undeliverable. `clock` gives Unix seconds."""
        self._store = store
        self._send = send
        self._clock = clock
        self._lanes = Lanes()
        self._last = 0
        self._writing: Counter[Target] = Counter()
        self._attempts: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._counts = dict.fromkeys(("told", "delivered", "failed_attempts", "dead", "refused", "lost"), 0)

    async def open(self) -> None:
        """Takes up what a former process has left."""
        self._last = await self._store.read(newest)
        self.take_up(await self._store.read(all_pending))

    def take_up(self, callbacks: Iterable[Callback]) -> None:
        """These are pending on disk: a former process left them, or they are replayed."""
        for callback in callbacks:
            self._lanes.add(callback)
        self._awake.set()

    def tell(
        self,
        app: AppId,
        kind: Kind,
        notices: Sequence[Notice],
        *also: Work[None],
        lost: Callable[[], None] | None = None,
    ) -> bool:
        """Takes what happened, and what is to be written together with it. False: it was refused, and nothing is
        written. `lost` is called when nothing is, now or later."""
        cheap = all(notice.command in CHEAP for notice in notices)
        if len(notices) > self.room_for((app, kind), cheap=cheap):
            self._counts["refused"] += len(notices)
            if lost is not None:
                lost()
            return False
        new = [self._callback(app, kind, notice) for notice in notices]
        self._writing[app, kind] += len(new)
        written = self._store.write(together([adding(new), *also] if new else also))
        written.add_done_callback(lambda done: self._written((app, kind), new, done, lost))
        return True

    def start_due(self) -> None:
        """Starts an attempt for each callback that may go now."""
        for callback in self._lanes.take(self._clock()):
            attempt = asyncio.get_running_loop().create_task(self._attempt(callback))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)

    async def run(self) -> None:
        """Delivers, until it is cancelled."""
        while True:
            self._awake.clear()
            self.start_due()
            due = self._lanes.next_due
            try:
                async with asyncio.timeout(None if due is None else max(0.01, due - self._clock())):
                    await self._awake.wait()
            except TimeoutError:
                pass

    async def drain(self, seconds: float) -> None:
        """Delivers what may go now, for so long at most, and stops. The rest stays on disk for the next process."""
        try:
            async with asyncio.timeout(seconds):
                await self._store.write(together(()))
                self.start_due()
                while self._attempts:
                    await asyncio.wait(self._attempts, return_when=asyncio.FIRST_COMPLETED)
                    self.start_due()
        except TimeoutError:
            pass
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    @property
    def is_behind(self) -> bool:
        """The disk does not keep up: what need not be written had better not be."""
        return self._store.waiting > BEHIND

    def room_for(self, target: Target, *, cheap: bool = False) -> int:
        """How many more may wait."""
        part = CHEAP_PART if cheap else 1
        waiting = len(self._lanes) + self._writing.total()
        of_target = self._lanes.of_target(target) + self._writing[target]
        most = min(int(MAX_OF_TARGET * part), max(int(SHARE * part), int(MAX_WAITING * part) - waiting + of_target))
        return max(0, most - of_target)

    def statistics(self) -> Mapping[str, int]:
        return {"waiting": len(self._lanes), "under_way": self._lanes.flying, **self._counts}

    def _callback(self, app: AppId, kind: Kind, notice: Notice) -> Callback:
        now = self._clock()
        # Microseconds, pushed on where two would be equal: unique also after the older ones were forgotten.
        self._last = max(self._last + 1, int(now * 1e6))
        body = msgspec.json.encode(notice.body).decode()
        return Callback(self._last, app, kind, notice.subject, notice.command, body, now)

    def _written(
        self, target: Target, new: Sequence[Callback], done: asyncio.Future[None], lost: Callable[[], None] | None
    ) -> None:
        self._writing[target] -= len(new)
        if done.cancelled() or done.exception() is not None:
            self._counts["lost"] += len(new)
            if lost is not None:
                lost()
            return
        self._counts["told"] += len(new)
        self.take_up(new)

    async def _attempt(self, callback: Callback) -> None:
        callback.attempts += 1
        hopeless = False
        try:
            fault = await self._send(callback)
        except Undeliverable as error:
            fault, hopeless = str(error), True
        except NotAccepted as error:
            fault, hopeless = str(error), callback.attempts >= REFUSALS
        except Exception:
            logger.exception("callback %d failed", callback.number)
            fault = "an error of the server"
        self._note(callback, fault, hopeless)
        self._awake.set()

    def _note(self, callback: Callback, fault: str | None, hopeless: bool) -> None:
        now = self._clock()
        if fault is None:
            self._end(callback, "delivered", "", now)
            return
        self._counts["failed_attempts"] += 1
        if hopeless or now - callback.since >= DEAD_AFTER_S:
            logger.info(
                "callback %d of app %d is given up after %d attempts: %s",
                callback.number, callback.app, callback.attempts, fault,
            )  # fmt: skip
            self._end(callback, "dead", fault, now)
            return
        self._lanes.again(callback, now + pause(callback.attempts))
        self._store.write(marking(callback, "pending", now, fault))

    def _end(self, callback: Callback, state: State, fault: str, now: float) -> None:
        self._counts[state] += 1
        self._lanes.done(callback)
        self._store.write(marking(callback, state, now, fault))
