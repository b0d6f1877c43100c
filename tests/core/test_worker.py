import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

import numpy as np
import pytest

from forecast.core.adapter import Forecast, Task
from forecast.core.errors import DataError, ModelError, ShutDownError
from tests.core.conftest import Start, gated
from tests.fakes import FakeAdapter, Gate, last_value, make_task

PATIENT = 30.0


def test_an_answer_has_the_forecasts_in_the_order_of_the_tasks(start: Start) -> None:
    tasks = [make_task(str(value), values=[value]) for value in range(10)]
    answer = start(lambda batch: [last_value(task) for task in batch]).submit(tasks, PATIENT).result()
    assert [forecast.mean[0] for forecast in answer.forecasts] == list(range(10))
    assert answer.batch_size == 4


def test_what_waits_is_computed_in_one_batch(start: Start) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    futures = [worker.submit([make_task("first")], PATIENT)]
    assert gate.entered.wait(60)
    futures += [worker.submit([make_task(name)], PATIENT) for name in "abc"]
    gate.opened.set()
    for future in futures:
        future.result()
    assert adapter.batches == [["first"], ["a", "b", "c"]]


def test_tasks_that_do_not_match_never_share_a_batch(start: Start) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    futures = [worker.submit([make_task("first")], PATIENT)]
    assert gate.entered.wait(60)
    futures += [
        worker.submit([make_task("short", 2)], PATIENT),
        worker.submit([make_task("long", 9)], PATIENT),
    ]
    gate.opened.set()
    assert [len(future.result().forecasts[0].mean) for future in futures] == [4, 2, 9]
    assert adapter.batches == [["first"], ["short"], ["long"]]


def test_a_small_job_gets_through_between_the_chunks_of_a_bulk_job(start: Start) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    bulk = worker.submit([make_task(f"bulk{number}") for number in range(40)], PATIENT)
    assert gate.entered.wait(60)
    small = worker.submit([make_task("small")], PATIENT)
    gate.opened.set()
    small.result()
    bulk.result()
    # The bulk job's second chunk was already first in line when the small one came.
    assert "small" in adapter.batches[1] + adapter.batches[2]


def test_a_cancelled_job_is_never_computed(start: Start) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    first = worker.submit([make_task("first")], PATIENT)
    assert gate.entered.wait(60)
    abandoned = worker.submit([make_task("abandoned")], PATIENT)
    last = worker.submit([make_task("last")], PATIENT)
    assert abandoned.cancel()
    gate.opened.set()
    first.result()
    last.result()
    assert adapter.computed == ["first", "last"]
    assert worker._figures.read().dropped == {"deadline": 0, "caller_gone": 1, "failed": 0}


def test_the_rest_of_a_bulk_job_is_dropped_when_its_caller_goes(start: Start) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    bulk = worker.submit([make_task(f"bulk{number}") for number in range(40)], PATIENT)
    assert gate.entered.wait(60)
    assert bulk.cancel()
    gate.opened.set()
    worker.submit([make_task("next")], PATIENT).result()
    assert adapter.computed == ["bulk0", "bulk1", "bulk2", "bulk3", "next"]
    with pytest.raises(CancelledError):
        bulk.result()


def test_a_model_that_raises_gives_its_callers_an_error_and_goes_on(start: Start) -> None:
    def predict(tasks: Sequence[Task]) -> list[Forecast]:
        if tasks[0].series.unique_id == "bad":
            raise ZeroDivisionError("secret path /root")
        return [last_value(task) for task in tasks]

    worker = start(predict)
    with pytest.raises(ModelError, match="ZeroDivisionError") as failed:
        worker.submit([make_task("bad")], PATIENT).result()
    assert "/root" not in failed.value.detail
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert worker.submit([make_task("good")], PATIENT).result().forecasts[0].mean[0] == 3.0


