"""`python -m benchmarks [NAME ...]`: print how fast the gateway is beside the libraries it calls."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks import (
    bodies,
    bulk,
    concurrency,
    fits,
    flowstate,
    liveness,
    loads,
    memory,
    mixed,
    overhead,
    precision,
    start,
)
from benchmarks.report import Table, describe_machine
from forecast.core.pool import available_cores

RESULTS = Path(__file__).with_name("RESULTS.md")
_INTRODUCTION = (
    "Written by `python -m benchmarks`; README.md beside it says what is measured and how to read it."
)


def main() -> None:
    """Run the benchmarks that are named, or all of them and write the results down."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    # The same number of threads for the library here and for the gateway, which inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))
    # As scripts.serve has it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with ExitStack() as stack:
        names, folder, series = _read_arguments(stack)
        benchmarks = _benchmarks(folder, series)
        texts = [describe_machine() + _load(), ""]
        print(texts[0], flush=True)
        for name in names or benchmarks:
            started = time.perf_counter()
            texts.append(benchmarks[name]().markdown())
            print(f"\n{texts[-1]}({time.perf_counter() - started:.0f} s)", flush=True)
    if not names:
        RESULTS.write_text("\n".join(["# Results", "", _INTRODUCTION, "", *texts]), encoding="utf-8")
        print(f"Written to {RESULTS.parent.name}/{RESULTS.name}.")


def _benchmarks(folder: Path, series: int | None = None) -> dict[str, Callable[[], Table]]:
    return {
        "noop": overhead.measure_noop,
        "bodies": bodies.measure,
        "statsforecast": overhead.measure_statsforecast,
        **{name: partial(concurrency.measure, name, folder) for name in concurrency.MODEL_IDS},
        **{f"bulk-{name}": partial(bulk.measure, name, folder, series) for name in bulk.SERIES},
        "mixed-chronos-2": partial(mixed.measure, "chronos-2", folder),
        "prophet-100": fits.measure_prophet,
        "statsforecast-1000": fits.measure_statsforecast,
        "flowstate": partial(flowstate.measure, folder),
        "start": start.measure,
        **{f"load-{name}": partial(loads.measure, name, folder) for name in loads.NAMES},
        **{f"live-{name}": partial(liveness.measure, name, folder) for name in liveness.NAMES},
        **{f"memory-{name}": partial(memory.measure, name, folder) for name in liveness.NAMES},
        **{f"precision-{name}": partial(precision.measure, name, folder) for name in concurrency.MODEL_IDS},
    }


def _read_arguments(stack: ExitStack) -> tuple[list[str], Path, int | None]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = sorted(_benchmarks(Path()))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all by default")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        help="folder to keep the random checkpoints in (2.5 GB); by default they are made anew and removed",
    )
    parser.add_argument(
        "--series",
        type=int,
        help="series of the bulk benchmarks' request; by default "
        + ", ".join(f"{count} of {name}" for name, count in bulk.SERIES.items()),
    )
    given = parser.parse_args()
    for name in given.names:
        if name not in known:
            parser.error(f"no such benchmark: {name} (there are {', '.join(known)})")
    folder = given.checkpoints or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
    return given.names, folder.resolve(), given.series


def _load() -> str:
    load = os.getloadavg()[0]
    return f" Load average at the start: {load:.1f}."


if __name__ == "__main__":
    main()
