"""An RTMP connection: our own client against our own server, over a pretend wire, in any pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtmp import amf0, handshake, messages
from media.rtmp.amf0 import EcmaArray, Value
from media.rtmp.chunks import ChunkReader, ChunkWriter, Message
from media.rtmp.errors import BadHandshake, MessageTooLarge, Multitrack
from media.rtmp.flv import AudioTag, Part, VideoTag, written_audio, written_video
from media.rtmp.handshake import ENTROPY, ClientHandshake, ServerHandshake
from media.rtmp.push import Begun, PushEvent, PushSession, Refused
from media.rtmp.session import (
    MAX_MESSAGE_BEFORE,
    Audio,
    Event,
    Metadata,
    PublishAsked,
    PublishEnded,
    ServerSession,
    State,
    Video,
)

HERE, THERE = bytes(range(256)) * (ENTROPY // 256), bytes(reversed(range(256))) * (ENTROPY // 256)
ASKED = PublishAsked("push", "room?usersig=x", "rtmp://host/push")


class Line:
    """A client and a server with a wire between them that cuts what it carries."""

    def __init__(self, pieces: Sequence[int] = (1 << 20,), **options: bool | int) -> None:
        self.client = PushSession("push", ASKED.key, ASKED.address, THERE, **options)  # type: ignore[arg-type]
        self.server = ServerSession(HERE)
        self.told: list[PushEvent] = []
        self.events: list[Event] = []
        self._pieces, self._turn = pieces, 0
        self.client.start(1.0)

    def settle(self, answer: Callable[[ServerSession], None] = ServerSession.accept) -> None:
        """Carries until nothing moves; a `publish` is answered by `answer`."""
        moved = True
        while moved:
            moved = False
            for piece in self._cut(self.client.outgoing()):
                moved = True
                events = self.server.receive(piece, 2.0)
                self.events += events
                if any(isinstance(event, PublishAsked) for event in events):
                    answer(self.server)
            for piece in self._cut(self.server.outgoing()):
                moved = True
                self.told += self.client.receive(piece, 2.0)

    def _cut(self, data: bytes) -> Iterable[bytes]:
        at = 0
        while at < len(data):
            size = self._pieces[self._turn % len(self._pieces)]
            yield data[at : at + size]
            at, self._turn = at + size, self._turn + 1


PIECES = st.lists(st.integers(1, 2000), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    PIECES,
    st.sampled_from([{}, {"with_digest": True}, {"with_digest": True, "scheme": 1}]),
    st.lists(st.tuples(st.integers(0, 0xFFFFFFFF), st.booleans(), st.binary(min_size=1, max_size=9000)), max_size=6),
)
def test_a_stream_arrives_as_it_was_sent(
    pieces: list[int], options: dict[str, bool | int], sent: list[tuple[int, bool, bytes]]
) -> None:
    line = Line(pieces, **options)
    line.settle()
    assert line.told == [Begun()]
    assert line.events == [ASKED]

    line.client.send_metadata({"videocodecid": 7.0})
    expected: list[Event] = [ASKED, Metadata(EcmaArray(videocodecid=7.0))]
    for time, is_video, data in sent:
        if is_video:
            line.client.send_video(time, written_video(Part.FRAME, data, key=True, composition=40))
            expected.append(Video(time, VideoTag("H264", Part.FRAME, True, 40, data)))
        else:
            line.client.send_audio(time, written_audio(Part.FRAME, data))
            expected.append(Audio(time, AudioTag("AAC", Part.FRAME, data)))
    line.client.end()
    line.settle()

    assert line.events == [*expected, PublishEnded()]
    assert line.server.state is State.ENDED


def test_a_refusal_reaches_the_encoder_with_its_reason() -> None:
    line = Line()
    line.settle(lambda server: server.refuse("NetStream.Publish.Denied", "The UserSig has expired."))

    assert line.told == [Refused("NetStream.Publish.Denied", "The UserSig has expired.")]
    assert not line.client.publishing
    line.client.send_audio(0, written_audio(Part.FRAME, b"x"))
    line.settle()
    assert line.events == [ASKED]


def test_nothing_is_taken_before_the_owner_has_answered() -> None:
    line = Line()
    line.settle(lambda server: None)
    line.client.send_audio(0, written_audio(Part.FRAME, b"early"))
    line.settle()
    assert (line.events, line.told) == ([ASKED], [])

    line.client.send_audio(0, bytes(MAX_MESSAGE_BEFORE + 1))
    with pytest.raises(MessageTooLarge):
        line.settle()


def test_who_withdraws_before_the_answer_is_not_accepted_afterwards() -> None:
    line = Line()
    line.settle(lambda server: None)
    line.client.end()
    line.settle()
    line.server.accept()

    assert line.events == [ASKED, PublishEnded()]
    assert line.server.state is State.ENDED
    assert b"Publish.Start" not in line.server.outgoing()


# By hand, as strangers would


class Stranger:
    """Writes commands one by one, and reads the answers."""

    def __init__(self) -> None:
        self.server = ServerSession(HERE)
        self._writer, self._reader = ChunkWriter(), ChunkReader(1 << 20)
        self.server.receive(b"\x03" + bytes(1536), 0.0)
        assert len(self.server.outgoing()) == 1 + 2 * 1536
        self.server.receive(bytes(1536), 0.0)

    def send(self, message: Message) -> Sequence[Event]:
        return self.server.receive(self._writer.write(message, 3), 0.0)

    def call(self, name: str, *values: Value, transaction: float = 1.0, stream: int = 0) -> list[list[Value]]:
        """The commands that come back."""
        self.send(messages.command(name, transaction, *values, stream=stream))
        return [messages.values_of(message) for message in self.received() if message.kind == messages.COMMAND]

    def received(self) -> list[Message]:
        return self._reader.feed(self.server.outgoing())

    def connect(self) -> None:
        self.call("connect", {"app": "push"})


def test_the_answer_to_connect_says_who_we_are_and_what_enhanced_codecs_are_taken() -> None:
    stranger = Stranger()
    wish: dict[str, Value] = {"app": "push", "tcUrl": "rtmp://h/push", "fourCcList": ["av01", "hvc1"]}
    answer = stranger.call("connect", wish)

    assert answer == [[
        "_result", 1.0, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0},
        {"level": "status", "code": "NetConnection.Connect.Success", "description": "Connected.",
         "objectEncoding": 0.0, "fourCcList": ["avc1"]},
    ]]  # fmt: skip


def test_calls_that_encoders_make_are_answered() -> None:
    stranger = Stranger()
    stranger.connect()
    assert stranger.call("releaseStream", None, "key", transaction=2) == [["_result", 2.0, None, amf0.UNDEFINED]]
    status = {"code": "NetStream.Publish.Start", "description": "key"}
    assert stranger.call("FCPublish", None, "key", transaction=3) == [
        ["_result", 3.0, None, amf0.UNDEFINED], ["onFCPublish", 0.0, None, status],
    ]  # fmt: skip
    assert stranger.call("createStream", None, transaction=4) == [["_result", 4.0, None, 1.0]]
    assert stranger.call("_checkbw", None, transaction=5) == [["_result", 5.0, None, amf0.UNDEFINED]]
    assert stranger.call("_checkbw", None, transaction=0) == []


@pytest.mark.parametrize(
    ("name", "values", "stream", "code"),
    [
        ("connect", [{"app": "again"}], 0, "NetConnection.Connect.Rejected"),
        ("getMovLen", [None, "key"], 1, "NetConnection.Call.Failed"),
        ("play", [None, "key"], 1, "NetStream.Play.Failed"),
        ("publish", [None, "key"], 0, "NetStream.Publish.BadName"),
        ("publish", [None, ""], 1, "NetStream.Publish.BadName"),
        ("publish", [None, None], 1, "NetStream.Publish.BadName"),
        ("publish", [None, "k" * 5000], 1, "NetStream.Publish.BadName"),
    ],
)
def test_what_is_not_there_is_refused_politely(name: str, values: list[Value], stream: int, code: str) -> None:
    stranger = Stranger()
    stranger.connect()
    stranger.call("createStream", None)
    [answer] = stranger.call(name, *values, stream=stream)

    assert isinstance(answer[3], dict)
    assert (answer[3]["level"], answer[3]["code"]) == ("error", code)
    assert stranger.server.state is State.CONNECTED


def test_connect_comes_first() -> None:
    for name in ("createStream", "publish", "releaseStream", "FCPublish"):
        stranger = Stranger()
        [answer] = stranger.call(name, None, "key", stream=1)
        assert isinstance(answer[3], dict)
        assert answer[3]["level"] == "error"
        assert stranger.server.state is State.OPENED


def test_bytes_are_acknowledged_and_pings_answered() -> None:
    stranger = Stranger()
    stranger.connect()
    stranger.send(messages.number(messages.WINDOW_SIZE, 5000))
    stranger.received()
    for _ in range(4):
        stranger.send(Message(messages.AUDIO, 0, 1, bytes(2000)))
    told = [message for message in stranger.received() if message.kind == messages.ACKNOWLEDGEMENT]
    assert len(told) == 2
    assert int.from_bytes(told[-1].payload, "big") > 1 + 2 * 1536 + 8000 - 5000

    stranger.send(messages.user_control(messages.PING, 77))
    [pong] = stranger.received()
    assert (pong.kind, pong.payload) == (messages.USER_CONTROL, b"\x00\x07\x00\x00\x00\x4d")


def test_an_aggregate_and_amf3_are_taken_and_several_tracks_are_not() -> None:
    stranger = Stranger()
    stranger.send(Message(messages.COMMAND_AMF3, 0, 0, b"\0" + amf0.encode("connect", 1.0, {"app": "push"})))
    stranger.call("createStream", None)
    stranger.call("publish", None, "key", "live", stream=1)
    stranger.server.accept()
    sounds = b"\x08\0\0\x03" + bytes(7) + b"\xaf\x01\x21" + bytes(4)
    assert stranger.send(Message(messages.AGGREGATE, 70, 1, sounds)) == [
        Audio(70, AudioTag("AAC", Part.FRAME, b"\x21"))
    ]
    assert stranger.send(Message(messages.AUDIO, 0, 2, b"\xaf\x01\x21")) == []  # of another stream
    assert stranger.send(Message(messages.AUDIO, 0, 1, b"")) == []
    with pytest.raises(Multitrack):
        stranger.send(Message(messages.VIDEO, 0, 1, bytes.fromhex("96 00 61766331 00")))


# The handshake


def test_without_digest_the_answer_echoes() -> None:
    server = ServerHandshake(HERE)
    buffer = bytearray(b"\x03" + bytes.fromhex("0000000500000000") + THERE[:1528])
    answer = server.receive(buffer, 1.5)

    assert (
        answer
        == b"\x03"
        + (1500).to_bytes(4, "big")
        + bytes(4)
        + HERE[:1528]
        + bytes.fromhex("00000005 000005dc")
        + THERE[:1528]
    )
    assert not server.with_digest


def test_digests_are_what_an_independent_calculation_gives() -> None:
    """HMAC-SHA256 of the block without the digest, at the place that four bytes name."""
    import hmac

    client = ClientHandshake(THERE, with_digest=True)
    first = client.start(1.0)[1:]
    at = sum(first[8:12]) % 728 + 12
    key = b"Genuine Adobe Flash Player 001"
    assert first[at : at + 32] == hmac.new(key, first[:at] + first[at + 32 :], "sha256").digest()

    server = ServerHandshake(HERE)
    answer = server.receive(bytearray(b"\x03" + first), 1.0)
    assert server.with_digest
    signed, signature = answer[1537:3041], answer[3041:]
    key = b"Genuine Adobe Flash Media Server 001" + handshake._COMMON
    assert signature == hmac.new(hmac.new(key, first[at : at + 32], "sha256").digest(), signed, "sha256").digest()

    with pytest.raises(BadHandshake, match="signs"):
        client.receive(bytearray(answer[:-1] + bytes((answer[-1] ^ 1,))), 1.0)


def test_other_protocols_are_turned_away_at_their_first_byte() -> None:
    for first in (b"GET / HTTP/1.1", b"\x16\x03\x01", b"\x06"):
        with pytest.raises(BadHandshake):
            ServerSession(HERE).receive(first, 0.0)
