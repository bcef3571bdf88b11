from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.errors import RoomRefused
from rooms.metadata import MAX_KEY, MAX_KEYS, MAX_TOTAL, MAX_VALUE, Metadata


def code_of_set(metadata: Metadata, values: dict[str, str]) -> int:
    """The code of the refusal, which has changed nothing."""
    before = metadata.get(), metadata.version
    with pytest.raises(RoomRefused) as refused:
        metadata.set_many(values)
    assert (metadata.get(), metadata.version) == before
    return refused.value.code


def filled(**values: str) -> Metadata:
    metadata = Metadata()
    metadata.set_many(values)
    return metadata


def test_values_are_got_by_key_or_all() -> None:
    metadata = filled(a="1", b="2", c="")

    assert metadata.get() == {"a": "1", "b": "2", "c": ""}
    assert metadata.get(["b", "x", "c"]) == {"b": "2", "c": ""}
    assert metadata.get(["x"]) == {}


def test_what_was_got_is_a_copy() -> None:
    metadata = filled(a="1")
    metadata.get()["a"] = "2"

    assert metadata.get() == {"a": "1"}


def test_the_version_grows_with_each_change_only() -> None:
    metadata = Metadata()
    assert metadata.version == 0

    assert metadata.set_many({"a": "1", "b": "2"}) == ("a", "b")
    assert metadata.version == 1
    assert metadata.set_many({"a": "1", "b": "3"}) == ("b",)
    assert metadata.version == 2
    assert metadata.set_many({"a": "1"}) == metadata.set_many({}) == ()
    assert metadata.version == 2
    assert metadata.delete(["b", "x"]) == ("b",)
    assert metadata.version == 3


def test_deleting_needs_one_key_that_is_there() -> None:
    metadata = filled(a="1")

    for keys in ([], ["x"], ["x", "y"]):
        with pytest.raises(RoomRefused) as refused:
            metadata.delete(keys)
        assert refused.value.code == 100503
    assert metadata.delete(["x", "a", "a"]) == ("a",)
    assert metadata.get() == {}


def test_ten_keys_and_no_more() -> None:
    metadata = filled(**{f"k{number}": "" for number in range(MAX_KEYS)})

    assert code_of_set(metadata, {"another": ""}) == 100500
    assert code_of_set(Metadata(), {f"k{number}": "" for number in range(MAX_KEYS + 1)}) == 100500
    metadata.set_many({"k3": "new"})
    metadata.delete(["k4"])
    metadata.set_many({"another": ""})
    assert len(metadata.get()) == MAX_KEYS


def test_long_keys_and_values_are_refused_whole() -> None:
    metadata = filled(**{"é" * 25: "é" * 1024})

    assert code_of_set(metadata, {"ok": "ok", "é" * 25 + "x": "v"}) == 100504
    assert code_of_set(metadata, {"ok": "ok", "k": "é" * 1024 + "x"}) == 100501


def test_the_total_has_a_bound_of_keys_and_values() -> None:
    metadata = Metadata()
    size = MAX_TOTAL // 8
    metadata.set_many({f"k{number}": "x" * (size - 2) for number in range(8)})

    assert code_of_set(metadata, {"a": ""}) == 100502
    assert code_of_set(metadata, {"k0": "x" * (size - 1)}) == 100502
    metadata.set_many({"k0": "x" * (size - 3), "a": ""})


@pytest.mark.parametrize("values", [{"": "v"}, {"\ud800": "v"}, {"k": "\ud800"}])
def test_what_is_no_key_or_no_text_is_refused(values: dict[str, str]) -> None:
    assert code_of_set(filled(a="1"), values) == 100002


SIZES = st.integers(0, MAX_VALUE + 2) | st.sampled_from([0, 1, MAX_VALUE, MAX_VALUE + 1])
KEYS = st.sampled_from([*(f"k{number}" for number in range(12)), "", "x" * MAX_KEY, "x" * (MAX_KEY + 1)])
SETS = st.dictionaries(KEYS, SIZES.map("v".__mul__), max_size=11)


@given(st.lists(SETS | st.lists(KEYS, max_size=3), max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_history_exceeds_a_bound_and_a_refusal_changes_nothing(steps: list[dict[str, str] | list[str]]) -> None:
    metadata, known = Metadata(), dict[str, str]()
    for step in steps:
        version = metadata.version
        try:
            changed = metadata.set_many(step) if isinstance(step, dict) else metadata.delete(step)
        except RoomRefused:
            changed = ()
        else:
            known = known | step if isinstance(step, dict) else {k: v for k, v in known.items() if k not in step}
        assert metadata.get() == known
        assert metadata.version == version + bool(changed)
        assert len(known) <= MAX_KEYS
        assert all(0 < len(key) <= MAX_KEY and len(value) <= MAX_VALUE for key, value in known.items())
        assert sum(len(key) + len(value) for key, value in known.items()) <= MAX_TOTAL
