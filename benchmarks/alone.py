"""A library alone in a process of its own: how long it takes for many series, and its peak memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.panel import HORIZON, SEASONS, make_dates, read_values
from benchmarks.peak import forget_peak, peak_megabytes
from forecast.core.adapter import Floats

Forecaster = Callable[[Floats], Floats]
"""Forecasts series, shape (count, length), by HORIZON steps: shape (count, HORIZON)."""

LEVELS = [20, 40, 60, 80]  # the central intervals whose edges are the deciles
_WARM = 8
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Work:
    """What a library is to do: the first `count` series of a file, once at each batch size.

    `checkpoint` is the folder of its weights, empty where it has none.
    """

    library: str
    panel: str
    length: int
    count: int
    sizes: Sequence[int]
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds by batch size, the peak memory in megabytes, and the forecasts, shape (count, HORIZON)."""

    seconds: Mapping[int, float]
    peak: float
    forecasts: Floats


def run_alone(work: Work) -> Outcome:
    """Return what a process that does nothing else made of the work; raise RuntimeError where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "outcome.npz"
        # A series that is fitted on its own keeps one core busy; threads of BLAS would wait for each other.
        threads = _ONE_THREAD if not work.checkpoint else {}
        ended = subprocess.run(  # noqa: S603 - this interpreter and this package
            [sys.executable, "-m", "benchmarks.alone", json.dumps(asdict(work)), str(place)],
            cwd=Path(__file__).parents[1],
            env={**os.environ, **threads},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"{work.library} alone failed:\n{ended.stderr[-2000:]}")
        with np.load(place) as found:
            seconds = dict(zip(work.sizes, found["seconds"].tolist(), strict=True))
            return Outcome(seconds, float(found["peak"]), found["forecasts"])


def main() -> None:
    """Do the work that is told as JSON, and write its outcome to a file."""
    work, place = Work(**json.loads(sys.argv[1])), sys.argv[2]
    forecast = _open(work)
    values = read_values(Path(work.panel), work.length)[: work.count]
    forecast(values[:_WARM])
    forget_peak("self")
    seconds = []
    for size in work.sizes:
        started = time.perf_counter()
        parts = [forecast(values[at : at + size]) for at in range(0, len(values), size)]
        seconds.append(time.perf_counter() - started)
    np.savez(place, seconds=seconds, peak=peak_megabytes("self"), forecasts=np.concatenate(parts))


def _open(work: Work) -> Forecaster:
    if work.checkpoint:
        return _chronos(work.library, Path(work.checkpoint))
    return {"prophet": _prophet, "statsforecast": _statsforecast}[work.library]()


def _chronos(name: str, checkpoint: Path) -> Forecaster:
    from benchmarks.libraries import open_library

    direct = open_library(name, checkpoint)

    def forecast(values: Floats) -> Floats:
        _, means = direct(list(values), HORIZON)
        return np.stack([np.asarray(mean).reshape(HORIZON) for mean in means])

    return forecast


def _prophet() -> Forecaster:
    import logging

    import cmdstanpy
    import pandas as pd
    from prophet import Prophet

    for logger in ("prophet", cmdstanpy.utils.get_logger().name):
        logging.getLogger(logger).setLevel(logging.CRITICAL)

    def forecast(values: Floats) -> Floats:
        dates = make_dates(values.shape[1] + HORIZON)
        past, future = np.split(dates, [values.shape[1]])
        found = []
        for target in values:
            model = Prophet()
            model.fit(pd.DataFrame({"ds": past, "y": target}))
            found.append(model.predict(pd.DataFrame({"ds": future}))["yhat"].to_numpy())
        return np.stack(found)

    return forecast


def _statsforecast() -> Forecaster:
    import pandas as pd
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    def forecast(values: Floats) -> Floats:
        count, length = values.shape
        series = {
            "unique_id": np.repeat(np.arange(count), length),
            "ds": np.tile(make_dates(length, "MS"), count),
            "y": values.ravel(),
        }
        library = StatsForecast(models=[AutoETS(season_length=SEASONS["MS"])], freq="MS", n_jobs=-1)
        found = library.forecast(df=pd.DataFrame(series), h=HORIZON, level=LEVELS)
        means: Floats = found["AutoETS"].to_numpy().reshape(count, HORIZON)
        return means

    return forecast


if __name__ == "__main__":
    main()
