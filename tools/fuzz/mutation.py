"""Mangles inputs the way broken and hostile senders do: the same for the same seed, and fast.

`Mutator` knows bytes and text; what the fields of a protocol are is known by the target, which calls it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

__all__ = ["Mutator"]

MAX_SIZE = 1500
"""Bytes of a binary input: no datagram is longer."""
BOUNDARIES = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 191, 192, 223, 254, 255)
WIDE = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBERS = (b"0", b"1", b"-1", b"9", b"14", b"15", b"16", b"64", b"127", b"128", b"255", b"256", b"65535",
           b"65536", b"4294967295", b"4294967296", b"99999999999999999999", b"00", b"1e3", b"0x10",
           "٣".encode(), b"")  # fmt: skip
SEPARATORS = b" :;=/,\r\n"


class Mutator:
    """One stream of mutations over a corpus."""

    def __init__(self, seed: int | str, corpus: Sequence[bytes], words: Sequence[bytes] = ()) -> None:
        """`words`: bytes that mean something to the target, put in place of others now and then."""
        self.random = random.Random(seed)
        self.corpus = corpus
        self._draw = self.random.random
        self._words = [*words] or [b"\xff\xff\xff\xff"]
        self._changes: Sequence[Callable[[bytearray], None]] = (
            self._flip, self._flip, self._set, self._set, self._set_word, self._set_wide, self._insert, self._delete,
            self._double, self._truncate, self._splice,
        )  # fmt: skip
        self._edits: Sequence[Callable[[list[bytes]], None]] = (
            self._drop_line, self._drop_line, self._double_line, self._swap_lines, self._foreign_line,
            self._foreign_line, self._token, self._token, self._token, self._token, self._glue_tokens,
            self._mangle_line, self._cut_lines, self._many_lines,
        )  # fmt: skip

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        return int(self._draw() * limit)

    def chance(self, probability: float) -> bool:
        return self._draw() < probability

    def pick(self) -> bytes:
        """An entry of the corpus."""
        return self.corpus[self.below(len(self.corpus))]

    def word(self) -> bytes:
        return self._words[self.below(len(self._words))]

    def boundary(self) -> int:
        return BOUNDARIES[self.below(len(BOUNDARIES))]

    # Bytes

    def mangle(self, data: bytes | bytearray, *, most: int = 3) -> bytearray:
        """`data` after one to `most` changes anywhere."""
        changed = bytearray(data)
        for _ in range(1 + self.below(most)):
            self._changes[self.below(len(self._changes))](changed)
        del changed[MAX_SIZE:]
        return changed

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self.below(len(data))] ^= 1 << self.below(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self.below(len(data))] = self.boundary()

    def _set_word(self, data: bytearray) -> None:
        word = self.word()
        at = self.below(len(data) // 4 + 1) * 4
        data[at : at + len(word)] = word

    def _set_wide(self, data: bytearray) -> None:
        size = 2 if self.chance(0.5) else 4
        at = self.below(len(data) // 2 + 1) * 2
        data[at : at + size] = (WIDE[self.below(len(WIDE))] & (1 << 8 * size) - 1).to_bytes(size, "big")

    def _insert(self, data: bytearray) -> None:
        at = self.below(len(data) + 1)
        data[at:at] = self.random.randbytes(1 + self.below(8))

    def _delete(self, data: bytearray) -> None:
        at = self.below(len(data) + 1)
        del data[at : at + 1 + self.below(8)]

    def _double(self, data: bytearray) -> None:
        at, size = self.below(len(data) + 1), 1 + self.below(32)
        data[at:at] = data[at : at + size] * (1 + self.below(4))

    def _truncate(self, data: bytearray) -> None:
        del data[self.below(len(data) + 1) :]

    def _splice(self, data: bytearray) -> None:
        other = self.pick()
        data[self.below(len(data) + 1) :] = other[self.below(len(other) + 1) :]

    # Text

    def rewrite(self, text: bytes, *, most: int = 3) -> bytes:
        """`text` after one to `most` changes of lines and words."""
        lines = text.split(b"\r\n")
        for _ in range(1 + self.below(most)):
            self._edits[self.below(len(self._edits))](lines)
            if not lines:
                lines = [b""]
        return (b"\n" if self.chance(0.02) else b"\r\n").join(lines)

    def _drop_line(self, lines: list[bytes]) -> None:
        del lines[self.below(len(lines))]

    def _double_line(self, lines: list[bytes]) -> None:
        at = self.below(len(lines))
        lines.insert(self.below(len(lines)), lines[at])

    def _swap_lines(self, lines: list[bytes]) -> None:
        at, other = self.below(len(lines)), self.below(len(lines))
        lines[at], lines[other] = lines[other], lines[at]

    def _foreign_line(self, lines: list[bytes]) -> None:
        other = self.pick().split(b"\r\n")
        lines.insert(self.below(len(lines)), other[self.below(len(other))])

    def _cut_lines(self, lines: list[bytes]) -> None:
        at = self.below(len(lines))
        del lines[at : at + self.below(len(lines) // 2 + 1)]

    def _many_lines(self, lines: list[bytes]) -> None:
        if self.chance(0.1):
            at = self.below(len(lines))
            lines[at:at] = lines[at : at + 1 + self.below(8)] * self.below(40)

    def _mangle_line(self, lines: list[bytes]) -> None:
        at = self.below(len(lines))
        lines[at] = bytes(self.mangle(lines[at], most=2))

    def _token(self, lines: list[bytes]) -> None:
        """One word between separators becomes another."""
        at = self.below(len(lines))
        line = lines[at]
        if not line:
            return
        start = stop = self.below(len(line))
        while start and line[start - 1] not in SEPARATORS:
            start -= 1
        while stop < len(line) and line[stop] not in SEPARATORS:
            stop += 1
        choice = self.below(4)
        if choice == 0:
            new = NUMBERS[self.below(len(NUMBERS))]
        elif choice == 1:
            new = self.word()
        elif choice == 2:
            new = line[start:stop] * (1 + self.below(20))
        else:
            new = bytes(self.mangle(line[start:stop], most=1))
        lines[at] = line[:start] + new + line[stop:]

    def _glue_tokens(self, lines: list[bytes]) -> None:
        """A separator becomes another."""
        at = self.below(len(lines))
        places = [index for index, byte in enumerate(lines[at]) if byte in SEPARATORS]
        if places:
            changed = bytearray(lines[at])
            changed[places[self.below(len(places))]] = SEPARATORS[self.below(len(SEPARATORS))]
            lines[at] = bytes(changed)
