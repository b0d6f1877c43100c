"""Work of runs: what is asked, computed, told and kept."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from forecast.core.errors import (
    DataError,
    HorizonError,
)
from forecast.database.connection import Database
from forecast.runs.finding import find_run, read_items
from forecast.runs.outcome import Item
from forecast.runs.telling import tell_items, tell_kept
from tests.runs.conftest import demand, put
from tests.runs.working import MakeWork, by_name, by_table, compute, sales


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


def test_rows_in_errors_are_those_of_the_caller_s_table(make_work: MakeWork) -> None:
    frame = pd.concat([demand("A", 20), demand("B", 20), demand("C", 20)]).reset_index(drop=True)
    frame["value"] = frame["value"].astype(object)
    frame.loc[45, "value"] = "many"

    rows = compute(make_work(), by_table(frame), 1)

    assert [row.error is None for row in rows] == [True, True, False]
    assert rows[2].error is not None
    assert rows[2].error["detail"] == "Data error: Column 'value', row 46: 'many' is not a number."


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
            work.keep(run_id, part, result)(connection)
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
