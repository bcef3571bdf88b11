"""What the other packages may know of media: publications, subscriptions, and what flowed.

Media does not know members, seats or prices. It is given session descriptions and gives back descriptions; it reports
`MediaEvent`s to one listener, and `FlowFact`s when asked. Everything here is a value; `media.sfu.Sfu` is built by the
composer and used through these methods:

    sfu.publish(offer, sources, max_pixels, group) -> Publishing      a peer that sends, answered
    sfu.view(smallest)                           -> Viewing         a peer that receives, by the server's offers
    sfu.play(offer, publications)                -> Viewing         a peer that receives, by its own offer (WHEP)
    sfu.flow(now)                                -> [FlowFact]
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from media.errors import BadDescription, MediaRefused, Overloaded, UnsupportedCodec

__all__ = [
    "BadDescription", "MediaRefused", "Overloaded", "UnsupportedCodec",
    "PublicationView", "MediaEvent", "PeerConnected", "PeerClosed", "PictureChanged", "LayersWanted", "LayerChosen",
    "SpeakersChanged", "FlowFact",
    "StreamOffer", "Publishing", "Viewing", "Sfu",
    "Admission", "Refusal", "Judge",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublicationView:
    """One published track."""

    id: str
    mid: str
    kind: str
    """`audio`, `video`, or `data` for messages."""
    source: str
    """`microphone`, `camera`, `screen`, `data`."""
    codec: str
    width: int
    """Pixels as the bitstream says; 0 before the first key frame."""
    height: int
    blocked: bool
    """Larger than `max_pixels`: not forwarded."""


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """The handshake is done: media can flow from now on."""

    peer: str


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer is gone; its publications and subscriptions have ended."""

    peer: str
    reason: str
    last_seen: float
    """Monotonic seconds of the last authentic sign of life."""


@dataclass(frozen=True, slots=True)
class PictureChanged:
    """The size of a publication became known or changed, or it was blocked or unblocked by that."""

    peer: str
    publication: PublicationView


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """Somebody watches a layer of a simulcast again, or nobody does: its publisher may pause those."""

    peer: str
    publication: str
    mid: str
    layers: Mapping[str, bool]
    """By rid."""


@dataclass(frozen=True, slots=True)
class LayerChosen:
    """A viewer will be sent another layer of a publication, or none."""

    peer: str
    publication: str
    paused: bool
    """Nothing of it fits into the viewer's bandwidth, or it wished for nothing."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    """Others speak in a group than before, or in another order."""

    group: str
    publications: Sequence[str]
    """The loudest first."""


MediaEvent = PeerConnected | PeerClosed | PictureChanged | LayersWanted | LayerChosen | SpeakersChanged


@dataclass(frozen=True, slots=True)
class FlowFact:
    """What one connected peer received in the last second."""

    peer: str
    pixels: int
    """Sum of width x height of all video it is being sent."""
    last_seen: float
    """Monotonic seconds of its last authentic sign of life."""


@dataclass(frozen=True, slots=True)
class StreamOffer:
    """Which section of an offer carries which publication."""

    mid: str
    publication: str


class Publishing(Protocol):
    """A peer that sends."""

    peer: str

    @property
    def answer(self) -> str:
        """The description that answers the last offer."""
        ...

    @property
    def publications(self) -> Sequence[PublicationView]: ...

    def renegotiate(self, offer: str, sources: Mapping[str, str]) -> None:
        """Takes a new offer of the same connection; `answer` is new then. Raises MediaRefused and changes nothing."""
        ...

    def continues(self, offer: str) -> bool:
        """Whether `offer` comes from the connection that is being published on (the same certificate)."""
        ...

    def limit(self, max_pixels: int) -> None:
        """Pictures above `max_pixels` are not forwarded from now on."""
        ...

    def forbid(self, kinds: Collection[str]) -> None:
        """What it publishes of these kinds, `audio` or `video`, is not forwarded from now on; of all others it is."""
        ...

    @property
    def last_seen(self) -> float:
        """Monotonic seconds of the last authentic sign of life."""
        ...

    def close(self, reason: str) -> None: ...


class Viewing(Protocol):
    """A peer that receives."""

    peer: str

    @property
    def last_seen(self) -> float:
        """Monotonic seconds of the last authentic sign of life."""
        ...

    def want(self, publications: Sequence[str]) -> None:
        """From now on it shall receive exactly these; takes effect with the next offer and its answer."""
        ...

    def listen(self, group: str | None) -> None:
        """From the next offer and its answer on it shall receive the messages of that group, each behind the id of its
        publication (20 bytes). None ends it."""
        ...

    def wish(self, publication: str, pixels: int) -> None:
        """That publication is shown at so many pixels, 0 for hidden: nothing larger than fills them is sent."""
        ...

    def received(self) -> Mapping[str, int]:
        """Width x height of each picture that it is being sent now, by publication."""
        ...

    def offer(self) -> tuple[int, str, Sequence[StreamOffer]] | None:
        """The next (revision, description, streams), or None when nothing changed or an answer is still due."""
        ...

    def accept(self, revision: int, answer: str) -> Sequence[str]:
        """Takes the answer to that revision, and names the publications the remote rejected (no codec for them).

        Raises MediaRefused for an unknown revision or an unusable answer."""
        ...

    @property
    def answer(self) -> str:
        """For a peer made by `play`: the description that answers its offer."""
        ...

    def close(self, reason: str) -> None: ...


class Sfu(Protocol):
    """All media of one node."""

    def admit(self) -> None:
        """Somebody new wants to come in. Raises Overloaded when the node cannot keep up with those it has."""
        ...

    def publish(self, offer: str, sources: Mapping[str, str], *, max_pixels: int, group: str = "") -> Publishing:
        """Answers an offer to send. `sources` names the source of each mid; what is published in one `group` is heard
        together. Raises MediaRefused."""
        ...

    def view(self, *, smallest: bool = False) -> Viewing:
        """A peer that will receive what it is told to `want`. `smallest`: of each picture its smallest layer only,
        whatever is wished and whatever the bandwidth."""
        ...

    def play(self, offer: str, publications: Sequence[str]) -> Viewing:
        """Answers an offer to receive with what fits of `publications`, in order. Raises MediaRefused."""
        ...

    def flow(self) -> Sequence[FlowFact]:
        """One fact for each connected peer."""
        ...

    def speakers(self, group: str) -> Sequence[str]:
        """The publications of a group that are speaking, as last told by SpeakersChanged."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """An encoder may publish."""

    max_pixels: int
    group: str
    """As for `Sfu.publish`."""
    on_publishing: Callable[[Publishing], None]
    """Called at once, when nothing is published yet, and again when it has other publications than before. Closing it
    ends the encoder's connection with the reason."""
    on_ended: Callable[[bool], None]
    """Called once, after that, when the encoder is gone, however soon: whether it stopped by itself."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """It may not."""

    code: str
    """`NetStream.Publish.Denied`: this user may not; `NetStream.Publish.BadName`: not there, or taken."""
    description: str
    """A sentence that its user can act on; it is shown in the encoder."""


Judge: TypeAlias = Callable[[str, str], Awaitable[Admission | Refusal]]
"""Asked with application and stream key, both with their queries, before anything of a stream is taken."""
