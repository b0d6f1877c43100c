"""Benchmarks at their smallest: that they run and what they count, not how long it takes."""

import os
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import (
    bodies,
    bulk,
    concurrency,
    fits,
    flowstate,
    jobs,
    loads,
    mixed,
    noop,
    overhead,
    overload,
    start,
)
from benchmarks.callers import run_callers
from benchmarks.gateway import Caller, run_gateway
from benchmarks.report import Table, describe_machine
from benchmarks.results import Results
from forecast.core.pool import available_cores
from tests.databases import require
from tests.postgres import find_binaries
from tests.redis_server import find_redis

MANY = 60
"""Series of a job, of which a slow host still does more than none a second, as it is told."""

pytestmark = pytest.mark.timeout(300)  # several processes import torch, one after the other


def test_the_overhead_of_a_call_comes_out_as_a_table_of_numbers() -> None:
    table = overhead.measure_noop(calls=2)

    assert [row[0] for row in table.rows] == ["144 months, a file", "144 months, inline"]
    for row in table.rows:
        direct, _, gateway, _, added, *_ = map(float, row[1:])
        assert gateway - direct == pytest.approx(added, abs=0.02)


def test_every_caller_asks_every_round_and_every_forecast_is_in_one_batch() -> None:
    bodies = [concurrency.make_body(series) for series in concurrency.make_contexts(16)[:3]]
    with run_gateway(noop.MODEL_ID) as port:
        with closing(Caller(port, noop.MODEL_ID)) as caller:
            caller.initialize({})
        load = run_callers(port, noop.MODEL_ID, bodies, rounds=2)

    assert len(load.latencies) == 6
    assert sum(load.batches) == 6
    assert load.model_seconds > 0


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def test_a_table_as_a_body_is_told_beside_the_same_request_in_json() -> None:
    table = bodies.measure(series=2, turns=1)

    assert [row[:2] for row in table.rows] == [("JSON", "JSON"), ("Arrow", "JSON"), ("Arrow", "Arrow")]
    assert table.rows[0][-1] == "1.00"


def test_a_request_of_many_series_is_told_beside_the_library_alone(checkpoints: Path) -> None:
    table = bulk.measure("bolt-tiny", checkpoints, series=3)
    (row,) = table.rows
    library, gateway, in_model = float(row[2]), float(row[3]), float(row[5])
    library_peak, before, peak, more = map(float, row[6:])

    assert row[0] == "3"
    assert library >= 0  # told in tenths of a second
    assert 0 <= in_model <= gateway
    assert before <= peak
    assert peak - library_peak == pytest.approx(more, abs=1)
    difference = float(table.notes.split("between the forecasts is ")[1].split()[0])
    assert difference < 1e-2


def test_single_calls_are_told_alone_and_beside_a_request_of_many_series(checkpoints: Path) -> None:
    alone, reading, beside = mixed.measure("bolt-tiny", checkpoints, series=1000, seconds=0.1).rows

    assert (alone[-2:], reading[0], beside[0]) == (
        ("1.0", "0.0"),
        "beside a request that is read",
        "beside one that is forecast",
    )
    assert all(int(row[2]) >= 2 for row in (alone, reading, beside))
    assert float(beside[-1]) > 0


def test_a_request_that_ends_before_its_callers_ends_the_benchmark(checkpoints: Path) -> None:
    with pytest.raises(RuntimeError, match="2 series were answered, or refused, before the caller was done"):
        mixed.measure("bolt-tiny", checkpoints, series=2, seconds=2.0)


@pytest.mark.parametrize("measure", [fits.measure_prophet, fits.measure_statsforecast])
def test_a_request_of_fits_forecasts_as_the_library_and_is_remembered(
    measure: Callable[[int], Table],
) -> None:
    table = measure(3)

    assert [row[-1] for row in table.rows] == ["", "0", "3"]
    assert float(table.rows[0][3]) == 1
    assert float(table.notes.split("between the forecasts is ")[1].rstrip(".")) < 1e-6


