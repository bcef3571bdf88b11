"""Co-host links: rooms of one app whose hosts see and hear each other.

A link is a set of two or more rooms, and a room is in at most one. It grows by a request that a room accepts which is
in no link yet, and ends when only one room is left. Whether the asked room exists, and who may speak for a room, is
not known here.

Pure: rooms and `now` (Unix seconds) in, events or refusals out. What is refused has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rooms.errors import bad_parameter
from rooms.ids import AppId, RoomId, refuse_faults
from rooms.link_errors import (
    already_connected,
    connecting_elsewhere,
    no_such_request,
    not_connected,
    request_pending,
    too_many_rooms,
)
from rooms.link_events import LinkChanged, LinkEnded, LinkEvent, LinkRequested, LinkRequestEnded
from rooms.requests import Outcome, Pending, Request, extra_fault, timeout_fault

__all__ = ["MAX_REQUESTS", "MAX_REQUESTS_OF_ROOM", "MAX_ROOMS", "Link", "LinkRequest", "Links"]

MAX_ROOMS = 9
"""Rooms in one link, whatever the edition says (research/tencent.md 0.1)."""
MAX_REQUESTS_OF_ROOM = 10
"""Requests of one room that may be pending."""
MAX_REQUESTS = 1000
"""Requests of one app that may be pending."""
KIND = "link"


@dataclass(frozen=True, slots=True)
class LinkRequest(Request):
    """One room asks another."""

    by: RoomId
    to: RoomId
    limit: int
    """Rooms the requester's edition allows in one link."""
    extra: str
    """What the requester adds for the other side."""


@dataclass(frozen=True, slots=True)
class Link:
    """Rooms that are linked, each with each."""

    link_id: str
    """Unique among all links."""
    rooms: tuple[RoomId, ...]
    """In the order of joining."""
    limit: int
    """The smallest limit of all rooms that ever joined; the link is never larger."""


