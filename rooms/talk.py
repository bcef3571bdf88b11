"""What members say and give: chat, likes, gifts, metadata.

None of it needs a lease, so it waits for no lock: what is said is checked against the room as it is, and told at once.
Only the app's own server may be asked before: about a gift, for which it charges (`gift_gate`), and about what a member
wants to say (`message_gate`). Nothing is told unless it says yes, and nothing in a room that has ended meanwhile. What
it let a member say is checked once more, for the member may have left or been muted; a gift that is paid is given, also
when its sender has left or was kicked.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping

from billing.interface import Entitlements, Feature
from rooms.barrage import Draft, Message, MessageKind
from rooms.errors import no_such_room
from rooms.events import LikesCounted, MessageSent, MetadataChanged, RoomEvent
from rooms.gift_book import GiftTotals, SenderTotals, Sending
from rooms.gift_catalogues import GiftCatalogues
from rooms.gifts import CatalogueView, Gift
from rooms.ids import AppId, RoomId, UserId, refuse_faults, user_id_fault
from rooms.room import Room
from rooms.room_statistic import RoomStatistic
from rooms.talk_errors import too_frequent

__all__ = ["GiftGate", "MessageGate", "Talk"]

GiftGate = Callable[[AppId, RoomId, float, Sending], Awaitable[None]]
"""Asked before a gift is given in a room that began then (Unix seconds); raises RoomRefused to refuse it."""
MessageGate = Callable[[AppId, RoomId, Draft], Awaitable[None] | None]
"""Asked before a member's message is said; what it gives back raises RoomRefused to refuse it. None: nobody wants to be
asked, and the message is said at once, without a turn of the loop."""


class Talk:
    """The chat, likes, gifts and metadata of all rooms; made by `Rooms`."""

    def __init__(
        self,
        find: Callable[[AppId, str], Room],
        entitlements: Entitlements,
        catalogues: GiftCatalogues,
        *,
        clock: Callable[[], float],
        listener: Callable[[RoomEvent], None],
        gift_gate: GiftGate,
        message_gate: MessageGate,
        given: Callable[[AppId, RoomId, int], None],
    ) -> None:
        """`find` raises 100004 for a room that is not there; `given` hears in which room a gift was given, and its
        coins, after everybody was told."""
        self._find = find
        self._entitlements = entitlements
        self._clock = clock
        self._listener = listener
        self._gift_gate = gift_gate
        self._message_gate = message_gate
        self._given = given
        self._catalogues = catalogues

    # Chat

    async def say(self, app: AppId, room_id: str, user: UserId, text: str, extension: str = "") -> Message:
        """A text for everybody in the room. Raises 100002, 100004, 100005, 100012, 100017, and what the app's server
        says."""
        return await self._say(app, room_id, Draft(MessageKind.TEXT, user, text, extension))

    async def say_custom(self, app: AppId, room_id: str, user: UserId, business_id: str, data: str) -> Message:
        """A message of the app's own kind; raises what `say` raises."""
        return await self._say(app, room_id, Draft(MessageKind.CUSTOM, user, business_id=business_id, data=data))

    def say_for(self, app: AppId, room_id: str, sender: UserId, text: str, extension: str = "") -> Message:
        """The server lets `sender` say a text, who need not be here, and may be muted. Raises 100002, 100004, 100012.

        Only the limit of the whole room holds: it is for everybody's sake."""
        refuse_faults("A text is not blank." if not text.strip() else None)
        return self._said_for(app, room_id, MessageKind.TEXT, sender, text=text, extension=extension)

    def say_custom_for(self, app: AppId, room_id: str, sender: UserId, business_id: str, data: str) -> Message:
        """The same for a message of the app's own kind."""
        return self._said_for(app, room_id, MessageKind.CUSTOM, sender, business_id=business_id, data=data)

    def recent(self, app: AppId, room_id: str, user: UserId) -> tuple[Message, ...]:
        """What was said last, oldest first, for newcomers. Raises 100004, 100005."""
        room = self._find(app, room_id)
        room.member(user)
        return room.talk.barrage.recent()

    # Likes

    def like(self, app: AppId, room_id: str, user: UserId, count: int) -> int:
        """Counts likes; the room's total. Raises 100002, 100004, 100005, 100012."""
        room, now = self._find(app, room_id), self._clock()
        room.member(user)
        total = room.talk.likes.add(user, count, now)
        room.talk.figures.note_likes(count)
        self.count_likes(room)
        return total

    def count_likes(self, room: Room) -> None:
        """Tells of likes that wait, when it is time."""
        now = self._clock()
        batch = room.talk.likes.take_due(now)
        if batch is not None:
            self._listener(LikesCounted(room.app, room.room_id, now, batch.count, batch.total))

    # Gifts

    async def gifts(self, app: AppId, language: str = "") -> CatalogueView:
        """What can be given, in a language. Raises billing's 100007."""
        await self._entitlements.require(app, Feature.GIFT)
        return (await self._catalogues.get(app)).view(language)

    async def send_gift(
        self, app: AppId, room_id: str, user: UserId, *, gift_id: str, count: int, send_id: str,
        receivers: tuple[UserId, ...] = (),
    ) -> Sending:  # fmt: skip
        """Gives a gift, once for each `send_id` of a sender: who sends it again gets the same answer.

        Raises 100002, 100004, 100005, 100012, 100102, 102002, billing's 100007, and what the app's server says.
        """
        await self._entitlements.require(app, Feature.GIFT)
        catalogue = await self._catalogues.get(app)
        room = self._find(app, room_id)
        room.member(user)
        return await self._give(room, user, catalogue.get(gift_id), count, send_id, receivers, self._gift_gate)

    async def send_gift_for(
        self, app: AppId, room_id: str, sender: UserId, *, gift_id: str, count: int, send_id: str,
        receivers: tuple[UserId, ...] = (),
    ) -> Sending:  # fmt: skip
        """The server lets `sender` give a gift, who need not be here; raises what `send_gift` raises but 100005.

        It is not asked again whether it means it: it has charged for the gift, or would not send it.
        """
        refuse_faults(user_id_fault(sender))
        await self._entitlements.require(app, Feature.GIFT)
        catalogue = await self._catalogues.get(app)
        room = self._find(app, room_id)
        return await self._give(room, sender, catalogue.get(gift_id), count, send_id, receivers, None)

    def gift_totals(self, app: AppId, room_id: str, sender: UserId) -> tuple[SenderTotals, GiftTotals, int]:
        """What `sender` gave, what all gave, and the number of the last gift. Raises 100004."""
        book = self._find(app, room_id).talk.gifts
        return book.totals_of(sender), book.totals(), book.last

    async def _give(
        self, room: Room, user: UserId, gift: Gift, count: int, send_id: str, receivers: tuple[UserId, ...],
        gate: GiftGate | None,
    ) -> Sending:  # fmt: skip
        app, book, name = room.app, room.talk.gifts, _name_of(room, user)
        sending = book.begin(send_id, user, gift, count, receivers, self._clock())
        if sending.settled:
            return sending
        try:
            if gate is not None:
                await gate(app, room.room_id, room.created_at, sending)
            if room.over:
                raise no_such_room()
            given = book.settle(sending, self._clock())
        except BaseException:
            book.fail(sending)
            raise
        room.talk.figures.note_gift(user, given.count, given.coins)
        told = room.talk.barrage.tell(MessageKind.GIFT, user, name, self._clock(), data=_gift_data(given))
        if told is not None:
            self._listener(MessageSent(app, room.room_id, told.at, told))
        self._given(app, room.room_id, given.coins)
        return given

    # Metadata

    def metadata(self, app: AppId, room_id: str, keys: Iterable[str] = ()) -> tuple[Mapping[str, str], int]:
        """The values of `keys`, or all; and the version. Raises 100004."""
        metadata = self._find(app, room_id).talk.metadata
        return metadata.get(keys), metadata.version

    def set_metadata(self, app: AppId, room_id: str, by: UserId | None, values: Mapping[str, str]) -> int:
        """Sets all of them or none; the version. Raises 100004, 100005, 100006, 100500 to 100502, 100504."""
        room = self._find(app, room_id)
        room.check_host(by)
        changed = room.talk.metadata.set_many(values)
        return self._metadata_changed(room, by, {key: values[key] for key in changed}, ())

    def delete_metadata(self, app: AppId, room_id: str, by: UserId | None, keys: Iterable[str]) -> int:
        """Deletes what is there of `keys`; the version. Raises 100004, 100005, 100006, 100503."""
        room = self._find(app, room_id)
        room.check_host(by)
        return self._metadata_changed(room, by, {}, room.talk.metadata.delete(keys))

    # Figures

    def statistic(self, app: AppId, room_id: str) -> RoomStatistic:
        """Raises 100004."""
        return self._find(app, room_id).talk.figures.statistic()

    def _metadata_changed(
        self, room: Room, by: UserId | None, changed: Mapping[str, str], deleted: tuple[str, ...]
    ) -> int:
        version = room.talk.metadata.version
        if changed or deleted:
            self._listener(MetadataChanged(room.app, room.room_id, self._clock(), changed, deleted, version, by))
        return version

    async def _say(self, app: AppId, room_id: str, draft: Draft) -> Message:
        room, now = self._find(app, room_id), self._clock()
        room.check_voice(draft.sender, now)
        room.talk.barrage.admit(draft, now)
        answer = self._message_gate(app, room.room_id, draft)
        if answer is not None:
            await answer
            now = self._clock()
            room.check_voice(draft.sender, now)
        return self._sent(room, room.talk.barrage.deliver(draft, room.member(draft.sender).name, now))

    def _said_for(
        self, app: AppId, room_id: str, kind: MessageKind, sender: UserId, *,
        text: str = "", extension: str = "", business_id: str = "", data: str = "",
    ) -> Message:  # fmt: skip
        refuse_faults(user_id_fault(sender))
        room, now = self._find(app, room_id), self._clock()
        said = room.talk.barrage.tell(
            kind,
            sender,
            _name_of(room, sender),
            now,
            text=text,
            extension=extension,
            business_id=business_id,
            data=data,
        )
        if said is None:
            raise too_frequent("Too much is being said in this room; the message was not sent.")
        return self._sent(room, said)

    def _sent(self, room: Room, message: Message) -> Message:
        room.talk.figures.note_message()
        self._listener(MessageSent(room.app, room.room_id, message.at, message))
        return message


def _name_of(room: Room, user: UserId) -> str:
    """The display name of a member; of others, who have none here, the id."""
    member = room.members.find(user)
    return member.name if member is not None else str(user)


def _gift_data(given: Sending) -> str:
    return json.dumps(
        {"gift_id": given.gift.gift_id, "count": given.count, "coins": given.coins, "receivers": given.receivers},
        separators=(",", ":"),
    )
