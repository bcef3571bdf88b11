"""All media of one node: its ports, its peers, its publications, and the clock that drives them.

Closing: `close` -> publishers and viewers close (each tells its browser) -> ports close. A peer that closes by itself
ends its publications, which ends the subscriptions to them, and the listener is told once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from media.drops import Drop, Drops
from media.errors import Overloaded
from media.feed import Feed
from media.forwarding.loudness import Loudness
from media.forwarding.messages import Delivery
from media.forwarding.pacing import Pacing
from media.forwarding.publication import Publication
from media.forwarding.up_track import UpTrack
from media.interface import (
    FlowFact,
    LayerChosen,
    LayersWanted,
    MediaEvent,
    PeerClosed,
    PeerConnected,
    PictureChanged,
    SpeakersChanged,
)
from media.overload import Overload, Shed
from media.published import Published
from media.publisher import Publisher
from media.sdp.writing import Candidate, Endpoint
from media.transport.aiortc_seam import NodeCertificate, check_contract
from media.transport.batch_sender import chosen_twin, make_sender
from media.transport.ingress import Clients
from media.transport.peer import Peer
from media.transport.port import Port
from media.transport.streams import Streams
from media.viewer import Viewer

__all__ = ["Sfu"]

logger = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two rounds of feedback."""
SPARSE_TICK = 0.3
"""The same while feedback is thinned out."""
URGENT_TICK = 0.025
"""The same while retransmissions are asked for. Waking up costs more than a forwarded packet: done with care."""
REVIEW = 0.25
"""Seconds between two looks at which layers flow and who watches them."""
TRYING = 0.05
"""Seconds between two steps of viewers whose bandwidth is limited."""
UNWATCHED = 5.0
"""Seconds after which a layer that nobody watches is told to pause."""
CHANGED_PER_TURN = 64
"""Viewers whose layers are chosen anew before the loop gets its turn."""
SWEEP = 1.0
"""Seconds between two looks for peers that are gone."""


