"""What each request of the member protocol does: ask rooms, call media, answer.

One method a request, all with the same shape: caller and parameters in, result out, refusals as exceptions. `TABLE` at
the end is the whole dispatch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from billing.interface import Entitlements, Feature, UsageSink
from rooms.interface import LinkRequest, People, RoomId, Rooms, RoomView, UpdateRoom, UserId
from signaling import messages
from signaling import people_messages as wishes
from signaling.callers import Caller, in_room
from signaling.conductor import Conductor, viewing_of
from signaling.errors import ProtocolError, bad_parameter, media_state
from signaling.identity import Identities, Identity
from signaling.offers import Receiver, group_of
from signaling.people_calls import PeopleCalls
from signaling.publications import described
from signaling.stays import Stay, Stays

__all__ = ["Caller", "Calls", "TABLE"]

SOURCES = ("microphone", "camera", "screen")


class Calls:
    """The requests."""

    def __init__(
        self,
        rooms: Rooms,
        entitlements: Entitlements,
        usage: UsageSink,
        identities: Identities,
        stays: Stays,
        conductor: Conductor,
        people: People,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`clock` gives Unix seconds: the one that the times in events and answers are of."""
        self.about_people = PeopleCalls(rooms, people)
        self._rooms = rooms
        self._entitlements = entitlements
        self._usage = usage
        self._identities = identities
        self._stays = stays
        self._conductor = conductor
        self._people = people
        self._clock = clock

    # Login

    async def login(self, caller: Caller, params: messages.Login) -> dict[str, Any]:
        if caller.identity is not None:
            raise media_state("This connection is logged in already.")
        if len(params.name.encode()) > 100:
            raise bad_parameter("A name has at most 100 bytes.")
        identity = await self._identities.verify(params.usersig, app=params.sdkappid, user=params.userid)
        edition = await self._entitlements.edition(identity.app)
        name = params.name or await self._people.name(identity.app, identity.user)
        caller.identity, caller.name = identity, name
        return {
            "connection": caller.id,
            "userid": identity.user,
            "edition": messages.edition(edition),
            "now": self._clock(),
        }

    # Rooms

    async def room_create(self, caller: Caller, params: messages.CreateRoom) -> dict[str, Any]:
        who = caller.who
        _must_be_out(caller)
        self._conductor.sfu.admit()
        view = await self._rooms.create(
            who.app,
            who.user,
            name=caller.name,
            connection=caller.id,
            room_id=RoomId(params.room_id) if params.room_id is not None else None,
            room_name=params.name,
            seats=params.seats,
            cover=params.cover,
            seat_mode=params.seat_mode,
        )
        caller.room_id = view.room_id
        return self._room(who, view)

    async def room_enter(self, caller: Caller, params: messages.RoomRef) -> dict[str, Any]:
        who = caller.who
        if caller.room_id is not None and caller.room_id != params.room_id:
            _must_be_out(caller)
        if self._stays.get(who.app, RoomId(params.room_id), who.user) is None:  # whoever comes back always may
            self._conductor.sfu.admit()
        view = await self._rooms.enter(
            who.app, who.user, name=caller.name, connection=caller.id, room_id=RoomId(params.room_id)
        )
        caller.room_id = view.room_id
        return self._room(who, view)

    async def room_leave(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.leave(who.app, room_id, who.user)
        return {}

    async def room_dismiss(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.dismiss(who.app, room_id, by=who.user)
        return {}

    async def room_kick(self, caller: Caller, params: messages.UserRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.kick(who.app, room_id, by=who.user, user=UserId(params.userid))
        return {}

    async def room_update(self, caller: Caller, params: messages.UpdateRoom) -> dict[str, Any]:
        who, room_id = in_room(caller)
        update = UpdateRoom(
            who.user,
            name=params.name,
            cover=params.cover,
            notice=params.notice,
            category=tuple(params.category) if params.category is not None else None,
            is_public=params.is_public,
            message_disabled=params.message_disabled,
            seat_mode=params.seat_mode,
        )
        return messages.room_info(await self._rooms.update(who.app, room_id, update))

    async def room_admin(self, caller: Caller, params: messages.SetAdmin) -> dict[str, Any]:
        who, room_id = in_room(caller)
        admins = await self._rooms.set_admin(who.app, room_id, who.user, UserId(params.userid), params.admin)
        return {"admins": list(admins)}

    async def room_mute(self, caller: Caller, params: messages.Silence) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.mute(who.app, room_id, who.user, UserId(params.userid), params.seconds)
        return {}

    async def room_ban(self, caller: Caller, params: messages.Silence) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.ban(who.app, room_id, who.user, UserId(params.userid), params.seconds)
        return {}

    # Seats and audience

    async def seat_take(self, caller: Caller, params: messages.TakeSeat) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"seats": messages.seats(await self._rooms.take_seat(who.app, room_id, who.user, index=params.index))}

    async def seat_leave(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"seats": messages.seats(await self._rooms.leave_seat(who.app, room_id, who.user))}

    async def seat_kick(self, caller: Caller, params: messages.UserRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        seats = await self._rooms.kick_from_seat(who.app, room_id, by=who.user, user=UserId(params.userid))
        return {"seats": messages.seats(seats)}

    async def seat_lock(self, caller: Caller, params: messages.LockSeat) -> dict[str, Any]:
        who, room_id = in_room(caller)
        seats = await self._rooms.lock_seat(
            who.app, room_id, who.user, params.index, locked=params.locked, audio=params.audio, video=params.video
        )
        return {"seats": messages.seats(seats)}

    async def seat_move(self, caller: Caller, params: messages.MoveSeat) -> dict[str, Any]:
        who, room_id = in_room(caller)
        user = UserId(params.userid) if params.userid is not None else who.user
        seats = await self._rooms.move_seat(who.app, room_id, who.user, user, params.index, params.policy)
        return {"seats": messages.seats(seats)}

    async def seat_apply(self, caller: Caller, params: messages.Apply) -> dict[str, Any]:
        who, room_id = in_room(caller)
        request = await self._rooms.apply(
            who.app, room_id, who.user, index=params.index, timeout_s=params.timeout_s, extra=params.extra
        )
        return messages.seat_request(request)

    async def seat_invite(self, caller: Caller, params: messages.Invite) -> dict[str, Any]:
        who, room_id = in_room(caller)
        request = await self._rooms.invite(
            who.app, room_id, who.user, UserId(params.userid),
            index=params.index, timeout_s=params.timeout_s, extra=params.extra,
        )  # fmt: skip
        return messages.seat_request(request)

    async def seat_answer(self, caller: Caller, params: messages.AnswerRequest) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.answer(who.app, room_id, who.user, params.request_id, params.accept)
        return {"seats": messages.seats(self._rooms.room(who.app, room_id).seats)}

    async def seat_cancel(self, caller: Caller, params: messages.RequestRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.cancel(who.app, room_id, who.user, params.request_id)
        return {}

    async def seat_requests(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        pending = self._rooms.requests(who.app, room_id, who.user)
        return {"requests": [messages.seat_request(request) for request in pending]}

    async def audience_list(self, caller: Caller, params: messages.ListAudience) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._entitlements.require(who.app, Feature.AUDIENCE_LIST)
        members, cursor = self._rooms.audience(who.app, room_id, cursor=params.cursor, count=params.count)
        count = self._rooms.room(who.app, room_id).audience_count
        return {"members": [messages.member(member) for member in members], "cursor": cursor, "count": count}

    # Links and battles

    async def link_request(self, caller: Caller, params: messages.RequestLink) -> dict[str, Any]:
        who, room_id = in_room(caller)
        request = await self._rooms.alliances.request_link(
            who.app, room_id, who.user, params.room_id, timeout_s=params.timeout_s, extra=params.extra
        )
        return self._link_request(who, request)

    async def link_answer(self, caller: Caller, params: messages.AnswerRequest) -> dict[str, Any]:
        who, room_id = in_room(caller)
        await self._rooms.alliances.answer_link(who.app, room_id, who.user, params.request_id, params.accept)
        return {}

    async def link_cancel(self, caller: Caller, params: messages.RequestRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        self._rooms.alliances.cancel_link(who.app, room_id, who.user, params.request_id)
        return {}

    async def link_exit(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        self._rooms.alliances.exit_link(who.app, room_id, who.user)
        return {}

    async def link_info(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        hosts = who.user in self._rooms.hosts(who.app, room_id)
        pending = self._rooms.alliances.link_requests(who.app, room_id, who.user) if hosts else ()
        return {
            "link": self._link(who, room_id),
            "requests": [self._link_request(who, request) for request in pending],
        }

    async def battle_create(self, caller: Caller, params: messages.CreateBattle) -> dict[str, Any]:
        who, room_id = in_room(caller)
        created = await self._rooms.alliances.create_battle(
            who.app, room_id, who.user, params.rooms, duration_s=params.duration_s,
            need_response=params.need_response, timeout_s=params.timeout_s, extra=params.extra,
        )  # fmt: skip
        refused = {room: {"code": refusal.code, "name": refusal.name} for room, refusal in created.refused.items()}
        return {"battle_id": created.battle_id, "refused": refused}

    async def battle_answer(self, caller: Caller, params: messages.AnswerBattle) -> dict[str, Any]:
        who, room_id = in_room(caller)
        self._rooms.alliances.answer_battle(who.app, room_id, who.user, params.battle_id, params.accept)
        return {}

    async def battle_cancel(self, caller: Caller, params: messages.BattleRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        self._rooms.alliances.cancel_battle(who.app, room_id, who.user, params.battle_id)
        return {}

    async def battle_exit(self, caller: Caller, params: messages.BattleRef) -> dict[str, Any]:
        who, room_id = in_room(caller)
        self._rooms.alliances.exit_battle(who.app, room_id, who.user, params.battle_id)
        return {}

    async def battle_info(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"battle": self._battle(who, room_id)}

    # What is said and given

    async def barrage_send(self, caller: Caller, params: messages.Say) -> dict[str, Any]:
        who, room_id = in_room(caller)
        said = await self._rooms.talk.say(who.app, room_id, who.user, params.text, params.extension)
        return messages.message(said)

    async def barrage_custom(self, caller: Caller, params: messages.SayCustom) -> dict[str, Any]:
        who, room_id = in_room(caller)
        said = await self._rooms.talk.say_custom(who.app, room_id, who.user, params.business_id, params.data)
        return messages.message(said)

    async def barrage_recent(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        recent = self._rooms.talk.recent(who.app, room_id, who.user)
        return {"messages": [messages.message(said) for said in recent]}

    async def like_send(self, caller: Caller, params: messages.Like) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"total": self._rooms.talk.like(who.app, room_id, who.user, params.count)}

    async def gift_list(self, caller: Caller, params: messages.ListGifts) -> dict[str, Any]:
        return messages.gifts(await self._rooms.talk.gifts(caller.who.app, params.language))

    async def gift_send(self, caller: Caller, params: messages.SendGift) -> dict[str, Any]:
        who, room_id = in_room(caller)
        given = await self._rooms.talk.send_gift(
            who.app, room_id, who.user, gift_id=params.gift_id, count=params.count, send_id=params.send_id,
            receivers=tuple(map(UserId, params.receivers)),
        )  # fmt: skip
        return messages.sending(given)

    async def room_metadata(self, caller: Caller, params: messages.MetadataKeys) -> dict[str, Any]:
        who, room_id = in_room(caller)
        values, version = self._rooms.talk.metadata(who.app, room_id, params.keys)
        return {"metadata": values, "version": version}

    async def room_set_metadata(self, caller: Caller, params: messages.SetMetadata) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"version": self._rooms.talk.set_metadata(who.app, room_id, who.user, params.metadata)}

    async def room_delete_metadata(self, caller: Caller, params: messages.MetadataKeys) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return {"version": self._rooms.talk.delete_metadata(who.app, room_id, who.user, params.keys)}

    async def room_statistic(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        who, room_id = in_room(caller)
        return messages.statistic(self._rooms.talk.statistic(who.app, room_id))

    # Media

    async def media_publish(self, caller: Caller, params: messages.Publish) -> dict[str, Any]:
        stay = self._stay(caller)
        if self._rooms.member(stay.app, stay.room_id, stay.user).seat is None:
            raise media_state("Take a seat before you publish.")
        for source in params.sources.values():
            if source not in SOURCES:
                raise bad_parameter(f"A source is one of {', '.join(SOURCES)}.")
        edition = await self._entitlements.edition(stay.app)
        publish(self._conductor, self._stays, stay, params.sdp, params.sources, edition.max_pixels)
        assert stay.publishing is not None, "publish() sets it or raises"
        return {
            "sdp": stay.publishing.answer,
            "publications": [described(stay, view) for view in stay.publishing.publications],
        }

    async def media_unpublish(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        stay = self._stay(caller)
        self._conductor.end_publishing(stay, "the member stopped publishing")
        return {}

    async def media_mute(self, caller: Caller, params: messages.Mute) -> dict[str, Any]:
        self._conductor.tell_muted(self._stay(caller), params.publication_id, params.muted)
        return {}

    async def media_receive(self, caller: Caller, params: messages.Receive) -> dict[str, Any]:
        stay = self._stay(caller)
        stay.audio, stay.video, stay.data = params.audio, params.video, params.data
        self._conductor.refresh(stay)
        return {}

    async def media_show(self, caller: Caller, params: messages.Show) -> dict[str, Any]:
        viewing = self._stay(caller).viewing
        if viewing is not None:
            viewing.wish(params.publication_id, params.width * params.height)
        return {}

    async def media_answer(self, caller: Caller, params: messages.Answer) -> dict[str, Any]:
        receiver = self._receiver(caller)
        viewing_of(receiver).accept(params.revision, params.sdp)
        self._conductor.refresh(receiver)
        return {}

    async def media_reset(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        self._conductor.reset(self._receiver(caller))
        return {}

    # Previews

    async def preview_start(self, caller: Caller, params: messages.RoomRef) -> dict[str, Any]:
        who, room_id = caller.who, RoomId(params.room_id)
        _must_be_out(caller)
        await self._entitlements.require(who.app, Feature.PREVIEW)
        self._rooms.check_preview(who.app, room_id, who.user)
        self._conductor.sfu.admit()
        self._conductor.preview(caller.id, who.app, who.user, room_id)
        return {}

    async def preview_stop(self, caller: Caller, params: messages.RoomRef) -> dict[str, Any]:
        self._conductor.previews.stop(caller.id, caller.who.app, RoomId(params.room_id))
        return {}

    # Usage

    async def usage_mine(self, caller: Caller, params: messages.Nothing) -> dict[str, Any]:
        used = self._usage.used(self._stay(caller).session)
        return {"seconds": {str(tier): seconds for tier, seconds in used.items()}}

    def _receiver(self, caller: Caller) -> Receiver:
        """Who answers an offer: the member, or outside of rooms who looks into some."""
        previewer = self._conductor.previews.of_connection(caller.id)
        return self._stay(caller) if previewer is None else previewer

    def _stay(self, caller: Caller) -> Stay:
        who, room_id = in_room(caller)
        stay = self._stays.get(who.app, room_id, who.user)
        if stay is None:
            raise ProtocolError(100005, "not_in_room", "You are not in a room.", status=404)
        return stay

    def _room(self, who: Identity, view: RoomView) -> dict[str, Any]:
        own = self._rooms.member(who.app, view.room_id, who.user)
        publications = self._conductor.publications(who.app, view.room_id)
        return {
            **messages.room(view, own, publications, self._conductor.speakers(who.app, view.room_id)),
            "link": self._link(who, view.room_id),
            "battle": self._battle(who, view.room_id),
        }

    def _link(self, who: Identity, room_id: RoomId) -> dict[str, Any] | None:
        found = self._rooms.alliances.link(who.app, room_id)
        if found is None:
            return None
        return messages.link(found.link_id, [self._rooms.card(who.app, room) for room in found.rooms])

    def _link_request(self, who: Identity, request: LinkRequest) -> dict[str, Any]:
        by, to = self._rooms.card(who.app, request.by), self._rooms.card(who.app, request.to)
        return messages.link_request(request, by, to)

    def _battle(self, who: Identity, room_id: RoomId) -> dict[str, Any] | None:
        found = self._rooms.alliances.battle(who.app, room_id)
        return None if found is None else messages.battle(found)


def publish(conductor: Conductor, stays: Stays, stay: Stay, sdp: str, sources: dict[str, str], max_pixels: int) -> None:
    """Lets `stay` publish: renegotiates when the offer comes from the same connection, replaces otherwise.

    Raises MediaRefused; what was published before goes on then.
    """
    if stay.publishing is not None and stay.publishing.continues(sdp):
        stay.publishing.renegotiate(sdp, sources)
        conductor.tell_publications(stay)
        return
    publishing = conductor.sfu.publish(sdp, sources, max_pixels=max_pixels, group=group_of(stay))
    if stay.publishing is not None:
        stays.unbind(stay.publishing.peer)
        stay.publishing.close("replaced by another connection")
    stay.publishing = publishing
    publishing.forbid(stay.forbidden)
    stays.bind(publishing.peer, stay)
    conductor.tell_publications(stay)


def _must_be_out(caller: Caller) -> None:
    if caller.room_id is not None:
        raise ProtocolError(-2108, "already_in_room", "Leave the room you are in first.", status=409)


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the dispatch."""

    params: type[msgspec.Struct]
    run: Callable[[Calls, Caller, Any], Awaitable[dict[str, Any]]]


def _about_people(
    params: type[msgspec.Struct], run: Callable[[PeopleCalls, Caller, Any], Awaitable[dict[str, Any]]]
) -> Call:
    return Call(params, lambda calls, caller, values: run(calls.about_people, caller, values))


TABLE: dict[str, Call] = {
    "login": Call(messages.Login, Calls.login),
    "room.create": Call(messages.CreateRoom, Calls.room_create),
    "room.list": _about_people(wishes.ListRooms, PeopleCalls.room_list),
    "room.search": _about_people(wishes.SearchRooms, PeopleCalls.room_search),
    "room.enter": Call(messages.RoomRef, Calls.room_enter),
    "room.leave": Call(messages.Nothing, Calls.room_leave),
    "room.dismiss": Call(messages.Nothing, Calls.room_dismiss),
    "room.kick": Call(messages.UserRef, Calls.room_kick),
    "room.update": Call(messages.UpdateRoom, Calls.room_update),
    "room.admin": Call(messages.SetAdmin, Calls.room_admin),
    "room.mute": Call(messages.Silence, Calls.room_mute),
    "room.ban": Call(messages.Silence, Calls.room_ban),
    "seat.take": Call(messages.TakeSeat, Calls.seat_take),
    "seat.leave": Call(messages.Nothing, Calls.seat_leave),
    "seat.kick": Call(messages.UserRef, Calls.seat_kick),
    "seat.lock": Call(messages.LockSeat, Calls.seat_lock),
    "seat.move": Call(messages.MoveSeat, Calls.seat_move),
    "seat.apply": Call(messages.Apply, Calls.seat_apply),
    "seat.invite": Call(messages.Invite, Calls.seat_invite),
    "seat.answer": Call(messages.AnswerRequest, Calls.seat_answer),
    "seat.cancel": Call(messages.RequestRef, Calls.seat_cancel),
    "seat.requests": Call(messages.Nothing, Calls.seat_requests),
    "audience.list": Call(messages.ListAudience, Calls.audience_list),
    "audience.search": _about_people(wishes.SearchAudience, PeopleCalls.audience_search),
    "follow.add": _about_people(messages.UserRef, PeopleCalls.follow_add),
    "follow.remove": _about_people(messages.UserRef, PeopleCalls.follow_remove),
    "follow.list": _about_people(wishes.FollowList, PeopleCalls.follow_list),
    "profile.get": _about_people(wishes.ProfileRef, PeopleCalls.profile_get),
    "profile.set": _about_people(wishes.SetProfile, PeopleCalls.profile_set),
    "link.request": Call(messages.RequestLink, Calls.link_request),
    "link.answer": Call(messages.AnswerRequest, Calls.link_answer),
    "link.cancel": Call(messages.RequestRef, Calls.link_cancel),
    "link.exit": Call(messages.Nothing, Calls.link_exit),
    "link.info": Call(messages.Nothing, Calls.link_info),
    "battle.create": Call(messages.CreateBattle, Calls.battle_create),
    "battle.answer": Call(messages.AnswerBattle, Calls.battle_answer),
    "battle.cancel": Call(messages.BattleRef, Calls.battle_cancel),
    "battle.exit": Call(messages.BattleRef, Calls.battle_exit),
    "battle.info": Call(messages.Nothing, Calls.battle_info),
    "media.publish": Call(messages.Publish, Calls.media_publish),
    "media.unpublish": Call(messages.Nothing, Calls.media_unpublish),
    "media.mute": Call(messages.Mute, Calls.media_mute),
    "media.receive": Call(messages.Receive, Calls.media_receive),
    "media.show": Call(messages.Show, Calls.media_show),
    "media.answer": Call(messages.Answer, Calls.media_answer),
    "media.reset": Call(messages.Nothing, Calls.media_reset),
    "preview.start": Call(messages.RoomRef, Calls.preview_start),
    "preview.stop": Call(messages.RoomRef, Calls.preview_stop),
    "barrage.send": Call(messages.Say, Calls.barrage_send),
    "barrage.custom": Call(messages.SayCustom, Calls.barrage_custom),
    "barrage.recent": Call(messages.Nothing, Calls.barrage_recent),
    "like.send": Call(messages.Like, Calls.like_send),
    "gift.list": Call(messages.ListGifts, Calls.gift_list),
    "gift.send": Call(messages.SendGift, Calls.gift_send),
    "room.metadata": Call(messages.MetadataKeys, Calls.room_metadata),
    "room.set_metadata": Call(messages.SetMetadata, Calls.room_set_metadata),
    "room.delete_metadata": Call(messages.MetadataKeys, Calls.room_delete_metadata),
    "room.statistic": Call(messages.Nothing, Calls.room_statistic),
    "usage.mine": Call(messages.Nothing, Calls.usage_mine),
}
"""Every request of the protocol: its parameters, and what it does."""
