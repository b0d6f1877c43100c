"""One job of many series beside the same request to /inference, and by one Celery worker and by two."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.bulk import bulk_settings
from benchmarks.checkpoints import write_checkpoint
from benchmarks.gateway import KEY, ROOT, run_gateway
from benchmarks.panel import HORIZON, make_request, write_panel
from benchmarks.report import Table
from forecast.core.media import ARROW
from forecast.core.pool import available_cores
from tests.postgres import PostgresServer, find_binaries
from tests.redis_server import RedisServer, find_redis

DAYS = 365
SERIES = 10_000
TURNS = 3
NAMES = ("statsforecast", "bolt-tiny")
_MODELS = {"bolt-tiny": "chronos"}
_PARAMETERS: dict[str, dict[str, Any]] = {"statsforecast": {"method": "SeasonalNaive"}}
_FITS, _THREADS = "FIT_PROCESSES", "OMP_NUM_THREADS"
_JOBS = "/api/v1/forecast-jobs"
_PATIENCE_SECONDS = 3600.0
_LOOK_SECONDS = 0.05


class Caller:
    """Asks a gateway's one model for the series of its file, at once or as a job."""

    def __init__(self, port: int, name: str) -> None:
        self._model = _MODELS.get(name, name)
        self._parameters = _PARAMETERS.get(name, {})
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=_PATIENCE_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def load(self, name: str) -> None:
        """Load the model, from the checkpoint of a name where it has one."""
        local = {"source_type": "local", "local_model_path": name, "context_len": DAYS}
        body = local if name in _MODELS else {}
        self._post(f"/forecast/v1/{self._model}/initialization", body)

    def infer(self) -> float:
        """Return the seconds that one request of all series takes, answered as a stream of Arrow."""
        started = time.perf_counter()
        self._post(f"/forecast/v1/{self._model}/inference", self._request(), Accept=ARROW)
        return time.perf_counter() - started

    def do_job(self, series: Sequence[str] | None = None) -> tuple[float, float]:
        """Return the seconds from handing a job over to its end, and from its first part to its end."""
        started = time.perf_counter()
        handed = self._post(_JOBS, {"model": self._model, **self._request(series)})
        address = handed.headers["Location"]
        with self._client.stream("GET", f"{address}/events") as events:
            if not any(line.startswith("event: ended") for line in events.iter_lines()):
                raise RuntimeError("The events of the job ended before it did.")
        seconds = time.perf_counter() - started
        job = self._client.get(address).json()
        if job["status"] != "succeeded" or job["items_failed"]:
            raise RuntimeError(f"The job failed: {job}")
        first, last = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
        return seconds, (last - first).total_seconds()

    def _request(self, series: Sequence[str] | None = None) -> dict[str, Any]:
        some = {} if series is None else {"series_ids": list(series)}
        body: dict[str, Any] = json.loads(make_request(DAYS, **self._parameters, **some))
        return body

    def _post(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        answer = self._client.post(path, json=body, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:1000]}")
        return answer


def measure_embedded(name: str, folder: Path, series: int | None = None, turns: int = TURNS) -> Table:
    """Return how long a job takes that the gateway computes itself, beside one request to /inference.

    With the model on all cores, and on all but one, where a job's tables and rows cost the model nothing.
    """
    count = series or SERIES
    cores, setting = available_cores(), _THREADS if name in _MODELS else _FITS
    with _prepared(name, folder, count) as settings:
        rows = [
            (str(used), *_compare(name, {**settings, setting: str(used)}, count, turns))
            for used in sorted({cores, max(1, cores - 1)}, reverse=True)
        ]
    notes = (
        f"{count} daily series x {DAYS} of a Parquet file, {HORIZON} steps, in turn as one request to"
        " /inference, answered as a stream of Arrow, and as a job of the same body: from handing it over"
        " until it has ended and every forecast is in the database, a file of SQLite. The model has the"
        f" cores of {setting}, of {cores}. The medians of {turns} turns; the goal is a ratio of 0.90."
    )
    header = (setting, "series", "/inference s", "job s", "job series/s", "/inference / job")
    return Table(f"A job of {count} series, embedded: {name}", header, rows, notes)


