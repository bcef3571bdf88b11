from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.barrage import BURST, KEPT, MEMBER_BURST, MEMBER_RATE, RATE, RESERVES, Barrage, Draft, Message, MessageKind
from rooms.buckets import Bucket, UserBuckets
from rooms.errors import RoomRefused
from rooms.ids import UserId

A, B, OWNER = UserId("a"), UserId("b"), UserId("owner")
T = 1_700_000_000.0
TOLD = [MessageKind.GIFT, MessageKind.SYSTEM, MessageKind.LIKE, MessageKind.ENTER]


def say(chat: Barrage, user: UserId, now: float, text: str = "hello", extension: str = "") -> Message:
    return passed(chat, Draft(MessageKind.TEXT, user, text, extension), now)


def say_custom(chat: Barrage, user: UserId, business_id: str, data: str, now: float) -> Message:
    return passed(chat, Draft(MessageKind.CUSTOM, user, business_id=business_id, data=data), now)


def passed(chat: Barrage, draft: Draft, now: float) -> Message:
    chat.admit(draft, now)
    return chat.deliver(draft, draft.sender.upper(), now)


def code_of_text(chat: Barrage, text: str, extension: str = "", user: UserId = A, now: float = T) -> int:
    with pytest.raises(RoomRefused) as refused:
        say(chat, user, now, text, extension)
    return refused.value.code


def code_of_custom(chat: Barrage, business_id: str, data: str, now: float = T) -> int:
    with pytest.raises(RoomRefused) as refused:
        say_custom(chat, A, business_id, data, now)
    return refused.value.code


def drain(chat: Barrage, now: float, leave: int) -> None:
    """Gifts until `leave` more would find room."""
    for _ in range(BURST - leave):
        assert chat.tell(MessageKind.GIFT, A, "A", now) is not None


def test_a_message_carries_what_was_said_and_the_next_number() -> None:
    chat = Barrage()

    assert say(chat, A, T, "hi", '{"c":1}') == Message(1, T, MessageKind.TEXT, A, "A", text="hi", extension='{"c":1}')
    assert say_custom(chat, B, "poll", "42", T + 1) == Message(
        2, T + 1, MessageKind.CUSTOM, B, "B", business_id="poll", data="42"
    )
    assert chat.tell(MessageKind.GIFT, A, "Anna", T + 2, data="rose") == Message(
        3, T + 2, MessageKind.GIFT, A, "Anna", data="rose"
    )


def test_what_just_fits_passes_and_one_byte_more_is_refused() -> None:
    chat = Barrage()

    assert say(chat, A, T, "é" * 500, "x" * 1024).text == "é" * 500
    assert code_of_text(chat, "é" * 500 + "x") == 100002
    assert code_of_text(chat, "x", "é" * 512 + "x") == 100002
    say_custom(chat, A, "b" * 50, "x" * 2048, T)
    assert code_of_custom(chat, "b" * 51, "x") == 100002
    assert code_of_custom(chat, "b", "x" * 2049) == 100002
    for text, business_id, data in (("x" * 1001, "", ""), ("", "b" * 51, ""), ("", "", "x" * 2049)):
        with pytest.raises(RoomRefused) as refused:
            chat.tell(MessageKind.SYSTEM, OWNER, "", T, text=text, business_id=business_id, data=data)
        assert refused.value.code == 100002
    assert chat.counts().messages == 2


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000", "\ud800"])
def test_a_text_that_says_nothing_or_is_no_text_is_refused(text: str) -> None:
    assert code_of_text(Barrage(), text) == 100002


def test_what_was_refused_took_nothing_and_has_no_number() -> None:
    chat = Barrage()
    for _ in range(100):
        code_of_text(chat, "")
        code_of_custom(chat, "", "x" * 3000)

    assert say(chat, A, T).sequence == 1
    assert chat.recent() == (Message(1, T, MessageKind.TEXT, A, "A", "hello"),)
    assert set(chat.counts().shed.values()) == {0}


def test_a_member_may_send_ten_at_once_and_five_a_second() -> None:
    chat = Barrage()
    for number in range(MEMBER_BURST):
        if number % 2:
            say_custom(chat, A, "b", "x", T)
        else:
            say(chat, A, T)

    assert code_of_text(chat, "one more") == 100012
    assert code_of_custom(chat, "b", "one more") == 100012
    assert code_of_text(chat, "too soon", now=T + 0.19) == 100012
    assert say(chat, B, T).sequence == MEMBER_BURST + 1
    for number in range(1, 4):
        say(chat, A, T + 1 + number / MEMBER_RATE)
    assert set(chat.counts().shed.values()) == {0}, "a member's own limit is not the room's"


