"""The node's media end to end, with lean clients in the same process."""

from __future__ import annotations

import asyncio
import datetime
import gc
import re
import socket
import time
import weakref
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import rtcdtlstransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from media.drops import Drop
from media.errors import MediaRefused
from media.forwarding.bandwidth import Bandwidth
from media.interface import LayerChosen, MediaEvent, PeerClosed, PeerConnected, PictureChanged
from media.rtp import rtcp
from media.sfu import Sfu
from media.transport import gnutls_client
from media.transport.aiortc_seam import DtlsClient, DtlsServer, NodeCertificate, check_contract
from media.transport.gnutls_client import GnutlsClient
from media.transport.peer import CONSENT, HANDSHAKE_TIMEOUT, SILENCE
from tools.fuzz.stage import answer_to
from tools.load.peer import ClientPeer
from tools.load.whip import VIDEO, _offer, _vp8

MAX = 4096 * 2160


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class Stage:
    """An SFU, and what it told."""

    def __init__(self) -> None:
        self.events: list[MediaEvent] = []
        self.clients: list[ClientPeer] = []
        self.sfu = Sfu(listener=self.events.append)

    def client(self) -> ClientPeer:
        """One that is closed in the end."""
        self.clients.append(ClientPeer())
        return self.clients[-1]

    async def publish(self) -> tuple[ClientPeer, str]:
        """A connected publisher of audio and VP8, and the id of its video."""
        client = self.client()
        publishing = self.sfu.publish(_offer(client, "sendonly"), {}, max_pixels=MAX)
        await client.connect(publishing.answer)
        await until(lambda: PeerConnected(publishing.peer) in self.events)
        return client, next(view.id for view in publishing.publications if view.kind == "video")

    async def watch(self, *publications: str) -> ClientPeer:
        """A connected player of those."""
        client = self.client()
        viewing = self.sfu.play(_offer(client, "recvonly"), publications)
        await client.connect(viewing.answer)
        await until(lambda: PeerConnected(viewing.peer) in self.events)
        return client


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.sfu.start(["127.0.0.1"], 0)
    yield stage
    for client in stage.clients:
        await client.close()
    await stage.sfu.close()


def frame(number: int, *, key: bool) -> bytes:
    head = bytes((0x80, VIDEO)) + number.to_bytes(2, "big") + (3000 * number).to_bytes(4, "big") + b"\x00\x00\x00\x05"
    return head + _vp8(key, True) + bytes((number,)) * 300


def test_the_installed_packages_are_what_the_seam_was_written_for() -> None:
    check_contract()


async def test_viewers_get_a_key_frame_first_and_then_everything_in_order(stage: Stage) -> None:
    host, video = await stage.publish()
    heard: list[list[int]] = [[], []]
    for inbox in heard:
        viewer = await stage.watch(video)
        viewer.on_packet = lambda packet, inbox=inbox, viewer=viewer: (  # type: ignore[misc]
            inbox.append(packet[3]) if viewer.decrypts(packet) else None
        )
    for number in range(20):
        host.send_rtp(frame(number, key=number == 4))
    await until(lambda: all(len(inbox) == 16 for inbox in heard))

    assert heard == [list(range(4, 20))] * 2
    pictures = [event.publication for event in stage.events if isinstance(event, PictureChanged)]
    assert [(picture.width, picture.height) for picture in pictures] == [(1280, 720)]
    assert {fact.pixels for fact in stage.sfu.flow()} == {0, 1280 * 720}


