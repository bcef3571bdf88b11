"""Who may wish what: one table of commands and roles.

Pure: a command and a role in, a refusal or nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping

from rooms.commands import Dismiss, Enter, Kick, KickFromSeat, Leave, LeaveSeat, MemberCommand, TakeSeat
from rooms.errors import no_permission, not_in_room, owner_cannot
from rooms.views import Role

__all__ = ["PERMISSIONS", "check_permission"]

_OWNER = frozenset[Role | None]({Role.OWNER})
_AUDIENCE = frozenset[Role | None]({Role.AUDIENCE})
_MEMBERS = _OWNER | _AUDIENCE
_ANYBODY = _MEMBERS | {None}

PERMISSIONS: Mapping[type[MemberCommand], frozenset[Role | None]] = {
    Enter: _ANYBODY,
    Leave: _MEMBERS,
    Dismiss: _OWNER,
    Kick: _OWNER,
    TakeSeat: _MEMBERS,
    LeaveSeat: _AUDIENCE,  # seat 0 is the owner's for as long as the room lives
    KickFromSeat: _OWNER,
}
"""The roles that may wish each command; None is somebody who is not a member."""


def check_permission(command: MemberCommand, role: Role | None) -> None:
    """Raises 100005 for somebody who is not a member, 100006 for a member whose role may not do this."""
    allowed = PERMISSIONS[type(command)]
    if role in allowed:
        return
    if role is None:
        raise not_in_room()
    if role is Role.OWNER:
        raise owner_cannot("leave its seat")
    raise no_permission()
