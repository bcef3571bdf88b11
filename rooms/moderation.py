"""Who helps the owner of one room, who may not speak there, and who may not come in.

A mute and a ban belong to the room, not to the stay: they hold while the member is away, and end by themselves.

Pure: users and `now` (Unix seconds) in, answers or refusals out.
"""

from __future__ import annotations

from rooms.errors import bad_parameter, banned, member_muted, too_many_admins
from rooms.ids import UserId

__all__ = ["MAX_ADMINS", "MAX_LISTED", "MAX_SECONDS", "Moderation"]

MAX_ADMINS = 10
MAX_LISTED = 5000
"""Members that may be muted, and as many that may be banned, at once in one room."""
MAX_SECONDS = 366 * 86400
"""Of one mute or ban."""


class Moderation:
    """Admins, mutes and bans."""

    def __init__(self) -> None:
        self._admins: dict[UserId, None] = {}
        self._muted: dict[UserId, float] = {}  # until when
        self._banned: dict[UserId, float] = {}

    @property
    def admins(self) -> tuple[UserId, ...]:
        """In the order in which they became it."""
        return tuple(self._admins)

    def is_admin(self, user: UserId) -> bool:
        return user in self._admins

    def check_admin(self, user: UserId) -> None:
        """Raises 100020 when one more is too many."""
        if user not in self._admins and len(self._admins) >= MAX_ADMINS:
            raise too_many_admins(MAX_ADMINS)

    def set_admin(self, user: UserId, admin: bool) -> None:
        if admin:
            self.check_admin(user)
            self._admins[user] = None
        else:
            self._admins.pop(user, None)

    def muted(self, now: float) -> dict[UserId, float]:
        """Who is muted, and until when."""
        return _running(self._muted, now)

    def banned(self, now: float) -> dict[UserId, float]:
        """Who is banned, and until when."""
        return _running(self._banned, now)

    def check_voice(self, user: UserId, now: float) -> None:
        """Raises 100017 while `user` is muted."""
        until = self._muted.get(user, 0.0)
        if until > now:
            raise member_muted(until - now)

    def check_entry(self, user: UserId, now: float) -> None:
        """Raises 100016 while `user` is banned."""
        until = self._banned.get(user, 0.0)
        if until > now:
            raise banned(until - now)

    def check_listing(self, now: float) -> None:
        """Raises 100002 when no more can be muted or banned."""
        if max(len(self.muted(now)), len(self.banned(now))) >= MAX_LISTED:
            raise bad_parameter(f"A room has at most {MAX_LISTED} muted and as many banned members.")

    def mute(self, user: UserId, until: float, now: float) -> None:
        """Until `until`; what is not later than `now` lifts it."""
        _set(self._muted, user, until, now)

    def ban(self, user: UserId, until: float, now: float) -> None:
        """The same for coming in."""
        _set(self._banned, user, until, now)


def _set(listed: dict[UserId, float], user: UserId, until: float, now: float) -> None:
    for other in [other for other, end in listed.items() if end <= now]:
        del listed[other]
    listed.pop(user, None)
    if until > now:
        listed[user] = until


def _running(listed: dict[UserId, float], now: float) -> dict[UserId, float]:
    return {user: until for user, until in listed.items() if until > now}
