"""One request of many series, beside the library called directly: seconds, and peak memory."""

import json
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.alone import Outcome, Work, run_alone
from benchmarks.checkpoints import write_checkpoint
from benchmarks.gateway import Caller, run_process
from benchmarks.panel import HORIZON, make_request, write_panel
from benchmarks.peak import forget_peak, peak_megabytes, resident_megabytes
from benchmarks.report import Table
from forecast.core.adapter import Floats

CONTEXT = 512
SERIES = {"bolt-tiny": 10_000, "chronos-2": 1_000}
SIZES = {"bolt-tiny": (32, 64, 128, 256), "chronos-2": (16, 32, 64)}
SOME = {"bolt-tiny": 512, "chronos-2": 64}
_PATIENCE_SECONDS = "3600"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/vnd.apache.arrow.stream"}
_HEADER = (
    "series",
    "library series/s by batch size",
    "library s",
    "gateway s",
    "gateway / library at its best",
    "in the model s",
    "library peak MB",
    "gateway before MB",
    "gateway peak MB",
    "gateway - library MB",
)


@dataclass(frozen=True, slots=True)
class _Request:
    """One answered request: its seconds, those in the model, the process's memory, and the answer."""

    seconds: float
    model_seconds: float
    before: float
    peak: float
    bytes: int
    forecasts: Floats


def bulk_settings(name: str, folder: Path, data: str, series: int) -> dict[str, str]:
    """Return the settings of a gateway that takes so many series of a data directory in one request."""
    return {
        "CHRONOS_LOCAL_DIR": str(folder),
        "DATA_DIR": data,
        "MAX_SERIES_PER_REQUEST": str(series),
        "MAX_UPLOAD_SIZE": str(1024**3),
        "INFERENCE_QUEUE_SIZE": str(2 * series),
        "INFERENCE_TIMEOUT_SECONDS": _PATIENCE_SECONDS,
    }


def measure(name: str, folder: Path, series: int | None = None) -> Table:
    """Return how long a request of so many series takes and needs, on a checkpoint of real size."""
    count = series or SERIES[name]
    checkpoint = write_checkpoint(name, folder)
    with tempfile.TemporaryDirectory(prefix="benchmarks-data-") as data:
        panel = write_panel(Path(data), count, CONTEXT)
        spread = pd.read_parquet(panel)["value"].std()
        work = Work(name, str(panel), CONTEXT, count, SIZES[name], str(checkpoint))
        rates = _try_sizes(work)
        best = max(rates, key=lambda size: rates[size])
        whole = replace(work, sizes=[best])
        turns = [run_alone(whole)]
        request = _ask(name, bulk_settings(name, folder, data, count))
        turns.append(run_alone(whole))
    row = _row(count, " / ".join(f"{rate:.0f}" for rate in rates.values()), turns, request)
    notes = (
        f"One request of {count} daily series x {CONTEXT}, {HORIZON} steps, read from a Parquet file; the"
        f" answer is a stream of Arrow of {request.bytes / 1e6:.0f} MB. The library has the series in memory"
        f" and is timed at batches of {' / '.join(map(str, rates))} on {min(count, SOME[name])} of them, then"
        f" at {best} on all, before the gateway and after it, in a process of its own that does nothing else;"
        " its seconds are the mean of the two. Peaks are those since the model was loaded. The largest"
        f" difference between the forecasts is {_difference(turns[0], request, spread):.1e} of the standard"
        " deviation of all series."
    )
    return Table(f"One request of {count} series: {name}", _HEADER, [row], notes)


def _try_sizes(work: Work) -> dict[int, float]:
    """Return the series a second that the library forecasts at each batch size."""
    some = min(work.count, SOME[work.library])
    found = run_alone(replace(work, count=some)).seconds
    return {size: some / seconds for size, seconds in found.items()}


def _ask(name: str, settings: dict[str, str]) -> _Request:
    loading = {"source_type": "local", "local_model_path": name, "context_len": CONTEXT}
    with run_process("chronos", **settings) as gateway, closing(Caller(gateway.port, "chronos")) as caller:
        caller.initialize(loading)
        before = resident_megabytes(gateway.pid)
        forget_peak(gateway.pid)
        started = time.perf_counter()
        body = caller.post("inference", make_request(CONTEXT), _HEADERS)
        seconds = time.perf_counter() - started
        peak = peak_megabytes(gateway.pid)
    frame = pa.ipc.open_stream(body).read_all()
    told = json.loads(frame.schema.metadata[b"sapheneia"])["execution_metadata"]
    forecasts = frame["mean"].to_numpy().reshape(-1, HORIZON)
    return _Request(seconds, told["execution_time_seconds"], before, peak, len(body), forecasts)


def _row(count: int, rates: str, turns: list[Outcome], request: _Request) -> tuple[str, ...]:
    seen = [seconds for turn in turns for seconds in turn.seconds.values()]
    ratios = [one / request.seconds for one in seen]
    library = max(turn.peak for turn in turns)
    return (
        str(count),
        rates,
        f"{statistics.mean(seen):.1f}",
        f"{request.seconds:.1f}",
        f"{statistics.mean(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{request.model_seconds:.1f}",
        f"{library:.0f}",
        f"{request.before:.0f}",
        f"{request.peak:.0f}",
        f"{request.peak - library:+.0f}",
    )


def _difference(library: Outcome, request: _Request, spread: float) -> float:
    return float(np.abs(request.forecasts - library.forecasts).max() / spread)
