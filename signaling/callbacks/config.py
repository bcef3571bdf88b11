"""What an app has set about its callbacks: where they go, which of them, and how they are signed.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from signaling.callbacks.commands import ALIASES, ALL
from signaling.errors import bad_parameter

__all__ = ["KINDS", "Config", "Kind", "LiveCallbacks", "RtcCallbacks", "Token", "known_commands"]

Kind = Literal["live", "rtc"]
"""The callbacks of the Live API, and those of TRTC's rooms and media; each app has one URL for each."""
KINDS: tuple[Kind, ...] = ("live", "rtc")
Key = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]{0,32}$")]
"""Of the body's signature: at most 32 letters and digits, as TRTC has it. Empty: the body is not signed."""
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=5)]
"""How long a question is asked; the member waits for the answer, and all its other requests with it."""
Gate = Literal["closed", "open"]
"""What happens when nobody answers a question: `closed` refuses, `open` lets it happen."""


class Token(msgspec.Struct, frozen=True):
    """The token's signature."""

    value: str
    enabled: bool

    def __repr__(self) -> str:
        return f"Token(enabled={self.enabled})"  # a secret belongs into no log


class LiveCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The callbacks of the Live API."""

    url: str
    commands: frozenset[str]
    key: Key = ""
    gift_gate: Gate = "closed"
    """Money is at stake."""
    gift_timeout_s: Seconds = 2.0
    message_gate: Gate = "open"
    message_timeout_s: Seconds = 2.0
    """Both as published: two seconds."""

    def __repr__(self) -> str:
        return f"LiveCallbacks({self.url!r})"


class RtcCallbacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The callbacks of TRTC's rooms and media."""

    url: str
    key: Key = ""
    events: frozenset[int] | None = None
    """The event types to tell; None: all."""

    def __repr__(self) -> str:
        return f"RtcCallbacks({self.url!r})"


class Config(msgspec.Struct, frozen=True):
    """All that one app has set."""

    live: LiveCallbacks | None = None
    rtc: RtcCallbacks | None = None
    token: Token | None = None


def known_commands(names: Iterable[str]) -> frozenset[str]:
    """The commands by their one name. Raises 100002 for one that is not published: it would never be told."""
    found = {ALIASES.get(name, name) for name in names}
    unknown = sorted(found - ALL)
    if unknown:
        raise bad_parameter(f"There is no callback {unknown[0][:80]!r}.")
    return frozenset(found)
