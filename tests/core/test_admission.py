import threading
from collections.abc import Sequence

import pytest

from forecast.core.adapter import Forecast, Task
from forecast.core.errors import DataError, DeadlineError, OverloadedError
from forecast.core.job import Kind
from tests.core.conftest import Start, gated
from tests.fakes import FakeAdapter, Gate, last_value, make_task

PATIENT = 30.0


def test_a_job_whose_deadline_passes_while_it_waits_ends_in_an_error_and_is_not_computed(
    start: Start,
) -> None:
    gate = Gate()
    adapter = FakeAdapter(gate)
    worker = start(gated(adapter))
    first = worker.submit([make_task("first")], PATIENT)
    assert gate.entered.wait(60)
    late = worker.submit([make_task("late")], 0.01)
    assert not threading.Event().wait(0.05)
    gate.opened.set()
    first.result()
    with pytest.raises(DeadlineError, match="deadline passed"):
        late.result(60)
    assert adapter.computed == ["first"]


def test_a_full_queue_refuses_at_once(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)), queue_size=3)
    running = worker.submit([make_task("running")], PATIENT)
    assert gate.entered.wait(60)
    waiting = worker.submit([make_task("w1"), make_task("w2"), make_task("w3")], PATIENT)
    with pytest.raises(OverloadedError, match="3 series wait already") as refused:
        worker.submit([make_task("too many")], PATIENT)
    assert refused.value.retry_after is not None
    gate.opened.set()
    running.result()
    waiting.result()
    assert worker._figures.read().rejected == {"queue_full": 1, "too_late": 0}


def test_a_full_queue_is_told_before_anything_is_read(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)), queue_size=2)
    worker.refuse_if_full()
    futures = [worker.submit([make_task("running")], PATIENT)]
    assert gate.entered.wait(60)
    futures.append(worker.submit([make_task("w1")], PATIENT))
    worker.refuse_if_full()
    futures.append(worker.submit([make_task("w2")], PATIENT))
    with pytest.raises(OverloadedError, match="2 series wait already"):
        worker.refuse_if_full()
    gate.opened.set()
    for future in futures:
        future.result()
    assert worker._figures.read().rejected["queue_full"] == 1


def test_a_queue_is_full_by_the_bytes_of_its_series_too(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)), queue_bytes=1_648)
    running = worker.submit([make_task("running")], PATIENT)
    assert gate.entered.wait(60)
    waiting = worker.submit([make_task("w", values=range(60))], PATIENT)  # 16 bytes each
    with pytest.raises(OverloadedError, match="1 series wait already"):
        worker.submit([make_task("too large", values=range(41))], PATIENT)
    small = worker.submit([make_task("small", values=range(40))], PATIENT)
    gate.opened.set()
    for future in (running, waiting, small):
        assert len(future.result().forecasts) == 1


def test_a_job_larger_than_the_queue_is_taken_when_nothing_waits(start: Start) -> None:
    worker = start(lambda tasks: [last_value(task) for task in tasks], queue_size=3)
    answer = worker.submit([make_task(str(number)) for number in range(9)], PATIENT).result()
    assert len(answer.forecasts) == 9


def test_a_job_that_would_come_too_late_is_refused_at_once(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)), max_batch=1)
    for _ in range(2):
        worker._line.pace.learn(Kind(4, 3), 1, 1000.0)  # so long that no pause of this host counts beside it
    accepted, refused = [], 0
    for number in range(40):
        try:
            accepted.append(worker.submit([make_task(str(number))], 3000.0))
        except OverloadedError as error:
            refused += 1
            assert error.retry_after is not None
            assert error.retry_after >= 1
    # A thousand seconds each and three of patience, of which a tenth is kept back: two can be served.
    assert (len(accepted), refused) == (2, 38)
    for future in accepted:
        future.cancel()
    gate.opened.set()


def test_an_idle_worker_refuses_nobody_for_a_bad_estimate(start: Start) -> None:
    worker = start(lambda tasks: [last_value(task) for task in tasks])
    for _ in range(2):
        worker._line.pace.learn(Kind(4, 3), 1, 60 * PATIENT)
    assert len(worker.submit([make_task()], PATIENT).result().forecasts) == 1


def test_jobs_of_other_kinds_count_as_batches_of_their_own(start: Start) -> None:
    gate = Gate()
    worker = start(gated(FakeAdapter(gate)), max_batch=64)
    for _ in range(2):
        worker._line.pace.learn(Kind(1, 3), 1, 1000.0)
    accepted, refused = [], 0
    for horizon in range(1, 41):
        try:
            accepted.append(worker.submit([make_task("a", horizon)], 3000.0))
        except OverloadedError:
            refused += 1
    assert (len(accepted), refused) == (2, 38)
    for future in accepted:
        future.cancel()
    gate.opened.set()


def test_batches_that_fail_teach_no_pace(start: Start) -> None:
    def predict(tasks: Sequence[Task]) -> list[Forecast]:
        raise DataError("no")

    worker = start(predict)
    for _ in range(2):
        worker._line.pace.learn(Kind(4, 3), 1, 7.0)
    with pytest.raises(DataError):
        worker.submit([make_task()], PATIENT).result()
    assert worker._line.pace.batch_seconds(Kind(4, 3), 1) == 7.0
