"""What members are told of a publication: that it is there, gone, blocked, or carried by a section of an offer.

Pure: values in, values out.
"""

from __future__ import annotations

from typing import Any

from media.interface import PublicationView, StreamOffer
from signaling import messages
from signaling.stays import Stay

__all__ = ["blocked", "described", "is_stream", "removed", "stream_of"]


def is_stream(view: PublicationView) -> bool:
    """Whether it is sound or a picture; messages come by themselves."""
    return view.kind != "data"


def described(stay: Stay, view: PublicationView) -> dict[str, Any]:
    """What `stay` publishes, as a Publication."""
    return messages.publication(view, stay.room_id, stay.user, view.id in stay.muted)


def removed(stay: Stay, view: PublicationView) -> dict[str, Any]:
    """The parameters of publication.removed."""
    return {"publication_id": view.id, "room_id": stay.room_id, "userid": stay.user}


def stream_of(stream: StreamOffer, owner: Stay, view: PublicationView) -> dict[str, Any]:
    """A stream of a media.offer."""
    return {
        "mid": stream.mid,
        "publication_id": view.id,
        "room_id": owner.room_id,
        "userid": owner.user,
        "kind": view.kind,
        "source": view.source,
    }


def blocked(view: PublicationView) -> tuple[str, dict[str, Any]]:
    """Method and parameters of what the publisher of a picture that is too large, or no longer is, gets to read."""
    facts: dict[str, Any] = {"publication_id": view.id, "width": view.width, "height": view.height}
    if not view.blocked:
        return "publication.unblocked", facts
    message = (
        f"Your picture is {view.width} x {view.height}, which your edition does not include: "
        "nobody receives it until you choose a smaller one."
    )
    return "publication.blocked", {**facts, "name": "above_resolution", "message": message}
