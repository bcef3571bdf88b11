"""What was given in one room.

Whether a gift may be given, and who pays for it, is asked elsewhere; that takes time, and the answer may get lost on
the way to whoever gave. So each sending has an id of its sender's making: sent again, it is the same gift and no second
one.

Pure: gifts, users and `now` (Unix seconds) in, totals or refusals out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rooms.gifts import Gift
from rooms.ids import UserId, refuse_faults, text_fault, user_id_fault
from rooms.talk_errors import request_conflict, too_frequent

__all__ = [
    "MAX_COUNT", "MAX_RECEIVERS", "MAX_REMEMBERED", "MAX_SENDERS", "MAX_SEND_ID", "REMEMBERED_S", "GiftBook",
    "GiftTotals", "SenderTotals", "Sending",
]  # fmt: skip

MAX_COUNT = 1000
"""How often a gift may be given in one sending."""
MAX_RECEIVERS = 50
"""Users one sending may name: as many as can be on seats."""
MAX_SEND_ID = 64
"""Bytes of UTF-8; of the id of a sending."""
MAX_REMEMBERED = 10_000
"""Sendings of one room that are known again; when there are more, the oldest are forgotten first."""
REMEMBERED_S = 600.0
"""Seconds for which a sending is known again after it was settled."""
MAX_SENDERS = 100_000
"""Senders of one room with totals of their own; the gifts of later ones count in the room's totals only."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A gift on its way, or given."""

    send_id: str
    """Its sender's id for it, unique among that sender's."""
    sender: UserId
    """Who gives."""
    gift: Gift
    """What, as it was when the sending began: a price that changes meanwhile is not this one's."""
    count: int
    """How often."""
    receivers: tuple[UserId, ...]
    """To whom; nobody named: to the room."""
    at: float
    """When it began, in Unix seconds."""
    number: int | None = None
    """From 1, one more than that of the gift given before it in this room; None while it is pending."""

    @property
    def coins(self) -> int:
        """What it costs: the gift's coins as often as it is given, however many share in it."""
        return self.gift.coins * self.count

    @property
    def settled(self) -> bool:
        return self.number is not None


@dataclass(frozen=True, slots=True)
class GiftTotals:
    """What was given in a room since it began."""

    gifts: int
    """Gifts, each as often as it was given."""
    coins: int
    """What they were worth."""
    senders: int
    """Different users who gave; exact up to `MAX_SENDERS`, and at least so many beyond."""


@dataclass(frozen=True, slots=True)
class SenderTotals:
    """What one user gave in a room since it began."""

    count: int
    coins: int


_NOTHING = SenderTotals(0, 0)
_Key = tuple[UserId, str]


class GiftBook:
    """The gifts of one room. Who began a sending ends it with `settle` or `fail`, whatever happens in between."""

    def __init__(self, max_senders: int = MAX_SENDERS) -> None:
        self._pending: dict[_Key, Sending] = {}
        self._settled: dict[_Key, tuple[float, Sending]] = {}  # when it was settled; the oldest first
        self._max_senders = max_senders
        self._senders: dict[UserId, SenderTotals] = {}
        self._gifts = self._coins = self._last = 0

    @property
    def remembered(self) -> int:
        """Sendings that are known again."""
        return len(self._pending) + len(self._settled)

    @property
    def last(self) -> int:
        """The number of the gift that was given last; 0 before the first."""
        return self._last

    def begin(
        self, send_id: str, sender: UserId, gift: Gift, count: int, receivers: tuple[UserId, ...], now: float
    ) -> Sending:
        """A sending that is pending now; or the settled one when it was sent before, which is not to be settled again.

        Raises 100002; 100102 while the same one is pending, or when the id was another gift's; 100012 when too many
        are pending.
        """
        _check_sending(send_id, count, receivers)
        self._forget_old(now)
        key = sender, send_id
        wished = Sending(send_id, sender, gift, count, receivers, now)
        if key in self._pending:
            raise request_conflict("This gift is being sent already; wait for the answer.")
        if key in self._settled:
            return _same(self._settled[key][1], wished)
        self._make_place()
        self._pending[key] = wished
        return wished

    def settle(self, sending: Sending, now: float) -> Sending:
        """Counts a pending sending, and gives it its number; one that was settled before comes back as it is."""
        key = sending.sender, sending.send_id
        if sending.settled:
            return sending
        if self._pending.get(key) != sending:
            raise request_conflict("This gift is not being sent.")
        del self._pending[key]
        self._last += 1
        given = replace(sending, number=self._last)
        self._settled[key] = now, given
        self._count(given)
        return given

    def fail(self, sending: Sending) -> None:
        """Forgets a pending sending, so that it can be tried again; a settled one stays given."""
        key = sending.sender, sending.send_id
        if self._pending.get(key) == sending:
            del self._pending[key]

    def totals(self) -> GiftTotals:
        return GiftTotals(self._gifts, self._coins, len(self._senders))

    def totals_of(self, sender: UserId) -> SenderTotals:
        """Nothing for who gave nothing."""
        return self._senders.get(sender, _NOTHING)

    def _count(self, given: Sending) -> None:
        self._gifts += given.count
        self._coins += given.coins
        if given.sender in self._senders or len(self._senders) < self._max_senders:
            before = self.totals_of(given.sender)
            self._senders[given.sender] = SenderTotals(before.count + given.count, before.coins + given.coins)

    def _forget_old(self, now: float) -> None:
        while self._settled:
            key = next(iter(self._settled))
            if now - self._settled[key][0] < REMEMBERED_S:
                return
            del self._settled[key]

    def _make_place(self) -> None:
        """Raises 100012 when all places are those of pending ones, which are not forgotten."""
        if self.remembered < MAX_REMEMBERED:
            return
        if not self._settled:
            raise too_frequent("Too many gifts are being sent in this room; try again in a moment.")
        del self._settled[next(iter(self._settled))]


def _check_sending(send_id: str, count: int, receivers: tuple[UserId, ...]) -> None:
    refuse_faults(
        "A sending has an id." if not send_id else None,
        text_fault("The id of a sending", send_id, MAX_SEND_ID),
        f"A gift is given 1 to {MAX_COUNT} times at once." if not 1 <= count <= MAX_COUNT else None,
        f"A gift has at most {MAX_RECEIVERS} receivers." if len(receivers) > MAX_RECEIVERS else None,
        "A receiver is named once." if len(set(receivers)) < len(receivers) else None,
        next(filter(None, map(user_id_fault, receivers)), None),
    )


def _same(settled: Sending, wished: Sending) -> Sending:
    """The settled one, whose price may be an older one. Raises 100102 when the wish is for something else."""
    if (settled.gift.gift_id, settled.count, settled.receivers) != (
        wished.gift.gift_id, wished.count, wished.receivers,
    ):  # fmt: skip
        raise request_conflict("This id was that of another gift; each sending has an id of its own.")
    return settled
