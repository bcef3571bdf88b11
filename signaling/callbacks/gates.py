"""The questions: may this gift be given, may this be said? The app's own server answers while the member waits.

A gift about which nobody answers is refused, because it costs something; its sender may send it again, by the same id.
A message is said, as published. An app may set both the other way. An app that does not want to be asked is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from billing.interface import AppId
from rooms.interface import Draft, RoomId, RoomRefused, Sending
from signaling.callbacks import commands
from signaling.callbacks.config import Config, Gate, LiveCallbacks
from signaling.callbacks.lanes import Callback
from signaling.callbacks.payloads import Notice, gift_before, message_before
from signaling.callbacks.poster import Poster, PostFailed
from signaling.callbacks.replies import verdict_of
from signaling.callbacks.wire import request_of

__all__ = ["Gates", "MAX_ASKED"]

MAX_ASKED = 256
"""Questions of one app at once; beyond, nobody answers."""
SHOWN = range(102100, 102201)
"""Codes that the sender of a gift is told as they are."""

Verdict = tuple[int, str]


class Gates:
    """Asks on behalf of rooms."""

    def __init__(
        self, config_of: Callable[[AppId], Config | None], poster: Poster, *, clock: Callable[[], float]
    ) -> None:
        self._config_of = config_of
        self._poster = poster
        self._clock = clock
        self._asking: Counter[AppId] = Counter()
        self._counts = dict.fromkeys(("asked", "refused", "unanswered"), 0)

    async def gift(self, app: AppId, room_id: RoomId, room_began: float, sending: Sending) -> None:
        """Raises 102004, or the code that the app's server wants its sender to see."""
        config = self._config_of(app)
        if config is None or (live := _asked(config, commands.BEFORE_SEND_GIFT)) is None:
            return
        verdict = await self._ask(app, config, gift_before(room_id, room_began, sending), live.gift_timeout_s)
        gate: Gate = "open" if commands.GIFT_NOT_BLOCKING in live.commands else live.gift_gate
        if verdict is None:
            if gate == "closed":
                raise RoomRefused(102004, "gift_unanswered", "Whether this gift may be given could not be found out.")
            return
        code, words = verdict
        if code:
            self._counts["refused"] += 1
            shown = code if code in SHOWN else 102004
            raise RoomRefused(shown, "gift_refused", words or "This gift may not be given.")

    def message(self, app: AppId, room_id: RoomId, draft: Draft) -> Awaitable[None] | None:
        """None: the app does not want to be asked."""
        config = self._config_of(app)
        if config is None or (live := _asked(config, commands.BEFORE_SEND_MSG)) is None:
            return None
        return self._message(app, room_id, draft, config, live)

    def statistics(self) -> Mapping[str, int]:
        return {f"questions_{name}": count for name, count in self._counts.items()}

    async def _message(self, app: AppId, room_id: RoomId, draft: Draft, config: Config, live: LiveCallbacks) -> None:
        """Raises 80001. Any ErrorCode but 0 blocks; nobody is let believe that a blocked message was said."""
        notice = message_before(room_id, draft, self._clock())
        verdict = await self._ask(app, config, notice, live.message_timeout_s)
        if verdict is None:
            if live.message_gate == "closed":
                raise RoomRefused(80001, "message_blocked", "Whether this may be said could not be found out.")
            return
        code, words = verdict
        if code:
            self._counts["refused"] += 1
            raise RoomRefused(80001, "message_blocked", words or "This message may not be said here.")

    async def _ask(self, app: AppId, config: Config, notice: Notice, timeout_s: float) -> Verdict | None:
        """None: nobody answered."""
        self._counts["asked"] += 1
        body = msgspec.json.encode(notice.body).decode()
        now = self._clock()
        request = request_of(config, Callback(0, app, "live", notice.subject, notice.command, body, now), now)
        verdict = None
        if request is not None and self._asking[app] < MAX_ASKED:
            self._asking[app] += 1
            try:
                verdict = verdict_of(await self._poster.post(request, timeout_s))
            except PostFailed:
                pass
            finally:
                self._asking[app] -= 1
        if verdict is None:
            self._counts["unanswered"] += 1
        return verdict


def _asked(config: Config, command: str) -> LiveCallbacks | None:
    return config.live if config.live is not None and command in config.live.commands else None
