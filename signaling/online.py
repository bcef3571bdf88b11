"""Who is logged in: the connections of each user of each app, in a room or not.

Pure: a table.
"""

from __future__ import annotations

from collections.abc import Mapping

from billing.interface import AppId
from rooms.interface import UserId
from signaling.stays import Outlet

__all__ = ["Online"]


class Online:
    """All connections of the node that have logged in."""

    def __init__(self) -> None:
        self._apps: dict[AppId, dict[UserId, dict[str, Outlet]]] = {}

    def add(self, app: AppId, user: UserId, outlet: Outlet) -> None:
        self._apps.setdefault(app, {}).setdefault(user, {})[outlet.id] = outlet

    def remove(self, app: AppId, user: UserId, outlet: Outlet) -> None:
        users = self._apps.get(app, {})
        outlets = users.get(user, {})
        outlets.pop(outlet.id, None)
        if not outlets:
            users.pop(user, None)
        if not users:
            self._apps.pop(app, None)

    def users(self, app: AppId) -> list[UserId]:
        return list(self._apps.get(app, ()))

    def push(self, app: AppId, user: UserId, text: str) -> None:
        """Tells a user by all of its connections; who has gone meanwhile hears nothing."""
        for outlet in self._apps.get(app, {}).get(user, {}).values():
            outlet.push(text)

    def statistics(self) -> Mapping[str, int]:
        return {"users_online": sum(map(len, self._apps.values()))}
