"""What the answer to a callback means.

Pure: a status and bytes in, words or None out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

__all__ = ["Answer", "MAX_ANSWER", "fault_of", "refusal_of", "verdict_of"]

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read; what is longer counts as unreadable."""
MAX_WORDS = 200
"""Characters of the receiver's own words that are shown or kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes


def fault_of(answer: Answer) -> str | None:
    """Why a callback was not received; None: it was."""
    return None if 200 <= answer.status < 300 else f"HTTP {answer.status}"


def refusal_of(answer: Answer) -> str | None:
    """Why a callback was received, but not accepted; None: nothing is said against it.

    Accepted is `{"ErrorCode": 0}`, `{"ActionStatus": "OK"}`, `{"code": 0}`, and any body that is none of these forms,
    an empty one as well.
    """
    said = _read(answer.body)
    code = said.get("ErrorCode", said.get("code", 0))
    if code not in (0, "0", None):
        return f"code {_short(code)}"
    if str(said.get("ActionStatus", "OK")).upper() == "FAIL":
        return "ActionStatus FAIL"
    return None


def verdict_of(answer: Answer) -> tuple[int, str] | None:
    """The ErrorCode and the ErrorInfo of an answer to a question; None: it is no answer."""
    said = _read(answer.body) if 200 <= answer.status < 300 else {}
    code = said.get("ErrorCode")
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    words = said.get("ErrorInfo")
    return code, _short(words) if isinstance(words, str) else ""


def _read(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _short(words: object) -> str:
    return str(words)[:MAX_WORDS]
