"""What every command is given besides its body, and what it gives back.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from billing.interface import AppId
from rooms.interface import People, Rooms, UserId
from signaling.back_office.rates import Made
from signaling.callbacks.config import Config

__all__ = ["Call", "CallbackSettings", "Reply", "chosen"]

Reply = dict[str, Any]
"""The fields of the answer; empty when there is nothing to tell."""


class CallbackSettings(Protocol):
    """What apps have set about their callbacks."""

    def config(self, app: AppId) -> Config: ...

    async def change(self, app: AppId, change: Callable[[Config], Config]) -> None:
        """Raises 100002 for a URL that may not be called, and what `change` raises."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an administrator."""

    rooms: Rooms
    people: People
    callbacks: CallbackSettings
    app: AppId
    caller: UserId
    made: Made
    """The rooms that were made a moment ago."""
    now: float
    """Seconds that only grow."""


def chosen(**fields: Any) -> dict[str, Any]:
    """Those of `fields` that the body names."""
    return {name: value for name, value in fields.items() if value is not None}
