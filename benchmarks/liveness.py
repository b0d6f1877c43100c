"""How long `/health/live` takes while a model loads, forecasts and is let go."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.callers import run_callers
from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import CALLERS, HORIZON, MODEL_IDS, make_body, make_contexts
from benchmarks.gateway import Caller, run_gateway
from benchmarks.report import Table

NAMES = ("timesfm20", "chronos-2")
CONTEXT = 512
_PAUSE_SECONDS = 0.01
_IDLE_SECONDS = 2.0
_ROUNDS = 2
_HEADER = ("the gateway", "seconds", "probes", "p50 ms", "p99 ms", "longest ms", "p99 / idle p99")


def measure(name: str, folder: Path) -> Table:
    """Return how long probes took during each part of a model's life, on a checkpoint of real size."""
    write_checkpoint(name, folder)
    model_id = MODEL_IDS[name]
    loading = {"source_type": "local", "local_model_path": name, "context_len": CONTEXT}
    with (
        run_gateway(model_id, **{f"{model_id.upper()}_LOCAL_DIR": str(folder)}) as port,
        closing(Caller(port, model_id)) as caller,
    ):
        caller.get("/health/live")
        bodies = [make_body(series) for series in make_contexts(CONTEXT)]
        parts: dict[str, Callable[[], object]] = {
            "idle": partial(time.sleep, _IDLE_SECONDS),
            "loads for the first time": partial(caller.initialize, loading),
            f"forecasts {CALLERS} series": partial(caller.post, "inference", _body()),
            f"answers {CALLERS} callers at once": partial(run_callers, port, model_id, bodies, _ROUNDS),
            "shuts down": partial(caller.post, "shutdown"),
            "loads again": partial(caller.initialize, loading),
        }
        seen = {}
        for part, work in parts.items():
            caller.close()  # else the gateway has, where the part before took long
            seen[part] = _probe_during(port, model_id, work)
    idle = np.percentile(seen["idle"][1], 99)
    rows = [(part, *_tell(seconds, times, float(idle))) for part, (seconds, times) in seen.items()]
    notes = (
        f"One prober on a connection of its own, {1000 * _PAUSE_SECONDS:.0f} ms after each answer, beside one"
        f" caller that does what the row says, or {CALLERS} of one series each, who ask {_ROUNDS} times. The"
        " process is new: its first load imports the libraries."
    )
    return Table(f"/health/live beside {name}", _HEADER, rows, notes)


def _probe_during(port: int, model_id: str, work: Callable[[], object]) -> tuple[float, list[float]]:
    started = time.perf_counter()
    with _probing(port, model_id) as times:
        work()
        seconds = time.perf_counter() - started
    return seconds, times


@contextmanager
def _probing(port: int, model_id: str) -> Iterator[list[float]]:
    """Yield the milliseconds of each probe so far, complete when the block is left."""
    times: list[float] = []
    done = threading.Event()

    def probe() -> None:
        with closing(Caller(port, model_id)) as prober:
            while not done.is_set():
                started = time.perf_counter()
                prober.get("/health/live")
                times.append(1000 * (time.perf_counter() - started))
                done.wait(_PAUSE_SECONDS)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield times
    finally:
        done.set()
        thread.join()


def _tell(seconds: float, times: list[float], idle: float) -> tuple[str, ...]:
    p50, p99, longest = np.percentile(times, [50, 99, 100])
    figures = (f"{figure:.1f}" for figure in (p50, p99, longest))
    return (f"{seconds:.1f}", str(len(times)), *figures, f"{p99 / idle:.1f}")


def _body() -> bytes:
    contexts = make_contexts(CONTEXT)
    days = np.datetime_as_string(np.datetime64("2023-01-01") + np.arange(CONTEXT)).tolist()
    table = {
        "date": days * len(contexts),
        "series": np.repeat(np.arange(len(contexts)), CONTEXT).astype(str).tolist(),
        "value": np.concatenate(contexts).tolist(),
    }
    roles = {"series": "id", "value": "target"}
    parameters = {"context_len": CONTEXT, "horizon_len": HORIZON}
    return json.dumps({"data": table, "data_definition": roles, "parameters": parameters}).encode()
