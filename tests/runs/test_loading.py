"""The model that a run began with: loaded again, loaded otherwise, or busy."""

import threading
import time
from typing import Any

import pytest

from forecast.core.errors import (
    AbandonedError,
    ConfigConflictError,
    NotInitializedError,
    OverloadedError,
)
from forecast.core.line import QueueBounds
from forecast.core.schemas import InitializationRequest
from forecast.database.connection import Database
from tests import fake_model
from tests.fakes import FakeAdapter, Gate
from tests.runs.conftest import put
from tests.runs.working import MakeWork, by_name, sales


def test_a_model_that_is_not_loaded_is_loaded_as_it_was_when_the_run_began(
    make_work: MakeWork, database: Database
) -> None:
    put(database, sales())
    service = fake_model.service
    service.shutdown()
    service.initialize(InitializationRequest(context_len=9))
    ask = by_name(item_ids=["A"])
    part = make_work().split(ask, 10)[0]
    service.shutdown()

    result = make_work().compute(ask, part, lambda: False)

    assert result.rows[0].predicted is not None
    assert result.rows[0].predicted.context_length == 9
    service.shutdown()
    with pytest.raises(NotInitializedError):
        make_work(patience=60.0).compute(ask, part, lambda: False)


def test_a_model_that_is_loaded_otherwise_makes_no_forecast_of_the_run(
    make_work: MakeWork, database: Database
) -> None:
    put(database, sales())
    ask = by_name(item_ids=["A"])
    part = make_work().split(ask, 10)[0]
    fake_model.service.shutdown()
    fake_model.service.initialize(InitializationRequest(context_len=9))

    with pytest.raises(ConfigConflictError, match="another context_len than when this run began"):
        make_work().compute(ask, part, lambda: False)


def test_a_job_may_be_cut_before_its_model_is_loaded_where_that_is_allowed(
    make_work: MakeWork, database: Database
) -> None:
    put(database, sales())
    fake_model.service.shutdown()
    ask = by_name(item_ids=["A"])
    with pytest.raises(NotInitializedError):
        make_work().split(ask, 10)

    part = make_work(lazy_initialization=True).split(ask, 10)[0]

    assert fake_model.service.snapshot.status == "uninitialized"
    assert make_work().compute(ask, part, lambda: False).failed == 0


def test_a_full_queue_is_waited_for_unless_the_run_is_cancelled(
    make_work: MakeWork, database: Database, fake: FakeAdapter
) -> None:
    put(database, sales())
    ask = by_name()
    work = make_work()
    part = work.split(ask, 10)[0]
    fake.on_predict = gate = Gate()
    worker = fake_model.service.require_ready()[1].worker
    worker._line.bounds = QueueBounds(1, 1 << 30)
    patient, cancelled = threading.Event(), threading.Event()

    def outcome(flag: threading.Event) -> Any:
        def computing() -> None:
            try:
                results.append(work.compute(ask, part, flag.is_set).failed)
            except AbandonedError as error:
                results.append(type(error))

        results: list[Any] = []
        thread = threading.Thread(target=computing)
        thread.start()
        return thread, results

    first, first_results = outcome(patient)
    assert gate.entered.wait(30)
    second, second_results = outcome(patient)
    third, third_results = outcome(cancelled)
    while not worker.load().waiting:
        time.sleep(0.01)
    with pytest.raises(OverloadedError):
        make_work(patience=60.0).compute(ask, part, lambda: False)
    cancelled.set()
    third.join(30)
    gate.opened.set()
    first.join(60)
    second.join(60)

    assert third_results == [AbandonedError]
    assert (first_results, second_results) == ([0], [0])
