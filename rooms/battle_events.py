"""What happened in battles: frozen facts, told in order to every room they concern.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rooms.ids import AppId, RoomId
from rooms.requests import Outcome

__all__ = [
    "BattleAnswered", "BattleEnded", "BattleEvent", "BattleRequested", "BattleRoomLeft", "BattleScored",
    "BattleStarted", "EndReason", "PunishmentEnded", "Score",
]  # fmt: skip


class EndReason(StrEnum):
    """Why a battle ended."""

    TIME_OVER = "time_over"
    ALL_LEFT = "all_left"
    """Only one room was left."""
    NOBODY_JOINED = "nobody_joined"
    """No called room accepted, so it never started."""
    CANCELLED = "cancelled"
    """By the caller, before it started."""
    LINK_ENDED = "link_ended"
    """A room left the link, and fewer than two were left, or the caller itself was gone before the start."""
    BY_SERVER = "by_server"
    """The app's own server said so."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one room has."""

    room: RoomId
    """Which room; it may have left since."""
    score: int
    """Not negative."""


@dataclass(frozen=True, slots=True)
class _Event:
    app: AppId
    """Whose rooms."""
    rooms: tuple[RoomId, ...]
    """The rooms it is told to, the caller's first; one of them may have just ended."""
    at: float
    """When, in Unix seconds."""
    battle_id: str
    """Which battle."""


@dataclass(frozen=True, slots=True)
class BattleRequested(_Event):
    """A room calls others, which have to answer. One `BattleAnswered` follows for each of them."""

    by: RoomId
    """Who calls."""
    called: tuple[RoomId, ...]
    """Who is called."""
    duration_s: float
    """How long it will run."""
    expires_at: float | None
    """Unix seconds at which no answer is a no; None: never."""
    extra: str
    """What the caller adds for the others."""


@dataclass(frozen=True, slots=True)
class BattleAnswered(_Event):
    """A called room has answered, or can no longer."""

    room: RoomId
    """Which room. It is in the battle only when it has accepted."""
    outcome: Outcome
    """What became of the call."""


@dataclass(frozen=True, slots=True)
class BattleStarted(_Event):
    """It runs. All scores are 0, and their version is 0."""

    by: RoomId
    """Who called it."""
    ends_at: float
    """When it ends, in Unix seconds."""
    extra: str
    """What the caller added for the others."""


@dataclass(frozen=True, slots=True)
class BattleScored(_Event):
    """Scores changed. Of two such events the one with the higher version is right, whichever came first."""

    scores: tuple[Score, ...]
    """All scores, of rooms that left as well, in the order in which the rooms were called."""
    version: int
    """One more than before."""


@dataclass(frozen=True, slots=True)
class BattleRoomLeft(_Event):
    """A room is in the battle no longer. Its score is kept, but it cannot win."""

    room: RoomId
    """Which room."""


@dataclass(frozen=True, slots=True)
class BattleEnded(_Event):
    """It is decided, or never started. `PunishmentEnded` follows when there is a punishment."""

    reason: EndReason
    """Why."""
    scores: tuple[Score, ...]
    """The scores, which are final; empty when it never started."""
    winners: tuple[RoomId, ...]
    """The rooms with the highest score; more than one: a draw. Empty when it never started."""
    punishment_until: float | None
    """Unix seconds until which it is still shown; None: it is over."""


@dataclass(frozen=True, slots=True)
class PunishmentEnded(_Event):
    """The battle is over; its rooms may begin another one."""


BattleEvent = (
    BattleRequested | BattleAnswered | BattleStarted | BattleScored | BattleRoomLeft | BattleEnded | PunishmentEnded
)
