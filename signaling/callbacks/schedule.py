"""When a callback that failed is tried again, and when no more.

TRTC tries at once, then every 10 s for a minute (research/tencent.md 6.1); what Live callbacks do is not published.
Here both go on after that, with pauses that double up to an hour, until a day has passed: a receiver may be mended in
the morning. One that was received, but not accepted, will not be later either: it has the first minute only.

Pure: numbers only.
"""

from __future__ import annotations

__all__ = ["DEAD_AFTER_S", "REFUSALS", "pause"]

DEAD_AFTER_S = 24 * 3600.0
"""Seconds after it happened. One that waited longer behind others is tried once."""
STEP_S = 10.0
STEPS = 6
REFUSALS = 2 + STEPS
"""Attempts in the first minute: after so many, one that is received, but not accepted, is given up."""
LONGEST_S = 3600.0


def pause(attempts: int) -> float:
    """Seconds from the failure of the attempt of this number (from 1) to the next one."""
    if attempts == 1:
        return 0.0
    if attempts <= 1 + STEPS:
        return STEP_S
    return min(LONGEST_S, STEP_S * 2.0 ** (attempts - 1 - STEPS))
