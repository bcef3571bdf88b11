"""What users say of themselves in one app, in a room or not; who has a profile is an account of that app.

Pure: values in, profiles or refusals out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rooms.errors import bad_parameter
from rooms.ids import MAX_NAME, AppId, UserId, refuse_faults, text_fault

__all__ = ["MAX_AVATAR", "MAX_SIGNATURE", "MAX_WORD", "MAX_WORDS", "Profile", "ProfileChange", "ProfileStore", "Word"]

MAX_AVATAR = 200
"""Bytes of UTF-8; of a picture's URL."""
MAX_SIGNATURE = 200
"""Bytes of UTF-8."""
MAX_WORDS = 32
"""Words an app's own server keeps with a profile."""
MAX_WORD = 500
"""Bytes of UTF-8; of one of these (public limit of a profile field)."""
_SCHEMES = ("http://", "https://")

Word = str | int
"""A value that rooms keeps and does not understand."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What one user says of itself; texts may be empty."""

    user: UserId
    name: str = ""
    """Its display name where a login names none."""
    avatar: str = ""
    """URL of a picture."""
    signature: str = ""
    """A sentence for others to read."""
    words: Mapping[str, Word] = field(default_factory=dict)
    """What the app's own server keeps besides, by its own keys."""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is None, or not among `words`, stays as it is. Raises 100002 for what does not fit."""

    name: str | None = None
    avatar: str | None = None
    signature: str | None = None
    words: Mapping[str, Word] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_faults(
            text_fault("A name", self.name or "", MAX_NAME),
            text_fault("A picture's URL", self.avatar or "", MAX_AVATAR),
            "A profile has no NUL in it." if "\0" in f"{self.name}{self.avatar}{self.signature}" else None,
            "A picture is at an http or https URL." if not _may_be_shown(self.avatar or "") else None,
            text_fault("A signature", self.signature or "", MAX_SIGNATURE),
            *(text_fault(f"{key[:64]!r}", word, MAX_WORD) for key, word in self.words.items() if isinstance(word, str)),
        )

    def applied_to(self, profile: Profile) -> Profile:
        """Raises 100002 when there would be too many words."""
        words = {**profile.words, **self.words}
        if len(words) > MAX_WORDS:
            raise bad_parameter(f"A profile has at most {MAX_WORDS} fields of the app's own.")
        return Profile(
            profile.user,
            profile.name if self.name is None else self.name,
            profile.avatar if self.avatar is None else self.avatar,
            profile.signature if self.signature is None else self.signature,
            words,
        )


class ProfileStore(Protocol):
    """Where profiles outlive the node. Every method is done as a whole or not at all."""

    async def profiles(self, app: AppId, users: Collection[UserId]) -> Mapping[UserId, Profile]:
        """Those of `users` who have one; at most a few hundred are asked for."""
        ...

    async def change_profile(self, app: AppId, user: UserId, change: ProfileChange) -> Profile:
        """Changes a profile, or makes one. Raises what `applied_to` raises."""
        ...


def _may_be_shown(url: str) -> bool:
    """Pages put it into `src`: nothing but a picture from the web may come of it."""
    return not url or url.lower().startswith(_SCHEMES)
