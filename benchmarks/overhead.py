"""What one call through HTTP costs beside the library called directly."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from statistics import quantiles
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import noop
from benchmarks.gateway import ROOT, Caller, run_gateway
from benchmarks.report import Table

HORIZON, SEASON = 12, 12
_SAMPLE = "data/samples/airline-passengers.csv"
_LEVELS = [20, 40, 60, 80]  # the central intervals whose edges are the deciles
_HEADER = (
    "call",
    "direct p50 ms",
    "direct p99 ms",
    "gateway p50 ms",
    "gateway p99 ms",
    "added p50 ms",
    "added p99 ms",
    "ratio p50",
    "ratio p99",
)
_NOTES = (
    "One caller, keep-alive, loopback, no quotas, the gateway in a process of its own; direct and gateway"
    " take turns call by call."
)


def measure_noop(calls: int = 300) -> Table:
    """Return what a call costs when the model costs nothing, beside the cheapest route there is."""
    with run_gateway(noop.MODEL_ID) as port, closing(Caller(port, noop.MODEL_ID)) as caller:
        caller.initialize({})
        rows = [
            _compare(
                name, partial(caller.get, "/health/live"), partial(caller.post, "inference", body), calls
            )
            for name, body in _bodies().items()
        ]
    notes = f"{_NOTES} Direct is GET /health/live on the same connection: what HTTP costs by itself."
    return Table("Overhead of one call: a model that costs nothing", _HEADER, rows, notes)


def measure_statsforecast(calls: int = 60) -> Table:
    """Return what a call of the default model costs beside the same method of the library."""
    with run_gateway("statsforecast") as port, closing(Caller(port, "statsforecast")) as caller:
        caller.initialize({})
        body = _bodies()["144 months, a file"]
        answer = json.loads(caller.post("inference", body))["prediction"]
        method = answer["metadata"]["model_methods"][0]
        direct = _library(method)
        gap = np.abs(direct() - answer["point_forecast"][0]).max()
        row = _compare(
            f"{method}, 144 months, a file", direct, partial(caller.post, "inference", body), calls
        )
    notes = f"{_NOTES} The largest difference between the two forecasts was {gap:.1e}."
    return Table("Overhead of one call: the default model", _HEADER, [row], notes)


def _library(method: str) -> Callable[[], Any]:
    from statsforecast import models

    target = pd.read_csv(ROOT / _SAMPLE)["Passengers"].to_numpy(dtype=float)

    def forecast() -> Any:
        model = getattr(models, method)(season_length=SEASON)
        return model.forecast(y=target, h=HORIZON, level=_LEVELS)["mean"]

    return forecast


def _bodies() -> dict[str, bytes]:
    table = pd.read_csv(ROOT / _SAMPLE)
    common = {"data_definition": {"Passengers": "target"}, "parameters": {"horizon_len": HORIZON}}
    return {
        "144 months, a file": json.dumps({"data_source_url_or_path": _SAMPLE, **common}).encode(),
        "144 months, inline": json.dumps({"data": table.to_dict("list"), **common}).encode(),
    }


def _compare(name: str, direct: Callable[[], Any], gateway: Callable[[], Any], calls: int) -> tuple[str, ...]:
    """Return the table's row for two ways of asking that take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(calls):
        for way, seen in zip((direct, gateway), times, strict=True):
            started = time.perf_counter()
            way()
            seen.append(1000 * (time.perf_counter() - started))
    (low, low99), (high, high99) = (_percentiles(seen) for seen in times)
    figures = [low, low99, high, high99, high - low, high99 - low99]
    return (name, *(f"{figure:.2f}" for figure in figures), f"{high / low:.2f}", f"{high99 / low99:.2f}")


def _percentiles(seen: list[float]) -> tuple[float, float]:
    cuts = quantiles(seen, n=100, method="inclusive")
    return cuts[49], cuts[98]
