"""One WHIP or WHEP session: an offer is posted, what was made is deleted in the end (RFC 9725)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
from yarl import URL

from tools.load.peer import ClientPeer

__all__ = ["Refused", "Session"]

DELETING = 3.0
"""Seconds that a DELETE may take."""


class Refused(ConnectionError):
    """The server's answer was not 201; the message is what it said."""

    def __init__(self, url: str, status: int, text: str) -> None:
        super().__init__(f"{url} answered {status}: {text[:200]}")
        self.status = status


class Session:
    """`peer`'s connection to one endpoint."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None, peer: ClientPeer) -> None:
        """`token`: sent as Bearer when there is one."""
        self.peer = peer
        self._http = http
        self._url = url
        self._headers = {"Content-Type": "application/sdp"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._location = ""

    async def connect(self, offer: str) -> str:
        """The answer, once media can flow. Raises Refused, or ConnectionError when the connection fails."""
        async with self._http.post(self._url, data=offer, headers=self._headers) as answer:
            text = await answer.text()
            if answer.status != 201:
                raise Refused(self._url, answer.status, text)
            self._location = str(answer.url.join(URL(answer.headers.get("Location", ""))))
        await self.peer.connect(text)
        return text

    async def close(self) -> None:
        """DELETE first: a peer that just vanishes is waited for. Harmless when repeated."""
        location, self._location = self._location, ""
        if location:
            with suppress(aiohttp.ClientError, asyncio.TimeoutError):
                timeout = aiohttp.ClientTimeout(DELETING)
                async with self._http.delete(location, headers=self._headers, timeout=timeout):
                    pass
        await self.peer.close()
