"""How long single calls take while a request of many series is forecast."""

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.bulk import CONTEXT, bulk_settings
from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import make_body, make_contexts
from benchmarks.gateway import Caller, run_gateway
from benchmarks.panel import HORIZON, make_request, write_panel
from benchmarks.report import Table

SERIES = 5_000
_IDLE_SECONDS, _BESIDE_SECONDS = 10.0, 45.0
_FEWEST_CALLS = 2
_HEADER = (
    "one caller",
    "seconds",
    "calls",
    "p50 ms",
    "p95 ms",
    "longest ms",
    "p95 / idle p95",
    "series/s of the request",
)


def measure(name: str, folder: Path, series: int = SERIES, seconds: float = _BESIDE_SECONDS) -> Table:
    """Return what one caller waits alone, while such a request is read, and while it is forecast."""
    write_checkpoint(name, folder)
    loading = {"source_type": "local", "local_model_path": name, "context_len": CONTEXT}
    with tempfile.TemporaryDirectory(prefix="benchmarks-data-") as data:
        write_panel(Path(data), series, CONTEXT)
        with (
            run_gateway("chronos", **bulk_settings(name, folder, data, series)) as port,
            closing(Caller(port, "chronos")) as caller,
            closing(Caller(port, "chronos")) as bulk,
        ):
            caller.initialize(loading)
            parts = _Parts(caller)
            parts.call_until("alone", parts.after(min(_IDLE_SECONDS, seconds)))
            bulk.send("inference", make_request(CONTEXT))
            # One that is refused would never wait for the model.
            parts.call_until("beside a request that is read", lambda: parts.others_wait() or bulk.answered())
            parts.call_until("beside one that is forecast", parts.after(seconds))
            if bulk.answered():
                raise RuntimeError(f"{series} series were answered, or refused, before the caller was done")
    notes = (
        f"One caller of one series, context {CONTEXT}, {HORIZON} steps, who sends the next request when the"
        f" last is answered; beside it one request of {series} series x {CONTEXT} from a Parquet file, which"
        " is taken back at the end by hanging up. The last of the calls beside its reading may have waited"
        " for a batch of it."
    )
    return Table(f"Single calls beside a request of {series} series: {name}", _HEADER, parts.rows, notes)


class _Parts:
    """The rows of the table, part by part."""

    def __init__(self, caller: Caller) -> None:
        self.rows: list[tuple[str, ...]] = []
        self._caller = caller
        self._body = make_body(make_contexts(CONTEXT)[0])
        self._own = 0
        self._before = self._forecast()
        self._idle = 0.0

    def call_until(self, part: str, done: Callable[[], bool]) -> None:
        """Call until that is so, and add a row."""
        times: list[float] = []
        others, began = self._others(), time.perf_counter()
        while len(times) < _FEWEST_CALLS or not done():
            started = time.perf_counter()
            self._caller.post("inference", self._body)
            times.append(1000 * (time.perf_counter() - started))
            self._own += 1
        seconds = time.perf_counter() - began
        p50, p95, longest = np.percentile(times, [50, 95, 100])
        self._idle = self._idle or float(p95)
        figures = (f"{figure:.0f}" for figure in (p50, p95, longest))
        rate = (self._others() - others) / seconds
        self.rows.append(
            (part, f"{seconds:.1f}", str(len(times)), *figures, f"{p95 / self._idle:.1f}", f"{rate:.1f}")
        )

    def after(self, seconds: float) -> Callable[[], bool]:
        """Return what tells whether so many seconds have passed from now on."""
        until = time.perf_counter() + seconds
        return lambda: time.perf_counter() > until

    def others_wait(self) -> bool:
        """Return whether series of somebody else have come to the model; this caller's own are answered."""
        figures = self._caller.figures()
        return figures["series_waiting"] + figures["series_running"] + self._others() > 0

    def _others(self) -> float:
        return self._forecast() - self._before - self._own

    def _forecast(self) -> float:
        return self._caller.figures()["series_forecast"]
