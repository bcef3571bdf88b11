"""Who speaks, and who is heard when not everybody can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.drops import Drop, Drops
from media.forwarding.loudness import HOLD, LOUDER, SPEECH, Loudness
from media.forwarding.up_track import UpTrack
from media.rtp.packets import RtpPacket
from media.sdp.codecs import AUDIO_LEVEL, EXTENSION_IDS, Codec, canonical

PACKET = 0.02
SILENCE = 127


def group(most: int | None, *names: str) -> Loudness:
    loudness = Loudness(most)
    for name in names:
        loudness.add(name)
    return loudness


def speak(loudness: Loudness, name: str, level: int, start: float, seconds: float) -> float:
    """Packets of one level; answers when they end."""
    for number in range(round(seconds / PACKET)):
        loudness.note(name, level, start + number * PACKET)
    return start + seconds


def test_who_speaks_is_told_the_loudest_first_until_a_while_after_the_last_word() -> None:
    loudness = group(None, "ann", "bob", "cem")
    speak(loudness, "ann", 30, 0.0, 0.4)
    speak(loudness, "bob", 20, 0.0, 0.4)
    speak(loudness, "cem", 70, 0.0, 0.4)
    assert loudness.speakers(0.4) == ["bob", "ann"]

    speak(loudness, "ann", SILENCE, 0.4, HOLD)
    speak(loudness, "bob", SILENCE, 0.4, HOLD)
    assert loudness.speakers(0.4 + HOLD) == []


def test_the_first_word_is_heard_when_somebody_else_is_silent() -> None:
    loudness = group(2, "ann", "bob", "cem")
    speak(loudness, "ann", 30, 0.0, 3.0)
    speak(loudness, "bob", SILENCE, 0.0, 3.0)
    assert not loudness.note("cem", SILENCE, 3.0)
    assert loudness.note("cem", SPEECH, 3.02), "the first loud packet takes the place of who was silent"
    assert loudness.note("ann", 30, 3.04)
    assert not loudness.note("bob", SILENCE, 3.04)


def test_when_all_speak_only_a_much_louder_one_takes_a_place() -> None:
    loudness = group(1, "ann", "bob")
    now = speak(loudness, "ann", 30, 0.0, 2.0)
    assert not loudness.note("bob", 30 - LOUDER + 1, now)
    for number in range(30):
        loudness.note("ann", 30, now)
        heard = loudness.note("bob", 5, now + number * PACKET)
    assert heard
    assert not loudness.note("ann", 30, now + 30 * PACKET)


def test_who_writes_no_level_is_always_heard_and_never_speaks() -> None:
    loudness = group(1, "ann", "film")
    assert loudness.note("film", None, 0.0)
    assert loudness.note("ann", 10, 0.0)
    assert loudness.speakers(0.0) == []


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 127)), max_size=300), st.integers(1, 6))
def test_never_more_are_heard_than_may_be(packets: list[tuple[str, int]], most: int) -> None:
    loudness = group(most, *"abcdef")
    heard: dict[str, bool] = {}
    for number, (name, level) in enumerate(packets):
        before = {other for other, is_heard in heard.items() if is_heard and other != name}
        heard[name] = loudness.note(name, level, number * PACKET)
        if heard[name] and len(before) >= most:  # somebody lost the place to it
            gone = [other for other in before if not loudness._tracks[other].heard]
            assert gone
            heard.update(dict.fromkeys(gone, False))
    assert sum(track.heard for track in loudness._tracks.values()) <= most
    assert len(loudness.speakers(len(packets) * PACKET)) <= most


def test_packets_that_are_not_heard_leave_no_gap() -> None:
    remote = Codec("audio", "opus", 48000, 2, 111, None)
    ours = canonical(remote)
    assert ours is not None
    ids = [0] * 256
    ids[4] = EXTENSION_IDS[AUDIO_LEVEL]
    up = UpTrack(remote, ours, 1, ids, Drops())
    levels: list[int | None] = []

    def gate(level: int | None, now: float) -> bool:
        levels.append(level)
        return level is not None and level <= SPEECH

    up.gate = gate
    numbers = []
    for sequence, level in enumerate((20, 127, 127, 25, 127, 30)):
        head = bytes((0x90, 111)) + sequence.to_bytes(2, "big") + bytes(4) + b"\0\0\0\1"
        packet = RtpPacket(bytearray(head + b"\xbe\xde\0\1" + bytes((4 << 4, 0x80 | level, 0, 0)) + b"opus"))
        forwarded = up.receive(packet, packet.extensions(), 0.0)
        if forwarded is not None:
            numbers.append(forwarded.number)
    assert levels == [20, 127, 127, 25, 127, 30]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert up._drops[Drop.NOT_LOUDEST] == 3
