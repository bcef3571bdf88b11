from __future__ import annotations

from typing import get_args

import pytest

from rooms.commands import Dismiss, Enter, Kick, KickFromSeat, Leave, LeaveSeat, MemberCommand, TakeSeat
from rooms.errors import RoomRefused
from rooms.events import DismissReason
from rooms.ids import UserId
from rooms.permissions import PERMISSIONS, check_permission
from rooms.views import Role

ME, OTHER = UserId("me"), UserId("other")
OK, NOT_IN_ROOM, NO_PERMISSION = None, 100005, 100006

# command: what the owner, the audience, and somebody outside hear
TABLE = [
    (Enter(ME, "Me", "c"), OK, OK, OK),
    (Leave(ME), OK, OK, NOT_IN_ROOM),
    (Dismiss(ME, DismissReason.BY_OWNER), OK, NO_PERMISSION, NOT_IN_ROOM),
    (Kick(ME, OTHER), OK, NO_PERMISSION, NOT_IN_ROOM),
    (TakeSeat(ME, None), OK, OK, NOT_IN_ROOM),
    (LeaveSeat(ME), NO_PERMISSION, OK, NOT_IN_ROOM),
    (KickFromSeat(ME, OTHER), OK, NO_PERMISSION, NOT_IN_ROOM),
]


@pytest.mark.parametrize(("command", "owner", "audience", "outside"), TABLE, ids=lambda value: type(value).__name__)
def test_every_role_hears_what_the_table_says(
    command: MemberCommand, owner: int | None, audience: int | None, outside: int | None
) -> None:
    for role, expected in ((Role.OWNER, owner), (Role.AUDIENCE, audience), (None, outside)):
        code = None
        try:
            check_permission(command, role)
        except RoomRefused as refused:
            code = refused.code
        assert code == expected, (command, role)


def test_every_command_of_members_has_a_row() -> None:
    assert set(PERMISSIONS) == set(get_args(MemberCommand))
    assert {type(row[0]) for row in TABLE} == set(PERMISSIONS)
