"""The node: builds everything in order, starts it, and stops it in reverse. Nobody imports this file.

    billing, callbacks, media, rooms, HTTP

Stopping is the same list backwards: HTTP closes (clients are told), rooms are dismissed (leases and meters end), media
closes, callbacks go out or stay on disk, billing writes what is left and closes.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from billing.interface import AppId
from billing.service import Billing
from media.codecs.pool import CodecPool
from media.rtmp.port import RtmpPort
from media.sfu import Sfu
from rooms.gifts import Gift, GiftCatalogue
from rooms.interface import AllianceEvent, RoomEvent
from rooms.people import People
from rooms.registry import Rooms
from rooms.social_store import SocialStore
from signaling.addresses import listen, media_hosts, url
from signaling.back_office.frame import BackOffice
from signaling.callbacks.api import CallbacksApi
from signaling.callbacks.service import Callbacks
from signaling.calls import Calls
from signaling.conductor import Conductor
from signaling.front_door import FrontDoor
from signaling.health import Health
from signaling.http_api import HEADERS, HttpApi
from signaling.identity import Identities
from signaling.live_news import LiveNews
from signaling.online import Online
from signaling.pushing import Pushers
from signaling.rtmp import RtmpDoor
from signaling.settings import Settings
from signaling.stays import Stay, Stays
from signaling.usage import UsageMeter
from signaling.websocket import Sockets
from signaling.whip import Whip

__all__ = ["Node", "node", "run"]

logger = logging.getLogger("tally")

DEMO_GIFTS = (
    ("rose", "Rose", "玫瑰", 1),
    ("lantern", "Lantern", "灯笼", 10),
    ("fireworks", "Fireworks", "烟花", 66),
    ("rocket", "Rocket", "火箭", 520),
)
"""Id, name in English and in Chinese, coins."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node, as its starter sees it."""

    url: str
    demo_app: AppId | None
    push_urls: Sequence[str]
    """The servers that encoders push to."""


