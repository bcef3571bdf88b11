"""Every message of the member protocol: the parameters of each request, and the objects that go out.

The types bound what may come in; msgspec says in words what does not fit.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from billing.interface import EditionView
from media.interface import PublicationView
from rooms.interface import MemberView, RoomCard, RoomView, SeatView

__all__ = [
    "Nothing", "Login", "CreateRoom", "ListRooms", "RoomRef", "UserRef", "TakeSeat", "ListAudience",
    "Publish", "Mute", "Receive", "Answer",
    "edition", "room", "room_card", "member", "seats", "publication",
]  # fmt: skip

Short = Annotated[str, msgspec.Meta(max_length=128)]
Link = Annotated[str, msgspec.Meta(max_length=256)]
Sdp = Annotated[str, msgspec.Meta(max_length=200_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100)]


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    """Unknown fields are refused: a misspelt one must not be silently ignored."""


class Nothing(_Params):
    """A request without parameters."""


class Login(_Params):
    sdkappid: int
    userid: Short
    usersig: Annotated[str, msgspec.Meta(max_length=2048)]
    name: Short = ""


class CreateRoom(_Params):
    room_id: Short | None = None
    name: Link | None = None
    seats: int | None = None
    cover: Link | None = None


class ListRooms(_Params):
    cursor: Link = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=50)] = 20


class RoomRef(_Params):
    room_id: Short


class UserRef(_Params):
    userid: Short


class TakeSeat(_Params):
    index: int | None = None


class ListAudience(_Params):
    cursor: Link = ""
    count: Count = 50


class Publish(_Params):
    sdp: Sdp
    sources: Annotated[dict[Short, Short], msgspec.Meta(max_length=16)] = {}


class Mute(_Params):
    publication_id: Short
    muted: bool


class Receive(_Params):
    audio: bool
    video: bool
    data: bool = False


class Show(_Params):
    publication_id: Short
    width: Annotated[int, msgspec.Meta(ge=0, le=16384)]
    height: Annotated[int, msgspec.Meta(ge=0, le=16384)]


class Answer(_Params):
    revision: int
    sdp: Sdp


def edition(view: EditionView) -> dict[str, Any]:
    return {
        "name": view.edition,
        "expires_at": view.expires_at,
        "features": sorted(view.features),
        "limits": {str(gauge): limit for gauge, limit in view.limits.items()},
        "max_pixels": view.max_pixels,
    }


def member(view: MemberView) -> dict[str, Any]:
    return {
        "userid": view.user,
        "name": view.name,
        "role": view.role,
        "seat": view.seat,
        "connected": view.connected,
    }


def seats(views: Sequence[SeatView]) -> list[dict[str, Any]]:
    return [
        {"index": seat.index, "userid": seat.user, "name": seat.name, "connected": seat.connected} for seat in views
    ]


def publication(view: PublicationView, userid: str, muted: bool) -> dict[str, Any]:
    return {
        "publication_id": view.id,
        "userid": userid,
        "kind": view.kind,
        "source": view.source,
        "codec": view.codec,
        "muted": muted,
        "blocked": view.blocked,
        "width": view.width,
        "height": view.height,
    }


def room(
    view: RoomView, own: MemberView, publications: Sequence[Mapping[str, Any]], speakers: Sequence[str]
) -> dict[str, Any]:
    return {
        "room_id": view.room_id,
        "name": view.name,
        "owner": view.owner,
        "cover": view.cover,
        "created_at": view.created_at,
        "seats": seats(view.seats),
        "audience_count": view.audience_count,
        "member_count": view.member_count,
        "publications": list(publications),
        "speakers": list(speakers),
        "self": member(own),
    }


def room_card(card: RoomCard) -> dict[str, Any]:
    return {
        "room_id": card.room_id,
        "name": card.name,
        "owner": card.owner,
        "owner_name": card.owner_name,
        "cover": card.cover,
        "audience_count": card.audience_count,
        "member_count": card.member_count,
        "created_at": card.created_at,
        "seats_taken": card.seats_taken,
        "seats_count": card.seats_count,
    }
