"""How fast each precision is beside float32, and how far its forecasts are from it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import HORIZON, MODEL_IDS, make_contexts
from benchmarks.report import Table
from forecast.core.adapter import Floats, Forecast, ModelConfig, Precision, Series, Task
from forecast.core.loading import load_model, unload_model
from forecast.core.precision import PRECISIONS, most_in_batch
from forecast.core.weights import Weights
from forecast.models import get_service

CONTEXT, SIZES, REPEATS = 512, (1, 8), 3
_MEGABYTE = 1e6
_HEADER = (
    "precision",
    "weights MB",
    "1 series: ms",
    "speed",
    "8 series: ms",
    "speed",
    "differs: mean",
    "max",
)


def measure(name: str, folder: Path) -> Table:
    """Return a row for each precision of a model, on a checkpoint of real size."""
    write_checkpoint(name, folder)
    tasks = [_make_task(context) for context in make_contexts(CONTEXT)[: max(SIZES)]]
    rows, full, base = [], np.empty(0), dict.fromkeys(SIZES, 0.0)
    for precision in PRECISIONS:
        weights, seconds, found = _run(name, folder, precision, tasks)
        if precision == "float32":
            full, base = found, seconds
        difference = np.abs(found - full) / full.std()
        figures = [
            text
            for size in SIZES
            for text in (f"{1000 * seconds[size]:.0f}", f"{base[size] / seconds[size]:.2f}")
        ]
        shares = (f"{difference.mean():.2%}", f"{difference.max():.2%}")
        rows.append((precision, f"{weights.bytes / _MEGABYTE:.0f}", *figures, *shares))
    notes = (
        f"The adapter called as its worker calls it, context {CONTEXT}, {HORIZON} steps, the quickest of"
        f" {REPEATS} calls; speed is against float32 in the same run. The difference from float32 is of mean"
        " and quantiles, as a share of their standard deviation, on random weights."
    )
    return Table(f"Precision: {name}", _HEADER, rows, notes)


def _run(
    name: str, folder: Path, precision: Precision, tasks: Sequence[Task]
) -> tuple[Weights, dict[int, float], Floats]:
    adapter = get_service(MODEL_IDS[name]).adapter
    config = ModelConfig(
        context_len=CONTEXT,
        horizon_len=HORIZON,
        source_type="local",
        local_model_path=name,
        local_dir=folder,
        precision=precision,
    )
    loaded, weights = load_model(adapter, config)
    if weights is None:
        raise ValueError(f"{name} has no weights")
    most = most_in_batch(precision, len(tasks))
    seconds = {
        size: min(_time(adapter, loaded, tasks[:size], most) for _ in range(REPEATS)) for size in SIZES
    }
    forecasts = _predict(adapter, loaded, tasks, most)
    unload_model(adapter, loaded)
    return weights, seconds, np.stack([np.column_stack([one.mean, one.quantiles]) for one in forecasts])


def _predict(adapter: Any, loaded: Any, tasks: Sequence[Task], most: int) -> list[Forecast]:
    return [
        one for at in range(0, len(tasks), most) for one in adapter.predict(loaded, tasks[at : at + most])
    ]


def _time(adapter: Any, loaded: Any, tasks: Sequence[Task], most: int) -> float:
    started = time.perf_counter()
    _predict(adapter, loaded, tasks, most)
    return time.perf_counter() - started


def _make_task(context: Floats) -> Task:
    days = pd.date_range("2023-01-01", periods=len(context) + HORIZON, freq="D")
    series = Series("s", days[: len(context)], context, days[len(context) :], "D", 7)
    return Task(series, HORIZON)
