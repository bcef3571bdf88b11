"""Every packet that is not passed on is counted under one of these names, and nothing else is counted.

Pure: names and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

__all__ = ["Drop", "Drops"]


class Drop(Enum):
    """Why a datagram or packet went no further. The value is what an operator reads."""

    EMPTY = "an empty datagram"
    OVERSIZE = "a datagram above 1,500 bytes"
    UNKNOWN_KIND = "a first byte that is neither STUN, DTLS nor RTP (RFC 7983)"
    STRANGER = "media or DTLS from an address that has passed no check"
    BAD_STUN = "not a well-formed binding request"
    UNKNOWN_UFRAG = "a check for nobody here"
    UNAUTHENTIC_STUN = "a check with a wrong password"
    DTLS_FLOOD = "DTLS faster than it is digested"
    BEFORE_KEYS = "media before the handshake was done"
    UNAUTHENTIC_SRTP = "media that did not decrypt"
    REPLAYED = "a packet that came twice, or far too late"
    BAD_RTP = "lengths inside the packet that point outside of it"
    TOO_MANY_STREAMS = "more streams than one peer may send"
    UNKNOWN_STREAM = "a stream that no section announced"
    UNKNOWN_PAYLOAD_TYPE = "a codec that was not agreed"
    DUPLICATE = "a number that is there already"
    PROBE = "padding that only tests the bandwidth"
    NOT_LOUDEST = "sound of somebody who is not among the loudest that are forwarded"
    FORBIDDEN = "sound or picture of somebody whose seat is muted"
    BLOCKED = "a picture larger than the edition allows"
    FAN_OUT_FULL = "more packets wait to be sent than may wait"
    PACER_FULL = "more packets wait for one viewer's narrow way than may wait"
    PROTECT_FAILED = "libsrtp refused to encrypt for one viewer"
    SEND_FAILED = "the system refused to send to one viewer"
    NACK_GONE = "a retransmission of what is no longer remembered"
    NACK_TOO_SOON = "a retransmission that is on its way already"
    NACK_BUDGET = "more retransmissions than one viewer may have in a second"
    DATA_TOO_LONG = "a message above 16 KiB"
    DATA_RATE = "messages faster than one sender may send them"
    DATA_SLOW = "a message to a viewer who is too slow for it"
    DATA_FULL = "more messages wait for their turn than may wait"


class Drops:
    """Counters by name; one for the whole node."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Drop, 0)

    def count(self, drop: Drop, times: int = 1) -> None:
        self._counts[drop] += times

    def __getitem__(self, drop: Drop) -> int:
        return self._counts[drop]

    def __iter__(self) -> Iterator[tuple[Drop, int]]:
        return iter(self._counts.items())
