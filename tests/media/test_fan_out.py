"""The way out: bursts of a turn, every viewer's own key, and two twins that send the same bytes."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pylibsrtp
import pytest

from media.drops import Drop, Drops
from media.forwarding.audience import MAX_BURST, Audience, Burst, Shift
from media.forwarding.fan_out import MAX_WAITING, FanOut
from media.rtp.packets import RtpPacket
from media.transport import send_ring
from media.transport.aiortc_seam import pointer_of
from media.transport.batch_sender import BatchSender, chosen_twin, make_sender
from media.transport.compiled_sender import is_available
from media.transport.send_ring import Name

GCM = pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM
SSRC = 9
TWINS = ["pure", "compiled"] if is_available() else ["pure"]

MakeSender = Callable[..., BatchSender]
"""Takes the drops, and another socket than the usual one."""


class Ear:
    """A UDP socket with the key to what is sent to it."""

    def __init__(self, key: bytes, *, knows_ssrc: int | None = None) -> None:
        """`knows_ssrc`: its context encrypts this stream only and refuses the others."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        policy = pylibsrtp.Policy
        self._rx = pylibsrtp.Session(policy(key, policy.SSRC_ANY_INBOUND, 0, GCM))
        kind = policy.SSRC_ANY_OUTBOUND if knows_ssrc is None else policy.SSRC_SPECIFIC
        outbound = policy(key, kind, knows_ssrc or 0, GCM)
        outbound.allow_repeat_tx = True
        self._tx = pylibsrtp.Session(outbound)
        self.name: Any = Name(socket.AF_INET, self.socket.getsockname())
        self.transmit_context = self._tx._srtp[0]
        self.transmit_pointer = pointer_of(self.transmit_context)

    def hear(self) -> bytes:
        return self._rx.unprotect(self.socket.recv(2048))

    def hear_report(self) -> bytes:
        return self._rx.unprotect_rtcp(self.socket.recv(2048))

    def heard_nothing_more(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return True
        return False


@pytest.fixture
def ears() -> Iterator[list[Ear]]:
    found = [Ear(secrets.token_bytes(28)) for _ in range(5)]
    yield found
    for ear in found:
        ear.socket.close()


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.setblocking(False)
        yield found


@pytest.fixture(params=TWINS)
def make(request: pytest.FixtureRequest, sock: socket.socket) -> MakeSender:
    return lambda drops, other=None: make_sender(other or sock, drops, twin=request.param, offload=False)


def packet_of(number: int, size: int = 900) -> bytes:
    head = b"\x80\x60" + number.to_bytes(2, "big") + bytes(4) + SSRC.to_bytes(4, "big")
    return head + bytes((number & 0xFF,)) * size


def burst_of(*packets: bytes) -> Burst:
    burst = Burst(is_rtcp=False)
    for packet in packets:
        burst.add(packet)
    return burst


def unpadded(data: bytes) -> bytes:
    packet = RtpPacket(bytearray(data))
    return bytes((data[0] & 0xDF,)) + data[1 : packet.payload_stop]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


# Both twins


@pytest.mark.parametrize("with_sendmmsg", [True, False])
def test_everybody_gets_the_same_bytes_under_its_own_key(
    make: MakeSender, ears: list[Ear], monkeypatch: pytest.MonkeyPatch, with_sendmmsg: bool
) -> None:
    monkeypatch.setattr(send_ring, "_HAS_SENDMMSG", with_sendmmsg and send_ring._HAS_SENDMMSG)
    sender = make(Drops())
    packets = [packet_of(number, 700 + number) for number in range(3)]

    assert sender.send(Audience(ears), burst_of(*packets), 0) == len(ears)
    for ear in ears:
        assert [ear.hear() for _ in range(3)] == packets
        assert ear.heard_nothing_more()
    assert sender.packets_sent == 15


def test_reports_go_out_encrypted_as_reports(make: MakeSender, ears: list[Ear]) -> None:
    report = b"\x80\xc8\x00\x06" + SSRC.to_bytes(4, "big") + bytes(20)
    burst = Burst(is_rtcp=True)
    burst.add(report)
    make(Drops()).send(Audience(ears, [Shift(7)] * len(ears)), burst, 0)

    assert [ear.hear_report() for ear in ears] == [report] * len(ears)


def test_a_large_audience_is_served_in_several_calls(make: MakeSender, ears: list[Ear]) -> None:
    sender, audience, at, calls = make(Drops()), Audience(ears * 80), 0, 0
    burst = burst_of(*(packet_of(number, 40) for number in range(MAX_BURST)))
    while at < len(audience):
        at = sender.send(audience, burst, at)
        calls += 1

    assert calls > 1
    assert sender.packets_sent == len(audience) * MAX_BURST
    expected = [packet_of(number, 40) for number in range(MAX_BURST)]
    assert [ears[3].hear() for _ in range(MAX_BURST)] == expected


def test_numbers_are_moved_for_who_came_back(make: MakeSender, ears: list[Ear]) -> None:
    """A VP8 packet with a 15-bit picture id and a tl0picidx: each viewer sees its own."""
    head = bytearray(packet_of(10, 0))
    vp8 = bytes((0x90, 0xC0)) + (0x8000 | 3).to_bytes(2, "big") + bytes((5,)) + b"picture"
    packet = bytes(head) + vp8
    shifts = [Shift(), Shift(4, 1, 2), Shift(-4, -1, -2), Shift(11, 4, 6), Shift(70000, 0x8000, 256)]
    burst = Burst(is_rtcp=False)
    burst.add(packet, 14, 16)
    make(Drops()).send(Audience(ears, shifts), burst, 0)

    for ear, shift in zip(ears, shifts, strict=True):
        heard = ear.hear()
        assert int.from_bytes(heard[2:4], "big") == (10 - shift.number) & 0xFFFF
        assert int.from_bytes(heard[14:16], "big") == 0x8000 | (3 - shift.picture) & 0x7FFF
        assert heard[16] == (5 - shift.base_layer) & 0xFF
        assert heard[:2] + heard[4:14] + heard[17:] == packet[:2] + packet[4:14] + packet[17:]


def test_what_could_not_be_encrypted_is_never_sent(make: MakeSender, ears: list[Ear]) -> None:
    drops = Drops()
    deaf = [Ear(secrets.token_bytes(28), knows_ssrc=1) for _ in range(2)]
    crowd = [ears[0], deaf[0], ears[1], deaf[1]]
    make(drops).send(Audience(crowd), burst_of(packet_of(1), packet_of(2)), 0)

    for ear in ears[:2]:
        assert [ear.hear(), ear.hear()] == [packet_of(1), packet_of(2)]
    for ear in deaf:
        assert ear.heard_nothing_more()
        ear.socket.close()
    assert drops[Drop.PROTECT_FAILED] == 4


def test_whom_the_system_refuses_is_passed_over(make: MakeSender, ears: list[Ear]) -> None:
    class Unreachable(Ear):
        def __init__(self) -> None:
            super().__init__(secrets.token_bytes(28))
            self.name = Name(socket.AF_INET, ("127.0.0.1", 0))

    drops, nobody = Drops(), Unreachable()
    sender = make(drops)
    sender.send(Audience([ears[0], nobody, ears[1]]), burst_of(packet_of(1)), 0)

    assert [ears[0].hear(), ears[1].hear()] == [packet_of(1)] * 2
    assert drops[Drop.SEND_FAILED] == 1
    assert sender.packets_sent == 2
    nobody.socket.close()


@pytest.mark.skipif("compiled" not in TWINS, reason="the compiled twin was not built here")
@pytest.mark.parametrize("offload", [False, True])
def test_the_twins_send_the_same_bytes(sock: socket.socket, offload: bool) -> None:
    """Encrypted, with and without shifts, for packets of many shapes: the pure twin is the oracle."""
    keys = [secrets.token_bytes(28) for _ in range(4)]
    shifts = [Shift(), Shift(1, 2, 3), Shift(40000, 20000, 200), Shift(-1, -1, -1)]
    shapes = [(packet_of(n, 20 + 37 * n // (1 + n % 4)), 14 * (n % 2), 16 * (n % 3 > 1)) for n in range(30)]
    heard: dict[str, list[list[bytes]]] = {}
    for twin in TWINS:
        crowd = [Ear(key) for key in keys]
        burst = Burst(is_rtcp=False)
        for packet, picture_at, base_layer_at in shapes:
            burst.add(packet, picture_at, base_layer_at)
        audience, at, sender = Audience(crowd, shifts), 0, make_sender(sock, Drops(), twin=twin, offload=offload)
        while at < len(crowd):
            at = sender.send(audience, burst, at)
        heard[twin] = [[ear.socket.recv(2048) for _ in shapes] for ear in crowd]
        for ear in crowd:
            ear.socket.close()

    assert heard["pure"] == heard["compiled"]


# Segment offload


@pytest.fixture(params=TWINS)
def offloading(request: pytest.FixtureRequest, sock: socket.socket) -> Callable[..., Any]:
    return lambda drops, other=None: make_sender(other or sock, drops, twin=request.param, offload=True)


def test_packets_that_are_about_equally_long_are_one_message() -> None:
    """Runs that differ by little are padded (RFC 3550 section 5.1); a shorter one ends the message."""
    sizes = [1100, 1101, 1100, 700, 1101, 1100, 40, 41, 900]
    packets = [packet_of(number, size) for number, size in enumerate(sizes)]
    burst = burst_of(*packets)

    assert burst.messages(joined=False) == list(range(9))
    assert burst.messages(joined=True) == [0, 4, 7, 8]
    assert [len(packet) - 12 for packet in burst.packets] == [1101, 1101, 1101, 700, 1101, 1101, 40, 41, 900]
    assert [unpadded(packet) for packet in burst.packets] == packets
    assert burst.messages(joined=False) == list(range(9))


def test_packets_that_are_padded_already_go_alone() -> None:
    padded = bytes((0xA0,)) + packet_of(1)[1:-1] + b"\x05"
    burst = burst_of(packet_of(0), padded, padded, packet_of(3, 899), packet_of(4))

    assert burst.messages(joined=True) == [0, 1, 2, 3]
    assert burst.packets[1] == padded


def test_offloaded_segments_carry_the_same_packets(offloading: Callable[..., Any], ears: list[Ear]) -> None:
    packets = [packet_of(number, size) for number, size in enumerate([1100, 1101, 1100, 700, 1101, 1100, 40])]
    sender = offloading(Drops())
    sender.send(Audience(ears), burst_of(*packets), 0)

    for ear in ears:
        assert [unpadded(ear.hear()) for _ in packets] == packets
        assert ear.heard_nothing_more()
    assert sender.packets_sent == len(ears) * len(packets)
    assert sender.octets_sent > sum(map(len, packets)) * len(ears)
    assert sender.offloads


def test_messages_of_another_shape_follow_each_other(offloading: Callable[..., Any], ears: list[Ear]) -> None:
    sender, audience = offloading(Drops()), Audience(ears)
    shapes = [[900, 900, 40], [80], [300, 900], [900, 900, 40], [80, 80]]
    expected = []
    for number, sizes in enumerate(shapes):
        packets = [packet_of(10 * number + index, size) for index, size in enumerate(sizes)]
        sender.send(audience, burst_of(*packets), 0)
        expected += packets

    for ear in ears:
        assert [unpadded(ear.hear()) for _ in expected] == expected


def test_a_system_without_offload_gets_every_segment_alone(
    offloading: Callable[..., Any], sock: socket.socket, ears: list[Ear]
) -> None:
    """The kernel refuses to cut where checksums cannot be left to it: as here, where they are switched off."""
    sock.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    drops, packets = Drops(), [packet_of(number) for number in range(4)]
    sender = offloading(drops)
    sender.send(Audience(ears), burst_of(*packets), 0)
    sender.send(Audience(ears), burst_of(*packets), 0)

    assert not sender.offloads
    for ear in ears:
        assert [ear.hear() for _ in packets] == packets
    assert sender.packets_sent == 2 * len(ears) * len(packets)
    assert drops[Drop.SEND_FAILED] == 0


def test_one_bad_address_does_not_end_the_offload(offloading: Callable[..., Any], ears: list[Ear]) -> None:
    nobody = Ear(secrets.token_bytes(28))
    nobody.name = Name(socket.AF_INET, ("127.0.0.1", 0))
    drops, packets = Drops(), [packet_of(number) for number in range(4)]
    sender = offloading(drops)
    sender.send(Audience([ears[0], nobody, ears[1]]), burst_of(*packets), 0)

    assert sender.offloads
    assert drops[Drop.SEND_FAILED] == 4
    assert [ears[1].hear() for _ in packets] == packets
    nobody.socket.close()


NARROW_WAY = """
import socket
import subprocess
import sys
from media.drops import Drop, Drops
from media.forwarding.audience import Audience
from media.transport.batch_sender import make_sender
from test_fan_out import Ear, Name, burst_of, packet_of, secrets

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 0))
narrow, wide = Ear(secrets.token_bytes(28)), Ear(secrets.token_bytes(28))
narrow.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
narrow.socket.bind(("127.0.0.99", 0))
narrow.name = Name(socket.AF_INET, narrow.socket.getsockname())
drops, packets = Drops(), [packet_of(number, 1100) for number in range(4)]
sender = make_sender(sock, drops, twin="{twin}", offload=True)
sender.send(Audience([narrow, wide]), burst_of(*packets), 0)
for ear in (narrow, wide):
    assert [ear.hear() for _ in packets] == packets
assert sender.packets_sent == 8 and drops[Drop.SEND_FAILED] == 0
assert sender.offloads, "one narrow way is no reason for all"
"""


@pytest.mark.parametrize("twin", TWINS)
def test_a_way_too_narrow_for_a_segment_does_not_end_the_offload(twin: str) -> None:
    """In a network of its own, where one address has a path MTU of 600."""
    lay = "ip link set lo up && ip route add table local local 127.0.0.99 dev lo mtu 600"
    inside = ("unshare", "--net", "sh", "-c", f'{lay} && exec "$@"', "sh")
    if subprocess.run(("unshare", "--net", "true"), capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    ran = subprocess.run(
        (*inside, sys.executable, "-c", NARROW_WAY.format(twin=twin)),
        capture_output=True, text=True, check=False, timeout=30,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), *sys.path))},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_a_twin_that_is_not_there_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.transport.compiled_sender._reason", "it was not built")

    assert chosen_twin("auto") == chosen_twin("pure") == "pure"
    with pytest.raises(RuntimeError, match="it was not built"):
        chosen_twin("compiled")


# Turns of the loop


def fan_out_of(sender: Any, sock: socket.socket, drops: Drops) -> FanOut:
    return FanOut(sender, drops, asyncio.get_running_loop(), sock.fileno())


class Paper:
    """A sender that writes down what it was given."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.bursts: list[tuple[int, int, list[bytes]]] = []
        self.packets_sent = self.octets_sent = 0
        self.blocked = False
        self._most = most

    def send(self, audience: Audience, burst: Burst, start: int) -> int:
        stop = min(len(audience), start + self._most)
        self.bursts.append((start, stop, list(burst.packets)))
        return stop

    def resume(self) -> None:
        self.blocked = False


async def test_packets_of_one_turn_to_the_same_audience_are_one_burst(sock: socket.socket, ears: list[Ear]) -> None:
    paper = Paper()
    fan_out = fan_out_of(paper, sock, Drops())
    video, audio = Audience(ears), Audience(ears[:2])
    for number in range(3):
        fan_out.submit(video, packet_of(number))
    fan_out.submit(audio, packet_of(3))
    fan_out.submit(video, packet_of(4))
    assert paper.bursts == []

    await until(lambda: len(paper.bursts) == 3)
    assert [(stop, len(packets)) for _, stop, packets in paper.bursts] == [(5, 3), (2, 1), (5, 1)]


async def test_the_beginning_of_a_frame_waits_for_its_end_and_not_for_long(
    sock: socket.socket, ears: list[Ear]
) -> None:
    paper, audience = Paper(), Audience(ears)
    fan_out = fan_out_of(paper, sock, Drops())
    fan_out.submit(audience, packet_of(1), more=True)
    await asyncio.sleep(0)
    assert paper.bursts == []
    fan_out.submit(audience, packet_of(2))
    await until(lambda: bool(paper.bursts))
    assert [len(packets) for _, _, packets in paper.bursts] == [2]

    fan_out.submit(audience, packet_of(3), more=True)
    await until(lambda: len(paper.bursts) == 2)


async def test_a_burst_that_has_begun_does_not_grow(sock: socket.socket, ears: list[Ear]) -> None:
    """Else the first viewers would miss what was added."""
    paper, audience = Paper(most=2), Audience(ears)
    fan_out = fan_out_of(paper, sock, Drops())
    paper.blocked = True  # after the first call the fan-out waits for the socket
    fan_out.submit(audience, packet_of(1))
    await until(lambda: bool(paper.bursts))
    fan_out.submit(audience, packet_of(2))
    await until(lambda: len(paper.bursts) == 6)

    assert [(start, stop, len(packets)) for start, stop, packets in paper.bursts] == [
        (0, 2, 1), (2, 4, 1), (4, 5, 1), (0, 2, 1), (2, 4, 1), (4, 5, 1),
    ]  # fmt: skip


async def test_what_waits_is_bounded_and_dropped_by_name(sock: socket.socket, ears: list[Ear]) -> None:
    drops = Drops()
    fan_out = fan_out_of(Paper(), sock, drops)
    for _ in range(MAX_WAITING + 3):
        fan_out.submit(Audience(ears), packet_of(1))

    assert drops[Drop.FAN_OUT_FULL] == 3 * len(ears)
    fan_out.close()


async def test_a_large_batch_lets_the_loop_have_its_turn(
    make: MakeSender, sock: socket.socket, ears: list[Ear]
) -> None:
    sender = make(Drops())
    fan_out = fan_out_of(sender, sock, Drops())
    crowd = Audience(ears * 600)
    order: list[str] = []
    asyncio.get_running_loop().call_soon(lambda: order.append("signaling"))
    for number in range(10):
        fan_out.submit(crowd, packet_of(number))
    await asyncio.sleep(0)
    while sender.packets_sent < 10 * len(crowd):
        order.append("media")
        async with asyncio.timeout(5):
            await asyncio.sleep(0)

    assert order[0] == "signaling"
    assert order.count("media") > 1


def test_who_moves_while_a_burst_waits_does_not_take_the_address_along(make: MakeSender, ears: list[Ear]) -> None:
    sender, (ear, *_) = make(Drops()), ears
    audience, name = Audience([ear]), weakref.ref(ear.name)
    ear.name = None
    gc.collect()
    assert name() is not None, "the burst points to it"
    sender.send(audience, burst_of(packet_of(1)), 0)
    assert ear.hear() == packet_of(1)


async def test_a_full_socket_is_waited_for_and_nothing_changes_its_order(make: MakeSender) -> None:
    """A pair of connected local sockets is full after a few hundred datagrams, until somebody reads."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.setblocking(False)
    right.settimeout(2)
    ear = Ear(secrets.token_bytes(28))
    ear.name = SimpleNamespace(pointer=0)
    sender = make(Drops(), left)
    fan_out = FanOut(sender, Drops(), asyncio.get_running_loop(), left.fileno())
    audience = Audience([ear])
    for number in range(600):
        fan_out.submit(audience, packet_of(number))
    await until(lambda: sender.blocked)

    numbers = []
    while len(numbers) < 600:
        numbers.append(int.from_bytes(ear._rx.unprotect(right.recv(2048))[2:4], "big"))
        await asyncio.sleep(0)
    assert numbers == list(range(600))
    fan_out.close()
    for sock in (left, right, ear.socket):
        sock.close()
