"""The static pages hold together: what the strict CSP forbids is not there, and every name that is used exists.

Not here: what the pages do. That takes a browser and a server (tests/journeys), and for the library test_web_client.py.
"""

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[3] / "signaling" / "web"
PAGES = sorted(WEB.glob("*.html"))
MODULES = sorted(WEB.glob("*.js"))

# Keys that are put together at run time, such as `error_${name}`.
MADE_KEYS = re.compile(
    r"^(error|grade|tier|ended|kicked|sign_in|category)_|^(hours|minutes|seconds)$|^unnamed_"
    r"|^battle_(won|lost|draw|is_\w+)$"
)


def read(paths: list[Path]) -> str:
    return "\n".join(path.read_text("utf-8") for path in paths)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "forbidden",
    [r"<script(?![^>]*\bsrc=)", r"<style", r"\sstyle=", r"\son[a-z]+=", r"https?://", r"javascript:"],
)
def test_page_has_nothing_the_csp_forbids(page: Path, forbidden: str) -> None:
    assert not re.search(forbidden, page.read_text("utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_writes_no_markup_and_loads_nothing_from_elsewhere(module: Path) -> None:
    text = module.read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    imported = re.findall(r"from '([^']+)'", text)
    assert all((WEB / name).is_file() for name in imported), imported
    assert all(name.startswith("./") for name in imported), imported


def test_absolute_addresses_of_pages_exist() -> None:
    for address in re.findall(r'(?:src|href)="/web/([^"]+)"', read(PAGES)):
        assert (WEB / address).is_file(), address


def test_every_id_that_is_looked_up_exists() -> None:
    known = set(re.findall(r'\bid="([^"]+)"', read(PAGES))) | {"sign-in-sdkappid"}
    wanted = set(re.findall(r"byId\('([^']+)'\)", read(MODULES)))
    assert wanted <= known, wanted - known


def test_words_that_are_used_exist_and_those_that_exist_are_used() -> None:
    table = set(re.findall(r"^  (\w+):", (WEB / "words.js").read_text("utf-8"), re.MULTILINE))
    table |= set(re.findall(r"^  '(\w+)':", (WEB / "words.js").read_text("utf-8"), re.MULTILINE))
    others = [path for path in MODULES if path.name != "words.js"]
    text = read(others) + read(PAGES)
    said = set(re.findall(r"say\('(\w+)'", text)) | set(re.findall(r'data-(?:text|label)="(\w+)"', text))
    assert said <= table, said - table
    unused = {key for key in table if not MADE_KEYS.match(key) and not re.search(rf"['\"]{key}['\"]", text)}
    assert not unused, unused


def test_every_language_has_every_sentence_with_the_same_facts() -> None:
    text = (WEB / "words.js").read_text("utf-8")
    tables = {
        name: dict(re.findall(r"^  '?(\w+)'?: ((?:'[^']*'|\s+|\+)+),$", body, re.MULTILINE))
        for name, body in re.findall(r"^const (\w\w) = \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL)
    }
    facts = {
        name: {key: sorted(re.findall(r"\{\w+\}", sentence)) for key, sentence in table.items()}
        for name, table in tables.items()
    }
    assert facts.keys() == {"en", "zh"}
    assert len(facts["en"]) > 100
    assert facts["zh"] == facts["en"]


def test_icons_that_are_used_exist() -> None:
    known = set(re.findall(r"^  '?([\w-]+)'?: \['M", (WEB / "icons.js").read_text("utf-8"), re.MULTILINE))
    used = set(re.findall(r'data-icon="([\w-]+)"', read(PAGES)))
    used |= set(re.findall(r"(?:\bicon: |\bicon\(|labelled\()'([\w-]+)'", read(MODULES)))
    assert used <= known, used - known
