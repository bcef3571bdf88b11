"""What is published by one source, whatever that is: a browser (media.publisher) or the node itself (media.feed).

To the rest of the node a source is this: its publications by section, what of them may be forwarded, whether it is
alive, and a `tick`. Where its packets come from, and what it can be asked for, is its own affair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from media.forwarding.publication import Publication
from media.forwarding.up_track import UpTrack
from media.interface import PublicationView

__all__ = ["Published", "Registry", "ntp_of"]


class Registry(Protocol):
    """What a source needs of the node."""

    def new_ssrc(self) -> int: ...
    def free_ssrc(self, ssrc: int) -> None: ...
    def publication_began(self, publication: Publication) -> None: ...
    def publication_ended(self, publication: Publication) -> None: ...
    def hurry(self) -> None: ...
    def message_came(self, publisher: Published, message: bytes) -> None: ...
    def picture_changed(self, publisher: Published, publication: Publication) -> None: ...
    def layers_wanted(self, publisher: Published, publication: Publication) -> None: ...


class Published(ABC):
    """One source and its publications."""

    def __init__(self, identifier: str, registry: Registry, group: str) -> None:
        self.peer = identifier
        self.by_mid: dict[str, Publication] = {}
        self._group = group
        self._registry = registry
        self._max_pixels: int | None = None
        self._forbidden: frozenset[str] = frozenset()  # kinds that are not forwarded
        self._announced: dict[str, tuple[int, int, bool]] = {}

    # What each kind of source does in its own way

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Media can flow, or did."""

    @property
    @abstractmethod
    def last_seen(self) -> float:
        """Monotonic seconds of the last authentic sign of life."""

    @abstractmethod
    def expired(self, now: float) -> str | None:
        """Why it is to be closed, or None while it lives."""

    @abstractmethod
    def tick(self, now: float, feedback_period: float) -> None:
        """Does what is due; called every few milliseconds. `feedback_period`: seconds between two reports of what
        arrived."""

    @property
    @abstractmethod
    def misses_packets(self) -> bool:
        """Whether the next tick shall be soon."""

    @abstractmethod
    def close(self, reason: str) -> None: ...

    # What all do alike

    @property
    def group(self) -> str:
        return self._group

    @property
    def publications(self) -> Sequence[PublicationView]:
        return [self.view(publication) for publication in self.by_mid.values()]

    def view(self, publication: Publication) -> PublicationView:
        picture = publication.picture
        mid = next(mid for mid, candidate in self.by_mid.items() if candidate is publication)
        return PublicationView(
            publication.id, mid, publication.kind, publication.source, publication.codec.name, picture.width,
            picture.height, picture.blocked,
        )  # fmt: skip

    def limit(self, max_pixels: int) -> None:
        """See media.interface.Publishing."""
        self._max_pixels = max_pixels
        for publication in self.by_mid.values():
            for layer in publication.layers:
                layer.max_pixels = max_pixels
            self._notice_picture(publication)

    def forbid(self, kinds: Collection[str]) -> None:
        """See media.interface.Publishing."""
        self._forbidden = frozenset(kinds)
        for publication in self.by_mid.values():
            self._forbid(publication)

    def end_all(self) -> None:
        """The source is gone."""
        for mid in list(self.by_mid):
            self._end(mid)

    def _adopt(self, mid: str, publication: Publication) -> None:
        """A publication begins."""
        for layer in publication.layers:
            layer.max_pixels = self._max_pixels
        self.by_mid[mid] = publication
        self._forbid(publication)
        self._registry.publication_began(publication)

    def _end(self, mid: str) -> None:
        publication = self.by_mid.pop(mid)
        publication.ended = True
        self._announced.pop(publication.id, None)
        self._registry.publication_ended(publication)

    def _forbid(self, publication: Publication) -> None:
        forbidden = publication.kind in self._forbidden
        for layer in publication.layers:
            if layer.forbidden and not forbidden and publication.kind == "video":
                layer.key_frames.want()
            layer.forbidden = forbidden

    def _notice_picture(self, publication: Publication) -> None:
        up = publication.picture
        picture = (up.width, up.height, up.blocked)
        if up.width and self._announced.get(publication.id) != picture:
            self._announced[publication.id] = picture
            self._registry.picture_changed(self, publication)

    def _layers(self) -> Iterator[UpTrack]:
        return (layer for publication in self.by_mid.values() for layer in publication.layers)


def ntp_of(now: float) -> int:
    """Our clock as the 64 bits of an NTP time; only differences of it mean something."""
    return int(now * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
