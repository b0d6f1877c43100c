"""From the start of the service's process to its first answer."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection

from benchmarks.gateway import KEY, ROOT
from benchmarks.report import Table
from tests.ports import free_port

_IMPORTS = "import fastapi, uvicorn, pandas"
_PATIENCE_SECONDS, _PAUSE_SECONDS = 60.0, 0.005
_HEADER = ("process", "median s", "lowest s", "highest s", "against the imports")


def measure(turns: int = 5) -> Table:
    """Return how long the service takes until `/health` answers, beside the libraries it stands on."""
    ways: dict[str, Callable[[], float]] = {
        f'python -c "{_IMPORTS}"': _time_imports,
        "scripts.serve, as shipped": partial(_time_start, "statsforecast"),
        "scripts.serve, INITIALIZE_ON_START=none": partial(_time_start, "none"),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            seen[name].append(way())
    base = statistics.median(next(iter(seen.values())))
    rows = []
    for name, seconds in seen.items():
        median = statistics.median(seconds)
        figures = (f"{figure:.2f}" for figure in (median, min(seconds), max(seconds)))
        rows.append((name, *figures, f"{median / base:.2f}"))
    notes = (
        f"From the start of a new process until `GET /health` is answered, MODEL_NAME=all, {turns} turns; the"
        " files are in the page cache. As shipped, the service begins to load statsforecast meanwhile."
    )
    return Table("Start of the service", _HEADER, rows, notes)


def _time_imports() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", _IMPORTS], cwd=ROOT, check=True)  # noqa: S603 - this interpreter
    return time.perf_counter() - started


def _time_start(models: str) -> float:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "ENV_FILE": os.devnull,
            "API_SECRET_KEY": KEY,
            "MODEL_NAME": "all",
            "INITIALIZE_ON_START": models,
            "LOG_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/sapheneia.db",
        }
        app = ["forecast.main:app", "--app-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port)]
        started = time.perf_counter()
        server = subprocess.Popen(  # noqa: S603 - this interpreter and the service's own script
            [sys.executable, "-m", "scripts.serve", *app, "--workers", "1"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_answer(port, server)
            return time.perf_counter() - started
        finally:
            server.terminate()
            server.wait(_PATIENCE_SECONDS)


def _await_answer(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except ConnectionRefusedError:
            time.sleep(_PAUSE_SECONDS)
        finally:
            connection.close()
    raise RuntimeError("The service did not answer.")
