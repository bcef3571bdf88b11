"""Every message of the member protocol: the parameters of each request, and the objects that go out.

The types bound what may come in; msgspec says in words what does not fit.

Pure: values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import msgspec

from billing.interface import EditionView
from media.interface import PublicationView
from rooms.interface import (
    Battle,
    BattleAnswered,
    BattleEnded,
    BattleRequested,
    BattleScored,
    BattleStarted,
    CatalogueView,
    LinkRequest,
    LinkRequested,
    LinkRequestEnded,
    MemberView,
    Message,
    MovePolicy,
    RoomCard,
    RoomInfo,
    RoomStatistic,
    RoomView,
    Score,
    SeatMode,
    SeatRequest,
    SeatView,
    Sending,
)

__all__ = [
    "Params", "Link", "Short",
    "Nothing", "Login", "CreateRoom", "RoomRef", "UpdateRoom", "UserRef", "SetAdmin", "Silence", "TakeSeat",
    "LockSeat", "MoveSeat", "Apply", "Invite", "AnswerRequest", "RequestRef", "ListAudience",
    "Publish", "Mute", "Receive", "Show", "Answer", "RequestLink", "CreateBattle", "AnswerBattle", "BattleRef",
    "edition", "room", "room_card", "room_info", "member", "seats", "seat_request", "publication",
    "link", "linked_room", "link_request", "link_request_ended",
    "battle", "battle_requested", "battle_answered", "battle_started", "battle_scored", "battle_ended", "scores",
]  # fmt: skip

Short = Annotated[str, msgspec.Meta(max_length=128)]
Link = Annotated[str, msgspec.Meta(max_length=256)]
Sdp = Annotated[str, msgspec.Meta(max_length=200_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Unknown fields are refused: a misspelt one must not be silently ignored."""


class Nothing(Params):
    """A request without parameters."""


class Login(Params):
    sdkappid: int
    userid: Short
    usersig: Annotated[str, msgspec.Meta(max_length=2048)]
    name: Short = ""


class CreateRoom(Params):
    room_id: Short | None = None
    name: Link | None = None
    seats: int | None = None
    cover: Link | None = None
    seat_mode: SeatMode = SeatMode.FREE


class RoomRef(Params):
    room_id: Short


class UpdateRoom(Params):
    """What is left out stays as it is."""

    name: Link | None = None
    cover: Link | None = None
    notice: Link | None = None
    category: Annotated[list[int], msgspec.Meta(max_length=16)] | None = None
    is_public: bool | None = None
    message_disabled: bool | None = None
    seat_mode: SeatMode | None = None


class UserRef(Params):
    userid: Short


class SetAdmin(Params):
    userid: Short
    admin: bool


class Silence(Params):
    """A mute or a ban; 0 seconds lift it."""

    userid: Short
    seconds: int


class TakeSeat(Params):
    index: int | None = None


class LockSeat(Params):
    index: int
    locked: bool
    audio: bool = False
    video: bool = False


class MoveSeat(Params):
    index: int
    userid: Short | None = None
    """Who is moved; oneself when it is left out."""
    policy: MovePolicy = MovePolicy.ABORT


class Apply(Params):
    index: int | None = None
    timeout_s: float = 60.0
    extra: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class Invite(Params):
    userid: Short
    index: int | None = None
    timeout_s: float = 60.0
    extra: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class AnswerRequest(Params):
    request_id: Short
    accept: bool


class RequestRef(Params):
    request_id: Short


class RequestLink(Params):
    room_id: Short
    timeout_s: float = 10.0
    extra: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class CreateBattle(Params):
    rooms: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=16)]
    duration_s: float = 300.0
    need_response: bool = True
    timeout_s: float = 10.0
    extra: Annotated[str, msgspec.Meta(max_length=1024)] = ""


class AnswerBattle(Params):
    battle_id: Short
    accept: bool


class BattleRef(Params):
    battle_id: Short


class Say(Params):
    """Lengths are judged by rooms, in bytes; these only bound what is looked at."""

    text: Annotated[str, msgspec.Meta(max_length=4096)]
    extension: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class SayCustom(Params):
    business_id: Link
    data: Annotated[str, msgspec.Meta(max_length=8192)]


class Like(Params):
    count: int


class ListGifts(Params):
    language: Annotated[str, msgspec.Meta(max_length=35)] = ""


class SendGift(Params):
    gift_id: Short
    count: int
    send_id: Short
    receivers: Annotated[list[Short], msgspec.Meta(max_length=64)] = []


class MetadataKeys(Params):
    keys: Annotated[list[Link], msgspec.Meta(max_length=64)] = []


class SetMetadata(Params):
    metadata: Annotated[dict[Link, Annotated[str, msgspec.Meta(max_length=8192)]], msgspec.Meta(max_length=64)]


class ListAudience(Params):
    cursor: Link = ""
    count: Count = 50


class Publish(Params):
    sdp: Sdp
    sources: Annotated[dict[Short, Short], msgspec.Meta(max_length=16)] = {}


class Mute(Params):
    publication_id: Short
    muted: bool


class Receive(Params):
    audio: bool
    video: bool
    data: bool = False


class Show(Params):
    publication_id: Short
    width: Annotated[int, msgspec.Meta(ge=0, le=16384)]
    height: Annotated[int, msgspec.Meta(ge=0, le=16384)]


