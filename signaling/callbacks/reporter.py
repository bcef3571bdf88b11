"""What happens in rooms, between them and to their media, as callbacks for the apps that want them.

It listens after everybody else was told. An app that has set nothing costs one look into a table; what is remembered of
its rooms all the same (which are open, which battles run) is little, and lets it set its callbacks at any time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from billing.interface import AppId, Entitlements, Gauge
from media.interface import PublicationView
from rooms.interface import (
    AllianceEvent,
    FollowChanged,
    LinkChanged,
    LinkEnded,
    RoomCreated,
    RoomDismissed,
    RoomEvent,
    RoomId,
    RoomRefused,
    Rooms,
    RoomUpdated,
)
from signaling.callbacks import commands, payloads
from signaling.callbacks.battle_book import BattleBook
from signaling.callbacks.config import Config
from signaling.callbacks.note import note_of
from signaling.callbacks.outbox import Outbox
from signaling.callbacks.payloads import Notice
from signaling.callbacks.rtc import RtcBook
from signaling.callbacks.store import Work, forgetting, noting
from signaling.callbacks.threshold import Threshold
from signaling.stays import Stay

__all__ = ["Reporter"]

logger = logging.getLogger(__name__)

NOTES_PER_TURN = 50
"""Rooms looked at before the loop gets its turn."""


class Reporter:
    """Listens to rooms, links, battles and publications."""

    def __init__(
        self,
        config_of: Callable[[AppId], Config | None],
        outbox: Outbox,
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """`start` lets something run beside."""
        self._config_of = config_of
        self._outbox = outbox
        self._entitlements = entitlements
        self._clock = clock
        self._start = start
        self._rooms: Rooms | None = None
        self._open: dict[AppId, dict[RoomId, str]] = {}  # open rooms, with what was noted of them
        self._battles = BattleBook()
        self._rtc: dict[AppId, RtcBook] = {}
        self._thresholds: dict[AppId, Threshold] = {}
        self._stopping = False

    def attach_rooms(self, rooms: Rooms) -> None:
        """The node's rooms, asked what they look like; they need `handle_room` first."""
        self._rooms = rooms

    @property
    def rooms(self) -> Rooms:
        assert self._rooms is not None, "the composer attaches rooms before anything can happen in one"
        return self._rooms

    def stop(self) -> None:
        """The node goes down: what the server dismisses from now on, nobody asked for."""
        self._stopping = True

    # What is listened to

    def handle_room(self, event: RoomEvent) -> None:
        """The listener of rooms: never blocks, never fails."""
        try:
            self._room(event)
        except Exception:
            logger.exception("an event of a room was not told")

    def handle_alliance(self, event: AllianceEvent) -> None:
        """The listener of links and battles: never blocks, never fails."""
        try:
            notices = self._battles.of_event(event, lambda room: self.rooms.card(event.app, room).owner)
            if self._config_of(event.app) is not None:
                self._tell(event.app, notices, self._of_link(event))
        except Exception:
            logger.exception("an event between rooms was not told")

    def handle_stream(self, stay: Stay, view: PublicationView, started: bool) -> None:
        """A member began to publish something, or stopped; not told when it left. Never blocks, never fails."""
        book = self._rtc.get(stay.app)
        if book is None:
            return
        try:
            self._tell(stay.app, [], book.of_stream(stay.room_id, stay.user, view, started, self._clock()))
        except Exception:
            logger.exception("a stream was not told")

    def handle_follow(self, event: FollowChanged) -> None:
        """The listener of follows: never blocks."""
        if self._config_of(event.app) is not None:
            self._tell(event.app, [payloads.follow_changed(event)], [])

    def configured(self, app: AppId, before: Config | None, after: Config | None) -> None:
        """An app has set something else: rooms that are open by now are noted, and taken into the books."""
        rooms = self._open.get(app, {})
        if after is None:
            self._tell(app, [], [], forgetting(app))
            rooms.update(dict.fromkeys(rooms, ""))
        elif before is None:
            for room in rooms:
                self._keep_up(app, room)
        if after is None or after.rtc is None:
            self._rtc.pop(app, None)
        elif app not in self._rtc:
            self._rtc[app] = self._book(app)

    async def note_figures(self) -> None:
        """Brings the notes of open rooms up to date; called every few seconds."""
        if self._outbox.is_behind:
            return
        for app in [app for app in self._open if self._config_of(app) is not None]:
            for index, room in enumerate(list(self._open.get(app, {}))):
                self._keep_up(app, room)
                if index % NOTES_PER_TURN == NOTES_PER_TURN - 1:
                    await asyncio.sleep(0)

    # Steps

    def _room(self, event: RoomEvent) -> None:
        match event:
            case RoomCreated():
                self._open.setdefault(event.app, {})[event.room_id] = ""
            case RoomDismissed():
                self._over(event)
        config = self._config_of(event.app)
        if config is None:
            return
        book = self._rtc.get(event.app)
        rtc = book.of_event(event) if book is not None else []
        self._tell(
            event.app, self._live(event, config), rtc, *self._keep(event),
            lost=lambda: self._note_again(event.app, event.room_id),
        )  # fmt: skip

    def _live(self, event: RoomEvent, config: Config) -> list[Notice]:
        if config.live is None:
            return []
        match event:
            case RoomCreated():
                if commands.AFTER_REACHING_THRESHOLD in config.live.commands:
                    self._start(self._look_at_limit(event, len(self._open[event.app])))
                return [payloads.room_created(self.rooms.room(event.app, event.room_id), event.at)]
            case RoomUpdated():
                view = self.rooms.room(event.app, event.room_id)
                viewers = self.rooms.talk.statistic(event.app, event.room_id).total_viewers
                return [payloads.room_updated(view, viewers, event.by, event.at)]
            case RoomDismissed():
                return [payloads.room_dismissed(event, stopping=self._stopping)]
        return payloads.of_event(event)

    def _keep(self, event: RoomEvent) -> list[Work[None]]:
        """What is noted on disk together with the callbacks of `event`."""
        if isinstance(event, RoomCreated | RoomUpdated):
            work = self._note(event.app, event.room_id)
            return [] if work is None else [work]
        return [forgetting(event.app, event.room_id)] if isinstance(event, RoomDismissed) else []

    def _tell(
        self, app: AppId, live: Sequence[Notice], rtc: Sequence[Notice], *also: Work[None],
        lost: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """What the app wants to hear of it. TRTC's go first, for the notes are written with the others; `lost` is
        called when those are not."""
        config = self._config_of(app)
        if config is not None and config.rtc is not None and rtc:
            wanted = config.rtc.events
            chosen = [notice for notice in rtc if wanted is None or int(notice.command) in wanted]
            if chosen:
                self._outbox.tell(app, "rtc", chosen)
        names = config.live.commands if config is not None and config.live is not None else ()
        told = [notice for notice in live if notice.command in names]
        if told or also:
            self._outbox.tell(app, "live", told, *also, lost=lost if also else None)

    def _of_link(self, event: AllianceEvent) -> list[Notice]:
        book = self._rtc.get(event.app)
        return book.of_link(event) if book is not None and isinstance(event, LinkChanged | LinkEnded) else []

    def _over(self, event: RoomDismissed) -> None:
        rooms = self._open.get(event.app, {})
        rooms.pop(event.room_id, None)
        if not rooms:
            self._open.pop(event.app, None)
        if event.app in self._thresholds:
            self._start(self._look_at_limit(event, len(rooms)))

    def _keep_up(self, app: AppId, room: RoomId) -> None:
        work = self._note(app, room)
        if work is not None:
            self._tell(app, [], [], work, lost=lambda: self._note_again(app, room))

    def _note_again(self, app: AppId, room: RoomId) -> None:
        """The last note of a room was not written: the next round writes it."""
        if room in self._open.get(app, {}):
            self._open[app][room] = ""

    def _note(self, app: AppId, room: RoomId) -> Work[None] | None:
        """Notes an open room as it is; None: it is noted so already, or is over."""
        try:
            note = note_of(self.rooms.room(app, room), self.rooms.talk.statistic(app, room))
        except RoomRefused:
            return None
        if self._open[app].get(room) == note:
            return None
        self._open[app][room] = note
        return noting(app, room, note)

    def _book(self, app: AppId) -> RtcBook:
        """With the rooms and links that there are already."""
        book = RtcBook()
        rooms = list(self._open.get(app, {}))
        for room in rooms:
            view = self.rooms.room(app, room)
            book.begin(room, view.owner, (seat.user for seat in view.seats if seat.user is not None))
        for room in rooms:
            link = self.rooms.alliances.link(app, room)
            if link is not None and link.rooms[0] == room:
                book.link(link.rooms)
        return book

    async def _look_at_limit(self, event: RoomCreated | RoomDismissed, count: int) -> None:
        """`count` rooms are open since."""
        limit = (await self._entitlements.edition(event.app)).limits.get(Gauge.ROOMS)
        reached = self._thresholds.setdefault(event.app, Threshold()).look(count, limit)
        if reached and isinstance(event, RoomCreated) and limit is not None:
            notice = payloads.rooms_near_limit(event.card.owner, count, limit, event.at)
            self._tell(event.app, [notice], [])
