"""Publishing over RTMP: `rtmp://HOST:1935/push/{room_id}?sdkappid=..&userid=..&usersig=..`, as Tencent's.

In OBS the server is `rtmp://HOST:1935/push`, and the stream key all behind it. The key is judged before anything of the
stream is taken: signature, edition, room. A refusal is a sentence in the encoder. An encoder that stops leaves its
room; one that is lost has the grace time of a lost connection, and takes its own place when it comes back early.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from billing.interface import Entitlements, Feature
from media.interface import Admission, MediaRefused, Publishing, Refusal
from rooms.interface import RoomId
from signaling.conductor import Conductor
from signaling.errors import ProtocolError, as_protocol_error, bad_parameter
from signaling.identity import Identities
from signaling.offers import group_of
from signaling.pushing import Pusher, Pushers
from signaling.stays import Stays
from signaling.usersig import Malformed

__all__ = ["RtmpDoor"]

APPLICATION = "push"
_ROOM = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_MOST_FIELDS = 16


class RtmpDoor:
    """Whom the RTMP port lets in (media.interface.Judge), and into which room."""

    def __init__(
        self, entitlements: Entitlements, identities: Identities, stays: Stays, pushers: Pushers,
        conductor: Conductor, soon: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:  # fmt: skip
        """`soon` runs what cannot be awaited where it is due."""
        self._entitlements = entitlements
        self._identities = identities
        self._stays = stays
        self._pushers = pushers
        self._soon = soon
        self._conductor = conductor
        self._sessions: dict[str, Pusher] = {}

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    async def judge(self, app: str, key: str) -> Admission | Refusal:
        """See media.interface.Judge."""
        try:
            return await self._admit(app, key)
        except Exception as error:
            refusal = as_protocol_error(error)
            code = "BadName" if refusal.status in (404, 409) else "Denied"
            return Refusal(f"NetStream.Publish.{code}", f"{refusal.message} ({refusal.code})")

    async def _admit(self, app: str, key: str) -> Admission:
        session = await self._authenticate(app, key)
        who = session.identity
        await self._entitlements.require(who.app, Feature.RTMP_INGEST)
        edition = await self._entitlements.edition(who.app)
        await self._replace(session)
        self._sessions[session.id] = session
        self._conductor.open(session)
        try:
            await self._pushers.enter(session)
            group = group_of(self._pushers.stay(session))
        except BaseException:
            self._ended(session, False)
            raise
        return Admission(edition.max_pixels, group, partial(self._take, session), partial(self._ended, session))

    async def _replace(self, session: Pusher) -> None:
        """An encoder that comes back while its old connection is not yet known to be lost takes its place."""
        stay = self._stays.get(session.identity.app, session.room_id, session.identity.user)
        before = self._sessions.get(stay.outlet.id) if stay is not None and stay.outlet is not None else None
        if stay is not None and before is not None:
            self._forget(before)
            self._conductor.end_publishing(stay, "another encoder with the same key took over")
            await self._pushers.drop(before)

    async def _authenticate(self, app: str, key: str) -> Pusher:
        room_id, _, query = key.partition("?")
        if app.strip("/") != APPLICATION or not _ROOM.fullmatch(room_id):
            raise bad_parameter(f"Push to /{APPLICATION}/ROOM?sdkappid=..&userid=..&usersig=.. instead.")
        try:
            fields = dict(parse_qsl(query, max_num_fields=_MOST_FIELDS))
        except ValueError as error:
            raise bad_parameter("The stream key has too many fields.") from error
        if "usersig" not in fields:
            raise Malformed("The stream key lacks its UserSig.")
        number = fields.get("sdkappid", "")
        claimed = int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else -1
        identity = await self._identities.verify(fields["usersig"], app=claimed, user=fields.get("userid", ""))
        return Pusher(f"rtmp_{secrets.token_hex(12)}", identity, RoomId(room_id), self._forget)

    def _take(self, session: Pusher, publishing: Publishing) -> None:
        try:
            stay = self._pushers.stay(session)
        except ProtocolError as error:
            raise MediaRefused(error.message) from error
        self._pushers.take(stay, publishing)

    def _ended(self, session: Pusher, stopped: bool) -> None:
        """Whoever stopped leaves the room; whoever was lost has its grace time. A member who is here by something else
        as well stays."""
        if session.id in self._sessions:
            self._forget(session)
            stay = self._stays.get(session.identity.app, session.room_id, session.identity.user)
            if stay is not None and stay.outlet is session:
                self._soon((self._pushers.leave if stopped else self._pushers.drop)(session))

    def _forget(self, session: Pusher) -> None:
        self._sessions.pop(session.id, None)
        self._conductor.shut(session)
