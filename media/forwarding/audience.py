"""What the sending twins take: who is sent to, as columns, and the packets of one turn.

All viewers of a track get the same plain bytes; what differs is the key, and for a viewer who came back or changed the
layer, three numbers by which its packets are moved. Columns are numpy arrays, so that a packet costs no Python per
viewer: the pure twin computes with whole columns, the compiled twin walks them.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Audience", "Burst", "Receiver", "Shift", "SocketName", "NO_SHIFT", "MAX_BURST"]

MAX_BURST = 32
"""Packets of one burst: what one turn of the loop usually reads of a publisher, and a ring's share of each viewer."""
MAX_PADDING = 32
"""Bytes that a packet may be padded by: more would be a waste. Browsers' packets of a frame differ by one."""
_PADDING = 0x20  # the P bit of an RTP header


class Shift(NamedTuple):
    """What is taken off the numbers of a track for one viewer; all wrap."""

    number: int = 0
    """Sequence number, 16 bits."""
    picture: int = 0
    """VP8 and VP9 picture id, 15 bits."""
    base_layer: int = 0
    """tl0picidx, 8 bits."""


NO_SHIFT = Shift()


class SocketName(Protocol):
    """A socket address that the kernel can read, for as long as this object lives."""

    @property
    def pointer(self) -> int: ...


class Receiver(Protocol):
    """What sending needs of a viewer's peer."""

    @property
    def transmit_context(self) -> Any:
        """Its libsrtp context for sending."""
        ...

    @property
    def transmit_pointer(self) -> int:
        """The address of that context."""
        ...

    @property
    def name(self) -> SocketName:
        """Its socket address; another one after it has moved."""
        ...


class Audience:
    """Receivers of the same bytes on the same socket. Immutable: who joins or leaves makes a new one, so that a batch
    that is half sent keeps all it points to alive."""

    __slots__ = (
        "_names",
        "_receivers",
        "base_layers",
        "contexts",
        "names",
        "numbers",
        "pictures",
        "pointers",
        "shifted",
    )

    def __init__(self, receivers: Sequence[Receiver], shifts: Sequence[Shift] = ()) -> None:
        """`shifts`: one for each receiver, or none at all when nobody is shifted."""
        self._receivers = tuple(receivers)
        self.contexts = [receiver.transmit_context for receiver in receivers]
        self.pointers = np.array([receiver.transmit_pointer for receiver in receivers], np.uint64)
        # Held here as well: a receiver that moves meanwhile lets go of its old name, which a waiting burst points to.
        self._names = [receiver.name for receiver in receivers]
        self.names = np.array([name.pointer for name in self._names], np.uint64)
        self.shifted = any(shift != NO_SHIFT for shift in shifts)
        self.numbers = self._column(0, 0xFFFF, shifts, np.dtype(np.uint16))
        self.pictures = self._column(1, 0x7FFF, shifts, np.dtype(np.uint16))
        self.base_layers = self._column(2, 0xFF, shifts, np.dtype(np.uint8))

    def _column(self, index: int, mask: int, shifts: Sequence[Shift], dtype: np.dtype[Any]) -> NDArray[Any]:
        if not self.shifted:
            return np.zeros(0, dtype)
        return np.array([shift[index] & mask for shift in shifts], dtype)

    def __len__(self) -> int:
        return len(self.contexts)


class Burst:
    """Packets that follow each other to the same audience. Grows until it is begun to be sent."""

    __slots__ = ("_joined", "base_layer_at", "is_rtcp", "packets", "picture_at")

    def __init__(self, *, is_rtcp: bool) -> None:
        self.is_rtcp = is_rtcp
        self.packets: list[bytes] = []
        self.picture_at: list[int] = []
        self.base_layer_at: list[int] = []
        self._joined: list[int] | None = None

    def __len__(self) -> int:
        return len(self.packets)

    def add(self, packet: bytes, picture_at: int = 0, base_layer_at: int = 0) -> None:
        """`picture_at`, `base_layer_at`: where those fields stand in the packet, 0 for nowhere."""
        self.packets.append(packet)
        self.picture_at.append(picture_at)
        self.base_layer_at.append(base_layer_at)

    def messages(self, *, joined: bool) -> list[int]:
        """How the packets go into messages for each viewer: the number of each message's first packet.

        `joined`: for segment offload, packets that are about equally long go together. All but the last of a message
        are made equally long by RTP padding (RFC 3550 section 5.1); the last may be shorter. Asked when the burst has
        begun to be sent: it does not grow any more."""
        if not joined or self.is_rtcp:
            return list(range(len(self.packets)))
        if self._joined is None:
            self._joined = self._join()
        return self._joined

    def _join(self) -> list[int]:
        packets, firsts, at = self.packets, [], 0
        while at < len(packets):
            firsts.append(at)
            stop = self._stop(at)
            longest = max(map(len, packets[at:stop]))
            packets[at : stop - 1] = [_padded(packet, longest) for packet in packets[at : stop - 1]]
            at = stop
        return firsts

    def _stop(self, at: int) -> int:
        """The number of the first packet that cannot be in one message with number `at`."""
        packets = self.packets
        longest = shortest = len(packets[at])
        for number in range(at + 1, len(packets)):
            size = len(packets[number])
            if (packets[at][0] | packets[number][0]) & _PADDING or size - shortest > MAX_PADDING:
                return number
            if longest - size > MAX_PADDING:
                return number + 1
            longest, shortest = max(longest, size), min(shortest, size)
        return len(packets)


def _padded(packet: bytes, size: int) -> bytes:
    more = size - len(packet)
    if not more:
        return packet
    return bytes((packet[0] | _PADDING,)) + packet[1:] + bytes(more - 1) + bytes((more,))