@asynccontextmanager
async def node(
    settings: Settings,
    *,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Node]:
    """Starts a node and stops it in the end. Raises OSError when a port is taken."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        billing = Billing(settings.data_dir, clock=wall)
        await billing.start()
        stack.push_async_callback(billing.close)
        demo_app = None if settings.production else await _demo_app(billing, settings, wall())

        callbacks = Callbacks(settings.data_dir, billing, private=settings.private_callbacks, clock=wall)
        stack.push_async_callback(callbacks.close)
        await callbacks.start()

        stays = Stays()
        tasks = await stack.enter_async_context(_tasks())
        conductor = Conductor(
            stays,
            billing,
            lost=lambda stay: tasks(whip.end_lost(stay)),
            settle=lambda session, seen: meter.finish(session, seen, wall=wall(), monotonic=monotonic()),
            streamed=callbacks.reporter.handle_stream,
            clock=monotonic,
        )
        meter = UsageMeter(billing, stays, conductor.previews)
        sfu = Sfu(
            listener=conductor.handle_media,
            clock=monotonic,
            fan_out=settings.fan_out,
            segment_offload=settings.segment_offload,
            loudest=settings.loudest or None,
        )
        conductor.attach(sfu)
        stack.push_async_callback(sfu.close)
        store = SocialStore(f"sqlite:///{settings.data_dir / 'social.db'}")
        await store.open()
        stack.push_async_callback(store.close)
        people = People(store, billing, clock=wall, listener=callbacks.reporter.handle_follow)

        def hear_room(event: RoomEvent) -> None:
            conductor.handle_room(event)
            callbacks.reporter.handle_room(event)
            news.hear(event)

        def hear_alliance(event: AllianceEvent) -> None:
            conductor.handle_alliance(event)
            callbacks.reporter.handle_alliance(event)

        rooms = Rooms(
            billing, clock=wall, store=store, listener=hear_room, alliance_listener=hear_alliance,
            gift_gate=callbacks.gates.gift, message_gate=callbacks.gates.message,
        )  # fmt: skip
        conductor.attach_rooms(rooms)
        callbacks.reporter.attach_rooms(rooms)
        online = Online()
        news = LiveNews(rooms, people, online)
        if demo_app is not None:
            await rooms.gifts.lay_out(demo_app, _lay_out_gifts)
        stack.push_async_callback(rooms.close)
        stack.callback(callbacks.reporter.stop)

        identities = Identities(billing, clock=wall)
        calls = Calls(rooms, billing, billing, identities, stays, conductor, people, clock=wall)
        sockets = Sockets(
            calls, rooms, conductor, online, requests_per_second=settings.requests_per_second, clock=monotonic
        )
        pushers = Pushers(rooms, people, stays, conductor)
        whip = Whip(rooms, billing, identities, stays, conductor, people, pushers)
        door = RtmpDoor(billing, identities, stays, pushers, conductor, tasks)
        sound = CodecPool(bitrate=1000 * settings.sound_kbps, clock=monotonic)
        rtmp = RtmpPort(sfu, door.judge, sound=sound, clock=monotonic)
        api = HttpApi(
            billing, identities,
            operator_key=_operator_key(settings.data_dir), demo_app=demo_app, clock=wall, admins=settings.admins,
        )  # fmt: skip
        callbacks_api = CallbacksApi(callbacks, authorize=api.operated_app)
        office = BackOffice(rooms, people, callbacks, identities, admins=settings.admins, clock=monotonic)
        health = Health(
            {
                "media": sfu.statistics,
                "overload": sfu.given_up,
                "rtmp": rtmp.statistics,
                "codecs": sound.statistics,
                "rooms": rooms.statistics,
                "billing": billing.statistics,
                "callbacks": callbacks.statistics,
                "signaling": lambda: (
                    {"connections": conductor.outlets, "http_sessions": whip.sessions, "rtmp_sessions": door.sessions}
                    | dict(stays.statistics())
                    | dict(conductor.previews.statistics())
                    | dict(online.statistics())
                    | dict(news.statistics())
                ),
            },
            lambda: ((drop.name.lower(), count) for drop, count in sfu.drops),
            lambda: billing.is_healthy,
            {"fan_out": sfu.fan_out_twin},
        )

        site = _application(sockets, whip, api, callbacks_api, office, health)
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=2)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        listening = listen(settings.host, settings.port)
        for sock in listening:
            stack.enter_context(sock)
        port = listening[0].getsockname()[1]
        over = settings.media_over
        await sfu.start(
            media_hosts(settings.host), port, announced=settings.announced, udp=over != "tcp", tcp=over != "udp"
        )
        http = runner.server
        assert http is not None, "the runner is set up"
        for sock in listening:
            front = await asyncio.get_running_loop().create_server(lambda: FrontDoor(http, sfu.stream), sock=sock)
            stack.callback(front.close)
        stack.push_async_callback(sound.close)
        stack.push_async_callback(rtmp.close)
        push_urls = await _open_rtmp(settings, rtmp, sound)

        tasks(conductor.make_offers())
        tasks(news.run())
        tasks(_every_second(rooms.tick, "rooms"))
        tasks(_every_second(conductor.tick, "previews"))
        tasks(_meter(meter, sfu, wall, monotonic))
        tasks(_limits(stays, billing))
        yield Node(url(settings.host, port), demo_app, push_urls)


def run(settings: Settings) -> None:
    """Runs a node until it is interrupted or terminated."""
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with node(settings) as running:
        _calm_collector()
        print(f"Tally is at {running.url}", flush=True)  # noqa: T201
        for push_url in running.push_urls:
            print(f"Encoders push to {push_url}", flush=True)  # noqa: T201
        logger.info("data=%s demo_app=%s", settings.data_dir, running.demo_app)
        await stop.wait()
        logger.info("stopping")


def _calm_collector() -> None:
    """Peers and packets are freed by counting references, without the cycle collector; with its own thresholds it took
    a third of the time of a node with one publisher. What is loaded by now stays for ever and is never looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _demo_app(billing: Billing, settings: Settings, now: float) -> AppId:
    demo = await billing.demo_app()
    if demo.expires_at is not None and demo.expires_at <= now:
        logger.warning(
            "the demo's trial has ended: extend it once by POST /v1/apps/%d/trial, or give it an edition by PUT"
            " /v1/apps/%d/edition, with the key in %s",
            demo.app,
            demo.app,
            settings.data_dir / "operator.key",
        )
    return demo.app


