"""What every command is given besides its body, and what it gives back.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from billing.interface import AppId
from rooms.interface import People, Rooms, UserId
from signaling.back_office.rates import Made

__all__ = ["Call", "Reply", "chosen"]

Reply = dict[str, Any]
"""The fields of the answer; empty when there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an administrator."""

    rooms: Rooms
    app: AppId
    caller: UserId
    people: People
    made: Made
    """The rooms that were made a moment ago."""
    now: float
    """Seconds that only grow."""


def chosen(**fields: Any) -> dict[str, Any]:
    """Those of `fields` that the body names."""
    return {name: value for name, value in fields.items() if value is not None}
