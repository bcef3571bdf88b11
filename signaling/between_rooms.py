"""What a change between rooms, a link or a battle, does to their media and their members.

Who is in a room receives what the owners of linked rooms publish, so a link that changes is also a change of
publications.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from billing.interface import AppId
from media.interface import PublicationView
from rooms.interface import (
    AllianceEvent,
    BattleAnswered,
    BattleEnded,
    BattleRequested,
    BattleRoomLeft,
    BattleScored,
    BattleStarted,
    LinkChanged,
    LinkEnded,
    LinkRequested,
    LinkRequestEnded,
    PunishmentEnded,
    RoomId,
    Rooms,
)
from signaling import messages
from signaling.linked_rooms import LinkedRooms
from signaling.offers import Offers
from signaling.publications import described, is_stream, removed
from signaling.rounds import notification
from signaling.stays import Stay, Stays
from signaling.telling import Telling

__all__ = ["BetweenRooms"]


class BetweenRooms:
    """Listens to links and battles."""

    def __init__(
        self, stays: Stays, linked: LinkedRooms, offers: Offers, telling: Telling, rooms: Callable[[], Rooms]
    ) -> None:
        self._stays = stays
        self._linked = linked
        self._offers = offers
        self._telling = telling
        self._rooms = rooms

    def handle(self, event: AllianceEvent) -> None:
        """Never blocks, never fails for one room's sake."""
        match event:
            case LinkRequested():
                by, to = self._rooms().card(event.app, event.by), self._rooms().card(event.app, event.to)
                self._tell_hosts(event, "link.requested", messages.link_request(event, by, to))
            case LinkChanged():
                cards = [self._rooms().card(event.app, room) for room in event.members]
                self._link_changed(event, event.members, "link.changed", messages.link(event.link_id, cards))
            case LinkEnded():
                self._link_changed(event, (), "link.ended", {"link_id": event.link_id})
            case LinkRequestEnded():
                self._tell_hosts(event, "link.request_ended", messages.link_request_ended(event))
            case BattleRequested():
                self._tell_hosts(event, "battle.requested", messages.battle_requested(event))
            case BattleAnswered():
                self._tell_hosts(event, "battle.answered", messages.battle_answered(event))
            case BattleStarted():
                self._tell_everybody(event, "battle.started", messages.battle_started(event))
            case BattleScored():
                self._tell_everybody(event, "battle.scored", messages.battle_scored(event))
            case BattleRoomLeft():
                params = {"battle_id": event.battle_id, "room_id": event.room}
                self._tell_everybody(event, "battle.room_left", params)
            case BattleEnded():
                self._tell_everybody(event, "battle.ended", messages.battle_ended(event))
            case PunishmentEnded():
                self._tell_everybody(event, "battle.punishment_ended", {"battle_id": event.battle_id})

    def _tell_hosts(self, event: AllianceEvent, method: str, params: Mapping[str, Any]) -> None:
        text = notification(method, params)
        for room in event.rooms:
            self._telling.some(event.app, room, self._rooms().hosts(event.app, room), text)

    def _tell_everybody(self, event: AllianceEvent, method: str, params: Mapping[str, Any]) -> None:
        """In rounds: scores change all the time, and nothing else of a battle shall overtake them. A room that is over
        has no more rounds: another one may get its id."""
        text = notification(method, params)
        for room in event.rooms:
            if self._linked.is_there(event.app, room):
                self._telling.rounds.tell((event.app, room), text)

    def _link_changed(
        self, event: LinkChanged | LinkEnded, members: Sequence[RoomId], method: str, params: Mapping[str, Any]
    ) -> None:
        self._telling.everybody(event.app, event.rooms, notification(method, {**params, "left": event.left}))
        gained, lost = self._linked.change(event.app, event.rooms, members)
        for seen in dict.fromkeys(seen for _, seen in lost):
            self._take_away(event.app, seen, [room for room, other in lost if other == seen])
        for seen in dict.fromkeys(seen for _, seen in gained):
            self._show(event.app, seen, [room for room, other in gained if other == seen])
        self._offers.refresh(stay for room in event.rooms for stay in self._stays.of_room(event.app, room))

    def _show(self, app: AppId, seen: RoomId, rooms: Sequence[RoomId]) -> None:
        """Tells `rooms` what the owner of `seen` publishes."""
        for stay, view in self._of_owner(app, seen):
            text = notification("publication.added", {"publication": described(stay, view)})
            self._telling.everybody(app, rooms, text)

    def _take_away(self, app: AppId, seen: RoomId, rooms: Sequence[RoomId]) -> None:
        """Tells `rooms` that they receive it no more; an owner whose room is over has ended it before."""
        for stay, view in self._of_owner(app, seen):
            self._telling.everybody(app, rooms, notification("publication.removed", removed(stay, view)))

    def _of_owner(self, app: AppId, room: RoomId) -> list[tuple[Stay, PublicationView]]:
        owner = self._linked.owner(app, room)
        stay = None if owner is None else self._stays.get(app, room, owner)
        return [] if stay is None else [(stay, view) for view in stay.announced.values() if is_stream(view)]