class Sfu:
    """See media.interface.Sfu."""

    def __init__(
        self,
        *,
        listener: Callable[[MediaEvent], None],
        clock: Callable[[], float] = time.monotonic,
        fan_out: str = "auto",
        segment_offload: bool = True,
        loudest: int | None = None,
    ) -> None:
        """`fan_out`: one of media.transport.batch_sender.TWINS. Raises RuntimeError when that twin is not there.
        `loudest`: how many sounds of a group are forwarded at once; None for all."""
        check_contract()
        self.fan_out_twin = chosen_twin(fan_out)
        self._make_sender = partial(make_sender, twin=self.fan_out_twin, offload=segment_offload)
        self._listener = listener
        self._clock = clock
        self.drops = Drops()
        self._certificate = NodeCertificate.generateCertificate()
        self._clients = Clients()
        self._streams = Streams(self._clients, self.drops, clock)
        self._ports: list[Port] = []
        self._candidates: list[Candidate] = []
        self._publishers: dict[str, Published] = {}
        self._viewers: dict[str, Viewer] = {}
        self._publications: dict[str, Publication] = {}
        self._ssrcs: set[int] = set()
        self._loudest = loudest
        self._groups: dict[str, Loudness] = {}
        self._speakers: dict[str, list[str]] = {}  # as last told, by group
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._limited: dict[Viewer, None] = {}  # viewers that are tried to be given more
        self._trying: asyncio.TimerHandle | None = None
        self._unwatched: dict[UpTrack, float] = {}  # since when
        self._hearers: dict[str, dict[Viewer, None]] = {}  # of messages, by group
        self._delivery = Delivery(self.drops)
        self._pacing = Pacing(self.drops, clock, lambda delay, call: self._loop.call_later(delay, call))
        self._overload = Overload()
        self._given_up = {"feedback": 0, "layers": 0, "joins": 0}

    async def start(
        self, hosts: Sequence[str], port: int, *, announced: Sequence[str] = (), udp: bool = True, tcp: bool = False
    ) -> None:
        """Binds UDP `port` on each of `hosts`; port 0 lets the system choose one for the first and reuses it.

        `announced` replaces the hosts in what browsers are told, for a node behind address translation. `udp`, `tcp`:
        which they are told of; with `tcp` somebody listens on the same number and gives connections to `stream`.
        Raises OSError."""
        for host in hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((host, port))
            except OSError:
                sock.close()
                raise
            self._ports.append(Port(sock, self._clients, self.drops, sender=self._make_sender, clock=self._clock))
            port = port or self._ports[0].port
        told = announced or hosts
        self._candidates = [Candidate(host, port) for host in told if udp]
        self._candidates += [Candidate(host, port, tcp=True) for host in told if tcp]
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._sweep()), asyncio.create_task(self._review())]

    async def close(self) -> None:
        for timer in (self._timer, self._trying):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self._peers():
            peer.close("the server is stopping")
        if self._endings:
            await asyncio.wait(self._endings, timeout=2)
        self._delivery.close()
        self._pacing.close()
        self._streams.close()
        for port in self._ports:
            port.close()
        self._ports.clear()

    def stream(self) -> asyncio.Protocol:
        """The protocol of a new TCP connection that carries media."""
        return self._streams.accept()

    @property
    def udp_port(self) -> int:
        return int(self._ports[0].port)

    # Peers

    def admit(self) -> None:
        """See media.interface.Sfu."""
        if self._overload.shed >= Shed.JOINS:
            self._given_up["joins"] += 1
            raise Overloaded("this node cannot keep up with those it has")

    def publish(self, offer: str, sources: Mapping[str, str], *, max_pixels: int, group: str = "") -> Publisher:
        """See media.interface.Sfu."""
        peer, endpoint = self._peer()
        publisher = Publisher(
            f"up_{secrets.token_hex(8)}", peer, endpoint, self.drops, registry=self, clock=self._clock, group=group
        )
        try:
            publisher.renegotiate(offer, sources)
        except Exception:
            publisher.end_all()
            peer.close("refused")
            raise
        publisher.limit(max_pixels)
        peer.on_connected = lambda: self._listener(PeerConnected(publisher.peer))
        peer.on_closed = lambda reason: self._publisher_closed(publisher, reason)
        self._register(publisher)
        return publisher

    def feed(self, *, max_pixels: int, group: str = "") -> Feed:
        """A source inside this node, without publications yet. `max_pixels`, `group`: as for `publish`."""
        feed = Feed(f"up_{secrets.token_hex(8)}", self.drops, registry=self, clock=self._clock, group=group)
        feed.limit(max_pixels)
        feed.on_connected = lambda: self._listener(PeerConnected(feed.peer))
        feed.on_closed = lambda reason: self._publisher_closed(feed, reason)
        self._register(feed)
        return feed

    def _register(self, publisher: Published) -> None:
        self._publishers[publisher.peer] = publisher
        if self._timer is None:
            self._tick_in(TICK)

    def view(self, *, smallest: bool = False) -> Viewer:
        """See media.interface.Sfu."""
        viewer = self._viewer()
        viewer.smallest = smallest
        self._adopt(viewer)
        return viewer

    def play(self, offer: str, publications: Sequence[str]) -> Viewer:
        """See media.interface.Sfu."""
        viewer = self._viewer()
        found = [self._publications[identifier] for identifier in publications if identifier in self._publications]
        try:
            viewer.play(offer, found)
        except Exception:
            viewer.close("refused")
            raise
        self._adopt(viewer)
        return viewer

    def flow(self) -> Sequence[FlowFact]:
        """See media.interface.Sfu."""
        now = self._clock()
        flowing: dict[UpTrack | None, int] = {
            layer: layer.pixels
            for publication in self._publications.values() for layer in publication.layers if layer.forwarded(now)
        }  # fmt: skip
        facts = [
            FlowFact(viewer.peer, sum(flowing.get(down.layer, 0) for down in viewer.down_tracks),
                     viewer.connection.last_seen)
            for viewer in self._viewers.values() if viewer.connection.srtp is not None
        ]  # fmt: skip
        facts += [
            FlowFact(publisher.peer, 0, publisher.last_seen)
            for publisher in self._publishers.values() if publisher.connected
        ]  # fmt: skip
        return facts

    def speakers(self, group: str) -> Sequence[str]:
        """See media.interface.Sfu."""
        return self._speakers.get(group, [])

    def statistics(self) -> Mapping[str, int]:
        """Counts for an operator."""
        return {
            "publishers": len(self._publishers),
            "viewers": len(self._viewers),
            "publications": len(self._publications),
            "subscriptions": sum(publication.viewers for publication in self._publications.values()),
            "ufrags": len(self._clients),
            "addresses": sum(port.addresses for port in self._ports),
            "ssrcs": len(self._ssrcs),
            "hearers": sum(map(len, self._hearers.values())),
            "streams": len(self._streams),
            "packets_received": sum(port.packets_received for port in self._ports) + self._streams.packets_received,
            "packets_sent": sum(port.fan_out.packets_sent for port in self._ports) + self._streams.packets_sent,
            "bytes_sent": sum(port.fan_out.octets_sent for port in self._ports) + self._streams.octets_sent,
        }

    def given_up(self) -> Mapping[str, int]:
        """What overload has cost so far: rounds of feedback, layers, joins; and the present stage (media.overload)."""
        return {"stage": int(self._overload.shed), **self._given_up}

    def _viewer(self) -> Viewer:
        peer, endpoint = self._peer()
        identifier = f"down_{secrets.token_hex(8)}"
        viewer = Viewer(
            identifier, peer, endpoint, self.drops, find=self._publications.get, make_pacer=self._pacing.pacer,
            clock=self._clock,
        )  # fmt: skip
        viewer.modest = self._overload.shed >= Shed.LAYERS
        return viewer

    def _peers(self) -> list[Published | Viewer]:
        return [*self._publishers.values(), *self._viewers.values()]

    def _peer(self) -> tuple[Peer, Endpoint]:
        peer = Peer(self._clients, self._certificate, self.drops, now=self._clock())
        peer.on_ending = self._await_ending
        return peer, Endpoint(peer.ufrag, peer.password.decode(), peer.fingerprint, self._candidates)

    def _await_ending(self, task: asyncio.Task[None]) -> None:
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _adopt(self, viewer: Viewer) -> None:
        def connected() -> None:
            viewer.connected()
            self._listener(PeerConnected(viewer.peer))

        connection = viewer.connection
        connection.on_connected = connected
        connection.on_moved = viewer.moved
        connection.on_closed = lambda reason: self._viewer_closed(viewer, reason)
        viewer.on_layer = self._layer_chosen
        viewer.on_limited = self._viewer_limited
        viewer.on_listening = self._viewer_listening
        self._viewers[viewer.peer] = viewer

    # What happens by itself

    def _publisher_closed(self, publisher: Published, reason: str) -> None:
        self._publishers.pop(publisher.peer, None)
        publisher.end_all()
        self._listener(PeerClosed(publisher.peer, reason, publisher.last_seen))

    def _viewer_closed(self, viewer: Viewer, reason: str) -> None:
        self._viewers.pop(viewer.peer, None)
        self._limited.pop(viewer, None)
        viewer.listen(None)
        viewer.end_all()
        self._listener(PeerClosed(viewer.peer, reason, viewer.connection.last_seen))

    # What a publisher needs (media.published.Registry)

    def picture_changed(self, publisher: Published, publication: Publication) -> None:
        self._listener(PictureChanged(publisher.peer, publisher.view(publication)))

    def publication_began(self, publication: Publication) -> None:
        self._publications[publication.id] = publication
        if publication.kind == "audio":
            loudness = self._groups.setdefault(publication.group, Loudness(self._loudest))
            loudness.add(publication.id)
            for layer in publication.layers:
                layer.gate = partial(loudness.note, publication.id)

    def publication_ended(self, publication: Publication) -> None:
        self._publications.pop(publication.id, None)
        loudness = self._groups.get(publication.group)
        if loudness is not None:
            loudness.remove(publication.id)
            if not loudness:
                del self._groups[publication.group]
                self._speakers.pop(publication.group, None)
        self._ssrcs -= {publication.ssrc, publication.rtx_ssrc}
        for layer in publication.layers:
            self._unwatched.pop(layer, None)
        for viewer in self._viewers.values():
            viewer.forget(publication)

    def new_ssrc(self) -> int:
        while True:
            ssrc = secrets.randbits(32)
            if ssrc > 0xFFFF and ssrc not in self._ssrcs:
                self._ssrcs.add(ssrc)
                return ssrc

    def free_ssrc(self, ssrc: int) -> None:
        self._ssrcs.discard(ssrc)

    def message_came(self, publisher: Published, message: bytes) -> None:
        hearers = self._hearers.get(publisher.group, {})
        if self._overload.shed >= Shed.FEEDBACK:
            self.drops.count(Drop.DATA_FULL, len(hearers))
        else:
            self._delivery.submit([viewer.connection for viewer in hearers], message)

    def hurry(self) -> None:
        """A publisher misses packets: the next round shall be soon."""
        if self._timer is None or self._timer.when() > self._loop.time() + URGENT_TICK:
            self._tick_in(URGENT_TICK)

    def _viewer_listening(self, viewer: Viewer, before: str | None) -> None:
        if before is not None:
            self._hearers[before].pop(viewer, None)
            if not self._hearers[before]:
                del self._hearers[before]
        if viewer.group is not None:
            self._hearers.setdefault(viewer.group, {})[viewer] = None

    # Layers and bandwidth

    def layers_wanted(self, publisher: Published, publication: Publication) -> None:
        """A layer that was put to sleep is wanted."""
        now = self._clock()
        for layer in publication.layers:
            if publication.asleep(layer) and publication.wanted(layer):
                publication.wake(layer, now)
        self._tell_layers(publisher, publication)

    def _tell_layers(self, publisher: Published, publication: Publication) -> None:
        layers = {layer.rid: not publication.asleep(layer) for layer in publication.layers}
        mid = publisher.view(publication).mid
        self._listener(LayersWanted(publisher.peer, publication.id, mid, layers))

    def _layer_chosen(self, viewer: Viewer, publication: Publication, layer: UpTrack | None) -> None:
        width, height = (layer.width, layer.height) if layer is not None else (0, 0)
        self._listener(LayerChosen(viewer.peer, publication.id, layer is None, width, height))

    def _viewer_limited(self, viewer: Viewer) -> None:
        self._limited[viewer] = None
        if self._trying is None:
            self._trying = self._loop.call_later(TRYING, self._try)

    def _try(self) -> None:
        self._trying = None
        now = self._clock()
        if self._overload.shed >= Shed.FEEDBACK:
            self._given_up["feedback"] += 1
        else:
            for viewer in list(self._limited):
                if not viewer.tick(now):
                    self._limited.pop(viewer, None)
        if self._limited:
            self._trying = self._loop.call_later(TRYING, self._try)

    async def _review(self) -> None:
        """Tells who speaks, puts layers to sleep that nobody watches, moves viewers when a layer came or vanished; and
        gives up what overload demands."""
        while True:
            due = self._loop.time() + REVIEW
            await asyncio.sleep(REVIEW)
            lag = max(self._loop.time() - due, *(port.fan_out.lag for port in self._ports))
            now = self._clock()
            before = self._overload.shed
            if self._overload.note(lag, now):
                await self._give_up(before, lag)
            self._review_speakers(now)
            for publisher in list(self._publishers.values()):
                for publication in publisher.by_mid.values():
                    if len(publication.layers) > 1:
                        self._review_layers(publisher, publication, now)

    async def _give_up(self, before: Shed, lag: float) -> None:
        shed = self._overload.shed
        logger.log(
            logging.WARNING if shed > before else logging.INFO,
            "overload: %.0f ms late, given up: %s",
            1000 * lag,
            ", ".join(stage.name.lower() for stage in Shed if Shed.NOTHING < stage <= shed) or "nothing",
        )
        modest = shed >= Shed.LAYERS
        for count, viewer in enumerate(list(self._viewers.values()), 1):
            if viewer.modest != modest:
                viewer.modest = modest
                layers = [down.target for down in viewer.down_tracks]
                viewer.allocate(self._clock())
                if modest:
                    changed = zip(layers, viewer.down_tracks, strict=True)
                    self._given_up["layers"] += sum(down.target is not layer for layer, down in changed)
            if count % CHANGED_PER_TURN == 0:
                await asyncio.sleep(0)

    def _review_speakers(self, now: float) -> None:
        for group, loudness in self._groups.items():
            speakers = loudness.speakers(now)
            if speakers != self._speakers.get(group, []):
                self._speakers[group] = speakers
                self._listener(SpeakersChanged(group, speakers))

    def _review_layers(self, publisher: Published, publication: Publication, now: float) -> None:
        ladder = publication.ladder(now)
        asleep = False
        for layer in ladder[1:]:
            if publication.wanted(layer) or publication.asleep(layer):
                self._unwatched.pop(layer, None)
            elif now - self._unwatched.setdefault(layer, now) >= UNWATCHED:
                publication.sleep(layer)
                asleep = True
        if asleep:
            self._tell_layers(publisher, publication)
        if publication.ladder_changed(now):
            for viewer in self._viewers.values():
                if viewer.receives(publication):
                    viewer.allocate(now)

    def _tick_in(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._clock()
        urgent = False
        sparse = self._overload.shed >= Shed.FEEDBACK
        period = SPARSE_TICK if sparse else TICK
        try:
            for publisher in list(self._publishers.values()):
                publisher.tick(now, period)
                urgent |= publisher.misses_packets
        finally:  # a fault with one must not end the feedback of all
            self._given_up["feedback"] += sparse
            if self._publishers:
                self._tick_in(URGENT_TICK if urgent else period)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = self._clock()
            for peer in self._peers():
                reason = peer.expired(now)
                if reason is not None:
                    peer.close(reason)
