"""Work cut into parts, as jobs have it done: durable, and with the same numbers however it is cut."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.config import Settings
from forecast.core.errors import (
    AbandonedError,
    ConfigConflictError,
    DataError,
    HorizonError,
    NotInitializedError,
    OverloadedError,
)
from forecast.core.lifecycle import ModelService
from forecast.core.line import QueueBounds
from forecast.core.schemas import InitializationRequest
from forecast.database.connection import Database
from forecast.models import get_service
from forecast.runs.finding import find_run, read_items
from forecast.runs.outcome import Item
from forecast.runs.run import RunWork
from forecast.runs.settings import RunSettings
from forecast.runs.telling import tell_items, tell_kept
from forecast.runs.work import Ask, Part
from tests import fake_model
from tests.fakes import FakeAdapter, Gate
from tests.runs.conftest import demand, put

MakeWork = Callable[..., RunWork]


@pytest.fixture
def make_work(
    fake: FakeAdapter, make_settings: Callable[..., Settings], database: Database
) -> Iterator[MakeWork]:
    statistics = get_service("statsforecast")
    services: dict[str, ModelService[Any]] = {"fake": fake_model.service, "statsforecast": statistics}

    def make(patience: float | None = None, **changes: Any) -> RunWork:
        return RunWork(make_settings(**changes), RunSettings(), database, services, {}, patience)

    fake_model.service.initialize()
    yield make
    statistics.shutdown()


def by_name(model_id: str = "fake", **body: Any) -> Ask:
    asked = {"prediction_length": 7, "quantile_levels": [0.1, 0.5]} | body
    return Ask("forecast", "default", "tests", model_id, asked)


def by_table(frame: pd.DataFrame, model_id: str = "fake", **parameters: Any) -> Ask:
    cells = frame.assign(timestamp=frame["timestamp"].astype(str)).astype(object)
    table = {name: [None if pd.isna(cell) else cell for cell in cells[name]] for name in cells}
    roles = {"item_id": "id", "timestamp": "timestamp", "value": "target"}
    body = {
        "data": table,
        "data_definition": roles,
        "parameters": {"horizon_len": 7, "quantile_levels": [0.1, 0.5]} | parameters,
    }
    return Ask("inference", "default", "tests", model_id, body)


def compute(work: RunWork, ask: Ask, most: int, then: int | None = None) -> list[Item]:
    """Compute the parts as jobs do that keep them: from what was written down of them.

    Each is divided into parts of `then` items where that is given.
    """
    kept = Ask.from_json(ask.to_json())
    parts = [Part(part.number, part.items, bytes(part.content)) for part in work.split(ask, most)]
    if then is not None:
        parts = [piece for part in parts for piece in work.divide(kept, part, then)]
    assert all(part.items <= min(most, then or most) for part in parts)
    results = [work.compute(kept, part, lambda: False) for part in reversed(parts)]
    assert [result.items for result in results] == [part.items for part in reversed(parts)]
    return sorted((row for result in results for row in result.rows), key=lambda row: row.place)


def told(rows: list[Item]) -> Any:
    return tell_items("run", rows)


def sales() -> pd.DataFrame:
    longest = demand("weekly", 50)
    longest["timestamp"] = pd.date_range("2023-01-01", periods=50, freq="D")
    return pd.concat([demand("A", 20), longest, demand("B", 30), demand("C", 10), demand("D", 25)])


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_forecast_by_name_has_the_same_numbers_however_it_is_cut(
    make_work: MakeWork, database: Database, most: int
) -> None:
    put(database, sales())
    work = make_work()
    ask = by_name(item_ids=["D", "gone", "A", "C", "weekly", "B"])

    assert told(compute(work, ask, most)) == told(compute(work, ask, 100))


@pytest.mark.parametrize("most", [1, 2])
def test_an_inference_has_the_same_numbers_however_it_is_cut(make_work: MakeWork, most: int) -> None:
    work = make_work()
    ask = by_table(sales().sample(frac=1, random_state=0))

    whole = told(compute(work, ask, 100))

    assert told(compute(work, ask, most)) == whole
    assert {one["item_id"] for one in whole} == {"A", "B", "C", "D", "weekly"}
    assert all(one["error"] is None for one in whole)


@pytest.mark.parametrize("then", [1, 2])
def test_parts_that_are_divided_have_the_same_numbers(
    make_work: MakeWork, database: Database, then: int
) -> None:
    put(database, sales())
    work = make_work()
    for ask in (by_name(item_ids=["D", "gone", "A", "C", "weekly"]), by_table(sales())):
        assert told(compute(work, ask, 3, then)) == told(compute(work, ask, 100))


def test_a_part_whose_items_depend_on_one_another_is_not_divided(
    make_work: MakeWork, database: Database
) -> None:
    put(database, sales())
    work = make_work()
    pooled = {"xreg_scope": "pooled"}
    for ask in (by_name(parameters=pooled), by_table(sales(), **pooled)):
        (part,) = work.split(ask, 1)
        assert [piece.items for piece in work.divide(ask, part, 1)] == [5]


def test_items_that_were_changed_after_their_forecast_was_asked_for_say_so(
    make_work: MakeWork, database: Database
) -> None:
    put(database, pd.concat([demand("A", 20), demand("B", 30), demand("C", 20)]))
    work = make_work()
    ask = by_name(item_ids=["A", "B", "C"])
    before, *parts = work.split(ask, 1)
    (first,) = work.compute(ask, before, lambda: False).rows
    put(database, pd.concat([demand("A", 25), demand("B", 30), demand("C", 25)]))

    second, third = (row for part in parts for row in work.compute(ask, part, lambda: False).rows)
    assert first.predicted is not None
    assert second.predicted is not None
    assert third.predicted is not None
    assert (first.predicted.warnings, second.predicted.warnings) == ((), ())
    assert third.predicted.warnings == (
        "The item's history was changed after the forecast was asked for, and read as it is now.",
    )
    assert third.predicted.context_length == 25
    fresh = compute(work, ask, 3)
    assert [row.predicted.warnings for row in fresh if row.predicted is not None] == [(), (), ()]


def test_parts_that_an_earlier_version_has_cut_are_computed_without_a_warning(
    make_work: MakeWork, database: Database
) -> None:
    put(database, demand("A", 20))
    ask = by_name(item_ids=["A"])
    (part,) = make_work().split(ask, 1)
    content = json.loads(part.content)
    del content["as_of"]
    put(database, demand("A", 25))
    (row,) = make_work().compute(ask, replace(part, content=json.dumps(content).encode()), lambda: False).rows
    assert row.predicted is not None
    assert (row.predicted.warnings, row.predicted.context_length) == ((), 25)


def test_a_short_series_lies_on_the_calendar_of_the_longest_in_whichever_part(make_work: MakeWork) -> None:
    short = demand("short", 3)
    short["timestamp"] = pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-15"])
    work = make_work()
    ask = by_table(pd.concat([short, demand("long", 30)]), missing="ffill")

    apart = compute(work, ask, 1)

    assert told(apart) == told(compute(work, ask, 2))
    assert apart[0].predicted is not None
    assert (apart[0].predicted.frequency, apart[0].predicted.context_length) == ("D", 15)


def test_rows_in_errors_are_those_of_the_caller_s_table(make_work: MakeWork) -> None:
    frame = pd.concat([demand("A", 20), demand("B", 20), demand("C", 20)]).reset_index(drop=True)
    frame["value"] = frame["value"].astype(object)
    frame.loc[45, "value"] = "many"

    rows = compute(make_work(), by_table(frame), 1)

    assert [row.error is None for row in rows] == [True, True, False]
    assert rows[2].error is not None
    assert rows[2].error["detail"] == "Data error: Column 'value', row 46: 'many' is not a number."


def test_series_that_share_a_regression_stay_together(make_work: MakeWork) -> None:
    work = make_work()
    ask = by_table(sales().assign(value=1.0), xreg_scope="pooled")

    assert [part.items for part in work.split(ask, 1)] == [5]


def test_pooled_series_without_those_that_fail_are_those_of_an_inference_without_them(
    make_work: MakeWork,
) -> None:
    good = pd.concat([demand("A", 40), demand("B", 40), demand("C", 40)]).reset_index(drop=True)
    promo = np.random.default_rng(0).integers(0, 2, len(good)).astype(float)
    good = good.assign(promo=promo)
    broken = demand("broken", 40).drop(index=[7]).assign(promo=0.0)
    work = make_work()
    wanted, found = (by_table(frame, xreg_scope="pooled") for frame in (good, pd.concat([good, broken])))
    for ask in (wanted, found):
        ask.body["data_definition"]["promo"] = "dynamic_numerical"

    rows = compute(work, found, 100)

    assert [row.error is None for row in rows] == [True, True, True, False]
    assert told(rows[:3]) == told(compute(work, wanted, 100))


def test_what_is_wrong_with_the_whole_is_told_before_anything_is_cut(make_work: MakeWork) -> None:
    work = make_work()

    with pytest.raises(HorizonError, match="MAX_PREDICTION_LENGTH"):
        work.split(by_table(sales(), horizon_len=366), 10)
    with pytest.raises(DataError, match="row 3"):
        work.split(by_table(demand("A").astype({"timestamp": str}).replace("2024-01-03", "soon")), 10)


def test_what_is_stored_reads_back_the_same(make_work: MakeWork, database: Database) -> None:
    work = make_work()
    frame = pd.concat([demand("A", 20), demand("B", 20).drop(index=5), demand("C", 20)])
    ask = by_table(frame, quantile_levels=[0.05, 0.1, 0.9])
    with database.write() as connection:
        run_id = work.open_run(connection, ask, 3, "job 1")
    computed: list[Item] = []
    for part in work.split(ask, 2):
        result = work.compute(ask, part, lambda: False)
        computed += result.rows
        with database.write() as connection:
            work.store(connection, run_id, part, result)
    with database.write() as connection:
        work.close_run(connection, run_id, "succeeded", None)

    with database.read() as connection:
        run = find_run(connection, "default", run_id)
        kept = tell_kept(
            connection, run_id, read_items(connection, run_id, None, -1, 10), run.quantile_levels
        )

    assert kept == tell_items(run_id, computed)
    assert (run.job_id, run.kind, run.status) == ("job 1", "inference", "succeeded")
    assert (run.items_total, run.items_done, run.items_failed) == (3, 3, 1)
    assert (run.prediction_length, run.quantile_levels) == (7, [0.05, 0.1, 0.9])
    assert "data" not in run.request


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
