"""How fast a publisher without transport-cc may send: loss decides, as in the loss half of draft-ietf-rmcat-gcc-02.

Pure: bytes, loss and `now` (monotonic seconds) in, bits per second out.
"""

from __future__ import annotations

__all__ = ["ReceiveEstimate"]

START = 1_500_000
FLOOR = 150_000
CEILING = 20_000_000


class ReceiveEstimate:
    """What REMB says."""

    __slots__ = ("_bits", "_octets", "_since")

    def __init__(self) -> None:
        self._bits = float(START)
        self._octets = 0
        self._since: float | None = None

    def received(self, octets: int, now: float) -> None:
        if self._since is None:
            self._since = now
        self._octets += octets

    def update(self, now: float, loss: float) -> int:
        """The estimate after a second with `loss` (0 to 1): never far above what really comes."""
        if self._since is None or now <= self._since:
            return int(self._bits)
        incoming = 8 * self._octets / (now - self._since)
        self._octets, self._since = 0, now
        if loss > 0.10:
            self._bits *= 1 - loss / 2
        elif loss < 0.02:
            self._bits = max(self._bits, min(self._bits * 1.25, 2.5 * incoming + 100_000))
        self._bits = max(FLOOR, min(CEILING, self._bits))
        return int(self._bits)