class Answer(Params):
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
        {
            "index": seat.index,
            "userid": seat.user,
            "name": seat.name,
            "connected": seat.connected,
            "locked": seat.locked,
            "audio_locked": seat.audio_locked,
            "video_locked": seat.video_locked,
        }
        for seat in views
    ]


def message(said: Message) -> dict[str, Any]:
    return {
        "sequence": said.sequence,
        "at": said.at,
        "kind": said.kind,
        "userid": said.sender,
        "name": said.sender_name,
        "text": said.text,
        "extension": said.extension,
        "business_id": said.business_id,
        "data": said.data,
    }


def gifts(view: CatalogueView) -> dict[str, Any]:
    return {
        "gifts": [
            {
                "gift_id": gift.gift_id,
                "name": gift.name,
                "desc": gift.desc,
                "icon_url": gift.icon_url,
                "resource_url": gift.resource_url,
                "coins": gift.coins,
                "level": gift.level,
                "extension": gift.extension,
            }
            for gift in view.gifts
        ],
        "categories": [
            {
                "category_id": each.category.category_id,
                "name": each.category.name,
                "desc": each.category.desc,
                "extension": each.category.extension,
                "gift_ids": [gift.gift_id for gift in each.gifts],
            }
            for each in view.categories
        ],
    }


def sending(given: Sending) -> dict[str, Any]:
    return {
        "send_id": given.send_id,
        "gift_id": given.gift.gift_id,
        "count": given.count,
        "coins": given.coins,
        "number": given.number,
    }


def statistic(figures: RoomStatistic) -> dict[str, Any]:
    return asdict(figures)


def seat_request(request: SeatRequest) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "kind": request.kind,
        "userid": request.guest,
        "by": request.by,
        "index": request.index,
        "extra": request.extra,
        "made_at": request.made_at,
        "expires_at": request.expires_at,
    }


def link(link_id: str, cards: Sequence[RoomCard]) -> dict[str, Any]:
    return {"link_id": link_id, "rooms": [linked_room(card) for card in cards]}


def linked_room(card: RoomCard) -> dict[str, Any]:
    return {"room_id": card.room_id, "name": card.name, "owner": card.owner, "owner_name": card.owner_name}


def link_request(request: LinkRequest | LinkRequested, by: RoomCard, to: RoomCard) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "by": linked_room(by),
        "to": linked_room(to),
        "extra": request.extra,
        "expires_at": request.expires_at,
    }


def battle(view: Battle) -> dict[str, Any]:
    return {
        "battle_id": view.battle_id,
        "by": view.by,
        "rooms": list(view.rooms),
        "unanswered": list(view.unanswered),
        "phase": view.phase,
        "until": view.until,
        "duration_s": view.duration_s,
        "extra": view.extra,
        "scores": scores(view.scores),
        "version": view.version,
        "winners": list(view.winners) if view.ended_at is not None else [],
    }


def link_request_ended(event: LinkRequestEnded) -> dict[str, Any]:
    return {"request_id": event.request_id, "by": event.by, "to": event.to, "outcome": event.outcome}


def battle_requested(event: BattleRequested) -> dict[str, Any]:
    return {
        "battle_id": event.battle_id,
        "by": event.by,
        "called": list(event.called),
        "duration_s": event.duration_s,
        "expires_at": event.expires_at,
        "extra": event.extra,
    }


def battle_answered(event: BattleAnswered) -> dict[str, Any]:
    return {"battle_id": event.battle_id, "room_id": event.room, "outcome": event.outcome}


def battle_started(event: BattleStarted) -> dict[str, Any]:
    return {
        "battle_id": event.battle_id,
        "by": event.by,
        "rooms": list(event.rooms),
        "ends_at": event.ends_at,
        "extra": event.extra,
    }


def battle_scored(event: BattleScored) -> dict[str, Any]:
    return {"battle_id": event.battle_id, "scores": scores(event.scores), "version": event.version}


def battle_ended(event: BattleEnded) -> dict[str, Any]:
    return {
        "battle_id": event.battle_id,
        "reason": event.reason,
        "scores": scores(event.scores),
        "winners": list(event.winners),
        "punishment_until": event.punishment_until,
    }


def scores(found: Sequence[Score]) -> dict[str, int]:
    return {each.room: each.score for each in found}


def publication(view: PublicationView, room_id: str, userid: str, muted: bool) -> dict[str, Any]:
    return {
        "publication_id": view.id,
        "room_id": room_id,
        "userid": userid,
        "kind": view.kind,
        "source": view.source,
        "codec": view.codec,
        "muted": muted,
        "blocked": view.blocked,
        "width": view.width,
        "height": view.height,
    }


def room_info(info: RoomInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "cover": info.cover,
        "notice": info.notice,
        "category": list(info.category),
        "is_public": info.is_public,
        "message_disabled": info.message_disabled,
        "seat_mode": info.seat_mode,
    }


def room(
    view: RoomView, own: MemberView, publications: Sequence[Mapping[str, Any]], speakers: Sequence[str]
) -> dict[str, Any]:
    return {
        "room_id": view.room_id,
        "owner": view.owner,
        **room_info(view.info),
        "admins": list(view.admins),
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
        "category": list(card.category),
        "audience_count": card.audience_count,
        "member_count": card.member_count,
        "created_at": card.created_at,
        "seats_taken": card.seats_taken,
        "seats_count": card.seats_count,
    }
