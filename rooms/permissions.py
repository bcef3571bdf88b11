"""Who may wish what: one table of commands and roles, and who stands above whom.

Pure: a command and a role in, a refusal or nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping

from rooms.commands import (
    Answer,
    Apply,
    Ban,
    Cancel,
    Dismiss,
    Enter,
    Invite,
    Kick,
    KickFromSeat,
    Leave,
    LeaveSeat,
    LockSeat,
    MemberCommand,
    MoveSeat,
    MuteMember,
    SetAdmin,
    TakeSeat,
    UpdateRoom,
)
from rooms.errors import no_permission, not_in_room, owner_cannot
from rooms.views import Role

__all__ = ["PERMISSIONS", "check_above", "check_permission"]

_OWNER = frozenset[Role | None]({Role.OWNER})
_HOSTS = _OWNER | {Role.ADMIN}
_AUDIENCE = frozenset[Role | None]({Role.ADMIN, Role.AUDIENCE})
_MEMBERS = _OWNER | _AUDIENCE
_ANYBODY = _MEMBERS | {None}

PERMISSIONS: Mapping[type[MemberCommand], frozenset[Role | None]] = {
    Enter: _ANYBODY,
    Leave: _MEMBERS,
    Dismiss: _OWNER,
    Kick: _HOSTS,
    TakeSeat: _MEMBERS,
    LeaveSeat: _AUDIENCE,  # seat 0 is the owner's for as long as the room lives
    KickFromSeat: _HOSTS,
    LockSeat: _HOSTS,
    MoveSeat: _MEMBERS,  # the audience itself only, see room.py
    Apply: _AUDIENCE,
    Invite: _HOSTS,
    Answer: _MEMBERS,  # whom it concerns, see co_guests.py
    Cancel: _MEMBERS,
    SetAdmin: _OWNER,
    MuteMember: _HOSTS,
    Ban: _HOSTS,
    UpdateRoom: _HOSTS,
}
"""The roles that may wish each command; None is somebody who is not a member."""

_RANK = {Role.OWNER: 2, Role.ADMIN: 1, Role.AUDIENCE: 0}


def check_permission(command: MemberCommand, role: Role | None) -> None:
    """Raises 100005 for somebody who is not a member, 100006 for a member whose role may not do this."""
    allowed = PERMISSIONS[type(command)]
    if role in allowed:
        return
    if role is None:
        raise not_in_room()
    if role is Role.OWNER:
        raise owner_cannot("leave its seat, or apply for one")
    raise no_permission()


def check_above(role: Role, other: Role) -> None:
    """Raises 100006 unless `role` stands above `other`: admins cannot act against each other or the owner."""
    if _RANK[role] <= _RANK[other]:
        raise no_permission()
