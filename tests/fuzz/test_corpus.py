"""Everything that was ever found, and the inputs that campaigns start from; and that the fuzzer finds anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tools.fuzz import campaign
from tools.fuzz.target import State, Target
from tools.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_corpus_does_no_harm(name: str) -> None:
    state = TARGETS[name].begin()
    for data in campaign.corpus_of(CORPUS / name):
        state.feed(data)
    state.close()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_short_campaign_finds_nothing(name: str, tmp_path: Path) -> None:
    """A seed of its own each day would find more, and fail when nobody changed anything."""
    for data in campaign.corpus_of(CORPUS / name):
        (tmp_path / f"{len(list(tmp_path.iterdir())):03}").write_bytes(data)
    result = campaign.run(TARGETS[name], 2000, 7, tmp_path)

    assert result.inputs == 2000
    assert result.findings == []


class _Planted:
    """A state with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.fed = 0
        self.kept: list[list[bytes]] = []

    def feed(self, data: bytes) -> None:
        self.fed += 1
        if self.fault == "growth":
            self.kept.append([data])
        elif self.fed == 5000 and self.fault == "hang":
            while True:
                time.sleep(0.01)
        elif self.fed == 5000 and self.fault == "crash":
            raise KeyError(data)
        elif self.fed == 5000 and self.fault == "death":
            import ctypes

            ctypes.string_at(0)

    def close(self) -> None: ...


class _Same:
    def shape(self) -> bytes:
        return b"same"


@pytest.mark.parametrize("fault", ["crash", "hang", "growth", "death"])
def test_a_planted_fault_is_found_and_its_input_kept(fault: str, tmp_path: Path) -> None:
    def begin() -> State:
        return _Planted(fault)

    (tmp_path / "seed").write_bytes(b"seed")
    result = campaign.run(Target("planted", begin, lambda seed, corpus: _Same()), 30_000, 1, tmp_path)

    assert {finding.kind for finding in result.findings} == {fault}
    kept = [path.read_bytes() for path in tmp_path.glob("found-*")]
    assert kept == ([b"same"] if fault in ("crash", "hang") else [])


def test_the_same_seed_gives_the_same_inputs() -> None:
    for name, target in TARGETS.items():
        corpus = campaign.corpus_of(CORPUS / name)
        first, second = target.shaper(3, corpus), target.shaper(3, corpus)
        assert [first.shape() for _ in range(300)] == [second.shape() for _ in range(300)], name
