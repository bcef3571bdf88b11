"""What a target of the fuzzer is: a state that is fed inputs, and somebody who makes inputs for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["State", "Shaper", "Target"]


class State(Protocol):
    """The code under test with what it remembers from input to input."""

    def feed(self, data: bytes) -> None:
        """One input. The refusals that the entry points document are answers; everything else that is raised is a
        finding."""
        ...

    def close(self) -> None: ...


class Shaper(Protocol):
    """Makes inputs that know the protocol well enough to get far into the code."""

    def shape(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of the table."""

    name: str
    """Also of its folder in the corpus."""
    begin: Callable[[], State]
    shaper: Callable[[int | str, Sequence[bytes]], Shaper]
    """From a seed and the corpus; one for a whole campaign."""
