from __future__ import annotations

from typing import get_args

import pytest

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
from rooms.errors import RoomRefused
from rooms.events import DismissReason
from rooms.ids import UserId
from rooms.permissions import PERMISSIONS, check_permission
from rooms.seats import MovePolicy
from rooms.views import Role

ME, OTHER = UserId("me"), UserId("other")
OK, NOT_IN_ROOM, NO_PERMISSION = None, 100005, 100006

# command: what the owner, an admin, the audience, and somebody outside hear
TABLE = [
    (Enter(ME, "Me", "c"), OK, OK, OK, OK),
    (Leave(ME), OK, OK, OK, NOT_IN_ROOM),
    (Dismiss(ME, DismissReason.BY_OWNER), OK, NO_PERMISSION, NO_PERMISSION, NOT_IN_ROOM),
    (Kick(ME, OTHER), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (TakeSeat(ME, None), OK, OK, OK, NOT_IN_ROOM),
    (LeaveSeat(ME), NO_PERMISSION, OK, OK, NOT_IN_ROOM),
    (KickFromSeat(ME, OTHER), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (LockSeat(ME, 1, True, False, False), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (MoveSeat(ME, ME, 1, MovePolicy.ABORT), OK, OK, OK, NOT_IN_ROOM),
    (Apply(ME, None, 0, ""), NO_PERMISSION, OK, OK, NOT_IN_ROOM),
    (Invite(ME, OTHER, None, 0, ""), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (Answer(ME, "application_1", True), OK, OK, OK, NOT_IN_ROOM),
    (Cancel(ME, "application_1"), OK, OK, OK, NOT_IN_ROOM),
    (SetAdmin(ME, OTHER, True), OK, NO_PERMISSION, NO_PERMISSION, NOT_IN_ROOM),
    (MuteMember(ME, OTHER, 60), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (Ban(ME, OTHER, 60), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
    (UpdateRoom(ME, name="R"), OK, OK, NO_PERMISSION, NOT_IN_ROOM),
]


@pytest.mark.parametrize(
    ("command", "owner", "admin", "audience", "outside"), TABLE, ids=lambda value: type(value).__name__
)
def test_every_role_hears_what_the_table_says(
    command: MemberCommand, owner: int | None, admin: int | None, audience: int | None, outside: int | None
) -> None:
    heard = {Role.OWNER: owner, Role.ADMIN: admin, Role.AUDIENCE: audience, None: outside}
    for role, expected in heard.items():
        code = None
        try:
            check_permission(command, role)
        except RoomRefused as refused:
            code = refused.code
        assert code == expected, (command, role)


def test_every_command_of_members_has_a_row() -> None:
    assert set(PERMISSIONS) == set(get_args(MemberCommand))
    assert {type(row[0]) for row in TABLE} == set(PERMISSIONS)
