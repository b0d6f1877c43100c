"""The gateway with the fake model in processes of its own, started as setup.sh starts it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.conftest import AUTHORIZED, KEY, ROOT
from tests.core.conftest import PREFIX, REQUEST

PATIENCE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Server:
    """A gateway that answers; `output` is the file of what it says."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx.Response:
        """Return the answer to a GET on a connection of its own."""
        return httpx.get(f"{self.url}{path}", trust_env=False, timeout=30)

    def forecast(self, **headers: str) -> httpx.Response:
        """Return the answer to a forecast of one series, on a connection of its own."""
        url = f"{self.url}{PREFIX}/inference"
        return httpx.post(url, json=REQUEST, headers=AUTHORIZED | headers, trust_env=False, timeout=60)


def until(true: Callable[[], bool], process: subprocess.Popen[bytes], output: Path) -> None:
    """Wait until something is true of a process that runs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, f"it did not become true\n{output.read_text()}"
        threading.Event().wait(0.02)


def answers(url: str, status: int = 200) -> bool:
    """Return whether a GET is answered with a status."""
    try:
        return httpx.get(url, trust_env=False, timeout=30).status_code == status
    except httpx.TransportError:
        return False


@contextmanager
def run_server(folder: Path, port: int, workers: int = 1, **environment: str) -> Iterator[Server]:
    """Serve the fake model, loaded, from a folder, and yield the server once it is ready."""
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "API_SECRET_KEY": KEY,
        "ENV_FILE": "/nonexistent",
        "MODEL_NAME": "fake",
        "INITIALIZE_ON_START": "fake",
        "RESULT_CACHE_BYTES": "0",
        "RATE_LIMIT_ENABLED": "false",
        "LOG_DIR": str(folder / "logs"),
        "DATABASE_URL": f"sqlite:///{folder}/sapheneia.db",
        "TMPDIR": str(folder),
        # A process that merely stands still for some seconds is not to be killed as one that hangs.
        "UVICORN_TIMEOUT_WORKER_HEALTHCHECK": str(PATIENCE_SECONDS),
    }
    output = folder / "output"
    command = [sys.executable, "-m", "scripts.serve", "tests.fake_gateway:app"]
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--workers", str(workers)],
            cwd=ROOT,
            env=settings | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"), process, output)
        yield Server(process, port, output)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
