import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError

import pytest

from forecast.core.adapter import Forecast, Task
from forecast.core.errors import DataError, DeadlineError
from forecast.core.figures import Distribution, Figures
from tests.core.conftest import Start, gated
from tests.fakes import FakeAdapter, Gate, make_task

PATIENT = 30.0


def test_a_distribution_counts_values_up_to_each_bound() -> None:
    values = Distribution((1.0, 2.0, 4.0))
    for value in (0.5, 1.0, 1.5, 4.0, 9.0):
        values.add(value)
    assert values.cumulated() == [(1.0, 2), (2.0, 3), (4.0, 4), (float("inf"), 5)]
    assert (values.count, values.sum) == (5, 16.0)


def test_what_was_read_does_not_change_afterwards() -> None:
    figures = Figures("fake")
    before = figures.read()
    figures.batch(3, 0.5, [0.1, 0.2])
    figures.recall(2)
    after = figures.read()
    assert (before.batch_series.count, before.cached) == (0, 0)
    assert (after.batch_series.count, after.batch_series.sum, after.cached) == (1, 3.0, 2)
    assert (after.queue_seconds.count, after.batch_seconds.sum) == (2, 0.5)


def test_many_threads_count_all() -> None:
    figures = Figures("fake")

    def count() -> None:
        for _ in range(500):
            figures.batch(2, 0.01, [0.01])
            figures.reject("queue_full", 1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally = figures.read()
    assert (tally.batch_series.sum, tally.queue_seconds.count, tally.rejected["queue_full"]) == (
        8000,
        4000,
        4000,
    )


def test_a_request_is_queued_once_and_each_of_its_batches_is_counted(start: Start) -> None:
    adapter = FakeAdapter()
    worker = start(gated(adapter))
    worker.submit([make_task(str(number)) for number in range(10)], PATIENT).result()
    tally = worker._figures.read()
    assert [len(batch) for batch in adapter.batches] == [4, 4, 2]
    assert (tally.queue_seconds.count, tally.batch_seconds.count) == (1, 3)
    assert tally.batch_series.cumulated()[:3] == [(1.0, 0), (2.0, 1), (4.0, 3)]


def test_why_series_are_dropped_is_counted(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)))
    first = worker.submit([make_task("first")], PATIENT)
    assert gate.entered.wait(60)
    late = worker.submit([make_task("late")], 0.01)
    gone = worker.submit([make_task("a"), make_task("b")], PATIENT)
    assert gone.cancel()
    assert not threading.Event().wait(0.05)
    gate.opened.set()
    first.result()
    with pytest.raises(DeadlineError):
        late.result(60)
    with pytest.raises(CancelledError):
        gone.result(60)
    worker.submit([make_task("next")], PATIENT).result()
    assert worker._figures.read().dropped == {"deadline": 1, "caller_gone": 2, "failed": 0}


def test_what_is_left_of_a_request_that_failed_is_dropped(start: Start) -> None:
    def predict(tasks: Sequence[Task]) -> list[Forecast]:
        raise DataError("this series cannot be fitted")

    worker = start(predict)
    for tasks in ([make_task(str(number)) for number in range(10)], [make_task("next")]):
        with pytest.raises(DataError):
            worker.submit(tasks, PATIENT).result(60)
    assert worker._figures.read().dropped == {"deadline": 0, "caller_gone": 0, "failed": 6}
