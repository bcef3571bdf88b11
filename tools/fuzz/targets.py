"""The table of targets."""

from __future__ import annotations

from collections.abc import Mapping

from tools.fuzz import rtcp, rtmp, rtp, sdp, stun, trickle
from tools.fuzz.target import Target

__all__ = ["TARGETS"]

TARGETS: Mapping[str, Target] = {module.TARGET.name: module.TARGET for module in (stun, rtp, rtcp, sdp, trickle, rtmp)}
"""By name."""
