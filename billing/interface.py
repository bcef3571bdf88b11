"""What the other packages may know of billing: who may do what, and where used seconds are reported.

Billing does not know what a room is: rooms, members and sessions are opaque keys to it. It answers "may this happen"
(`Entitlements`), it is told "this second was used so" (`UsageSink`), and it can be asked what has been used
(`UsageReader`). Everything here is a value or a protocol; the implementation is `billing.service`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType, Protocol

__all__ = [
    "AppId", "Feature", "Gauge", "Tier", "tier_of", "TIER_MAX_PIXELS",
    "EditionView", "Refused", "Lease", "Entitlements",
    "Session", "UsageSink", "Bucket", "UsageRow", "UsageReader",
]  # fmt: skip

AppId = NewType("AppId", int)
"""The public number of an app (SDKAppID)."""


class Feature(StrEnum):
    """What an edition allows or not (purchase guide, table of editions)."""

    PREVIEW = "preview"
    WATERFALL = "waterfall"
    FOLLOW = "follow"
    SEARCH = "search"
    GIFT = "gift"
    BEAUTY = "beauty"
    AUDIENCE_LIST = "audience_list"
    PUSH_HELPER = "push_helper"
    RTMP_INGEST = "rtmp_ingest"
    QUIC = "quic"
    CO_GUEST = "co_guest"
    CO_HOST = "co_host"
    NOISE_SUPPRESSION = "noise_suppression"
    HIGH_RESOLUTION = "high_resolution"
    ULTIMATE_PICTURE = "ultimate_picture"
    RECORDING = "recording"
    AI_RECOGNITION = "ai_recognition"


class Gauge(StrEnum):
    """What an edition limits at any instant. `scope` says what the limit counts within."""

    ROOMS = "rooms"
    """Rooms of an app that are not dismissed; scope is empty."""
    AUDIENCE = "audience"
    """Members of one room besides its owner; scope is the room's key."""
    SEATS = "seats"
    """Taken seats of one room, the host's included; scope is the room's key."""
    LINKED_ROOMS = "linked_rooms"
    """Rooms in one co-host link or battle; scope is the link's key."""


class Tier(StrEnum):
    """The tier of one used second: what is received decides, publishing alone is audio."""

    AUDIO = "audio"
    SD = "sd"
    HD = "hd"
    FHD = "fhd"
    QHD = "2k"
    UHD = "4k"


TIER_MAX_PIXELS: Mapping[Tier, int] = {
    Tier.AUDIO: 0,
    Tier.SD: 640 * 480,
    Tier.HD: 1280 * 720,
    Tier.FHD: 1920 * 1080,
    Tier.QHD: 2560 * 1440,
    Tier.UHD: 4096 * 2160,
}
"""Inclusive upper bound of each tier in pixels (width x height, summed over all received video)."""


def tier_of(pixels: int) -> Tier:
    """The tier of `pixels` received at once. What is above 4K is undefined in the sources and counts as 4K."""
    for tier, most in TIER_MAX_PIXELS.items():
        if pixels <= most:
            return tier
    return Tier.UHD


class Refused(Exception):
    """Billing's "no": a stable public code, a name for programs and a sentence for people. It leaves nothing behind."""

    def __init__(
        self, code: int, name: str, sentence: str, *, limit: int | None = None, used: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.name = name
        self.sentence = sentence
        self.limit = limit
        self.used = used


@dataclass(frozen=True, slots=True)
class EditionView:
    """What an app may do now."""

    app: AppId
    edition: str
    """`trial`, `single_host`, `multi_guest`, `large_scale`, `multi_guest_ai`, `large_scale_ai`, or `none`."""
    features: frozenset[Feature]
    limits: Mapping[Gauge, int | None]
    """The limit of each gauge; None is unlimited."""
    max_pixels: int
    """The largest picture (width x height) that may be published."""
    expires_at: float | None
    """Unix seconds, or None for no end."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One admitted unit of a gauge. It ends by `release`, or by itself at `expires_at` when nobody renews it."""

    app: AppId
    gauge: Gauge
    scope: str
    holder: str
    epoch: int
    """Tells a later lease of the same holder apart, so that a late release cannot free it."""
    expires_at: float


class Entitlements(Protocol):
    """May this happen? Asked before every room, entry, seat and feature."""

    async def edition(self, app: AppId) -> EditionView:
        """What the app may do now. Raises Refused 60006 for an unknown app."""
        ...

    async def admit(self, app: AppId, gauge: Gauge, *, scope: str, holder: str) -> Lease:
        """Takes one unit of `gauge`, or raises Refused with the public code of that limit.

        Atomic: among racing callers never more than the limit hold a lease. The same holder asking again gets its
        running lease renewed instead of a second unit.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Gives the unit back. Harmless when repeated, late, or after the lease expired."""
        ...

    async def renew(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Extends the leases, and returns the extended ones; those that had already expired are missing."""
        ...

    async def require(self, app: AppId, feature: Feature) -> None:
        """Raises Refused 100007 unless the app's edition has the feature."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """One member's uninterrupted stay, as billing sees it: opaque keys only."""

    app: AppId
    id: str
    """Unique for ever; made by the node that serves the member."""
    room: str
    member: str


class UsageSink(Protocol):
    """Where used seconds are reported. Calls never block: they go to the node's journal in the background."""

    def observe(self, session: Session, second: int, pixels: int) -> None:
        """The wall-clock second `second` (Unix time) was used by `session`, receiving `pixels` of video in all.

        A second may be reported once; a repeat, or one not later than the last reported, is ignored, so that a second
        can never be billed twice. Seconds that are left out are not billed.
        """
        ...

    def end(self, session: Session) -> None:
        """No more seconds will come: writes what is pending. Harmless when repeated."""
        ...

    def used(self, session: Session) -> Mapping[Tier, int]:
        """Seconds of the session so far by tier, pending ones included; empty after `end`."""
        ...

    async def flush(self) -> None:
        """Writes every pending segment and returns when all of them are on disk."""
        ...


class Bucket(StrEnum):
    """Width of a usage report's rows."""

    FIVE_MINUTES = "5m"
    DAY = "day"
    """A calendar day in Asia/Shanghai."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Seconds of one tier in one bucket of one app."""

    start: int
    """Unix second at which the bucket begins."""
    tier: Tier
    seconds: int

    @property
    def minutes(self) -> int:
        """Whole minutes, rounded up once (meant for day buckets: guide, A/V minutes)."""
        return -(-self.seconds // 60)


class UsageReader(Protocol):
    """What has been used, from the ledger's roll-up."""

    async def usage(self, app: AppId, *, start: int, end: int, bucket: Bucket) -> Sequence[UsageRow]:
        """Rows of the buckets that begin in [start, end), ordered by start, then tier. Raises Refused when the range
        is empty, longer than 31 days, or (for 5 minutes) longer than one day."""
        ...
