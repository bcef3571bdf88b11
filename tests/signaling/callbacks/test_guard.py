"""Callbacks reach public addresses only, whatever a URL or a name says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from signaling.callbacks.guard import address_fault, url_fault
from signaling.callbacks.poster import Poster, PostFailed
from signaling.callbacks.wire import Request
from signaling.errors import ProtocolError


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "240.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0",
     "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
     "2002:7f00:1::", "2001:db8::1", "::ffff:0:7f00:1", "::ffff:0:8.8.8.8", "64:ff9b:1::a00:1", "64:ff9b:1::808:808",
     "fec0::1", "::7f00:1", "::8.8.8.8", "4000::1", "nonsense"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert address_fault(address, private=False)
    assert address_fault(address, private=True) is None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_called(address: str) -> None:
    assert address_fault(address, private=False) is None


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com", "file:///etc/passwd", "example.com", "http://", "http:///path", "http://a:b@example.com",
     "http://example.com#part", "http://example.com:port", "http://exa mple.com", "http://example.com/\n", "http://é.com",
     "http://[::1", "http://example.com/" + "x" * 500, "gopher://127.0.0.1:6379/_FLUSHALL"],
)  # fmt: skip
def test_what_is_no_url_of_a_receiver(url: str) -> None:
    assert url_fault(url, private=True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://[::1]:8443/", "http://169.254.169.254/latest", "http://10.0.0.1"]
)
def test_addresses_in_urls_are_looked_at(url: str) -> None:
    assert url_fault(url, private=False)
    assert url_fault(url, private=True) is None


class Receiver:
    """Counts who comes in."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.body = b'{"code": 0}'

    async def handle(self, request: web.Request) -> web.Response:
        self.calls.append(request.path)
        if request.path == "/moved":
            raise web.HTTPFound("/elsewhere")
        if request.path == "/slow":
            await asyncio.sleep(30)
        return web.Response(body=self.body)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    made = Receiver()
    application = web.Application()
    application.router.add_post("/{path:.*}", made.handle)
    async with TestServer(application) as server:
        yield made, str(server.make_url("/"))


@pytest.fixture
async def poster() -> AsyncIterator[Any]:
    made: list[Poster] = []

    async def start(*, private: bool) -> Poster:
        made.append(Poster(private=private))
        await made[-1].start()
        return made[-1]

    yield start
    for each in made:
        await each.close()


def post(url: str) -> Request:
    return Request(url, {}, b"{}")


async def test_a_url_is_refused_when_it_is_set(poster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = await poster(private=False)
    lead(monkeypatch, "example.com", "10.0.0.1")
    for url in ("http://127.0.0.1/", "http://localhost/", "http://example.com/", "http://nowhere.invalid/"):
        with pytest.raises(ProtocolError) as refused:
            await guarded.check(url)
        assert refused.value.code == 100002

    lead(monkeypatch, "example.com", "93.184.216.34")
    await guarded.check("http://example.com/")


async def test_a_name_that_leads_elsewhere_by_now_is_not_called(
    poster: Any, receiver: tuple[Receiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, url = receiver
    guarded = await poster(private=False)
    lead(monkeypatch, "example.com", "127.0.0.1")

    for host in ("example.com", "127.0.0.1", "localhost"):
        with pytest.raises(PostFailed):
            await guarded.post(post(url.replace("127.0.0.1", host)), 5)

    assert made.calls == []
    allowed = await poster(private=True)
    assert (await allowed.post(post(url.replace("127.0.0.1", "example.com")), 5)).status == 200
    assert made.calls == ["/"], "the name does lead there"


async def test_nobody_is_sent_on(poster: Any, receiver: tuple[Receiver, str]) -> None:
    made, url = receiver
    answer = await (await poster(private=True)).post(post(url + "moved"), 5)

    assert (answer.status, made.calls) == (302, ["/moved"])


async def test_no_more_is_read_than_an_answer_needs(poster: Any, receiver: tuple[Receiver, str]) -> None:
    made, url = receiver
    client = await poster(private=True)

    made.body = b" " * (64 * 1024)
    assert len((await client.post(post(url), 5)).body) == 64 * 1024
    made.body = b'{"ErrorCode": 0}' + b" " * (8 * 1024 * 1024)
    assert (await client.post(post(url), 5)).body == b""


async def test_nobody_is_waited_for_longer_than_asked(poster: Any, receiver: tuple[Receiver, str]) -> None:
    with pytest.raises(PostFailed, match=r"within 0\.1 s"):
        await (await poster(private=True)).post(post(receiver[1] + "slow"), 0.1)


def lead(monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> None:
    """Lets a name lead to an address."""
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **others: Any) -> Any:
        return real(address if host == name else host, port, *args, **others)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
