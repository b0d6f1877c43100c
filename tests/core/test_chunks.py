import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.chunks import Chunks


class OneAfterAnother(Executor):
    """Does what it is handed when it is asked for it, the newest first; `handed` has what that was."""

    def __init__(self) -> None:
        self.handed: list[list[Any]] = []

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:  # type: ignore[override]
        self.handed.append(list(given[1]))
        future: Future[Any] = Future()
        try:
            future.set_result(function(*given))
        except ValueError as error:
            future.set_exception(error)
        return future


@pytest.fixture
def a_second_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock be a second after the one before."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(seconds)))


def double(item: int) -> int:
    return 2 * item


def refuse_three(item: int) -> int:
    if item == 3:
        raise ValueError("three")
    return item


@given(st.lists(st.integers(), max_size=200), st.integers(1, 4))
def test_each_item_is_done_once_and_answered_in_its_place(items: list[int], processes: int) -> None:
    executor = OneAfterAnother()
    assert Chunks(executor, processes, double, items).results() == [2 * item for item in items]
    assert [item for some in executor.handed for item in some] == items


@pytest.mark.usefixtures("a_second_each")
def test_items_that_take_long_are_handed_out_one_by_one() -> None:
    executor = OneAfterAnother()
    Chunks(executor, 2, double, range(20)).results()
    assert executor.handed == [[item] for item in range(20)]


def test_items_that_take_a_moment_are_handed_out_in_ever_smaller_chunks_of_five_milliseconds_at_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def take_a_millisecond(item: int) -> int:
        now[0] += 2**-10
        return item

    executor = OneAfterAnother()
    assert Chunks(executor, 2, take_a_millisecond, range(100)).results() == list(range(100))
    sizes = [len(some) for some in executor.handed]
    # Of two processes with two chunks each, one gets a fourth of what is left, or twenty milliseconds of it.
    assert sizes == [1, 1, 1, 1, 20, 19, 15, 11, 8, 6, 5, 5, 5, 2]


def test_what_a_function_raises_is_raised_and_nothing_more_is_begun() -> None:
    executor = OneAfterAnother()
    with pytest.raises(ValueError, match="three"):
        Chunks(executor, 2, refuse_three, range(100)).results()
    assert executor.handed == [[0], [1], [2], [3]]


def test_no_more_than_two_chunks_a_process_are_handed_out_at_once() -> None:
    waiting, gate = [], threading.Event()

    def wait(item: int) -> int:
        waiting.append(item)
        gate.wait(90)
        return item

    with ThreadPoolExecutor(8) as pool:
        chunks = Chunks(pool, 2, wait, list(range(10)))
        while len(waiting) < 4:
            time.sleep(0.001)
        assert sorted(waiting) == [0, 1, 2, 3]
        gate.set()
        assert chunks.results() == list(range(10))


def test_a_range_is_as_good_as_a_list() -> None:
    items: Sequence[int] = range(5)
    assert Chunks(OneAfterAnother(), 1, double, items).results() == [0, 2, 4, 6, 8]


def test_items_that_a_closing_pool_cancels_are_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forecast.core.chunks._LOOK_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as pool:
        gate = threading.Event()
        pool.submit(gate.wait, 90)
        chunks = Chunks(pool, 1, double, range(5))
        pool.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(CancelledError):
            chunks.results()
        gate.set()
