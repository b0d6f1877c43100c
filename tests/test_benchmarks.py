"""The cheapest benchmark at its smallest: that it runs and what it counts, not how long it takes."""

import os
from contextlib import closing

import pytest

from benchmarks import concurrency, noop, overhead
from benchmarks.callers import run_callers
from benchmarks.gateway import Caller, run_gateway
from benchmarks.report import Table, describe_machine


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
