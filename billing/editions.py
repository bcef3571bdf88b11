"""The editions as data: read from a dated file, checked completely, and nothing about them is written in code.

Pure: text in, values or one error that lists every fault out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.interface import Feature, Gauge

__all__ = ["Catalogue", "CatalogueError", "Edition", "parse"]

UNLIMITED = "unlimited"


class CatalogueError(ValueError):
    """The file cannot be used; the message lists every fault."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One column of the guide's table."""

    name: str
    title: str
    price: str
    """CNY for a month (the trial: for its 7 days), as a decimal text."""
    packs: tuple[str, ...]
    features: frozenset[Feature]
    limits: Mapping[Gauge, int | None]
    """None is unlimited."""
    max_pixels: int
    included: Mapping[str, int]
    """Amounts granted each month, by meter."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One dated table."""

    source: str
    effective: str
    verified: bool
    editions: Mapping[str, Edition]


def parse(text: str) -> Catalogue:
    """Reads a table. Raises CatalogueError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(str(error)) from error
    faults: list[str] = []
    pixels = raw.get("pixels", {})
    editions: dict[str, Edition] = {}
    for row in raw.get("edition", []):
        edition = _edition(row, pixels, faults)
        if edition.name in editions:
            faults.append(f"{edition.name}: named twice")
        editions[edition.name] = edition
    if not editions:
        faults.append("there is no edition")
    for key, kind in (("source", str), ("effective", str), ("verified", bool)):
        if not isinstance(raw.get(key), kind):
            faults.append(f"{key} is missing")
    if faults:
        raise CatalogueError("; ".join(faults))
    return Catalogue(raw["source"], raw["effective"], raw["verified"], editions)


def _edition(row: Mapping[str, Any], pixels: Mapping[str, int], faults: list[str]) -> Edition:
    name = str(row.get("name", "?"))
    features = set()
    for word in row.get("features", []):
        try:
            features.add(Feature(word))
        except ValueError:
            faults.append(f"{name}: there is no feature {word!r}")
    limits = {gauge: _limit(name, row.get(str(gauge)), gauge, faults) for gauge in Gauge}
    high = "high" if Feature.HIGH_RESOLUTION in features else "standard"
    most = pixels.get(high, 0)
    if not isinstance(most, int) or most <= 0:
        faults.append(f"pixels.{high} is missing")
    included = row.get("included", {})
    if not all(isinstance(amount, int) and amount > 0 for amount in included.values()):
        faults.append(f"{name}: included amounts are whole numbers")
    return Edition(
        name, str(row.get("title", name)), str(row.get("price", "")), tuple(row.get("packs", ())),
        frozenset(features), limits, most, included,
    )  # fmt: skip


def _limit(name: str, value: object, gauge: Gauge, faults: list[str]) -> int | None:
    if value == UNLIMITED:
        return None
    if type(value) is int and value >= 0:
        return value
    faults.append(f"{name}: {gauge} is neither a whole number nor {UNLIMITED!r}")
    return 0