class Links:
    """All links of one app, and the requests for them."""

    def __init__(self, app: AppId, *, new_id: Callable[[], str]) -> None:
        """`new_id` gives a text that was never given before; links and requests are named by it."""
        self._app = app
        self._new_id = new_id
        self._links: dict[RoomId, Link] = {}
        self._pending = Pending[LinkRequest](per_requester=MAX_REQUESTS_OF_ROOM, in_all=MAX_REQUESTS)

    # Looking

    def of(self, room: RoomId) -> Link | None:
        """The link `room` is in."""
        return self._links.get(room)

    def linked_with(self, room: RoomId) -> tuple[RoomId, ...]:
        """The other rooms of its link, in the order of joining."""
        link = self._links.get(room)
        return () if link is None else _without(link.rooms, room)

    def requests_of(self, room: RoomId) -> tuple[LinkRequest, ...]:
        """The pending requests by and to `room`, oldest first."""
        return self._pending.of(room)

    @property
    def count(self) -> int:
        """Links there are."""
        return len({link.link_id for link in self._links.values()})

    @property
    def pending(self) -> int:
        """Requests that wait."""
        return len(self._pending)

    @property
    def next_due(self) -> float | None:
        """Unix seconds at which `due` will have something to tell; None: it will not."""
        return self._pending.next_due

    # Requests

    def request(self, by: RoomId, to: RoomId, *, timeout_s: float, extra: str, limit: int, now: float) -> LinkRequested:
        """Asks `to` for a link with `by`; a `timeout_s` of 0 means no timeout. `limit` is the number of rooms that
        the edition allows in one link.

        Raises 100002, 100012, 100401, 100402, 100403, 100404.
        """
        refuse_faults(extra_fault(extra), timeout_fault(timeout_s))
        if by == to:
            raise bad_parameter("A room cannot be linked with itself.")
        self._check_join(by, to, limit)
        if self._pending.between(KIND, by, to) is not None:
            raise request_pending()
        self._pending.check_place(by)
        expires_at = now + timeout_s if timeout_s else None
        request = LinkRequest(self._new_id(), KIND, by, to, now, expires_at, limit, extra)
        self._pending.add(request)
        return LinkRequested(self._app, (by, to), now, request.request_id, by, to, expires_at, extra)

    def accept(self, request_id: str, by: RoomId, *, limit: int, now: float) -> list[LinkEvent]:
        """The asked room joins the requester's link, or the two make one.

        A refused request stays pending: what hinders it may pass. Raises -2311, 100403, 100404.
        """
        request = self._asked(request_id, by, now)
        limit = min(limit, request.limit)
        self._check_join(request.by, request.to, limit)
        ended = self._end_request(request, Outcome.ACCEPTED, now)
        link = self._join(request.by, request.to, limit)
        changed = LinkChanged(self._app, link.rooms, now, link.link_id, link.rooms, None)
        return [ended, changed, *self._end_moot(link, now)]

    def reject(self, request_id: str, by: RoomId, *, now: float) -> list[LinkEvent]:
        """The asked room does not want it. Raises -2311."""
        return [self._end_request(self._asked(request_id, by, now), Outcome.REJECTED, now)]

    def cancel(self, request_id: str, by: RoomId, *, now: float) -> list[LinkEvent]:
        """The requester does not want it any more. Raises -2311."""
        request = self._pending.find(request_id, now)
        if request.by != by:
            raise no_such_request()
        return [self._end_request(request, Outcome.CANCELLED, now)]

    # Leaving

    def exit(self, room: RoomId, *, now: float) -> list[LinkEvent]:
        """`room` leaves its link. Its requests stay pending. Raises 100400."""
        if room not in self._links:
            raise not_connected()
        return self._leave(room, now)

    def forget(self, room: RoomId, *, now: float) -> list[LinkEvent]:
        """`room` is over: its requests end, and it leaves its link. Never refused."""
        events = self.due(now)
        for request in self._pending.of(room):
            outcome = Outcome.CANCELLED if request.by == room else Outcome.ERROR
            events.append(self._end_request(request, outcome, now))
        if room in self._links:
            events += self._leave(room, now)
        return events

    # Time

    def due(self, now: float) -> list[LinkEvent]:
        """What time has brought until `now`, in the order of its times."""
        return [
            self._ended(request, Outcome.TIMEOUT, now if request.expires_at is None else request.expires_at)
            for request in self._pending.due(now)
        ]

    # Steps

    def _asked(self, request_id: str, by: RoomId, now: float) -> LinkRequest:
        request = self._pending.find(request_id, now)
        if request.to != by:
            raise no_such_request()
        return request

    def _check_join(self, by: RoomId, to: RoomId, limit: int) -> None:
        """Raises unless `to` may join the link of `by`, or make one with it."""
        link = self._links.get(by)
        if to in self._links:
            raise already_connected() if self._links[to] is link else connecting_elsewhere()
        size, limit = (1, _capped(limit)) if link is None else (len(link.rooms), min(link.limit, limit))
        if size + 1 > limit:
            raise too_many_rooms(limit)

    def _join(self, by: RoomId, to: RoomId, limit: int) -> Link:
        link = self._links.get(by)
        if link is None:
            return self._put(Link(self._new_id(), (by, to), _capped(limit)))
        return self._put(replace(link, rooms=(*link.rooms, to), limit=min(link.limit, limit)))

    def _leave(self, room: RoomId, now: float) -> list[LinkEvent]:
        link = self._links.pop(room)
        rest = _without(link.rooms, room)
        if len(rest) > 1:
            self._put(replace(link, rooms=rest))
            return [LinkChanged(self._app, link.rooms, now, link.link_id, rest, room)]
        for other in rest:
            del self._links[other]
        return [LinkEnded(self._app, link.rooms, now, link.link_id, room)]

    def _put(self, link: Link) -> Link:
        """All rooms of a link have the same one."""
        for room in link.rooms:
            self._links[room] = link
        return link

    def _end_moot(self, link: Link, now: float) -> list[LinkEvent]:
        """Ends the requests between rooms that got linked by another one; accepting those could only be refused."""
        return [
            self._end_request(request, Outcome.ERROR, now)
            for request in self._pending.of(link.rooms[-1])
            if request.by in link.rooms and request.to in link.rooms
        ]

    def _end_request(self, request: LinkRequest, outcome: Outcome, at: float) -> LinkRequestEnded:
        return self._ended(self._pending.take(request.request_id), outcome, at)

    def _ended(self, request: LinkRequest, outcome: Outcome, at: float) -> LinkRequestEnded:
        by, to = request.by, request.to
        return LinkRequestEnded(self._app, (by, to), at, request.request_id, by, to, outcome)


def _capped(limit: int) -> int:
    return min(limit, MAX_ROOMS)


def _without(rooms: tuple[RoomId, ...], room: RoomId) -> tuple[RoomId, ...]:
    return tuple(each for each in rooms if each != room)
