"""The load of `tally bench barrage`, as a program: the members of one room, of whom some write.

    python -m tools.bench.chatters URL SDKAPPID MEMBERS        (the app's secret is the first line of standard input)

Prints {"members": N} once all have entered, then obeys `talk SECONDS RATE` with one line of JSON, and `end`. Members
are bare protocols: a client that decoded every frame would be the slower side.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import sys
import time
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from signaling import usersig

AT_ONCE = 32
WRITERS = 40
TIMED = 20
"""Every so many members, one whose messages are timed."""
LINGER = 2.0
DEADLINE = 120.0
_SENT_AT = re.compile(rb'"extension":"(\d+)"')
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Chatter(asyncio.Protocol):
    """One member's socket."""

    def __init__(self, host: str, timed: bool) -> None:
        self._host = host
        self._timed = timed
        self._buffer = bytearray()
        self._open = False
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._transport: asyncio.WriteTransport
        self.heard = 0
        self.frames = 0
        self.delays: list[int] = []
        self.lost: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = str(error or "closed by the server")
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError(self.lost))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._open = True
            del self._buffer[: end + 4]
        while (frame := self._next()) is not None:
            self._take(*frame)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The response, a refusal included."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._send(_TEXT, json.dumps(request).encode())
        return await asyncio.wait_for(answer, DEADLINE)

    def close(self) -> None:
        self._transport.close()

    def _send(self, opcode: int, data: bytes) -> None:
        """A masked frame; the mask of zeros leaves it as it is (RFC 6455 section 5.3)."""
        size = len(data)
        head = (
            bytes((0x80 | opcode, 0x80 | size))
            if size < 126
            else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
        )
        self._transport.write(head + bytes(4) + data)

    def _next(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at], "big")
        if len(buffer) < at + size:
            return None
        opcode, data = buffer[0] & 15, bytes(buffer[at : at + size])
        del buffer[: at + size]
        return opcode, data

    def _take(self, opcode: int, data: bytes) -> None:
        if opcode == _PING:
            self._send(_PONG, data)
        elif opcode == _TEXT and b'"method":"barrage.messages"' in data[:60]:
            self.frames += 1
            self.heard += data.count(b'"sequence":')
            if self._timed:
                now = time.time_ns()
                self.delays += [now - int(sent) for sent in _SENT_AT.findall(data)]
        elif opcode == _TEXT and b'"id":' in data[:40]:
            response = json.loads(data)
            answer = self._answers.pop(response["id"], None)
            if answer is not None and not answer.done():
                answer.set_result(response)


class Crowd:
    """All members of the room."""

    def __init__(self, url: str, app: int, secret: str) -> None:
        self._address = urlsplit(url)
        self._app = app
        self._secret = secret
        self._members: list[Chatter] = []

    async def enter(self, count: int) -> None:
        """The first makes the room. Raises ConnectionError."""
        self._members.append(await self._member(0, "room.create"))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Chatter:
            async with gate:
                return await self._member(number, "room.enter")

        self._members += await asyncio.gather(*map(one, range(1, count + 1)))

    async def talk(self, seconds: float, rate: float) -> dict[str, Any]:
        """`rate` messages a second in all, evenly; then a moment for the last ones to arrive."""
        for member in self._members:
            member.heard = member.frames = 0
            member.delays.clear()
        writers = self._members[1 : WRITERS + 1]
        calls: list[asyncio.Task[dict[str, Any]]] = []
        began = time.monotonic()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            writer = writers[number % len(writers)]
            calls.append(asyncio.create_task(writer.call(
                "barrage.send", text=f"message number {number} of many", extension=str(time.time_ns())
            )))  # fmt: skip
        took = time.monotonic() - began
        answers = await asyncio.gather(*calls)
        await asyncio.sleep(LINGER)
        passed = sum("result" in answer for answer in answers)
        return {
            "seconds": took,
            "asked": len(calls),
            "passed": passed,
            "heard": sum(member.heard for member in self._members),
            "expected": passed * len(self._members),
            "frames": sum(member.frames for member in self._members),
            "lost": sum(member.lost is not None for member in self._members),
            "delays_ms": sorted(delay / 1e6 for member in self._members for delay in member.delays),
        }

    def close(self) -> None:
        for member in self._members:
            member.close()

    async def _member(self, number: int, method: str) -> Chatter:
        host, port = self._address.hostname or "", self._address.port or 80
        timed = number % TIMED == 0
        _, chatter = await asyncio.get_running_loop().create_connection(
            lambda: Chatter(self._address.netloc, timed), host, port
        )
        user = f"member{number}"
        signature = usersig.make(self._app, self._secret, user, 3600, time.time())
        for called, params in (
            ("login", {"sdkappid": self._app, "userid": user, "usersig": signature}),
            (method, {"room_id": "chat"}),
        ):
            answer = await chatter.call(called, **params)
            if "error" in answer:
                raise ConnectionError(f"{called} of {user}: {answer['error']['message']}")
        return chatter


async def run(url: str, app: int, secret: str, members: int) -> None:
    crowd = Crowd(url, app, secret)
    began = time.monotonic()
    await crowd.enter(members)
    say({"members": members, "seconds": time.monotonic() - began})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (line := (await reader.readline()).decode().split()) and line[0] != "end":
        say(await crowd.talk(float(line[1]), float(line[2])))
    crowd.close()


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


def main() -> None:
    url, app, members = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    secret = sys.stdin.readline().strip()
    try:
        uvloop.run(run(url, app, secret, members))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
