from types import SimpleNamespace

import pytest

from forecast.core import hold
from forecast.core.hold import Hold


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which a test sets."""
    now = [100.0]
    monkeypatch.setattr(hold, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_the_first_batch_is_not_held(clock: list[float]) -> None:
    assert Hold().left(1) == 0.0


def test_a_batch_is_held_until_it_is_as_large_as_the_last_one(clock: list[float]) -> None:
    held = Hold()
    held.ended(3, seconds=0.16)
    held.came()

    assert held.left(2) == pytest.approx(0.01)
    assert held.left(3) == 0.0


def test_a_batch_is_held_for_a_share_of_what_the_last_one_took(clock: list[float]) -> None:
    held = Hold()
    held.ended(64, seconds=0.16)
    clock[0] += 0.004
    held.came()

    assert held.left(1) == pytest.approx(0.006)
    clock[0] += 0.007
    assert held.left(1) == 0.0


def test_a_batch_begins_when_nobody_comes_any_more(clock: list[float]) -> None:
    held = Hold()
    held.ended(64, seconds=16.0)
    held.came()

    assert held.left(1) == pytest.approx(0.1)
    clock[0] += 0.101
    assert held.left(1) == 0.0
