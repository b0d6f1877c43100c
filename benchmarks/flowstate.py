"""FlowState's adapter beside the library's own call, on the same batch."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.checkpoints import write_checkpoint
from benchmarks.panel import HORIZON, SEASONS, make_dates, make_values
from benchmarks.report import Table
from forecast.core.adapter import Floats, ModelConfig, Series, Task
from forecast.core.loading import load_model, unload_model
from forecast.models import get_service

NAME = "flowstate-r1"
CONTEXT = 512
_FREQUENCIES = {"hourly": "h", "daily": "D"}
_PERIOD = 24  # the steps of a season at a scale factor of 1
_HEADER = (
    "series",
    "scale factor",
    "library s",
    "adapter s",
    "library / adapter",
    "differs: mean",
    "max",
)


def measure(folder: Path, series: int = 32, turns: int = 2) -> Table:
    """Return a row for hourly series, of one patch, and one for daily series, of several."""
    place = write_checkpoint(NAME, folder)
    adapter = get_service("flowstate91m").adapter
    config = ModelConfig(
        context_len=CONTEXT,
        horizon_len=HORIZON,
        source_type="local",
        local_model_path=NAME,
        local_dir=folder,
    )
    loaded, _ = load_model(adapter, config)
    library = _open_library(place)
    rows = []
    for name, freq in _FREQUENCIES.items():
        values = make_values(series, CONTEXT, freq)
        tasks = [_make_task(target, freq) for target in values]
        factor = _PERIOD / SEASONS[freq]
        ways = (partial(library, values, factor), partial(_predict, adapter, loaded, tasks))
        rows.append((f"{name} x {series}", f"{factor:.3g}", *_compare(ways, turns, values.std(axis=1))))
    unload_model(adapter, loaded)
    notes = (
        f"{series} series x {CONTEXT}, {HORIZON} steps, mean and deciles. The library is"
        " FlowStateForPrediction called once on all of them, the adapter as its worker calls it but with all"
        f" of them at once; they take turns {turns} times, after once that does not count. The difference is"
        " of the mean, as a share of each series' standard deviation."
    )
    return Table("FlowState beside its library", _HEADER, rows, notes)


def _open_library(place: Path) -> Callable[[Floats, float], Floats]:
    import torch
    from tsfm_public.models.flowstate.modeling_flowstate import FlowStateForPrediction

    model = FlowStateForPrediction.from_pretrained(place, dtype=torch.float32).eval()

    def forecast(values: Floats, factor: float) -> Floats:
        past = torch.tensor(values, dtype=torch.float32)[..., None]
        with torch.inference_mode():
            found = model(past_values=past, scale_factor=factor, prediction_length=HORIZON, batch_first=True)
        means: Floats = found.prediction_outputs[..., 0].double().numpy()
        return means

    return forecast


def _predict(adapter: Any, loaded: Any, tasks: Sequence[Task]) -> Floats:
    return np.stack([one.mean for one in adapter.predict(loaded, tasks)])


def _compare(ways: Sequence[Callable[[], Floats]], turns: int, scales: Floats) -> tuple[str, ...]:
    found = [way() for way in ways]  # which also warms both up
    times: list[list[float]] = [[], []]
    for _ in range(turns):
        for way, seen in zip(ways, times, strict=True):
            started = time.perf_counter()
            way()
            seen.append(time.perf_counter() - started)
    library, adapter = map(statistics.median, times)
    ratios = [one / other for one, other in zip(*times, strict=True)]
    told = f"{library / adapter:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    gap = np.abs(found[0] - found[1]) / scales[:, None]
    return (f"{library:.2f}", f"{adapter:.2f}", told, f"{gap.mean():.1e}", f"{gap.max():.1e}")


def _make_task(target: Floats, freq: str) -> Task:
    index = pd.DatetimeIndex(make_dates(len(target) + HORIZON, freq))
    series = Series("s", index[:CONTEXT], target, index[CONTEXT:], freq, SEASONS[freq])
    return Task(series, HORIZON)