def test_one_jobs_bad_series_is_not_its_mates_error(start: Start) -> None:
    gate = Gate()

    def predict(tasks: Sequence[Task]) -> list[Forecast]:
        if tasks[0].series.unique_id == "first":
            gate(tasks)
        if any(task.series.unique_id == "bad" for task in tasks):
            raise DataError("this series cannot be fitted")
        return [last_value(task) for task in tasks]

    worker = start(predict)
    first = worker.submit([make_task("first")], PATIENT)
    assert gate.entered.wait(60)
    good, bad = worker.submit([make_task("good")], PATIENT), worker.submit([make_task("bad")], PATIENT)
    gate.opened.set()
    first.result()
    assert good.result().forecasts[0].mean[0] == 3.0
    with pytest.raises(DataError, match="cannot be fitted"):
        bad.result()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda good: [], "returned 0 forecasts for 1 series"),
        (lambda good: [Forecast(good.mean[:-1], good.quantiles, good.levels)], "another length than 4"),
        (lambda good: [Forecast(good.mean, good.quantiles[:, 1:], good.levels)], "another length than 4"),
        (lambda good: [Forecast(good.mean * np.nan, good.quantiles, good.levels)], "is no number"),
        (lambda good: [Forecast(good.mean, good.quantiles * np.inf, good.levels)], "is no number"),
    ],
)
def test_a_model_that_answers_short_or_with_no_number_is_an_error(
    start: Start, spoil: Callable[[Forecast], list[Forecast]], told: str
) -> None:
    worker = start(lambda tasks: spoil(last_value(tasks[0])))
    with pytest.raises(ModelError, match=told):
        worker.submit([make_task()], PATIENT).result()


def test_closing_finishes_what_runs_and_tells_what_waits(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)))
    running = worker.submit([make_task("running")], PATIENT)
    assert gate.entered.wait(60)
    waiting = worker.submit([make_task("waiting", 9)], PATIENT)
    closing = threading.Thread(target=worker.close)
    closing.start()
    while not worker._closing:  # else what waits would be computed, too
        threading.Event().wait(0.001)
    gate.opened.set()
    closing.join()
    assert len(running.result().forecasts) == 1
    with pytest.raises(ShutDownError):
        waiting.result(60)
    with pytest.raises(ShutDownError):
        worker.submit([make_task("after")], PATIENT)


def test_many_threads_each_get_their_own_answer(start: Start) -> None:
    worker = start(lambda tasks: [last_value(task) for task in tasks], max_batch=7)
    wrong: list[float] = []

    def call(value: int) -> None:
        for _ in range(20):
            tasks = [make_task(str(value), values=[value])] * (1 + value % 5)
            for forecast in worker.submit(tasks, PATIENT).result().forecasts:
                if forecast.mean[0] != value:
                    wrong.append(value)

    threads = [threading.Thread(target=call, args=(value,)) for value in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert worker._figures.read().batch_series.sum == sum(20 * (1 + value % 5) for value in range(16))


def test_a_job_without_series_has_an_empty_answer(start: Start) -> None:
    worker = start(lambda tasks: [last_value(task) for task in tasks])
    assert worker.submit([], PATIENT).result(60).forecasts == []
    assert len(worker.submit([make_task()], PATIENT).result(60).forecasts) == 1


def test_a_fault_while_a_batch_is_formed_leaves_nobody_waiting(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = start(lambda tasks: [last_value(task) for task in tasks])
    monkeypatch.setattr(worker._line.pace, "batch_seconds", lambda *_: 1 / 0)
    with pytest.raises(ModelError, match="The gateway failed"):
        worker.submit([make_task()], PATIENT).result(60)
    monkeypatch.undo()
    assert len(worker.submit([make_task()], PATIENT).result(60).forecasts) == 1


def test_a_worker_that_dies_leaves_nobody_waiting_and_is_replaced(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)))
    running = worker.submit([make_task("running")], PATIENT)
    assert gate.entered.wait(60)
    waiting = worker.submit([make_task("waiting", 9)], PATIENT)
    monkeypatch.setattr(worker._line.pace, "learn", lambda *_: 1 / 0)
    gate.opened.set()
    for future in (running, waiting):
        with pytest.raises(ModelError, match="The gateway failed"):
            future.result(60)
    monkeypatch.undo()
    assert len(worker.submit([make_task("after")], PATIENT).result(60).forecasts) == 1
