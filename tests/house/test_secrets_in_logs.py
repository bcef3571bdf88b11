"""What is written to a database must not reach a log: an error of SQLAlchemy shows all values unless told not to."""

from __future__ import annotations

import ast

from test_import_walls import PACKAGES, ROOT


def test_every_engine_hides_its_parameters() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    engines = [
        (
            f"{file.relative_to(ROOT)}:{node.lineno}",
            {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords},
        )
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("create_engine")
    ]
    assert len(engines) >= 3
    assert [where for where, words in engines if words.get("hide_parameters") != "True"] == []