def _lay_out_gifts(catalogue: GiftCatalogue) -> None:
    """Something to give in the demo; other apps choose their own."""
    for identifier, english, chinese, coins in DEMO_GIFTS:
        catalogue.add(Gift(identifier, english, coins=coins))
        catalogue.set_language(identifier, "zh", chinese, "")


def _application(
    sockets: Sockets, whip: Whip, api: HttpApi, callbacks: CallbacksApi, office: BackOffice, health: Health
) -> web.Application:
    application = web.Application(client_max_size=256 * 1024)
    application.router.add_get("/ws", sockets.handle)
    application.add_routes([*whip.routes(), *api.routes(), *callbacks.routes(), *office.routes(), *health.routes()])

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)

    async def say_goodbye(_: web.Application) -> None:
        await sockets.close()

    application.on_response_prepare.append(add_headers)
    application.on_shutdown.append(say_goodbye)
    return application


async def _open_rtmp(settings: Settings, rtmp: RtmpPort, sound: CodecPool) -> Sequence[str]:
    """Listens for encoders, where it is told to. Raises OSError; RuntimeError for a bad certificate."""
    found = []
    if settings.rtmp_port is not None:
        number = await rtmp.start(settings.host, settings.rtmp_port)
        found.append(url(settings.host, number).replace("http", "rtmp", 1) + "push")
    if settings.rtmps_port is not None and settings.tls_certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        except ssl.SSLError as error:
            raise RuntimeError(f"tls-certificate, tls-key: they cannot be used: {error}") from error
        number = await rtmp.start(settings.host, settings.rtmps_port, tls=context)
        found.append(url(settings.host, number).replace("http", "rtmps", 1) + "push")
    if found:
        await sound.start()
    return found


# What runs beside


@asynccontextmanager
async def _tasks() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Owns the node's background tasks: a failure is logged, and all end with the node."""
    running: set[asyncio.Task[None]] = set()

    def done(task: asyncio.Task[None]) -> None:
        running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a background task failed", exc_info=task.exception())

    def start(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        running.add(task)
        task.add_done_callback(done)

    try:
        yield start
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _every_second(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        await asyncio.sleep(1)
        try:
            await work()
        except Exception:
            logger.exception("the tick of %s failed", name)


async def _meter(meter: UsageMeter, sfu: Sfu, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
    """Looks at what flowed just after each whole second."""
    while True:
        now = wall()
        await asyncio.sleep(1.01 - now % 1)
        try:
            meter.tick(sfu.flow(), wall=wall(), monotonic=monotonic())
        except Exception:
            logger.exception("metering failed")


async def _limits(stays: Stays, billing: Billing) -> None:
    """A change of edition reaches publishers that are live."""
    while True:
        await asyncio.sleep(10)
        for stay in list(stays):
            await _limit(stay, billing)


async def _limit(stay: Stay, billing: Billing) -> None:
    if stay.publishing is not None:
        edition = await billing.edition(stay.app)
        if stay.publishing is not None:
            stay.publishing.limit(edition.max_pixels)


def _operator_key(data_dir: Path) -> str:
    """The key that opens `/v1`, made at the first start; readable by the owner of the data folder only."""
    path = data_dir / "operator.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text().strip()
