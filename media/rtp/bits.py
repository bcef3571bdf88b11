"""A cursor over bits, most significant first, as video headers are written.

Pure: bytes in, numbers out.
"""

from __future__ import annotations

__all__ = ["BitsError", "BitReader", "without_emulation"]


class BitsError(ValueError):
    """The header ends before the field."""


class BitReader:
    """Reads bits from the front of a buffer."""

    __slots__ = ("_at", "_bits", "_value")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._value = int.from_bytes(data, "big")
        self._bits = 8 * len(data)
        self._at = 0

    def read(self, count: int) -> int:
        """The next `count` bits as an unsigned number. Raises BitsError past the end."""
        self._at += count
        if self._at > self._bits:
            raise BitsError("cut header")
        return self._value >> (self._bits - self._at) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.read(1) == 1

    def unsigned(self) -> int:
        """ue(v) of H.264 (ITU-T H.264 section 9.1), and uvlc of AV1."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise BitsError("number too long")
        return (1 << zeros) - 1 + (self.read(zeros) if zeros else 0)

    def signed(self) -> int:
        """se(v) of H.264."""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def without_emulation(nal: bytes) -> bytes:
    """A NAL unit's payload without its emulation prevention bytes (H.264 section 7.4.1.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")
