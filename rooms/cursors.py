"""Cursors of lists whose entries have ascending numbers: the number of the last entry that was seen.

Pure: text in, a number or a refusal out.
"""

from __future__ import annotations

from rooms.errors import bad_parameter

__all__ = ["number_of"]

MAX_CURSOR = 18
"""Digits; a longer one was not given out by us."""


def number_of(cursor: str) -> int:
    """Raises 100002 for what no cursor is."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= MAX_CURSOR):
        raise bad_parameter("The cursor is not one that was given out.")
    return int(cursor)
