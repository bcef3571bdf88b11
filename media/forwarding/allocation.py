"""Which layer of each track one viewer gets, within what it can receive: sound first, then the stage.

Every picture gets its smallest layer before any gets a larger one; then they grow in turns, the largest on the viewer's
screen first, none beyond what the viewer can see. What does not fit even in its smallest layer is paused, the smallest
on the screen first. A picture that is larger than it is shown costs its viewer minutes of a dearer tier, so the wish is
a bound even when there is bandwidth.

Pure: numbers in, choices out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["PAUSED", "Rung", "Track", "allocate", "needed_for_more"]

PAUSED = -1
OVERHEAD = 1.08
"""Headers and retransmissions on top of the payload."""
SQUEEZE = 0.35
"""The share of its smallest layer's rate with which a picture is still tried rather than paused: estimates are low."""


class Rung(NamedTuple):
    """One layer."""

    bits: float
    """Per second."""
    pixels: int


class Track(NamedTuple):
    """What a viewer subscribes to."""

    rungs: Sequence[Rung]
    """Its layers, smallest first."""
    is_audio: bool = False
    wish: int | None = None
    """Pixels it is shown at; 0 for hidden, None for unknown."""

    @property
    def top(self) -> int:
        """The largest rung of use: the smallest that is not smaller than the wish."""
        if self.wish is None:
            return len(self.rungs) - 1
        if self.wish == 0:
            return PAUSED
        enough = (index for index, rung in enumerate(self.rungs) if rung.pixels >= self.wish)
        return next(enough, len(self.rungs) - 1)


def allocate(tracks: Sequence[Track], budget: float | None) -> list[int]:
    """The index of the rung for each track, or PAUSED. `budget` in bits per second, None for without limit."""
    chosen = [0 if track.is_audio else PAUSED for track in tracks]
    pictures = _in_order(tracks)
    if budget is None:
        for index in pictures:
            chosen[index] = tracks[index].top
        return chosen
    left = budget - sum(_cost(track, 0) for track in tracks if track.is_audio)
    for index in pictures:
        cost = _cost(tracks[index], 0)
        if tracks[index].top >= 0 and SQUEEZE * cost <= left:
            chosen[index], left = 0, left - cost
    grown = True
    while grown:
        grown = False
        for index in pictures:
            track, rung = tracks[index], chosen[index]
            if not 0 <= rung < track.top:
                continue
            more = _cost(track, rung + 1) - _cost(track, rung)
            if more <= left:
                chosen[index], left, grown = rung + 1, left - more, True
    return chosen


def needed_for_more(tracks: Sequence[Track], chosen: Sequence[int]) -> float | None:
    """The smallest budget with which `allocate` would give more than `chosen`, or None when there is no more."""
    spent = sum(_cost(track, rung) for track, rung in zip(tracks, chosen, strict=True) if rung >= 0)
    steps = [
        _cost(track, rung + 1) - (_cost(track, rung) if rung >= 0 else 0.0)
        for track, rung in zip(tracks, chosen, strict=True)
        if not track.is_audio and rung < track.top
    ]
    return spent + max(1.0, min(steps)) if steps else None


def _in_order(tracks: Sequence[Track]) -> list[int]:
    pictures = [index for index, track in enumerate(tracks) if not track.is_audio]
    return sorted(pictures, key=lambda index: -(tracks[index].wish or 0))


def _cost(track: Track, rung: int) -> float:
    return track.rungs[rung].bits * OVERHEAD
