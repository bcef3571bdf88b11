"""AMF0: byte for byte as the specification has it, and back; FLV tags."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtmp.amf0 import (
    MAX_DEPTH,
    MAX_VALUES,
    UNDEFINED,
    UNSUPPORTED,
    Date,
    EcmaArray,
    TypedObject,
    Value,
    Xml,
    decode,
    encode,
)
from media.rtmp.errors import AmfTooDeep, AmfTooMany, BadAmf, BadMessage, Multitrack
from media.rtmp.flv import AudioTag, Part, VideoTag, audio_tag, video_tag, written_audio, written_video

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = TEXT.filter(bool)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.floats(allow_nan=False), TEXT, st.sampled_from([UNDEFINED, UNSUPPORTED]),
    st.builds(Date, st.floats(allow_nan=False), st.integers(-720, 720)), st.builds(Xml, TEXT),
)  # fmt: skip


def _around(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    objects = st.dictionaries(KEYS, inner, max_size=4)
    return st.one_of(
        st.lists(inner, max_size=4), objects, objects.map(EcmaArray), st.builds(TypedObject, TEXT, objects)
    )


VALUES: st.SearchStrategy[Value] = st.recursive(LEAVES, _around, max_leaves=20)


@given(st.lists(VALUES, max_size=4))
def test_what_is_written_is_read(values: list[Value]) -> None:
    read = decode(encode(*values))
    assert read == values
    assert list(map(type, read)) == list(map(type, values))


@given(st.binary(max_size=200))
def test_anything_else_is_read_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except BadAmf:
        pass


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00 3ff0000000000000", 1.0),
        ("01 01", True),
        ("02 0003 616263", "abc"),
        ("03 0001 61 05 000009", {"a": None}),
        ("03 0001 61 03 0001 62 01 00 000009 0001 63 06 000009", {"a": {"b": False}, "c": UNDEFINED}),
        ("08 00000000 0001 61 0c 00000001 62 000009", EcmaArray(a="b")),  # a count of 0, as encoders write it
        ("08 00000001 0001 61 0d", EcmaArray(a=UNSUPPORTED)),  # and no end
        ("0a 00000002 05 02 0004 61766331", [None, "avc1"]),
        ("0b 4279000000000000 003c", Date(struct.unpack("!d", bytes.fromhex("4279000000000000"))[0], 60)),
        ("0f 00000004 3c612f3e", Xml("<a/>")),
        ("10 0001 54 0001 61 05 000009", TypedObject("T", {"a": None})),
        ("0a 00000002 03 0001 61 05 000009 07 0001", [{"a": None}, {"a": None}]),
    ],
)  # fmt: skip
def test_each_kind_as_the_specification_writes_it(data: str, value: Value) -> None:
    assert decode(bytes.fromhex(data)) == [value]


def test_a_long_text_has_a_long_length() -> None:
    data = encode("x" * 0x10000)
    assert data[:5] == b"\x0c\x00\x01\x00\x00"
    assert decode(data) == ["x" * 0x10000]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x03\x00\x01a" * (MAX_DEPTH + 2), AmfTooDeep),
        (b"\x05" * (MAX_VALUES + 1), AmfTooMany),
        (b"\x0a\xff\xff\xff\xff", AmfTooMany),
        (b"\x02\x00\x09abc", BadAmf),
        (b"\x07\x00\x00", BadAmf),
        (b"\x03\x00\x01a\x07\x00\x00\x00\x00\x09", BadAmf),  # an object inside itself
        (b"\x11\x0a", BadAmf),
    ],
)
def test_too_much_and_nonsense_are_refused_by_name(data: bytes, error: type[BadAmf]) -> None:
    with pytest.raises(error):
        decode(data)


def test_references_of_references_count_as_often_as_they_stand_for() -> None:
    """Each array holds the one before ten times: 10^6 values in 200 bytes."""
    arrays = b"\x0a\x00\x00\x00\x01\x05"
    for index in range(6):
        arrays += b"\x0a\x00\x00\x00\x0a" + (b"\x07" + index.to_bytes(2, "big")) * 10
    with pytest.raises(AmfTooMany):
        decode(arrays)


@pytest.mark.parametrize(
    ("payload", "tag"),
    [
        ("17 00 000000 01640028", VideoTag("H264", Part.CONFIGURATION, True, 0, bytes.fromhex("01640028"))),
        ("27 01 000043 00000001 41", VideoTag("H264", Part.FRAME, False, 67, bytes.fromhex("0000000141"))),
        ("27 01 ffffd8 00", VideoTag("H264", Part.FRAME, False, -40, b"\0")),
        ("17 02 000000", VideoTag("H264", Part.END, True, 0, b"")),
        ("52 00", VideoTag("", Part.OTHER, False, 0, b"")),
        ("22 aa", VideoTag("FLV video codec 2", Part.FRAME, False, 0, b"\xaa")),
        ("90 61763031 81", VideoTag("AV1", Part.CONFIGURATION, True, 0, b"\x81")),
        ("91 68766331 000021 aa", VideoTag("HEVC", Part.FRAME, True, 33, b"\xaa")),
        ("a3 61766331 aa", VideoTag("H264", Part.FRAME, False, 0, b"\xaa")),
        ("91 61763031 aa", VideoTag("AV1", Part.FRAME, True, 0, b"\xaa")),
        ("97 02 0102f0 03 61766331 aa", VideoTag("H264", Part.FRAME, True, 0, b"\xaa")),
    ],
)  # fmt: skip
def test_video_old_and_enhanced(payload: str, tag: VideoTag) -> None:
    assert video_tag(bytes.fromhex(payload)) == tag


@pytest.mark.parametrize(
    ("payload", "tag"),
    [
        ("af 00 1210", AudioTag("AAC", Part.CONFIGURATION, b"\x12\x10")),
        ("af 01 21", AudioTag("AAC", Part.FRAME, b"\x21")),
        ("2f fffb", AudioTag("MP3", Part.FRAME, b"\xff\xfb")),
        ("b2 00", AudioTag("FLV audio codec 11", Part.FRAME, b"\x00")),
        ("90 6d703461 1210", AudioTag("AAC", Part.CONFIGURATION, b"\x12\x10")),
        ("91 4f707573 fc", AudioTag("opus", Part.FRAME, b"\xfc")),
    ],
)
def test_audio_old_and_enhanced(payload: str, tag: AudioTag) -> None:
    assert audio_tag(bytes.fromhex(payload)) == tag


def test_several_tracks_in_one_stream_are_refused_by_name() -> None:
    with pytest.raises(Multitrack, match="several video tracks"):
        video_tag(bytes.fromhex("96 00 61766331 00"))
    with pytest.raises(Multitrack, match="several audio tracks"):
        audio_tag(bytes.fromhex("95 00 6d703461 00"))


@given(st.binary(max_size=40))
def test_any_tag_is_read_or_refused(payload: bytes) -> None:
    for read in (video_tag, audio_tag):
        try:
            read(payload)
        except (BadMessage, Multitrack):
            pass


def test_what_we_write_ourselves() -> None:
    tag = video_tag(written_video(Part.FRAME, b"data", key=False, composition=-5))
    assert tag == VideoTag("H264", Part.FRAME, False, -5, b"data")
    assert audio_tag(written_audio(Part.CONFIGURATION, b"\x12\x10")) == AudioTag("AAC", Part.CONFIGURATION, b"\x12\x10")