def test_a_member_that_waited_long_has_its_ten_again_and_no_more() -> None:
    chat = Barrage()
    for start in (T, T + 1000):
        for _ in range(MEMBER_BURST):
            say(chat, A, start)
        assert code_of_text(chat, "x", now=start) == 100012


@pytest.mark.parametrize(
    ("kind", "share"), [("gift", 1.0), ("system", 1.0), ("text", 0.8), ("custom", 0.8), ("like", 0.5), ("enter", 0.5)]
)
def test_each_kind_has_its_share_of_the_burst(kind: str, share: float) -> None:
    bucket = Bucket(RATE, BURST)

    taken = sum(bucket.take(T, RESERVES[MessageKind(kind)]) for _ in range(2 * BURST))

    assert taken == share * BURST


def test_likes_go_first_then_texts_then_gifts() -> None:
    chat = Barrage()
    drain(chat, T, leave=20)

    assert chat.tell(MessageKind.LIKE, A, "A", T) is None
    assert chat.tell(MessageKind.ENTER, A, "A", T) is None
    for number in range(12):
        say(chat, UserId(f"u{number}"), T)
    assert code_of_text(chat, "loud") == 100012
    assert code_of_custom(chat, "b", "loud") == 100012
    for _ in range(8):
        assert chat.tell(MessageKind.SYSTEM, A, "A", T) is not None
    assert chat.tell(MessageKind.GIFT, A, "A", T) is None
    assert chat.tell(MessageKind.SYSTEM, A, "A", T) is None

    counts = chat.counts()
    assert counts.shed == dict.fromkeys(MessageKind, 1)
    assert counts.messages == sum(counts.passed.values()) == BURST
    assert counts.passed[MessageKind.TEXT] == 12


def test_a_shed_text_says_so_and_costs_its_sender_nothing() -> None:
    chat = Barrage()
    drain(chat, T, leave=0)
    for _ in range(3 * MEMBER_BURST):
        with pytest.raises(RoomRefused, match="in this room"):
            say(chat, A, T)

    for _ in range(MEMBER_BURST):
        say(chat, A, T + 2)
    assert chat.counts().shed[MessageKind.TEXT] == 3 * MEMBER_BURST


def test_the_last_messages_are_kept_for_newcomers() -> None:
    chat = Barrage()
    assert chat.recent() == ()
    for number in range(KEPT + 7):
        say(chat, A, T + number, str(number))

    assert [message.text for message in chat.recent()] == [str(number) for number in range(7, KEPT + 7)]
    assert [message.sequence for message in chat.recent()] == list(range(8, KEPT + 8))


def test_counts_are_a_copy() -> None:
    chat = Barrage()
    before = chat.counts()
    say(chat, A, T)

    assert before.messages == before.passed[MessageKind.TEXT] == 0


@given(st.lists(st.tuples(st.floats(0, 0.3), st.sampled_from(TOLD), st.integers(1, 30)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_window_passes_more_than_the_rate_and_a_burst(steps: list[tuple[float, MessageKind, int]]) -> None:
    chat, now, sent, passed_at = Barrage(), T, 0, []
    for wait, kind, count in steps:
        now += wait
        sent += count
        passed_at += [now for _ in range(count) if chat.tell(kind, A, "A", now) is not None]

    for first, begin in enumerate(passed_at):
        for last in range(first, len(passed_at)):
            assert last - first + 1 <= BURST + RATE * (passed_at[last] - begin) + 1e-4
    counts = chat.counts()
    assert counts.messages == len(passed_at)
    assert counts.messages + sum(counts.shed.values()) == sent
    assert [message.sequence for message in chat.recent()] == list(
        range(max(1, len(passed_at) - KEPT + 1), len(passed_at) + 1)
    )


def test_a_clock_that_is_set_back_gives_nothing_and_stops_nothing() -> None:
    bucket = Bucket(1, 2)
    assert [bucket.take(T), bucket.take(T), bucket.take(T)] == [True, True, False]

    assert not bucket.take(T - 3600)
    assert bucket.take(T - 3599)


def test_users_whose_buckets_are_full_are_forgotten() -> None:
    buckets = UserBuckets(MEMBER_RATE, MEMBER_BURST)
    for number in range(1000):
        buckets.take(UserId(f"u{number}"), T + number / RATE)

    assert len(buckets) <= RATE * MEMBER_BURST / MEMBER_RATE + 1
    assert len(UserBuckets(1, 1)) == 0
