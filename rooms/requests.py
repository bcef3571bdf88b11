"""Requests: one party asks another, and waits. Each ends exactly once, with one of five outcomes.

What is asked for belongs to its subject (links.py), which derives its own requests from `Request`. A dict and no heap:
the number of pending requests is bounded, so looking at all of them once a second costs little.

Pure: times come in, what is due goes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rooms.ids import text_fault
from rooms.link_errors import no_such_request, request_conflict, too_many_requests

__all__ = [
    "MAX_EXTRA", "MAX_TIMEOUT_S", "Outcome", "Pending", "Request", "extra_fault", "seconds_fault", "timeout_fault",
]  # fmt: skip

MAX_EXTRA = 1024
"""Bytes of UTF-8 that may go with a request for the other side to read."""
MAX_TIMEOUT_S = 3600


class Outcome(StrEnum):
    """How a request ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """By the requester, or because the requester is gone."""
    TIMEOUT = "timeout"
    ERROR = "error"
    """It can no longer be answered: the other side is gone, or what was asked for has come about otherwise."""


@dataclass(frozen=True, slots=True)
class Request:
    """What all requests have."""

    request_id: str
    """Unique among all requests."""
    kind: str
    """What is asked for."""
    by: str
    """Who asks."""
    to: str
    """Who is asked."""
    made_at: float
    """When, in Unix seconds."""
    expires_at: float | None
    """Unix seconds at which it times out; None: never."""


R = TypeVar("R", bound=Request)


class Pending(Generic[R]):
    """The requests that wait for an answer, oldest first."""

    def __init__(self, *, per_requester: int, in_all: int) -> None:
        self._requests: dict[str, R] = {}
        self._per_requester = per_requester
        self._in_all = in_all

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def next_due(self) -> float | None:
        """The earliest time at which one of them times out."""
        times = (request.expires_at for request in self._requests.values())
        return min((time for time in times if time is not None), default=None)

    def find(self, request_id: str, now: float) -> R:
        """Raises -2311 when it is not pending; one that is over at `now` is not, whether it was taken or not."""
        request = self._requests.get(request_id)
        if request is None or _is_over(request, now):
            raise no_such_request()
        return request

    def all(self) -> tuple[R, ...]:
        """Oldest first."""
        return tuple(self._requests.values())

    def of(self, party: str) -> tuple[R, ...]:
        """The requests by and to `party`."""
        return tuple(request for request in self._requests.values() if party in (request.by, request.to))

    def between(self, kind: str, one: str, other: str) -> R | None:
        """The request of this kind that one of the two has made to the other."""
        pair = {one, other}
        found = (each for each in self._requests.values() if each.kind == kind and {each.by, each.to} == pair)
        return next(found, None)

    def check_place(self, by: str) -> None:
        """Raises 100012 when `by`, or all together, have as many pending requests as there may be."""
        if len(self) >= self._in_all:
            raise too_many_requests(self._in_all)
        if sum(request.by == by for request in self._requests.values()) >= self._per_requester:
            raise too_many_requests(self._per_requester)

    def add(self, request: R) -> None:
        """Raises 100012, and 100102 when one of the same kind is pending between the two."""
        self.check_place(request.by)
        if self.between(request.kind, request.by, request.to) is not None:
            raise request_conflict()
        self._requests[request.request_id] = request

    def take(self, request_id: str) -> R:
        """Takes out one that is pending. It has ended; who takes it tells how."""
        return self._requests.pop(request_id)

    def due(self, now: float) -> list[R]:
        """Takes out those that are over at `now`, in the order of their times."""
        over = [request for request in self._requests.values() if _is_over(request, now)]
        for request in over:
            del self._requests[request.request_id]
        return sorted(over, key=lambda request: request.expires_at or 0.0)


def extra_fault(extra: str) -> str | None:
    return text_fault("The extra information", extra, MAX_EXTRA)


def timeout_fault(timeout_s: float) -> str | None:
    return seconds_fault("The timeout", timeout_s, 0, MAX_TIMEOUT_S)


def seconds_fault(what: str, seconds: float, least: float, most: float) -> str | None:
    """A fault when `seconds` is out of bounds, or not a number at all (which compares as false)."""
    return None if least <= seconds <= most else f"{what} is {least} to {most} seconds."


def _is_over(request: Request, now: float) -> bool:
    return request.expires_at is not None and request.expires_at <= now
