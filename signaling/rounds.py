"""What a whole room hears all the time, on its way there: in rounds.

A room may pass 40 messages a second while people come and go, and a write to each of 2,000 sockets costs the node some
milliseconds. So what happens within a round goes out together, as finished frames in one write for each socket; the
first thing after a silence goes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from billing.interface import AppId
from rooms.interface import RoomId

__all__ = ["ROUND", "Rounds", "frame_of", "notification"]

ROUND = 0.2
"""Seconds between two rounds of a room: nobody reads faster."""

Key = tuple[AppId, RoomId]


def notification(method: str, params: Mapping[str, Any]) -> str:
    """The text of a JSON-RPC notification; encoded once for all who get it."""
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params}).decode()


def frame_of(text: str) -> bytes:
    """A WebSocket frame as a server sends it: whole, unmasked (RFC 6455 section 5.2)."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 1 << 16:
        return bytes((0x81, 126)) + size.to_bytes(2, "big") + data
    return bytes((0x81, 127)) + size.to_bytes(8, "big") + data


class _Round:
    """What one room will hear next."""

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.timer = timer
        self.texts: list[str] = []
        self.messages: list[Mapping[str, Any]] = []


class Rounds:
    """The rounds of all rooms."""

    def __init__(self, send: Callable[[Key, bytes], None]) -> None:
        """`send` writes frames to everybody in a room."""
        self._send = send
        self._rounds: dict[Key, _Round] = {}

    def tell(self, key: Key, text: str) -> None:
        """A notification for everybody in the room."""
        waiting = self._rounds.get(key)
        if waiting is not None:
            waiting.texts.append(text)
        else:
            self._send(key, frame_of(text))
            self._begin(key)

    def say(self, key: Key, message: Mapping[str, Any]) -> None:
        """A message of the room's chat; those of a round go into one notification."""
        waiting = self._rounds.get(key)
        if waiting is not None:
            waiting.messages.append(message)
        else:
            self._send(key, frame_of(_said([message])))
            self._begin(key)

    def flush(self, key: Key) -> None:
        """Sends what waits: the room is over, or somebody has to know first."""
        waiting = self._rounds.pop(key, None)
        if waiting is not None:
            waiting.timer.cancel()
            self._finish(key, waiting)

    def _begin(self, key: Key) -> None:
        self._rounds[key] = _Round(asyncio.get_running_loop().call_later(ROUND, self._next, key))

    def _next(self, key: Key) -> None:
        if self._finish(key, self._rounds.pop(key)):
            self._begin(key)

    def _finish(self, key: Key, waiting: _Round) -> bool:
        texts = waiting.texts + ([_said(waiting.messages)] if waiting.messages else [])
        if texts:
            self._send(key, b"".join(map(frame_of, texts)))
        return bool(texts)


def _said(messages: list[Mapping[str, Any]]) -> str:
    return notification("barrage.messages", {"messages": messages})
