"""Who is calling: a UserSig turned into an app and a user, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from billing.interface import AppId
from rooms.interface import UserId
from signaling import usersig

__all__ = ["Identity", "Identities", "ADMINISTRATOR"]

ADMINISTRATOR = UserId("administrator")
"""The user whose UserSig opens an app's own books."""

_USER = re.compile(r"[A-Za-z0-9_\-]{1,32}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of an app whose signature has been verified."""

    app: AppId
    user: UserId


class Secrets(Protocol):
    """Where the secrets of apps are (billing)."""

    async def app_secret(self, app: AppId) -> str:
        """Raises billing.interface.Refused 60006 for an unknown app."""
        ...


class Identities:
    """Judges signatures."""

    def __init__(self, secrets: Secrets, *, clock: Callable[[], float]) -> None:
        self._secrets = secrets
        self._clock = clock

    async def verify(self, signature: str, *, app: int | None = None, user: str | None = None) -> Identity:
        """The identity in `signature`, which must be of `app` and `user` where these are claimed.

        Raises UserSigError (70001, 70003, 70013) or Refused (60006).
        """
        claims = usersig.read(signature)
        if app is not None and claims.app != app:
            await self._secrets.app_secret(AppId(app))  # an unknown app is the better answer
            raise usersig.Mismatch("The UserSig belongs to another SDKAppID.")
        secret = await self._secrets.app_secret(AppId(claims.app))
        claims.verify(secret, self._clock())
        if user is not None and claims.user != user:
            raise usersig.Mismatch("The UserSig belongs to another user.")
        if not _USER.fullmatch(claims.user):
            raise usersig.Malformed("A user id has 1 to 32 letters, digits, _ or -.")
        return Identity(AppId(claims.app), UserId(claims.user))
