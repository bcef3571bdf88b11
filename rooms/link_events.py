"""What happened to links between rooms: frozen facts, told in order to every room they concern.

Pure: values only.
"""

from __future__ import annotations

from dataclasses import dataclass

from rooms.ids import AppId, RoomId
from rooms.requests import Outcome

__all__ = ["LinkChanged", "LinkEnded", "LinkEvent", "LinkRequestEnded", "LinkRequested"]


@dataclass(frozen=True, slots=True)
class _Event:
    app: AppId
    """Whose rooms."""
    rooms: tuple[RoomId, ...]
    """The rooms it is told to; one of them may have just ended."""
    at: float
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class LinkRequested(_Event):
    """A room asks another one to be linked with it. `LinkRequestEnded` follows, once."""

    request_id: str
    """What the answer names."""
    by: RoomId
    """Who asks."""
    to: RoomId
    """Who is asked."""
    expires_at: float | None
    """Unix seconds at which it times out; None: never."""
    extra: str
    """What the requester adds for the other side."""


@dataclass(frozen=True, slots=True)
class LinkRequestEnded(_Event):
    """A request is over. When it was accepted, `LinkChanged` follows."""

    request_id: str
    """Which one."""
    by: RoomId
    """Who asked."""
    to: RoomId
    """Who was asked."""
    outcome: Outcome
    """How it ended."""


@dataclass(frozen=True, slots=True)
class LinkChanged(_Event):
    """A link began, grew or shrank."""

    link_id: str
    """Which link."""
    members: tuple[RoomId, ...]
    """The rooms that are linked now, in the order of joining."""
    left: RoomId | None
    """The room that is in it no longer, or None. It has to leave its battle."""


@dataclass(frozen=True, slots=True)
class LinkEnded(_Event):
    """A room left the only other one; neither is linked any more."""

    link_id: str
    """Which link."""
    left: RoomId
    """The room that left. It has to leave its battle."""


LinkEvent = LinkRequested | LinkRequestEnded | LinkChanged | LinkEnded
