"""Messages and chunks: byte for byte, and any messages in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rtmp.chunks import MAX_CHUNK_STREAMS, ChunkReader, ChunkWriter, Message
from media.rtmp.errors import BadChunk, BadMessage, MessageTooLarge, RtmpError, TooManyChunkStreams
from media.rtmp.messages import AGGREGATE, AUDIO, VIDEO, parts_of

LIMIT = 100_000


def read(*parts: str | bytes, limit: int = LIMIT) -> list[Message]:
    data = b"".join(bytes.fromhex(part) if isinstance(part, str) else part for part in parts)
    return ChunkReader(limit).feed(data)


def test_the_first_example_of_the_specification() -> None:
    """Section 5.3.2.1: four sounds of 32 bytes, 20 ms apart; the third and fourth have one byte of header."""
    assert read(
        "03 0003e8 000020 08 393000 00", bytes(32), "83 000014", bytes(32), "c3", bytes(32), "c3", bytes(32)
    ) == [Message(8, 1000 + 20 * index, 12345, bytes(32)) for index in range(4)]


def test_the_second_example_of_the_specification() -> None:
    """Section 5.3.2.2: one picture of 307 bytes in three chunks."""
    picture = bytes(range(256)) + bytes(51)
    data = bytes.fromhex("04 0003e8 000133 09 3a300000") + picture[:128]
    data += b"\xc4" + picture[128:256] + b"\xc4" + picture[256:]
    assert read(data) == [Message(9, 1000, 12346, picture)]
    assert ChunkWriter().write(Message(9, 1000, 12346, picture), 4) == data


def test_steps_of_headers_of_type_3_are_added_each_time() -> None:
    """123, then twice 23,046 more."""
    messages = read("04 00007b 000001 09 01000000 aa", "44 005a06 000001 09 bb", "c4 cc")
    assert [message.time for message in messages] == [123, 23169, 46215]
    assert [message.time for message in read("04 00007b 000001 09 01000000 aa", "c4 bb")] == [123, 246]


def test_an_extended_time_is_repeated_in_each_chunk() -> None:
    data = bytes.fromhex("04 ffffff 000082 09 01000000 01000000") + bytes(128) + bytes.fromhex("c4 01000000 aabb")
    assert read(data) == [Message(9, 0x1000000, 1, bytes(128) + b"\xaa\xbb")]
    assert ChunkWriter().write(Message(9, 0x1000000, 1, bytes(128) + b"\xaa\xbb"), 4) == data


def test_a_sender_may_leave_the_repeated_extended_time_out() -> None:
    data = bytes.fromhex("04 ffffff 000085 09 01000000 01000000") + bytes(128) + bytes.fromhex("c4 aabbccddee")
    assert read(data) == [Message(9, 0x1000000, 1, bytes(128) + b"\xaa\xbb\xcc\xdd\xee")]


def test_an_extended_step_opens_the_next_message_of_type_3_too() -> None:
    data = bytes.fromhex("04 000000 000001 09 01000000 aa 84 ffffff 01000000 bb c4 01000000 cc")
    assert [message.time for message in read(data)] == [0, 0x1000000, 0x2000000]


def test_times_wrap_at_32_bits() -> None:
    messages = read("04 ffffff 000001 09 01000000 fffffff0 aa", "84 000020 bb")
    assert [message.time for message in messages] == [0xFFFFFFF0, 0x10]


def test_chunks_of_several_streams_come_interleaved() -> None:
    data = bytes.fromhex("04 000001 000081 09 01000000") + b"v" * 128
    data += bytes.fromhex("05 000002 000002 08 01000000 6161") + b"\xc4v"
    assert read(data) == [Message(8, 2, 1, b"aa"), Message(9, 1, 1, b"v" * 129)]


@pytest.mark.parametrize(("head", "number"), [("00 00", 64), ("00 ff", 319), ("01 0001", 320), ("01 ffff", 65599)])
def test_long_numbers_of_chunk_streams_are_little_endian(head: str, number: int) -> None:
    message = Message(8, 5, 1, b"a")
    data = bytes.fromhex(head + "000005 000001 08 01000000 61")
    assert ChunkWriter().write(message, number) == data
    reader = ChunkReader(LIMIT)
    assert reader.feed(data) == [message]
    assert list(reader._streams) == [number]


def test_the_chunk_size_changes_in_the_middle() -> None:
    data = bytes.fromhex("02 000000 000004 01 00000000 00000100 04 000000 000100 09 01000000") + bytes(256)
    assert read(data) == [Message(9, 0, 1, bytes(256))]


def test_an_aborted_message_is_forgotten() -> None:
    data = bytes.fromhex("04 000001 000081 09 01000000") + bytes(128)
    data += bytes.fromhex("02 000000 000004 02 00000000 00000004 04 000007 000001 09 01000000 61")
    assert read(data) == [Message(9, 7, 1, b"a")]


def test_too_much_and_nonsense_are_refused_by_name() -> None:
    with pytest.raises(MessageTooLarge):
        read("04 000000 0186a1 09 01000000")
    head = bytes.fromhex("000000 0186a0 09 01000000") + bytes(128)
    with pytest.raises(MessageTooLarge):  # a third one of the longest while two are unfinished
        read(b"\x04" + head, b"\x05" + head, b"\x06" + head)
    with pytest.raises(TooManyChunkStreams):
        read(*(bytes((2 + index,)) + bytes(11) for index in range(MAX_CHUNK_STREAMS + 1)))
    with pytest.raises(BadChunk):
        read("84 000000")
    with pytest.raises(BadChunk):
        read(b"\x04" + head, "44 000000 000001 09")
    with pytest.raises(BadChunk):
        read("02 000000 000004 01 00000000 00000000")


MESSAGES = st.builds(
    Message,
    kind=st.integers(3, 22),
    time=st.one_of(st.integers(0, 200), st.integers(0xFFFFF0, 0x1000010), st.integers(0, 0xFFFFFFFF)),
    stream=st.integers(0, 3),
    payload=st.binary(max_size=700),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(MESSAGES, st.sampled_from([2, 4, 63, 64, 319, 320, 65599])), max_size=12),
    st.integers(1, 300), st.lists(st.integers(1, 400), min_size=1),
)  # fmt: skip
def test_what_is_written_is_read_in_any_pieces(
    sent: list[tuple[Message, int]], chunk_size: int, pieces: list[int]
) -> None:
    writer, reader = ChunkWriter(), ChunkReader(LIMIT)
    data = writer.write(Message(1, 0, 0, chunk_size.to_bytes(4, "big")), 2)
    writer.chunk_size = chunk_size
    data += b"".join(writer.write(message, number) for message, number in sent)
    received: list[Message] = []
    at = turn = 0
    while at < len(data):
        size = pieces[turn % len(pieces)]
        received += reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1

    assert received == [message for message, _ in sent]
    assert not reader._buffer
    assert reader._promised == 0


@given(st.binary(max_size=600), st.lists(st.integers(1, 100), min_size=1))
def test_anything_else_is_read_or_refused(data: bytes, pieces: list[int]) -> None:
    reader = ChunkReader(1000)
    try:
        for turn, at in enumerate(range(0, len(data), 10)):
            reader.feed(data[at : at + 10])
            assert 0 <= reader._promised <= 2000, turn
    except RtmpError:
        pass


def test_an_aggregate_gives_its_parts_with_times_of_their_own() -> None:
    parts = bytes.fromhex("08 000002 0003e8 00 000000 aaaa 0000000d 09 000001 0003fc 00 000000 bb 0000000c")
    assert parts_of(Message(AGGREGATE, 5000, 1, parts)) == [
        Message(AUDIO, 5000, 1, b"\xaa\xaa"), Message(VIDEO, 5020, 1, b"\xbb"),
    ]  # fmt: skip
    for bad in (parts[:8], parts[:13] + b"\0" * 5 + b"\x09\xff\xff\xff" + bytes(7), b"\x16" + parts[1:]):
        with pytest.raises(BadMessage):
            parts_of(Message(AGGREGATE, 5000, 1, bad))