async def test_who_gets_no_picture_is_told_so_from_the_beginning_and_when_it_comes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a publication with a single layer."""
    usable: list[int | None] = [1000]
    monkeypatch.setattr(Bandwidth, "usable", property(lambda bandwidth: usable[0]))
    host, video = await stage.publish()
    host.send_rtp(frame(0, key=True))
    await until(lambda: any(isinstance(event, PictureChanged) for event in stage.events))
    viewer = stage.sfu.view()
    viewer.want([video])
    made = viewer.offer()
    assert made is not None
    viewer.accept(made[0], answer_to(made[1]))

    def told() -> list[bool]:
        return [event.paused for event in stage.events if isinstance(event, LayerChosen)]

    assert told() == [True]
    for usable[0] in (None, 1000, None):
        viewer.wish(video, 1280 * 720)
        viewer.wish(video, 1280 * 720)
    assert told() == [True, False, True, False]


async def test_when_all_have_left_nothing_is_left(stage: Stage) -> None:
    before = len(asyncio.all_tasks())
    host, video = await stage.publish()
    viewers = [await stage.watch(video) for _ in range(3)]
    for client in (*viewers, host):
        await client.close()
    await until(lambda: sum(isinstance(event, PeerClosed) for event in stage.events) == 4)
    await until(lambda: len(asyncio.all_tasks()) <= before)

    statistics = dict(stage.sfu.statistics())
    for counter in ("packets_received", "packets_sent", "bytes_sent"):
        del statistics[counter]
    assert not any(statistics.values()), statistics


async def test_a_peer_that_left_is_freed_without_the_collector(stage: Stage) -> None:
    host, video = await stage.publish()
    viewer = await stage.watch(video)
    left = [weakref.ref(peer.connection) for peer in stage.sfu._peers()]
    gc.collect()
    gc.disable()
    try:
        await viewer.close()
        await host.close()
        await until(lambda: not any(reference() for reference in left))
    finally:
        gc.enable()


@pytest.mark.parametrize("change", [("VP8/90000", "X/90000"), ("a=rtcp-mux", "a=x"), ("sendonly", "inactive")])
async def test_a_refused_publisher_leaves_nothing(stage: Stage, change: tuple[str, str]) -> None:
    offer = _offer(stage.client(), "sendonly").replace(*change)
    with pytest.raises(MediaRefused):
        stage.sfu.publish(offer, {}, max_pixels=MAX)
    await asyncio.sleep(0)

    assert not any(stage.sfu.statistics().values())


async def test_a_section_that_is_bundle_only_is_received(stage: Stage) -> None:
    offer = (
        _offer(stage.client(), "sendonly")
        .replace("m=video 9", "m=video 0")
        .replace("a=mid:1", "a=mid:1\r\na=bundle-only")
    )
    publishing = stage.sfu.publish(offer, {}, max_pixels=MAX)

    assert [view.kind for view in publishing.publications] == ["audio", "video"]
    assert "m=video 9" in publishing.answer
    assert "bundle-only" not in publishing.answer  # RFC 9143 section 7.3: of offers only


async def test_a_lost_packet_is_asked_for_and_a_key_frame_too(stage: Stage) -> None:
    host, video = await stage.publish()
    feedback: list[bytes] = []
    host.on_rtcp = feedback.append
    await stage.watch(video)
    host.send_rtp(frame(0, key=False))
    host.send_rtp(frame(2, key=False))
    await until(lambda: any(packet[:2] == b"\x81\xcd" for packet in feedback))
    await until(lambda: any(packet[:2] == b"\x81\xce" for packet in feedback))

    nack = next(packet for packet in feedback if packet[:2] == b"\x81\xcd")
    assert nack[12:14] == b"\x00\x01"


async def test_media_follows_a_viewer_to_its_new_address(stage: Stage) -> None:
    host, video = await stage.publish()
    viewer = await stage.watch(video)
    host.send_rtp(frame(0, key=True))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(elsewhere, viewer._check(), ("127.0.0.1", stage.sfu.udp_port))
        answer = await asyncio.wait_for(loop.sock_recv(elsewhere, 2048), 2)
        assert answer[:2] == b"\x01\x01"

        host.send_rtp(frame(1, key=False))
        packet = await asyncio.wait_for(loop.sock_recv(elsewhere, 2048), 2)
        assert viewer.decrypts(memoryview(packet))


async def test_a_check_with_a_wrong_password_moves_nobody(stage: Stage) -> None:
    _, video = await stage.publish()
    viewer = await stage.watch(video)
    viewer._remote = (viewer._remote[0], "x" * 24)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(viewer._check(), ("127.0.0.1", stage.sfu.udp_port))
        await until(lambda: stage.sfu.drops[Drop.UNAUTHENTIC_STUN] == 1)
    viewer._remote = ("", "")


async def test_who_falls_silent_or_stops_checking_is_taken_for_gone(stage: Stage) -> None:
    await stage.publish()
    (publisher,) = stage.sfu._publishers.values()
    peer = publisher.connection
    now = time.monotonic()

    assert peer.expired(now) is None
    assert peer.expired(now + SILENCE + 1) == "no sign of life"
    peer.last_seen = now + CONSENT + 1
    peer._checks = 10
    assert peer.expired(now + CONSENT + 1) == "its checks stopped"
    peer._checks = 1  # FFmpeg checks once and then only sends
    assert peer.expired(now + CONSENT + 1) is None
    peer.srtp = None
    assert peer.expired(peer.created + HANDSHAKE_TIMEOUT + 1) == "no connection came about"


async def test_on_a_lossy_way_a_publisher_takes_its_round_trip_to_be_short(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers each request for a packet only once in a round trip."""
    host, _ = await stage.publish()
    (publisher,) = stage.sfu._publishers.values()
    publisher._report_at = time.monotonic() + 3600  # reports come when we say so
    for number in (0, 1, 3, 4, 6, 7):
        host.send_rtp(frame(number, key=number == 0))
    await until(lambda: any(layer.losses.missed == 2 for layer in publisher._layers()))
    (video,) = (layer for layer in publisher._layers() if layer.packets)
    sent: list[bytes] = []
    monkeypatch.setattr(publisher.connection, "send_rtcp", sent.append)
    now = publisher._report_at + 10

    def told() -> tuple[int, int]:
        """The time our report says, and the delay it claims."""
        blocks = [block for packet in sent for block in rtcp.blocks(packet)]
        sent.clear()
        ntp = next(ntp for block in blocks if block.kind == rtcp.EXTENDED and (ntp := rtcp.reference_time(block)))
        return ntp, next(
            report.delay for block in blocks if block.kind == rtcp.RR for report in rtcp.report_blocks(block)
        )

    publisher._handle_rtcp(rtcp.SenderReport(5, 1 << 32, 0, 0, 0).pack(), now)
    publisher.tick(now, 60)
    asked, delay = told()
    assert delay == 0
    publisher._handle_rtcp(rtcp.reference_answer(5, publisher.feedback_ssrc, asked), now + 0.25)
    assert video.losses.round_trip == pytest.approx(0.25, abs=0.001)

    assert video.lossy
    publisher._handle_rtcp(rtcp.SenderReport(5, 2 << 32, 0, 0, 0).pack(), now + 1)
    publisher.tick(now + 1.5, 60)
    assert told()[1] / 65536 == pytest.approx(0.5 + 0.25, abs=0.001)


