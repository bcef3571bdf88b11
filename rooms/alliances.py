"""Links and battles between the rooms of a node: who may wish them, and what ends them.

What a link and a battle are is decided in links.py and battles.py; here they meet rooms that live, roles and editions.
None of it holds a lease, so it waits for no lock. Billing is asked first; then rooms and roles are looked at once more,
for a room may have ended meanwhile; and from there until everybody is told nothing is awaited.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

from billing.interface import Entitlements, Feature, Gauge
from rooms.battle_events import BattleEvent
from rooms.battles import Battle, Battles, Created, Phase, ScoreChange
from rooms.errors import RoomRefused
from rooms.ids import AppId, RoomId, UserId
from rooms.link_errors import no_such_battle
from rooms.link_events import LinkChanged, LinkEnded, LinkEvent
from rooms.links import MAX_ROOMS, Link, LinkRequest, Links
from rooms.room import Room

__all__ = ["AllianceEvent", "Alliances"]

AllianceEvent = LinkEvent | BattleEvent
"""What happened between rooms; `rooms` are those it is told to."""


class _App:
    """The links and battles of one app."""

    def __init__(self, app: AppId, punishment_s: float) -> None:
        self.links = Links(app, new_id=lambda: f"link_{secrets.token_hex(8)}")
        self.battles = Battles(app, new_id=lambda: f"battle_{secrets.token_hex(8)}", punishment_s=punishment_s)

    def exit_link(self, room: RoomId, now: float) -> list[AllianceEvent]:
        return self._without_battles(self.links.exit(room, now=now), now)

    def forget(self, room: RoomId, now: float) -> list[AllianceEvent]:
        unlinked = self.battles.unlink(room, now=now)
        return [*unlinked, *self._without_battles(self.links.forget(room, now=now), now)]

    def due(self, now: float) -> list[AllianceEvent]:
        return [*self.links.due(now), *self.battles.due(now)]

    def _without_battles(self, events: Sequence[LinkEvent], now: float) -> list[AllianceEvent]:
        """Whoever left its link leaves its battle."""
        found: list[AllianceEvent] = []
        for event in events:
            found.append(event)
            if isinstance(event, LinkChanged | LinkEnded) and event.left is not None:
                found += self.battles.unlink(event.left, now=now)
        return found


class Alliances:
    """The links and battles of all rooms; made by `Rooms`. `by` is a host, or None: the app's own server."""

    def __init__(
        self,
        find: Callable[[AppId, str], Room],
        entitlements: Entitlements,
        *,
        clock: Callable[[], float],
        listener: Callable[[AllianceEvent], None],
        punishment_s: float,
    ) -> None:
        """`find` raises 100004 for a room that is not there. `listener` must not block, and not fail."""
        self._find = find
        self._entitlements = entitlements
        self._clock = clock
        self._listener = listener
        self._punishment_s = punishment_s
        self._apps: dict[AppId, _App] = {}
        self.gifts_score = True
        """Whether the coins of a gift are points of its room."""

    # Links

    async def request_link(
        self, app: AppId, room_id: str, by: UserId | None, to: str, *, timeout_s: float, extra: str
    ) -> LinkRequest:
        """Asks the room `to` to be linked with this one; `timeout_s` 0 means no timeout. What was asked.

        Raises 100002, 100004, 100005, 100006, 100012, 100401 to 100404, and billing's 100007.
        """
        room, other = self._speaker(app, room_id, by), self._find(app, to)
        limit = await self._limit(app)
        room.check_host(by)
        other.check_host(None)
        links, now = self._of(app).links, self._clock()
        asked = links.request(room.room_id, other.room_id, timeout_s=timeout_s, extra=extra, limit=limit, now=now)
        self._tell([asked])
        return next(each for each in links.requests_of(room.room_id) if each.request_id == asked.request_id)

    async def answer_link(self, app: AppId, room_id: str, by: UserId | None, request_id: str, accept: bool) -> None:
        """Answers a request to this room. An acceptance that is refused leaves it pending.

        Raises 100004, 100005, 100006, -2311, 100403, 100404, and billing's 100007.
        """
        room = self._speaker(app, room_id, by)
        links = self._of(app).links
        if not accept:
            return self._tell(links.reject(request_id, room.room_id, now=self._clock()))
        limit = await self._limit(app)
        room.check_host(by)
        return self._tell(links.accept(request_id, room.room_id, limit=limit, now=self._clock()))

    def cancel_link(self, app: AppId, room_id: str, by: UserId | None, request_id: str) -> None:
        """Takes a request of this room back. Raises 100004, 100005, 100006, -2311."""
        room = self._speaker(app, room_id, by)
        self._tell(self._of(app).links.cancel(request_id, room.room_id, now=self._clock()))

    def exit_link(self, app: AppId, room_id: str, by: UserId | None) -> None:
        """The room leaves its link, and its battle. Raises 100004, 100005, 100006, 100400."""
        room = self._speaker(app, room_id, by)
        self._tell(self._of(app).exit_link(room.room_id, self._clock()))

    # Battles

    async def create_battle(
        self, app: AppId, room_id: str, by: UserId | None, to: Sequence[str], *, duration_s: float,
        need_response: bool, timeout_s: float, extra: str,
    ) -> Created:  # fmt: skip
        """Calls rooms of this room's link to a battle; it starts at once when they need not answer.

        Raises 100002, 100004, 100005, 100006, 100400, 100404, 100412, 100415, 100416, 100419, and billing's 100007.
        """
        room = self._speaker(app, room_id, by)
        limit = await self._limit(app)
        room.check_host(by)
        state = self._of(app)
        created = state.battles.create(
            room.room_id, [RoomId(each) for each in to],
            duration_s=duration_s, need_response=need_response, timeout_s=timeout_s, extra=extra, limit=limit,
            linked=state.links.linked_with(room.room_id), now=self._clock(),
        )  # fmt: skip
        self._tell(created.events)
        return created

    def answer_battle(self, app: AppId, room_id: str, by: UserId | None, battle_id: str, accept: bool) -> None:
        """Answers the call of this room. Raises 100004, 100005, 100006, 100102, 100411, 100414, 100419, 100421."""
        room, battles = self._speaker(app, room_id, by), self._of(app).battles
        answer = battles.accept if accept else battles.reject
        self._tell(answer(battle_id, room.room_id, now=self._clock()))

    def cancel_battle(self, app: AppId, room_id: str, by: UserId | None, battle_id: str) -> None:
        """Calls off what this room has called. Raises 100004, 100005, 100006, 100411, 100414, 100419, 100421."""
        room = self._speaker(app, room_id, by)
        self._tell(self._of(app).battles.cancel(battle_id, room.room_id, now=self._clock()))

    def exit_battle(self, app: AppId, room_id: str, by: UserId | None, battle_id: str) -> None:
        """The room leaves the battle, not the link. Raises 100004, 100005, 100006, 100411, 100414, 100420, 100421."""
        room = self._speaker(app, room_id, by)
        self._tell(self._of(app).battles.exit(battle_id, room.room_id, now=self._clock()))

    # What only the app's own server may

    def score(self, app: AppId, battle_id: str, changes: Mapping[str, int], how: ScoreChange) -> None:
        """Changes the scores of these rooms, together. Raises 100002, 100411, 100414, 100420, 100421."""
        scores = {RoomId(room): score for room, score in changes.items()}
        self._tell(self._known(app).battles.score(battle_id, scores, how, now=self._clock()))

    def end_battle(self, app: AppId, battle_id: str) -> None:
        """Decides a battle before its time. Raises 100411, 100421."""
        self._tell(self._known(app).battles.end(battle_id, now=self._clock()))

    # Looking

    def link(self, app: AppId, room_id: str) -> Link | None:
        """The link this room is in."""
        state = self._apps.get(app)
        return None if state is None else state.links.of(RoomId(room_id))

    def link_requests(self, app: AppId, room_id: str, user: UserId | None) -> Sequence[LinkRequest]:
        """The pending ones by and to this room, oldest first; for hosts only. Raises 100004, 100005, 100006."""
        room, state = self._speaker(app, room_id, user), self._apps.get(app)
        return () if state is None else state.links.requests_of(room.room_id)

    def battle(self, app: AppId, room_id: str) -> Battle | None:
        """The battle this room is in, or is called to."""
        state = self._apps.get(app)
        return None if state is None else state.battles.of(RoomId(room_id))

    def battle_named(self, app: AppId, battle_id: str) -> Battle:
        """Raises 100411."""
        return self._known(app).battles.get(battle_id)

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator, and for tests: links, link_requests, battles."""
        states = list(self._apps.values())
        return {
            "links": sum(state.links.count for state in states),
            "link_requests": sum(state.links.pending for state in states),
            "battles": sum(len(state.battles) for state in states),
        }

    # What `Rooms` tells

    def room_over(self, app: AppId, room_id: RoomId) -> None:
        """A room has ended: what it was in goes on without it, or ends."""
        if app in self._apps:
            self._tell(self._apps[app].forget(room_id, self._clock()))

    def note_gift(self, app: AppId, room_id: RoomId, coins: int) -> None:
        """A gift was given in a room; in a battle that runs its coins are points."""
        battle = self.battle(app, room_id)
        if not self.gifts_score or not coins or battle is None or battle.phase is not Phase.RUNNING:
            return
        try:
            self.score(app, battle.battle_id, {room_id: coins}, ScoreChange.ADD)
        except RoomRefused:
            return  # its time has just passed, or the score is as high as scores get

    def tick(self) -> None:
        """Ends what is over by now; called about once a second."""
        now = self._clock()
        for state in self._apps.values():
            self._tell(state.due(now))

    # Steps

    def _of(self, app: AppId) -> _App:
        if app not in self._apps:
            self._apps[app] = _App(app, self._punishment_s)
        return self._apps[app]

    def _known(self, app: AppId) -> _App:
        """For battles by their name, which the app may have none of. Raises 100411."""
        if app not in self._apps:
            raise no_such_battle()
        return self._apps[app]

    def _speaker(self, app: AppId, room_id: str, by: UserId | None) -> Room:
        """The room `by` speaks for. Raises 100004, 100005, 100006."""
        room = self._find(app, room_id)
        room.check_host(by)
        return room

    async def _limit(self, app: AppId) -> int:
        """How many rooms may be linked, or in a battle. Raises billing's 100007."""
        await self._entitlements.require(app, Feature.CO_HOST)
        limit = (await self._entitlements.edition(app)).limits.get(Gauge.LINKED_ROOMS)
        return MAX_ROOMS if limit is None else limit

    def _tell(self, events: Sequence[AllianceEvent]) -> None:
        for event in events:
            self._listener(event)
