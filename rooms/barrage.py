"""The chat of one room: what passes, in which order, and what is shed when too much is said at once.

A room passes 40 messages a second, because each goes to everybody in it. All kinds draw on one bucket, and each kind
has to leave a reserve to those that matter more: a like or an entering half of the bucket, a text or a custom message a
fifth, a gift or a word of the system nothing. So when a room gets loud the likes go first, then the texts, and a gift
goes only when 40 of its own kind were there within the second. What is shed is counted, by kind.

Pure: words and `now` (Unix seconds) in, messages or refusals out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rooms.buckets import Bucket, UserBuckets
from rooms.ids import UserId, refuse_faults, text_fault
from rooms.talk_errors import too_frequent

__all__ = [
    "BURST", "KEPT", "MAX_BUSINESS_ID", "MAX_DATA", "MAX_EXTENSION", "MAX_TEXT", "MEMBER_BURST", "MEMBER_RATE", "RATE",
    "RESERVES", "Barrage", "BarrageCounts", "Draft", "Message", "MessageKind",
]  # fmt: skip

RATE = 40
"""Messages a second in one room (research/tencent.md 3: the limit of a live group)."""
BURST = 40
"""Messages at once in one room, after a second of silence."""
MEMBER_RATE = 5
"""Texts and custom messages a second of one member."""
MEMBER_BURST = 10
"""Texts and custom messages at once of one member."""
MAX_TEXT = 1000
"""Bytes of UTF-8; of a text."""
MAX_EXTENSION = 1024
"""Bytes of UTF-8; of what an app adds to a text."""
MAX_BUSINESS_ID = 50
"""Bytes of UTF-8; of the word by which an app knows its own custom messages."""
MAX_DATA = 2048
"""Bytes of UTF-8; of a custom message."""
KEPT = 50
"""Messages that are kept for newcomers."""


class MessageKind(StrEnum):
    """What a message is."""

    TEXT = "text"
    CUSTOM = "custom"
    """An app's own, told apart by its business id."""
    GIFT = "gift"
    SYSTEM = "system"
    LIKE = "like"
    """A batch of likes (likes.py)."""
    ENTER = "enter"
    """Somebody came in."""


RESERVES: Mapping[MessageKind, float] = {
    MessageKind.GIFT: 0,
    MessageKind.SYSTEM: 0,
    MessageKind.TEXT: 0.2 * BURST,
    MessageKind.CUSTOM: 0.2 * BURST,
    MessageKind.LIKE: 0.5 * BURST,
    MessageKind.ENTER: 0.5 * BURST,
}
"""How many messages must still find room after one of this kind has passed."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a member wants to say; the words are those of a `Message`."""

    kind: MessageKind
    sender: UserId
    text: str = ""
    extension: str = ""
    business_id: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that passed."""

    sequence: int
    """From 1, one more than that of the message before it in this room."""
    at: float
    """When, in Unix seconds."""
    kind: MessageKind
    """What it is."""
    sender: UserId
    """Who sent it, or whom it is about."""
    sender_name: str
    """The sender's display name at that time."""
    text: str = ""
    """What was said; empty when the kind has no words."""
    extension: str = ""
    """What the app added to a text, as it came."""
    business_id: str = ""
    """Whose custom message it is."""
    data: str = ""
    """The body of anything but a text, as it came."""


@dataclass(frozen=True, slots=True)
class BarrageCounts:
    """How much was said in a room since it began."""

    messages: int
    """Messages that passed, of all kinds."""
    passed: Mapping[MessageKind, int]
    """Messages that passed, by kind; every kind is there."""
    shed: Mapping[MessageKind, int]
    """Messages that found no room, by kind; every kind is there."""


class Barrage:
    """The chat of one room."""

    def __init__(self) -> None:
        self._bucket = Bucket(RATE, BURST)
        self._members = UserBuckets(MEMBER_RATE, MEMBER_BURST)
        self._last = 0
        self._recent: deque[Message] = deque(maxlen=KEPT)
        self._passed = dict.fromkeys(MessageKind, 0)
        self._shed = dict.fromkeys(MessageKind, 0)

    def admit(self, draft: Draft, now: float) -> None:
        """The first half of sending a member's message: takes its place in the limits. Raises 100002 for what does not
        fit, 100012 for too much of this member or of all. A message of the app's own kind counts as one of the member's
        texts: it must not be the way round the member's limit.

        Whoever asks somebody else before the second half (`deliver`) has taken it already, so that nobody is asked
        about more than the limits let through.
        """
        if draft.kind is MessageKind.TEXT:
            refuse_faults(
                "A text is not blank." if not draft.text.strip() else None,
                text_fault("A text", draft.text, MAX_TEXT),
                text_fault("A text's extension", draft.extension, MAX_EXTENSION),
            )
        else:
            self._check_custom(draft.business_id, draft.data)
        self._admit(draft.kind, draft.sender, now)

    def deliver(self, draft: Draft, name: str, now: float) -> Message:
        """The second half: what was admitted is said."""
        return self._pass(
            draft.kind, draft.sender, name, now,
            text=draft.text, extension=draft.extension, business_id=draft.business_id, data=draft.data,
        )  # fmt: skip

    def tell(
        self, kind: MessageKind, sender: UserId, name: str, now: float, *,
        text: str = "", extension: str = "", business_id: str = "", data: str = "",
    ) -> Message | None:  # fmt: skip
        """What the server says (a gift, a word of the system, likes, an entering, a user's words); None: it was shed.

        Nobody sent it who could be told to wait, so shedding is no refusal. Raises 100002 for what does not fit.
        """
        refuse_faults(text_fault("A text", text, MAX_TEXT), text_fault("A text's extension", extension, MAX_EXTENSION))
        self._check_custom(business_id, data)
        if not self._find_room(kind, now):
            return None
        return self._pass(kind, sender, name, now, text=text, extension=extension, business_id=business_id, data=data)

    def recent(self) -> tuple[Message, ...]:
        """The last messages, oldest first."""
        return tuple(self._recent)

    def counts(self) -> BarrageCounts:
        return BarrageCounts(self._last, dict(self._passed), dict(self._shed))

    def _check_custom(self, business_id: str, data: str) -> None:
        refuse_faults(
            text_fault("A business id", business_id, MAX_BUSINESS_ID),
            text_fault("A custom message", data, MAX_DATA),
        )

    def _admit(self, kind: MessageKind, sender: UserId, now: float) -> None:
        """Takes from both buckets or from none: who was shed by a loud room has not spoken."""
        if not self._members.has(sender, now):
            raise too_frequent(f"You may send {MEMBER_RATE} messages a second; wait a moment.")
        if not self._find_room(kind, now):
            raise too_frequent("Too much is being said in this room; your message was not sent.")
        self._members.take(sender, now)

    def _find_room(self, kind: MessageKind, now: float) -> bool:
        found = self._bucket.take(now, RESERVES[kind])
        if not found:
            self._shed[kind] += 1
        return found

    def _pass(
        self, kind: MessageKind, sender: UserId, name: str, now: float, *,
        text: str = "", extension: str = "", business_id: str = "", data: str = "",
    ) -> Message:  # fmt: skip
        self._last += 1
        self._passed[kind] += 1
        message = Message(self._last, now, kind, sender, name, text, extension, business_id, data)
        self._recent.append(message)
        return message
