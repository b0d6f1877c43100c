"""How long a model takes to load, beside reading its files."""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.checkpoints import write_checkpoint
from benchmarks.concurrency import MODEL_IDS
from benchmarks.gateway import Caller, run_gateway
from benchmarks.report import Table

NAMES = ("timesfm20", "chronos-2")
CONTEXT = 512
_HEADER = ("what", "seconds", "lowest s", "highest s", "against reading")


def measure(name: str, folder: Path, turns: int = 4) -> Table:
    """Return the seconds of a model's first load and of later ones, on a checkpoint of real size."""
    place = write_checkpoint(name, folder)
    model_id = MODEL_IDS.get(name, "chronos")
    loading = {"source_type": "local", "local_model_path": name, "context_len": CONTEXT}
    _read_files(place)  # from here on they are in the page cache
    reads, loads = [], []
    with (
        run_gateway(model_id, **{f"{model_id.upper()}_LOCAL_DIR": str(folder)}) as port,
        closing(Caller(port, model_id)) as caller,
    ):
        caller.get("/health/live")
        for _ in range(turns):
            caller.close()  # else the gateway may, while the files are read
            reads.append(_time(partial(_read_files, place)))
            loads.append(_time(partial(caller.initialize, loading)))
            caller.post("shutdown")
    base = statistics.median(reads)
    rows = [
        _row("reading the files", reads, base),
        _row("first load", loads[:1], base),
        _row("load after a shutdown", loads[1:], base),
    ]
    megabytes = sum(file.stat().st_size for file in place.iterdir()) / 1e6
    notes = (
        f"From the request to initialize to its answer, {turns} loads, each after the files"
        f" ({megabytes:.0f} MB, in the page cache) were read into memory by the benchmark's process; medians."
        " The first load imports the libraries. A load ends with two forecasts of one series."
    )
    return Table(f"Loading: {name}", _HEADER, rows, notes)


def _read_files(place: Path) -> None:
    for file in sorted(place.iterdir()):
        file.read_bytes()


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(what: str, seconds: list[float], base: float) -> tuple[str, ...]:
    median = statistics.median(seconds)
    figures = (f"{figure:.2f}" for figure in (median, min(seconds), max(seconds)))
    return (what, *figures, f"{median / base:.2f}")