# DTLS


class Wire:
    """Half of a pretend wire between two ends."""

    role = "controlled"

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.other: Wire | None = None
        self.sizes: list[int] = []

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, data: bytes) -> None:
        assert self.other is not None
        self.sizes.append(len(data))
        self.other.inbox.put_nowait(data)


def pair() -> tuple[Wire, Wire]:
    left, right = Wire(), Wire()
    left.other, right.other = right, left
    return left, right


def long_certificate() -> NodeCertificate:
    """A certificate of more than two datagrams."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "long")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    names = [x509.DNSName(f"a-rather-long-name-{number}.example") for number in range(70)]
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return NodeCertificate(key, builder.sign(key, hashes.SHA256()))


async def test_a_flight_longer_than_a_datagram_completes() -> None:
    server_wire, client_wire = pair()
    certificate, other = long_certificate(), NodeCertificate.generateCertificate()
    server, client = DtlsServer(server_wire, certificate), DtlsClient(client_wire, other)

    keys = await asyncio.wait_for(
        asyncio.gather(server.handshake(other.fingerprint), client.handshake(certificate.fingerprint)), 5
    )
    assert all(pair is not None and pair.profile == "SRTP_AEAD_AES_128_GCM" for pair in keys)
    assert sum(server_wire.sizes) > 2400
    assert max(server_wire.sizes) <= 1200
    await client.stop()
    await server.stop()


async def test_another_certificate_than_announced_is_refused() -> None:
    server_wire, client_wire = pair()
    certificate, other = NodeCertificate.generateCertificate(), NodeCertificate.generateCertificate()
    server, client = DtlsServer(server_wire, certificate), DtlsClient(client_wire, other)

    keys = await asyncio.wait_for(
        asyncio.gather(server.handshake(certificate.fingerprint), client.handshake(certificate.fingerprint)), 5
    )
    assert keys[0] is None
    await client.stop()
    await server.stop()


async def test_records_that_cannot_be_digested_do_not_close_a_transport() -> None:
    server_wire, client_wire = pair()
    certificate = NodeCertificate.generateCertificate()
    server, client = DtlsServer(server_wire, certificate), DtlsClient(client_wire, certificate)
    await asyncio.gather(server.handshake(certificate.fingerprint), client.handshake(certificate.fingerprint))
    for hostile in (b"", b"\x16" * 40, b"\x80" * 1600):
        server_wire.inbox.put_nowait(hostile)
    await until(server_wire.inbox.empty)

    assert server.state == "connected"
    assert server.hostile_records >= 1
    await client.stop()
    await until(lambda: server.state == "closed")
    await server.stop()


@pytest.mark.skipif(not gnutls_client.is_available(), reason="GnuTLS is not on this system (it is on every Debian)")
async def test_gnutls_meets_a_server_with_a_fitting_and_with_another_certificate() -> None:
    for honest in (True, False):
        server_wire, client_wire = pair()
        certificate, other = NodeCertificate.generateCertificate(), NodeCertificate.generateCertificate()
        server, client = DtlsServer(server_wire, certificate), GnutlsClient(client_wire, other)
        expected = certificate if honest else other
        ours, theirs = await asyncio.wait_for(
            asyncio.gather(client.handshake(expected.fingerprint), server.handshake(other.fingerprint)), 5
        )
        assert (ours is not None) == honest
        if ours is not None:
            assert ours.profile == "SRTP_AES128_CM_SHA1_80"
            assert theirs is not None
            closed: list[bool] = []
            client.on_closed(lambda closed=closed: closed.append(True))
            await server.stop()
            await until(lambda closed=closed: closed)
        await client.stop()
        await client.stop()
        await server.stop()


def test_the_fingerprint_is_the_certificates() -> None:
    certificate = NodeCertificate.generateCertificate()

    assert re.fullmatch(r"sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", certificate.fingerprint)
    assert rtcdtlstransport.certificate_digest(certificate._cert, "sha-256") in certificate.fingerprint
