"""Who wants a seat of one room, and who shall have one: applications of the audience, invitations by hosts.

An application goes to all hosts, and any of them may answer; an invitation goes to one member. Whether the edition
still has a seat is not known here.

Pure: users and `now` (Unix seconds) in, requests or refusals out. What is refused has changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from rooms.errors import already_queued, no_permission
from rooms.ids import UserId
from rooms.link_errors import request_conflict
from rooms.requests import Pending, Request

__all__ = ["APPLICATION", "INVITATION", "MAX_OF_ONE", "MAX_PENDING", "CoGuests", "SeatRequest"]

APPLICATION = "application"
INVITATION = "invitation"
MAX_OF_ONE = 50
"""Invitations of one host that may be pending."""
MAX_PENDING = 500
"""Applications and invitations of one room that may be pending."""


@dataclass(frozen=True, slots=True)
class SeatRequest(Request):
    """Somebody is to sit down. An application is `to` the owner, for all hosts."""

    by: UserId
    to: UserId
    index: int | None
    """On which seat; None: the first free one then."""
    extra: str
    """What goes with it for the other side to read."""

    @property
    def guest(self) -> UserId:
        """Who would sit down."""
        return self.by if self.kind == APPLICATION else self.to


class CoGuests:
    """The requests for seats of one room that wait for an answer."""

    def __init__(self) -> None:
        self._pending = Pending[SeatRequest](per_requester=MAX_OF_ONE, in_all=MAX_PENDING)
        self._numbers = count(1)

    @property
    def next_due(self) -> float | None:
        """The earliest time at which one of them times out."""
        return self._pending.next_due

    def of(self, user: UserId) -> tuple[SeatRequest, ...]:
        """Those by and to `user`, oldest first."""
        return self._pending.of(user)

    def all(self) -> tuple[SeatRequest, ...]:
        """Oldest first."""
        return self._pending.all()

    def find(self, request_id: str, now: float) -> SeatRequest:
        """Raises -2311 when it is not pending."""
        return self._pending.find(request_id, now)

    def check_request(self, kind: str, by: UserId, to: UserId) -> None:
        """Raises 100202 when the guest has applied already, 100102 when it is invited, 100012 when too many wait."""
        guest = by if kind == APPLICATION else to
        for request in self.of(guest):
            if request.guest == guest:
                raise already_queued() if request.kind == APPLICATION else request_conflict()
        self._pending.check_place(by)

    def check_answer(self, request_id: str, by: UserId, is_host: bool, now: float) -> SeatRequest:
        """What `by` may answer. Raises -2311, 100006."""
        request = self.find(request_id, now)
        if not (is_host if request.kind == APPLICATION else by == request.to):
            raise no_permission()
        return request

    def check_cancel(self, request_id: str, by: UserId, is_host: bool, now: float) -> SeatRequest:
        """What `by` may cancel: its own application, or as a host any invitation. Raises -2311, 100006."""
        request = self.find(request_id, now)
        if not (by == request.by or (is_host and request.kind == INVITATION)):
            raise no_permission()
        return request

    def add(
        self, kind: str, by: UserId, to: UserId, *, index: int | None, timeout_s: float, extra: str, now: float
    ) -> SeatRequest:
        """A new request; a `timeout_s` of 0 means no timeout. Raises what `check_request` raises."""
        self.check_request(kind, by, to)
        identifier, until = f"{kind}_{next(self._numbers)}", now + timeout_s if timeout_s else None
        request = SeatRequest(identifier, kind, by, to, now, until, index, extra)
        self._pending.add(request)
        return request

    def take(self, request_id: str) -> SeatRequest:
        """Takes out one that is pending. It has ended; who takes it tells how."""
        return self._pending.take(request_id)

    def due(self, now: float) -> list[SeatRequest]:
        """Takes out those that are over at `now`, in the order of their times."""
        return self._pending.due(now)
