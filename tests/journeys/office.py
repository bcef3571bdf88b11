"""An app's own server, as journeys play it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stage import Member, NodeProcess

from signaling import usersig

FRAME = {"ActionStatus", "ErrorCode", "ErrorInfo", "RequestId"}


@dataclass
class Office:
    """The app's own server."""

    node: NodeProcess
    app: int
    secret: str

    def signature(self, user: str) -> str:
        return usersig.make(self.app, self.secret, user, 600, time.time())

    async def post(self, command: str, body: Mapping[str, Any], user: str = "administrator") -> dict[str, Any]:
        return await asyncio.to_thread(self._post, command, body, user)

    def _post(self, command: str, body: Mapping[str, Any], user: str) -> dict[str, Any]:
        service = "" if "/" in command else "live_engine_http_srv/"
        query = urllib.parse.urlencode(
            {"sdkappid": self.app, "identifier": user, "usersig": self.signature(user), "random": 99999999,
             "contenttype": "json"}
        )  # fmt: skip
        url = f"{self.node.url}v4/{service}{command}?{query}"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=10) as response:
            assert response.status == 200
            return dict(json.loads(response.read()))

    async def done(self, command: str, **body: Any) -> None:
        """A command that answers the frame only."""
        answer = await self.post(command, body)
        assert answer["ErrorCode"] == 0, answer
        assert set(answer) == FRAME, "nothing to tell"
        assert (answer["ActionStatus"], answer["ErrorInfo"]) == ("OK", "")

    async def told(self, command: str, **body: Any) -> dict[str, Any]:
        """What a command answers in `Response`."""
        answer = await self.post(command, body)
        assert answer["ErrorCode"] == 0, answer
        assert set(answer) == FRAME | {"Response"}
        return dict(answer["Response"])

    async def beside(self, command: str, key: str, **body: Any) -> dict[str, Any]:
        """What a command answers beside the words of the frame."""
        answer = await self.post(command, body)
        assert set(answer) == FRAME | {key}, answer
        return dict(answer[key])

    async def refused(self, command: str, **body: Any) -> int:
        answer = await self.post(command, body)
        assert answer["ActionStatus"] == "FAIL"
        assert set(answer) == FRAME
        return int(answer["ErrorCode"])

    async def member(self, user: str, room_id: str | None = None) -> Member:
        made = Member(self.node, user)
        await made.connect(sdkappid=self.app, userid=user, usersig=self.signature(user))
        if room_id is not None:
            await made.call("room.enter", room_id=room_id)
        return made


def found_app(node: NodeProcess) -> Office:
    """A new app with its trial."""
    account = node.send("POST", "v1/accounts", {"name": "Ltd"})["account"]
    made = node.send("POST", "v1/apps", {"account": account, "name": "App"})
    node.send("POST", f"v1/apps/{made['sdkappid']}/trial", {})
    return Office(node, made["sdkappid"], made["secret"])
