"""In which order things are given up, and when they come back."""

from __future__ import annotations

from collections.abc import Iterator

from media.overload import AT_EASE, LATE, MAX_PATIENCE, PATIENCE, Overload, Shed

STEP = 0.25


class Node:
    """A node whose lag is told four times a second."""

    def __init__(self) -> None:
        self.overload = Overload()
        self.now = 1000.0

    def lags(self, lag: float, seconds: float) -> Iterator[Shed]:
        """The stages it changes to meanwhile."""
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            if self.overload.note(lag, self.now):
                yield self.overload.shed

    def seconds_until(self, shed: Shed, lag: float, most: float = 1000.0) -> float:
        began = self.now
        for stage in self.lags(lag, most):
            if stage is shed:
                return self.now - began
        raise AssertionError(f"{shed.name} was never reached")


def test_one_thing_more_is_given_up_at_a_time_while_the_lag_stays_high() -> None:
    assert list(Node().lags(2 * LATE, 20)) == [Shed.FEEDBACK, Shed.LAYERS, Shed.JOINS]


def test_one_stall_costs_nothing() -> None:
    node = Node()

    assert list(node.lags(0.0, 10)) + list(node.lags(3.0, STEP)) + list(node.lags(0.0, 10)) == []


def test_a_lag_between_the_bounds_changes_nothing() -> None:
    node = Node()
    node.seconds_until(Shed.LAYERS, 2 * LATE)

    assert list(node.lags((LATE + AT_EASE) / 2, 3600)) == []


def test_what_was_given_up_last_comes_back_first() -> None:
    node = Node()
    node.seconds_until(Shed.JOINS, 2 * LATE)

    assert list(node.lags(0.0, 60)) == [Shed.LAYERS, Shed.FEEDBACK, Shed.NOTHING]


def test_what_came_back_too_early_comes_back_later_each_time() -> None:
    node = Node()
    node.seconds_until(Shed.LAYERS, 2 * LATE)
    waits = []
    for _ in range(10):
        waits.append(node.seconds_until(Shed.FEEDBACK, 0.0))
        node.seconds_until(Shed.LAYERS, 2 * LATE)

    assert waits[1] > 1.5 * waits[0]
    assert waits == sorted(waits)
    assert MAX_PATIENCE < waits[-1] < MAX_PATIENCE + 5
    assert len({round(wait) for wait in waits[-3:]}) == 1


def test_a_relapse_is_forgotten() -> None:
    node = Node()
    node.seconds_until(Shed.LAYERS, 2 * LATE)
    node.seconds_until(Shed.FEEDBACK, 0.0)
    node.seconds_until(Shed.LAYERS, 2 * LATE)
    node.seconds_until(Shed.NOTHING, 0.0)
    assert list(node.lags(0.0, 600)) == []
    node.seconds_until(Shed.LAYERS, 2 * LATE)

    assert node.seconds_until(Shed.FEEDBACK, 0.0) < PATIENCE + 5
