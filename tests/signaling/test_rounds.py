"""Rounds: the first thing at once, the rest together, in whole frames that any client reads."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.interface import AppId
from rooms.interface import RoomId
from signaling.rounds import Rounds, frame_of, notification

ROOM = (AppId(1), RoomId("r"))
OTHER = (AppId(1), RoomId("other"))


def texts_of(frames: bytes) -> list[str]:
    """What a client reads out of one write (RFC 6455 section 5.2)."""
    found, at = [], 0
    while at < len(frames):
        assert frames[at] == 0x81, "a whole text"
        size, at = frames[at + 1], at + 2
        assert size < 128, "a server does not mask"
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(frames[at : at + width], "big"), at + width
        found.append(frames[at : at + size].decode())
        at += size
    return found


@given(st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70000]), st.sampled_from("aé"))
def test_a_frame_holds_its_text(size: int, letter: str) -> None:
    text = letter * (size // len(letter.encode()))
    assert texts_of(frame_of(text)) == [text]


class Wire:
    def __init__(self) -> None:
        self.writes: list[tuple[str, list[str]]] = []

    def send(self, key: tuple[AppId, RoomId], frames: bytes) -> None:
        self.writes.append((key[1], texts_of(frames)))


async def test_what_comes_within_a_round_goes_together_and_rooms_do_not_wait_for_each_other() -> None:
    wire = Wire()
    rounds = Rounds(wire.send)
    rounds.say(ROOM, {"text": "first"})
    for number in range(3):
        rounds.say(ROOM, {"text": str(number)})
    rounds.tell(ROOM, notification("room.member_left", {"userid": "anna"}))
    rounds.tell(OTHER, notification("room.member_left", {"userid": "ben"}))
    assert [room for room, _ in wire.writes] == ["r", "other"], "the first of each at once"

    rounds.flush(ROOM)
    room, texts = wire.writes[-1]
    assert room == "r"
    methods = [json.loads(text)["method"] for text in texts]
    assert methods == ["room.member_left", "barrage.messages"]
    assert re.findall(r'"text":"(\w+)"', texts[1]) == ["0", "1", "2"]
    rounds.flush(ROOM)
    assert len(wire.writes) == 3, "nothing more"
    rounds.flush(OTHER)


@pytest.mark.parametrize("kept", [True, False])
async def test_a_round_without_anything_new_is_the_last(kept: bool) -> None:
    wire = Wire()
    rounds = Rounds(wire.send)
    rounds.say(ROOM, {"text": "first"})
    if kept:
        rounds.say(ROOM, {"text": "second"})
    rounds._next(ROOM)
    assert (ROOM in rounds._rounds) == kept
    assert len(wire.writes) == 1 + kept
    rounds.flush(ROOM)
