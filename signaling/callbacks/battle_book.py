"""The callbacks about battles. When one ends, its callback says how it began, which its events do not repeat: so it is
remembered here from its call to its end.

Pure: events in, callbacks out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rooms.interface import AllianceEvent, BattleEnded, BattleRequested, BattleStarted, EndReason, RoomId, UserId
from signaling.callbacks import commands
from signaling.callbacks.payloads import Notice, milliseconds

__all__ = ["BattleBook"]

OwnerOf = Callable[[RoomId], UserId]
"""The owner of a room that is there."""

TIME_OVER, ALL_LEFT, NOBODY_JOINED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Battle:
    by: RoomId
    called: Sequence[RoomId]
    duration_s: float
    created_at: float
    owners: dict[RoomId, UserId] = field(default_factory=dict)
    started_at: float | None = None


class BattleBook:
    """The battles of all apps that are not over; no two have the same id."""

    def __init__(self) -> None:
        self._battles: dict[str, _Battle] = {}

    def of_event(self, event: AllianceEvent, owner_of: OwnerOf) -> list[Notice]:
        """The callbacks of `event`: none for links, and for what is not published."""
        match event:
            case BattleRequested():
                battle = self._remember(
                    event.battle_id, _Battle(event.by, event.called, event.duration_s, event.at), owner_of
                )
                timeout_s = 0.0 if event.expires_at is None else event.expires_at - event.at
                return [_created(event, battle, timeout_s, True, event.extra)]
            case BattleStarted():
                return self._started(event, owner_of)
            case BattleEnded():
                ended = self._battles.pop(event.battle_id, None)
                return [] if ended is None else [_ended(event, ended)]
        return []

    def _started(self, event: BattleStarted, owner_of: OwnerOf) -> list[Notice]:
        """One that needs no answer is called by its start."""
        known, found = self._battles.get(event.battle_id), []
        joined = [room for room in event.rooms if room != event.by]
        if known is None:
            called = _Battle(event.by, joined, event.ends_at - event.at, event.at)
            known = self._remember(event.battle_id, called, owner_of)
            found.append(_created(event, known, 0.0, False, event.extra))
        battle = replace(known, called=joined, started_at=event.at)
        self._battles[event.battle_id] = battle
        body = _times(event.battle_id, battle) | {
            "FromRoomInfo": _room(battle, battle.by),
            "ToRoomList": [_room(battle, room) for room in joined],
        }
        return [*found, _notice(commands.AFTER_START_BATTLE, battle.by, body, event.at)]

    def _remember(self, battle_id: str, battle: _Battle, owner_of: OwnerOf) -> _Battle:
        """Owners are asked now: when the battle ends their rooms may be over."""
        owners = {room: owner_of(room) for room in (battle.by, *battle.called)}
        known = self._battles[battle_id] = replace(battle, owners=owners)
        return known


def _created(
    event: BattleRequested | BattleStarted, battle: _Battle, timeout_s: float, need_response: bool, extra: str
) -> Notice:
    body = {
        "Operator_Account": battle.owners.get(battle.by, ""),
        "BattleId": event.battle_id,
        "FromRoomId": battle.by,
        "ToRoomIdList": list(battle.called),
        "Timeout": milliseconds(timeout_s),
        "Duration": milliseconds(battle.duration_s),
        "NeedResponse": need_response,
        "ExtensionInfo": extra,
    }
    return _notice(commands.AFTER_CREATE_BATTLE, battle.by, body, event.at)


def _ended(event: BattleEnded, battle: _Battle) -> Notice:
    scores = {each.room: each.score for each in event.scores}
    others = [room for room in (scores or battle.called) if room != battle.by]
    body = _times(event.battle_id, battle) | {
        "EndTime": int(event.at),
        "OpType": _op_type(event.reason, battle),
        "FromRoomInfo": _room(battle, battle.by) | {"Score": scores.get(battle.by, 0)},
        "ToRoomList": [_room(battle, room) | {"Score": scores.get(room, 0)} for room in others],
    }
    return _notice(commands.AFTER_END_BATTLE, battle.by, body, event.at)


def _op_type(reason: EndReason, battle: _Battle) -> int:
    """One that never started is 2, whatever the reason; the end by the app's own server is a decision, as time is."""
    if battle.started_at is None:
        return NOBODY_JOINED
    return TIME_OVER if reason in (EndReason.TIME_OVER, EndReason.BY_SERVER) else ALL_LEFT


def _times(battle_id: str, battle: _Battle) -> dict[str, Any]:
    return {
        "BattleId": battle_id,
        "Duration": milliseconds(battle.duration_s),
        "CreateTime": int(battle.created_at),
        "StartTime": int(battle.started_at or 0),
    }


def _room(battle: _Battle, room: RoomId) -> dict[str, Any]:
    return {"RoomId": room, "Owner_Account": battle.owners.get(room, "")}


def _notice(command: str, subject: str, body: dict[str, Any], at: float) -> Notice:
    return Notice(command, subject, {"CallbackCommand": command, **body, "EventTime": milliseconds(at)})
