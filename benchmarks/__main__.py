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
    history,
    jobs,
    liveness,
    loads,
    memory,
    mixed,
    overhead,
    overload,
    precision,
    start,
)
from benchmarks.report import Table, describe_machine
from benchmarks.results import Results
from forecast.core.pool import available_cores

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run the benchmarks that are named, or all of them, and print or write down what they found."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    # The same number of threads for the library here and for the gateway, which inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))
    # As scripts.serve has it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with ExitStack() as stack:
        given, folder = _read_arguments(stack)
        benchmarks = _benchmarks(folder, given.series)
        results = Results(RESULTS, list(benchmarks))
        for name in given.names or benchmarks:
            section = _run(name, benchmarks[name], given.series)
            print(f"\n{section}", flush=True)
            if given.write or not given.names:
                results.put(name, section)


def _run(name: str, measure: Callable[[], Table], series: int | None) -> str:
    load, started = os.getloadavg()[0], time.perf_counter()
    table = measure()
    command = f"./setup.sh bench {name}" + (f" --series {series}" if series else "")
    seconds = time.perf_counter() - started
    told = f"`{command}` took {seconds:.0f} s; load average at its start: {load:.1f}."
    return table.markdown(f"{told}\n\n{describe_machine()}")  # which need not be the other sections' one


def _benchmarks(folder: Path, series: int | None = None) -> dict[str, Callable[[], Table]]:
    return {
        "noop": overhead.measure_noop,
        "bodies": bodies.measure,
        "statsforecast": overhead.measure_statsforecast,
        **{name: partial(concurrency.measure, name, folder) for name in concurrency.MODEL_IDS},
        **{f"bulk-{name}": partial(bulk.measure, name, folder, series) for name in bulk.SERIES},
        "mixed-chronos-2": partial(mixed.measure, "chronos-2", folder),
        "overload-chronos-2": partial(overload.measure, "chronos-2", folder),
        "prophet-100": fits.measure_prophet,
        "statsforecast-1000": fits.measure_statsforecast,
        "flowstate": partial(flowstate.measure, folder),
        "history": history.measure,
        **{f"jobs-{name}": partial(jobs.measure_embedded, name, folder, series) for name in jobs.NAMES},
        **{f"celery-{name}": partial(jobs.measure_celery, name, folder, series) for name in jobs.NAMES},
        "start": start.measure,
        **{f"load-{name}": partial(loads.measure, name, folder) for name in loads.NAMES},
        **{f"live-{name}": partial(liveness.measure, name, folder) for name in liveness.NAMES},
        **{f"memory-{name}": partial(memory.measure, name, folder) for name in liveness.NAMES},
        **{f"precision-{name}": partial(precision.measure, name, folder) for name in concurrency.MODEL_IDS},
    }


def _read_arguments(stack: ExitStack) -> tuple[argparse.Namespace, Path]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = sorted(_benchmarks(Path()))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}; all by default")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        help="folder to keep the random checkpoints in (2.5 GB); by default they are made anew and removed",
    )
    parser.add_argument(
        "--write", action="store_true", help=f"write the named ones into {RESULTS.name}, as all are always"
    )
    parser.add_argument(
        "--series",
        type=int,
        help="series of the bulk benchmarks' request; by default "
        + ", ".join(f"{count} of {name}" for name, count in bulk.SERIES.items())
        + f"; and of jobs: {jobs.SERIES}",
    )
    given = parser.parse_args()
    for name in given.names:
        if name not in known:
            parser.error(f"no such benchmark: {name} (there are {', '.join(known)})")
    folder = given.checkpoints or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-")))
    return given, folder.resolve()


if __name__ == "__main__":
    main()
