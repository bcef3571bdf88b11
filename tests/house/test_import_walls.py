"""The walls of the house: who may import whom (architecture, section 1)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("billing", "rooms", "media", "signaling", "tools")

# package -> top-level names it may import besides itself and the standard library
ALLOWED = {
    "billing": {"sqlalchemy", "msgspec", "tzdata"},
    "rooms": {"billing", "sqlalchemy"},
    "media": {"aiortc", "aioice", "pylibsrtp", "av", "numpy", "cffi", "OpenSSL", "cryptography", "pyee"},
    "signaling": {
        "media",
        "rooms",
        "billing",
        "aiohttp",
        "msgspec",
        "prometheus_client",
        "uvloop",
        "ifaddr",
        "sqlalchemy",
    },
}
SEAM = "media/transport/aiortc_seam.py"
DATABASES = {"billing/store.py", "rooms/social_store.py"}
COMPOSER = "signaling/app.py"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by full name: a reader should see the wall"
            assert node.module
            yield node.lineno, node.module


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_its_wall_lets_through(package: str) -> None:
    for path in sources(package):
        for line, name in imports(path):
            top = name.partition(".")[0]
            if top == package or top in sys.stdlib_module_names:
                continue
            where = f"{path.relative_to(ROOT)}:{line}"
            assert top in ALLOWED[package], f"{where}: {package} must not import {top} (architecture, section 1)"
            if top in PACKAGES and str(path.relative_to(ROOT)) != COMPOSER:
                assert name == f"{top}.interface", (
                    f"{where}: {package} may know {top} by {top}/interface.py only, not by {name}"
                )


def test_only_the_seam_touches_private_names_of_aiortc() -> None:
    for path in sources("media"):
        if str(path.relative_to(ROOT)) == SEAM:
            continue
        for line, name in imports(path):
            assert not name.startswith(("pylibsrtp", "aioice", "OpenSSL")), (
                f"{path.relative_to(ROOT)}:{line}: {name} is touched in {SEAM} only: private names live in one module"
            )


def test_a_package_speaks_sql_in_one_module() -> None:
    for package in ("billing", "rooms"):
        for path in sources(package):
            if str(path.relative_to(ROOT)) not in DATABASES:
                for line, name in imports(path):
                    where = f"{path.relative_to(ROOT)}:{line}"
                    assert name.partition(".")[0] != "sqlalchemy", f"{where}: SQL is in {package}'s store only"


def test_nobody_imports_the_composer() -> None:
    for package in ("billing", "rooms", "media", "signaling"):
        for path in sources(package):
            for line, name in imports(path):
                assert name != "signaling.app", f"{path.relative_to(ROOT)}:{line}: app.py composes; nobody imports it"


# What a pure module may not import: bytes, values and `now` go in, facts come out.
WORLD = {"asyncio", "socket", "time", "threading", "sqlite3", "logging", "random", "secrets", "subprocess",
         "sqlalchemy", "aiohttp", "uvloop"}  # fmt: skip
MARK = "Pure: "


def test_modules_that_call_themselves_pure_touch_no_world() -> None:
    seen = 0
    for package in ("billing", "rooms", "media", "signaling"):
        pure = {p for p in sources(package) if MARK in (ast.get_docstring(ast.parse(p.read_text())) or "")}
        seen += len(pure)
        for path in pure:
            for line, name in imports(path):
                where = f"{path.relative_to(ROOT)}:{line}"
                assert name.partition(".")[0] not in WORLD, f"{where}: a pure module must not import {name}"
                target = ROOT / (name.replace(".", "/") + ".py")
                if target.exists() and target.name not in ("interface.py", "errors.py"):
                    assert target in pure, f"{where}: a pure module imports pure modules only, {name} is not"
    assert seen > 0


def test_every_test_file_has_a_name_of_its_own() -> None:
    """Else pytest takes one for the other, as soon as both are collected."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