def test_a_job_is_told_beside_the_same_request_on_all_cores_and_on_one_less(tmp_path: Path) -> None:
    rows = jobs.measure_embedded(noop.MODEL_ID, tmp_path, MANY, turns=1).rows

    cores = available_cores()
    assert [int(row[0]) for row in rows] == ([cores, cores - 1] if cores > 1 else [1])
    for _, series, inference, job, rate, _ in rows:
        assert series == str(MANY)
        assert float(inference) >= 0  # told in tenths of a second
        assert float(job) > 0
        assert float(rate) > 0


def test_a_job_by_celery_is_told_for_each_number_of_workers(tmp_path: Path) -> None:
    require(find_binaries(), "PostgreSQL")
    require(find_redis(), "redis-server")
    table = jobs.measure_celery(noop.MODEL_ID, tmp_path, MANY, turns=1, workers=(1,))
    ((workers, _, rate, ratio),) = table.rows

    assert (workers, ratio) == ("1", "1.00")
    assert float(rate) > 0


def test_the_start_of_the_service_is_told_beside_its_imports() -> None:
    table = start.measure(turns=1)

    assert len(table.rows) == 3
    for name, median, lowest, highest, _ in table.rows:
        assert float(lowest) == float(median) == float(highest) > 0, name


def test_the_first_load_and_later_ones_are_told_beside_reading_the_files(checkpoints: Path) -> None:
    table = loads.measure("bolt-tiny", checkpoints, turns=2)

    assert [row[0] for row in table.rows] == ["reading the files", "first load", "load after a shutdown"]
    assert all(float(row[1]) > 0 for row in table.rows[1:])


def test_flowstate_forecasts_as_its_library(checkpoints: Path) -> None:
    hourly, daily = flowstate.measure(checkpoints, series=2, turns=1).rows

    assert (hourly[:2], daily[:2]) == (("hourly x 2", "1"), ("daily x 2", "3.43"))
    assert max(float(row[-1]) for row in (hourly, daily)) < 1e-2


def test_a_refused_call_ends_the_benchmark_with_the_gateways_own_words() -> None:
    with (
        run_gateway(noop.MODEL_ID) as port,
        closing(Caller(port, noop.MODEL_ID)) as caller,
        pytest.raises(RuntimeError, match="MODEL_NOT_INITIALIZED"),
    ):
        caller.post("inference", concurrency.make_body(concurrency.make_contexts(16)[0]))


def test_a_gateway_that_cannot_start_tells_why() -> None:
    with (
        pytest.raises(RuntimeError, match="MODEL_NAME names no model: 'nothing'"),
        run_gateway("nothing") as port,
        closing(Caller(port, "nothing")) as caller,
    ):
        caller.get("/health/live")


def test_refusals_of_a_full_queue_are_timed(tmp_path: Path) -> None:
    table = overload.measure("bolt-tiny", tmp_path, series=3_000, calls=2)

    ((calls, *milliseconds),) = table.rows
    assert calls == "2"
    assert all(float(time) > 0 for time in milliseconds)


def test_a_table_is_aligned_markdown() -> None:
    table = Table("Title", ("call", "ms"), [("a", "1.00"), ("long name", "2")], "Notes.")

    assert table.markdown().splitlines() == [
        "## Title",
        "",
        "| call      | ms   |",
        "| --------- | ---- |",
        "| a         | 1.00 |",
        "| long name | 2    |",
        "",
        "Notes.",
    ]


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="reads Linux' tables")  # noqa: PTH110
def test_the_machine_is_described_with_its_cores_and_versions() -> None:
    assert " cores used, " in describe_machine()
    assert "torch 2." in describe_machine()


def test_a_benchmark_that_is_measured_again_replaces_its_own_section_of_the_results(tmp_path: Path) -> None:
    results = Results(tmp_path / "RESULTS.md", ["first", "second"])

    for name, figure in (("second", "2"), ("first", "1"), ("second", "3")):
        table = Table(f"The {name}", ("a",), [(figure,)])
        results.put(name, table.markdown(f"`./setup.sh bench {name}` took 1 s.\n\nMachine {figure}."))

    text = (tmp_path / "RESULTS.md").read_text()
    assert re.findall(r"^## (.*)|^\| (\d)", text, re.MULTILINE) == [
        ("The first", ""),
        ("", "1"),
        ("The second", ""),
        ("", "3"),
    ]
    assert re.findall(r"^Machine \d\.$", text, re.MULTILINE) == ["Machine 1.", "Machine 3."]
