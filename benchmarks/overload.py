"""How fast a gateway whose queue is full says so."""

import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.bulk import bulk_settings
from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import make_body, make_contexts
from benchmarks.gateway import Caller, RefusedError, run_gateway
from benchmarks.panel import make_request, write_panel
from benchmarks.report import Table

CONTEXT = 512
_HEADER = ("refusals", "p50 ms", "p99 ms", "longest ms")


def measure(name: str, folder: Path, series: int = 1_000, calls: int = 200) -> Table:
    """Return how long refusals take while a request of many series fills the queue of a model."""
    write_checkpoint(name, folder)
    body = make_body(make_contexts(CONTEXT)[0])
    with tempfile.TemporaryDirectory(prefix="benchmarks-data-") as data:
        write_panel(Path(data), series, CONTEXT)
        settings = bulk_settings(name, folder, data, series) | {"INFERENCE_QUEUE_SIZE": "1"}
        with run_gateway("chronos", **settings) as port, closing(Caller(port, "chronos")) as bulk:
            bulk.initialize({"source_type": "local", "local_model_path": name, "context_len": CONTEXT})
            with closing(Caller(port, "chronos")) as caller:
                bulk.send("inference", make_request(CONTEXT))
                while not caller.figures()["series_waiting"]:
                    time.sleep(0.05)
                times = [_time_refusal(caller, body) for _ in range(calls)]
    row = (str(calls), *(f"{np.percentile(times, at):.1f}" for at in (50, 99, 100)))
    notes = (
        f"One caller of one series, context {CONTEXT}, again and again, while one of {series} series is"
        " computed and the queue, of one series, is full."
    )
    return Table(f"Refusals of a full queue: {name}", _HEADER, [row], notes)


def _time_refusal(caller: Caller, body: bytes) -> float:
    """Return the milliseconds until a call is refused; raise RuntimeError where it is not."""
    started = time.perf_counter()
    try:
        caller.post("inference", body)
    except RefusedError:
        return 1000 * (time.perf_counter() - started)
    raise RuntimeError("a call was answered though the queue was full")
