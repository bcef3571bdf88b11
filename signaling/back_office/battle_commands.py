"""The commands about battles. Rooms have to be linked before; times are milliseconds, as the public API has them."""

from __future__ import annotations

from typing import Any

from rooms.interface import Battle, RoomId, RoomRefused, ScoreChange
from signaling.back_office import bodies
from signaling.back_office.call import Call, Reply

__all__ = ["create_battle", "end", "get_battle_info", "set_battle_score"]

ADD = 1
"""The OpType that adds; any other overwrites."""


async def create_battle(call: Call, body: bodies.CreateBattle) -> Reply:
    """Call linked rooms to a battle."""
    created = await call.rooms.alliances.create_battle(
        call.app, body.FromRoomId, None, body.ToRoomIdList,
        duration_s=body.Duration / 1000, need_response=body.NeedResponse, timeout_s=body.Timeout / 1000,
        extra=body.ExtensionInfo,
    )  # fmt: skip
    codes = {str(room): refused.code for room, refused in created.refused.items()}
    result = [{"RoomId": room, "ErrorCode": codes.get(room, 0)} for room in body.ToRoomIdList]
    return {"BattleId": created.battle_id, "Result": result}


async def set_battle_score(call: Call, body: bodies.SetBattleScore) -> Reply:
    """Change the scores of rooms, together."""
    how = ScoreChange.ADD if body.OpType == ADD else ScoreChange.OVERWRITE
    call.rooms.alliances.score(call.app, body.BattleId, {each.RoomId: each.Score for each in body.ScoreList}, how)
    return {}


async def get_battle_info(call: Call, body: bodies.BattleRef) -> Reply:
    """A battle that is not over."""
    return {"BattleInfo": _battle(call, call.rooms.alliances.battle_named(call.app, body.BattleId))}


async def end(call: Call, body: bodies.BattleRef) -> Reply:
    """Decide a battle before its time."""
    call.rooms.alliances.end_battle(call.app, body.BattleId)
    return {}


def _battle(call: Call, battle: Battle) -> dict[str, Any]:
    scores = {each.room: each.score for each in battle.scores}
    others = [room for room in (scores or battle.rooms) if room != battle.by]
    return {
        "BattleId": battle.battle_id,
        "Phase": battle.phase,
        "Duration": int(battle.duration_s * 1000),
        "CreateTime": int(battle.created_at),
        "StartTime": int(battle.started_at or 0),
        "EndTime": int(battle.ended_at or 0),
        "ExtensionInfo": battle.extra,
        "FromRoomInfo": _room(call, battle.by, scores.get(battle.by, 0)),
        "ToRoomList": [_room(call, room, scores.get(room, 0)) for room in others],
    }


def _room(call: Call, room: RoomId, score: int) -> dict[str, Any]:
    try:
        owner = str(call.rooms.room(call.app, room).owner)
    except RoomRefused:
        owner = ""  # it has ended; its score is still shown
    return {"RoomId": room, "Score": score, "Owner_Account": owner}
