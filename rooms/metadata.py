"""The metadata of one room: a few keys and values that its owner keeps there and everybody may read.

What does not fit is refused as a whole, never cut: half a set of values belongs to no state its writer meant.

Pure: keys and values in, keys and values or refusals out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rooms.errors import bad_parameter
from rooms.talk_errors import key_too_long, no_such_keys, too_many_keys, total_too_long, value_too_long

__all__ = ["MAX_KEY", "MAX_KEYS", "MAX_TOTAL", "MAX_VALUE", "Metadata"]

MAX_KEYS = 10
"""Keys of one room."""
MAX_KEY = 50
"""Bytes of UTF-8; of a key."""
MAX_VALUE = 2048
"""Bytes of UTF-8; of a value."""
MAX_TOTAL = 16 * 1024
"""Bytes of UTF-8; of all keys and values of one room."""


class Metadata:
    """The metadata of one room."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """From 0, one more with each change; who has the same version has the same values."""
        return self._version

    def get(self, keys: Iterable[str] = ()) -> dict[str, str]:
        """The values of those of `keys` that are there; of all, when no key is named."""
        wanted = list(keys)
        if not wanted:
            return dict(self._values)
        return {key: self._values[key] for key in wanted if key in self._values}

    def set_many(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Sets all of `values` or none; the keys whose value is another one now.

        Raises 100504, 100501, 100500, 100502 for what is too long or too much, 100002 for what is no key or no text.
        """
        for key, value in values.items():
            _check_pair(key, value)
        after = self._values | dict(values)
        _check_whole(after)
        changed = tuple(key for key, value in values.items() if self._values.get(key) != value)
        self._replace(after, changed)
        return changed

    def delete(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Takes `keys` out; those that were there. Raises 100503 when there was none."""
        wanted = set(keys)
        gone = tuple(key for key in self._values if key in wanted)
        if not gone:
            raise no_such_keys()
        self._replace({key: value for key, value in self._values.items() if key not in wanted}, gone)
        return gone

    def _replace(self, values: dict[str, str], changed: tuple[str, ...]) -> None:
        if changed:
            self._values = values
            self._version += 1


def _check_pair(key: str, value: str) -> None:
    key_size, value_size = _size("A key", key), _size("A value", value)
    if not key:
        raise bad_parameter("A key is not empty.")
    if key_size > MAX_KEY:
        raise key_too_long(MAX_KEY, key_size)
    if value_size > MAX_VALUE:
        raise value_too_long(MAX_VALUE, value_size)


def _check_whole(values: Mapping[str, str]) -> None:
    if len(values) > MAX_KEYS:
        raise too_many_keys(MAX_KEYS)
    total = sum(len(key.encode()) + len(value.encode()) for key, value in values.items())
    if total > MAX_TOTAL:
        raise total_too_long(MAX_TOTAL, total)


def _size(what: str, text: str) -> int:
    """Bytes of UTF-8. Raises 100002 for what is not Unicode (JSON lets lone surrogates in)."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise bad_parameter(f"{what} is not Unicode text.") from None
