"""Transport-wide congestion control, the receiver's half: when each packet came, told to the sender every 100 ms.

Without this feedback a browser that negotiated it stays at about 300 kbit/s. Format:
draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.

Pure: numbers and `now` (monotonic seconds) in, bytes out.
"""

from __future__ import annotations

from media.rtp.rtcp import TRANSPORT_CC, TRANSPORT_FEEDBACK
from media.rtp.sequence import Unwrapper

__all__ = ["Arrivals"]

TICK = 0.000250
"""Seconds of one receive delta."""
REFERENCE = 0.064
"""Seconds of one unit of the reference time."""
MAX_SPAN = 1000
"""Numbers one feedback may cover, so that it stays within a datagram even when every delta needs two bytes."""
_MAX_BODY = 1100


class Arrivals:
    """Arrival times since the last feedback, by transport-wide number."""

    __slots__ = ("_count", "_next", "_times", "_unwrap")

    def __init__(self) -> None:
        self._unwrap = Unwrapper()
        self._times: dict[int, float] = {}
        self._next: int | None = None  # the first number that the next feedback is about
        self._count = 0

    def arrived(self, number: int, now: float) -> None:
        """The packet with the 16-bit transport-wide `number` came at `now`."""
        extended = self._unwrap.extend(number)
        if self._next is not None and extended < self._next:
            return  # told as lost already; senders accept only one report of a number
        if len(self._times) < 4 * MAX_SPAN:
            self._times.setdefault(extended, now)

    def feedbacks(self, ssrc: int, media_ssrc: int, *, forgiving: bool = False) -> list[bytes]:
        """All feedback packets that are due; none when nothing came. `forgiving`: what was lost is left out, between
        two feedbacks, so that the sender counts it neither as lost nor as received. (Told as received, a Chromium would
        no longer retransmit it.)"""
        out = []
        while self._times:
            packet = self._feedback(ssrc, media_ssrc, forgiving)
            out.append(packet)
        return out

    def _feedback(self, ssrc: int, media_ssrc: int, forgiving: bool) -> bytes:
        times = self._times
        first, last = min(times), max(times)
        start = first if self._next is None or first - self._next >= MAX_SPAN else self._next
        stop = min(last, start + MAX_SPAN - 1) + 1
        if forgiving:
            start = first
            stop = next((number for number in range(first, stop) if number not in times), stop)
        reference = int(times[first] / REFERENCE)
        at = reference * REFERENCE
        symbols: list[int] = []
        deltas = bytearray()
        for number in range(start, stop):
            time = times.pop(number, None)
            if time is None:
                symbols.append(0)
                continue
            ticks = round((time - at) / TICK)
            if not -32768 <= ticks <= 32767:  # more than 8 s apart: let the next feedback have its own reference
                times[number] = time
                break
            if 0 <= ticks <= 255:
                symbols.append(1)
                deltas.append(ticks)
            else:
                symbols.append(2)
                deltas += ticks.to_bytes(2, "big", signed=True)
            at += ticks * TICK
            if len(deltas) + len(symbols) // 4 > _MAX_BODY:
                break
        self._next = start + len(symbols)
        return self._pack(ssrc, media_ssrc, start, symbols, reference, deltas)

    def _pack(
        self, ssrc: int, media_ssrc: int, start: int, symbols: list[int], reference: int, deltas: bytearray
    ) -> bytes:
        body = bytearray(ssrc.to_bytes(4, "big") + media_ssrc.to_bytes(4, "big"))
        body += (start & 0xFFFF).to_bytes(2, "big") + len(symbols).to_bytes(2, "big")
        body += (reference & 0xFFFFFF).to_bytes(3, "big") + bytes((self._count & 0xFF,))
        self._count += 1
        body += _chunks(symbols) + deltas
        padding = -len(body) % 4
        head = bytearray((0x80 | TRANSPORT_CC, TRANSPORT_FEEDBACK))
        if padding:
            head[0] |= 0x20
            body += bytes(padding - 1) + bytes((padding,))
        return bytes(head + (len(body) // 4).to_bytes(2, "big") + body)


def _chunks(symbols: list[int]) -> bytes:
    """Run-length chunks where at least seven symbols are alike, else vectors of seven two-bit symbols."""
    out = bytearray()
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        stop = at
        while stop < len(symbols) and symbols[stop] == symbol and stop - at < 8191:
            stop += 1
        if stop - at >= 7 or stop == len(symbols):
            out += (symbol << 13 | (stop - at)).to_bytes(2, "big")
            at = stop
            continue
        word = 0b11
        for index in range(at, at + 7):
            word = word << 2 | (symbols[index] if index < len(symbols) else 0)
        out += word.to_bytes(2, "big")
        at += 7
    return bytes(out)