def _compare(name: str, settings: Mapping[str, str], count: int, turns: int) -> tuple[str, ...]:
    with run_gateway(_MODELS.get(name, name), **settings) as port, Caller(port, name) as caller:
        caller.load(name)
        caller.do_job(_first(count))
        seconds = [(caller.infer(), caller.do_job()[0]) for _ in range(turns)]
    ratios = [inference / job for inference, job in seconds]
    inference, job = (statistics.median(column) for column in zip(*seconds, strict=True))
    return (
        str(count),
        f"{inference:.1f}",
        f"{job:.1f}",
        f"{count / job:.0f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    )


def measure_celery(
    name: str,
    folder: Path,
    series: int | None = None,
    turns: int = TURNS,
    workers: Sequence[int] = (1, 2),
) -> Table:
    """Return how long a job takes with so many Celery workers of one thread each."""
    count = series or SERIES
    with _prepared(name, folder, count) as settings, _servers() as addresses:
        settings.update({**addresses, _THREADS: "1", _FITS: "1", "JOB_RUNNER": "celery"})
        with run_gateway(_MODELS.get(name, name), **settings) as port:
            found = {number: _ask(port, name, settings, number, count, turns) for number in workers}
    alone = found[workers[0]]
    rows = [
        (str(number), f"{seconds:.1f}", f"{count / seconds:.0f}", f"{alone / seconds:.2f}")
        for number, seconds in found.items()
    ]
    notes = (
        f"A job of {count} daily series x {DAYS}, {HORIZON} steps, from its first part to its end. Gateway,"
        " workers, Redis and PostgreSQL share this machine; workers have their model loaded, and one thread"
        f" each. The medians of {turns} turns; the goal is 1.80 for two."
    )
    header = ("workers", "job s", "series/s", f"against {workers[0]}")
    return Table(f"A job of {count} series by Celery's workers: {name}", header, rows, notes)


def _ask(port: int, name: str, settings: Mapping[str, str], workers: int, count: int, turns: int) -> float:
    with ExitStack() as stack:
        caller = stack.enter_context(Caller(port, name))
        caller.load(name)
        for _ in range(workers):
            stack.enter_context(_run_worker(_MODELS.get(name, name), settings))
        caller.do_job(_first(count))  # each worker loads the model for its first part
        return statistics.median(caller.do_job()[1] for _ in range(turns))


def _first(count: int) -> list[str]:
    """Return series enough for several parts, or all of them."""
    return [f"s{number:05}" for number in range(min(count, 600))]


@contextmanager
def _prepared(name: str, folder: Path, count: int) -> Iterator[dict[str, str]]:
    """Yield the settings of a gateway and its workers, with a folder of so many series."""
    if name in _MODELS:
        write_checkpoint(name, folder)
    with tempfile.TemporaryDirectory(prefix="benchmarks-data-") as data:
        write_panel(Path(data), count, DAYS)
        yield bulk_settings(name, folder, data, count)


@contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """Yield the settings that lead to a Redis and a PostgreSQL of this benchmark's own."""
    binaries, program = find_binaries(), find_redis()
    if binaries is None or program is None:
        raise RuntimeError("This benchmark needs redis-server and PostgreSQL.")
    with ExitStack() as stack:
        postgres, redis = PostgresServer(binaries), RedisServer(program)
        stack.callback(postgres.remove)
        stack.callback(redis.remove)
        postgres.start()
        redis.start()
        yield {"DATABASE_URL": postgres.url(), "CELERY_BROKER_URL": redis.url}


@contextmanager
def _run_worker(model_id: str, settings: Mapping[str, str]) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        own = {"ENV_FILE": os.devnull, "API_SECRET_KEY": KEY, "LOG_DIR": folder, "HF_HUB_OFFLINE": "1"}
        console = Path(folder) / "console"
        with console.open("wb") as output:
            worker = subprocess.Popen(  # noqa: S603 - this interpreter and this package
                [sys.executable, "-m", "benchmarks.worker", model_id],
                cwd=ROOT,
                env={**os.environ, "RESULT_CACHE_BYTES": "0", **settings, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            while "worker=ready" not in console.read_text():
                if worker.poll() is not None:
                    raise RuntimeError(f"A worker ended:\n{console.read_text()[-2000:]}")
                time.sleep(_LOOK_SECONDS)
            yield
        finally:
            worker.terminate()
            worker.wait(60)
