"""Publishing and watching over plain HTTP: WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep).

`POST /whip/{room_id}` makes its user a member of the room, creating the room when it is not there, and publishes; `POST
/whep/{room_id}` enters and plays. The session that answers is a resource: DELETE ends it, PATCH restarts ICE or names
candidates (which an ICE-lite server needs not), GET says nothing, OPTIONS says what may be posted. The bearer token is
a UserSig. Query parameters `userid`, `sdkappid` and `usersig` are taken instead of the header, as Tencent's WTN does.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from aiohttp import hdrs, web

from billing.interface import Entitlements
from media.interface import Viewing
from rooms.interface import People, RoomId, Rooms
from signaling.calls import publish
from signaling.conductor import Conductor
from signaling.errors import ProtocolError, bad_sdp, media_state
from signaling.http_refusals import told
from signaling.identity import Identities, Identity
from signaling.pushing import Pusher, Pushers
from signaling.stays import Stay, Stays
from signaling.usersig import Malformed

__all__ = ["Whip", "CORS"]

MAX_BODY = 200_000
LINGER = 120.0
"""Seconds a session stays known after its media is gone; longer than any grace time."""
SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After",
    "Access-Control-Max-Age": "86400",
}


@dataclass(eq=False)
class _Resource(Pusher):
    """One session over HTTP."""

    etag: str = ""
    lost: bool = False
    """Its media is gone; it lingers so that a DELETE that comes after the goodbye (OBS) is still answered 200."""


class Whip:
    """The endpoints `/whip/...` and `/whep/...`."""

    def __init__(
        self,
        rooms: Rooms,
        entitlements: Entitlements,
        identities: Identities,
        stays: Stays,
        conductor: Conductor,
        people: People,
        pushers: Pushers,
    ) -> None:
        self._rooms = rooms
        self._people = people
        self._entitlements = entitlements
        self._identities = identities
        self._stays = stays
        self._conductor = conductor
        self._pushers = pushers
        self._resources: dict[str, _Resource] = {}

    def routes(self) -> list[web.RouteDef]:
        routes = []
        for kind, post in (("whip", self._publish), ("whep", self._play)):
            routes += [
                web.post(f"/{kind}/{{room_id}}", told(post, CORS)),
                web.options(f"/{kind}/{{room_id}}", _options),
                web.get(f"/{kind}/{{room_id}}", _nothing, allow_head=True),
                web.delete(f"/{kind}/{{room_id}}/{{resource}}", told(self._delete, CORS)),
                web.patch(f"/{kind}/{{room_id}}/{{resource}}", told(self._patch, CORS)),
                web.get(f"/{kind}/{{room_id}}/{{resource}}", _nothing, allow_head=True),
                web.options(f"/{kind}/{{room_id}}/{{resource}}", _options),
            ]
        return routes

    @property
    def sessions(self) -> int:
        return len(self._resources)

    # Beginning

    async def _publish(self, request: web.Request) -> web.Response:
        identity, offer = await self._authenticate(request), await _offer(request)
        resource = self._resource(identity, request)
        try:
            created = await self._pushers.enter(resource)
            try:
                stay = self._pushers.stay(resource)
                edition = await self._entitlements.edition(identity.app)
                publish(self._conductor, self._stays, stay, offer, {}, edition.max_pixels)
            except Exception:
                await (self._leave if created else self._pushers.drop)(resource)
                raise
        except BaseException:
            self._forget(resource)
            raise
        assert stay.publishing is not None, "publish() sets it or raises"
        return self._created(request, resource, stay.publishing.answer)

    async def _play(self, request: web.Request) -> web.Response:
        identity, offer = await self._authenticate(request), await _offer(request)
        resource = self._resource(identity, request)
        try:
            stay = self._stays.get(identity.app, resource.room_id, identity.user)
            if stay is not None and stay.outlet is not None:
                raise media_state("You are in this room already; a player needs a user of its own.")
            self._conductor.sfu.admit()
            name = await self._people.name(identity.app, identity.user)
            await self._rooms.enter(
                identity.app, identity.user, name=name, connection=resource.id, room_id=resource.room_id
            )
            try:
                viewing = self._play_all(self._pushers.stay(resource), offer)
            except Exception:
                await self._leave(resource)
                raise
        except BaseException:
            self._forget(resource)
            raise
        return self._created(request, resource, viewing.answer)

    def _play_all(self, stay: Stay, offer: str) -> Viewing:
        published = [view.id for _, view in self._stays.publications(stay.app, stay.room_id)]
        if not published:
            raise ProtocolError(100004, "nothing_published", "Nobody is publishing in this room yet.", status=404)
        stay.viewing = self._conductor.sfu.play(offer, published)
        self._stays.bind(stay.viewing.peer, stay)
        return stay.viewing

    def _created(self, request: web.Request, resource: _Resource, answer: str) -> web.Response:
        resource.etag = f'"{secrets.token_hex(8)}"'
        return web.Response(
            status=201,
            text=answer,
            content_type=SDP,
            headers=CORS
            | {"Location": f"{request.path}/{resource.id}", "ETag": resource.etag, "Accept-Patch": FRAGMENT},
        )

    # Afterwards

    async def _delete(self, request: web.Request) -> web.Response:
        resource = await self._find(request)
        await self._leave(resource)
        self._forget(resource)
        return web.Response(status=200, headers=CORS)

    async def _patch(self, request: web.Request) -> web.Response:
        resource = await self._find(request)
        if request.content_type != FRAGMENT:
            raise ProtocolError(100430, "bad_sdp", f"A PATCH carries {FRAGMENT}.", status=415)
        wanted = request.headers.get(hdrs.IF_MATCH)
        if wanted is None:
            raise ProtocolError(100430, "precondition_required", "If-Match is missing.", status=428)
        body = await _text(request)
        if not body.strip():
            raise bad_sdp("the fragment is empty")
        if wanted == "*":
            raise ProtocolError(100430, "restart_unsupported", "ICE restart is not there yet.", status=422)
        if wanted != resource.etag:
            raise ProtocolError(100430, "precondition_failed", "If-Match names another ICE session.", status=412)
        # Candidates: an ICE-lite server never sends checks, so there is nothing to do with them (RFC 8445 section 2.5).
        return web.Response(status=204, headers=CORS)

    async def end_lost(self, stay: Stay) -> None:
        """The media of an HTTP session is gone: its member is treated as one whose connection was lost."""
        resource = self._resources.get(stay.outlet.id) if stay.outlet is not None else None
        if resource is not None:
            resource.lost = True
            self._conductor.shut(resource)
            asyncio.get_running_loop().call_later(LINGER, self._forget, resource)
            await self._pushers.drop(resource)

    async def _leave(self, resource: _Resource) -> None:
        """Ends the membership, or only the publication when the member is here by other means too."""
        who = resource.identity
        stay = self._stays.get(who.app, resource.room_id, who.user)
        if stay is None:
            return
        if stay.outlet is not None and stay.outlet is not resource:
            if resource.lost:
                return  # the member is here by something newer
            self._conductor.end_publishing(stay, "the publisher stopped")
            return
        await self._pushers.leave(resource)

    # Steps

    async def _authenticate(self, request: web.Request) -> Identity:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        query = request.query
        if scheme.lower() == "bearer" and token:
            return await self._identities.verify(token.strip())
        if "usersig" in query:
            app = query.get("sdkappid", "")
            return await self._identities.verify(
                query["usersig"], app=int(app) if app.isdecimal() and len(app) < 16 else -1, user=query.get("userid")
            )
        raise Malformed("Send the UserSig as a bearer token.")

    def _resource(self, identity: Identity, request: web.Request) -> _Resource:
        resource = _Resource(
            f"http_{secrets.token_hex(12)}", identity, RoomId(request.match_info["room_id"]), self._forget
        )
        self._resources[resource.id] = resource
        self._conductor.open(resource)
        return resource

    async def _find(self, request: web.Request) -> _Resource:
        """The resource in the path. Its name is a secret of 96 bits; a token that comes along must be its owner's."""
        resource = self._resources.get(request.match_info["resource"])
        if resource is None or resource.room_id != request.match_info["room_id"]:
            raise ProtocolError(100004, "no_such_session", "There is no such session; it may have ended.", status=404)
        if hdrs.AUTHORIZATION in request.headers and await self._authenticate(request) != resource.identity:
            raise ProtocolError(100006, "no_permission", "This is somebody else's session.", status=403)
        return resource

    def _forget(self, resource: Pusher) -> None:
        self._resources.pop(resource.id, None)
        self._conductor.shut(resource)


async def _offer(request: web.Request) -> str:
    if request.content_type != SDP:
        raise ProtocolError(100430, "unsupported_media_type", f"Post {SDP}.", status=415)
    return await _text(request)


async def _text(request: web.Request) -> str:
    """The body: SDP is UTF-8 (RFC 8866 section 4.1), whatever charset a header names."""
    if (request.content_length or 0) > MAX_BODY:
        raise ProtocolError(100430, "bad_sdp", "The description is too long.", status=413)
    body = await request.read()
    if len(body) > MAX_BODY:
        raise ProtocolError(100430, "bad_sdp", "The description is too long.", status=413)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise bad_sdp("it is not UTF-8") from error


async def _options(request: web.Request) -> web.Response:
    return web.Response(status=200, headers=CORS | {"Accept-Post": SDP})


async def _nothing(request: web.Request) -> web.Response:
    """RFC 9725 section 4.1: a GET is answered with nothing."""
    return web.Response(status=204, headers=CORS)
