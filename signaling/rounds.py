"""Chat on its way to a room: in rounds of several messages.

A room may pass 40 messages a second, and a frame to each of 2,000 sockets costs the node tens of milliseconds of work.
So what was said within a round goes out together; the first message after a silence goes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from rooms.interface import MessageSent, RoomId

__all__ = ["ROUND", "Rounds"]

ROUND = 0.2
"""Seconds between two rounds of a room: nobody reads faster."""

Key = tuple[int, RoomId]


class Rounds:
    """The messages of all rooms that wait for their round."""

    def __init__(self, tell: Callable[[MessageSent, list[Mapping[str, Any]]], None]) -> None:
        """`tell` sends messages to everybody in the room of the event."""
        self._tell = tell
        self._waiting: dict[Key, list[tuple[MessageSent, Mapping[str, Any]]]] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def add(self, event: MessageSent, message: Mapping[str, Any]) -> None:
        key = (event.app, event.room_id)
        if key in self._timers:
            self._waiting.setdefault(key, []).append((event, message))
            return
        self._tell(event, [message])
        self._wait(key)

    def flush(self, key: Key) -> None:
        """Sends what waits in that room; it ends."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._send(key)

    def _wait(self, key: Key) -> None:
        self._timers[key] = asyncio.get_running_loop().call_later(ROUND, self._next, key)

    def _next(self, key: Key) -> None:
        del self._timers[key]
        if self._send(key):
            self._wait(key)

    def _send(self, key: Key) -> bool:
        waiting = self._waiting.pop(key, [])
        if waiting:
            self._tell(waiting[0][0], [message for _, message in waiting])
        return bool(waiting)
