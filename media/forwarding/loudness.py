"""Who speaks in a group of audio tracks, and whose sound is forwarded when there are too many.

Senders write the level of each packet on it (RFC 6464): 0 to 127 dB below the loudest possible. So nothing is decoded.
Who speaks is told some times a second. When only the loudest few are forwarded, a place is lost only to somebody who
speaks, by whoever has been silent for longest; so nobody's first word is cut while one place is silent.

Pure: levels and `now` (monotonic seconds) in, names out.
"""

from __future__ import annotations

__all__ = ["Loudness", "SPEECH", "HOLD"]

SPEECH = 50
"""Decibels below the loudest possible, above which a level is speech and not the room."""
ATTACK, RELEASE = 0.3, 0.05
"""Shares by which the smoothed level follows a packet (20 ms) that is louder, or more silent."""
HOLD = 1.0
"""Seconds after its last loud packet in which a track still speaks and keeps its place."""
LOUDER = 9
"""Decibels by which somebody must be louder to be heard instead of one who speaks as well."""
QUIETEST = 127


class _Track:
    __slots__ = ("heard", "level", "loud_at")

    def __init__(self, heard: bool) -> None:
        self.heard = heard
        self.level = float(QUIETEST)
        self.loud_at = float("-inf")


class Loudness:
    """One group of tracks."""

    __slots__ = ("_most", "_tracks")

    def __init__(self, most: int | None = None) -> None:
        """`most`: how many tracks are forwarded at once; None for all."""
        self._most = most
        self._tracks: dict[str, _Track] = {}

    def __len__(self) -> int:
        return len(self._tracks)

    def add(self, name: str) -> None:
        self._tracks[name] = _Track(self._has_place())

    def remove(self, name: str) -> None:
        self._tracks.pop(name, None)

    def note(self, name: str, level: int | None, now: float) -> bool:
        """A packet of that track came. Whether it is to be forwarded. `level` None: its sender writes none, so that
        nothing can be said of it: it is forwarded always and never speaks."""
        track = self._tracks.get(name)
        if track is None or level is None:
            return True
        track.level += (ATTACK if level < track.level else RELEASE) * (level - track.level)
        if level <= SPEECH:
            track.loud_at = now
            if not track.heard:
                self._compete(track, now)
        elif not track.heard:
            track.heard = self._has_place()
        return track.heard

    def speakers(self, now: float) -> list[str]:
        """Who speaks and is heard, the loudest first."""
        found = [
            (track.level, name)
            for name, track in self._tracks.items()
            if track.heard and now - track.loud_at < HOLD and track.level <= SPEECH + LOUDER
        ]
        return [name for _, name in sorted(found)]

    def _has_place(self) -> bool:
        return self._most is None or sum(track.heard for track in self._tracks.values()) < self._most

    def _compete(self, track: _Track, now: float) -> None:
        if self._has_place():
            track.heard = True
            return
        heard = [other for other in self._tracks.values() if other.heard]
        silent = min(heard, key=lambda other: other.loud_at, default=None)
        if silent is None or now - silent.loud_at < HOLD:  # all speak
            silent = max(heard, key=lambda other: other.level, default=None)
            if silent is None or silent.level - track.level < LOUDER:
                return
        silent.heard = False
        track.heard = True
