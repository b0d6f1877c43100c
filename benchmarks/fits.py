"""One request of many series that are fitted one by one, beside the library called directly."""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alone import LEVELS, Outcome, Work, run_alone
from benchmarks.gateway import Caller, run_gateway
from benchmarks.panel import HORIZON, make_request, write_panel
from benchmarks.report import Table
from forecast.core.pool import available_cores

_DAYS, _MONTHS = 365, 60
_CACHE = {"RESULT_CACHE_BYTES": str(64 * 1024**2)}
_HEADER = ("who", "seconds", "series/s", "against the library", "remembered series")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One answered request, and how long it took."""

    seconds: float
    answer: dict[str, Any]

    @property
    def remembered(self) -> int:
        return int(self.answer["execution_metadata"]["cached_series"])


def measure_prophet(series: int = 100) -> Table:
    """Return how long Prophet's fits of one request take, beside one process, and when asked again."""
    library, (first, again) = _measure("prophet", series, _DAYS, "D", {})
    rows = [
        _row("prophet, one process", series, library.seconds[1], library.seconds[1], ""),
        _row("gateway", series, first.seconds, library.seconds[1], str(first.remembered)),
        _row("gateway, the same again", series, again.seconds, library.seconds[1], str(again.remembered)),
    ]
    notes = (
        f"{series} daily series x {_DAYS}, {HORIZON} steps. Beside it one process of one thread fits and"
        " predicts them one by one, before the gateway and after it; its seconds are the mean of the two."
        f" The gateway has a process for each of {available_cores()} cores, so that"
        f" {0.9 * available_cores():.1f} is nine tenths of what they can do. {_tell(library, first.answer)}"
    )
    return Table(f"One request of {series} fits: prophet", _HEADER, rows, notes)


def measure_statsforecast(series: int = 1_000) -> Table:
    """Return how long AutoETS of one request takes, beside the library on all cores."""
    options = {"method": "AutoETS", "level": LEVELS}
    library, (first, again) = _measure("statsforecast", series, _MONTHS, "MS", options)
    seconds = library.seconds[series]
    rows = [
        _row("StatsForecast, n_jobs=-1", series, seconds, seconds, ""),
        _row("gateway", series, first.seconds, seconds, str(first.remembered)),
        _row("gateway, the same again", series, again.seconds, seconds, str(again.remembered)),
    ]
    notes = (
        f"{series} monthly series x {_MONTHS}, {HORIZON} steps, AutoETS, intervals of"
        f" {', '.join(map(str, LEVELS))} percent, on {available_cores()} cores. The library forecasts them"
        " before the gateway and after it, in a process of its own; its seconds are the mean of the two."
        f" {_tell(library, first.answer)}"
    )
    return Table(f"One request of {series} fits: statsforecast", _HEADER, rows, notes)


def _measure(
    name: str, series: int, length: int, freq: str, options: dict[str, Any]
) -> tuple[Outcome, Sequence[_Asked]]:
    """Return what the library made of the series, its seconds the mean of two turns, and two requests."""
    # Prophet has no call for several series; statsforecast is given all of them at once.
    size = 1 if name == "prophet" else series
    with tempfile.TemporaryDirectory(prefix="benchmarks-data-") as data:
        work = Work(name, str(write_panel(Path(data), series, length, freq)), length, series, [size])
        before = run_alone(work)
        with run_gateway(name, DATA_DIR=data, **_CACHE) as port, closing(Caller(port, name)) as caller:
            caller.initialize({})
            asked = [_ask(caller, make_request(length, **options)) for _ in range(2)]
        after = run_alone(work)
    seconds = statistics.mean(turn.seconds[size] for turn in (before, after))
    return Outcome({size: seconds}, before.peak, before.forecasts), asked


def _ask(caller: Caller, body: bytes) -> _Asked:
    started = time.perf_counter()
    content = caller.post("inference", body)
    return _Asked(time.perf_counter() - started, json.loads(content))


def _row(who: str, series: int, seconds: float, library: float, remembered: str) -> tuple[str, ...]:
    return (who, f"{seconds:.2f}", f"{series / seconds:.1f}", f"{library / seconds:.2f}", remembered)


def _tell(library: Outcome, answer: dict[str, Any]) -> str:
    gap = np.abs(np.asarray(answer["prediction"]["point_forecast"]) - library.forecasts).max()
    return f"The largest difference between the forecasts is {gap:.1e}."
