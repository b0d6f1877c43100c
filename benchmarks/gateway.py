"""A gateway in a process of its own, and one caller's connection to it."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).parents[1]
KEY = "the-benchmarks-own-key-of-more-than-32-characters"
_HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
_PATIENCE_SECONDS = 1800
_BACKLOG = 256


@dataclass(frozen=True, slots=True)
class Gateway:
    """The port on the loopback and the process of a gateway."""

    port: int
    pid: int


class RefusedError(RuntimeError):
    """The gateway was too busy."""


class Caller:
    """One keep-alive connection to a gateway that serves one model."""

    def __init__(self, port: int, model_id: str) -> None:
        self._prefix = f"/forecast/v1/{model_id}"
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)

    def get(self, path: str) -> bytes:
        """Return the body at a path; raise RuntimeError for anything but a 200."""
        return self._ask("GET", path, None)

    def post(self, verb: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """Return the answer of one of the model's routes; raise RuntimeError for anything but a 200.

        `headers` come before the usual ones: JSON, and the key.
        """
        return self._ask("POST", f"{self._prefix}/{verb}", body, headers)

    def send(self, verb: str, body: bytes) -> None:
        """Send a request whose answer is not waited for; `close` takes it back."""
        self._connection.request("POST", f"{self._prefix}/{verb}", body, _HEADERS)

    def answered(self) -> bool:
        """Return whether what was sent last is being answered, or refused."""
        return bool(select.select([self._connection.sock], [], [], 0)[0])

    def initialize(self, body: Mapping[str, Any]) -> None:
        """Load the model and wait until it is ready."""
        self.post("initialization", json.dumps(body).encode())

    def figures(self) -> dict[str, float]:
        """Return what the model has done so far, in series, batches and seconds, and what waits for it."""
        text = self.get("/metrics").decode()
        found = re.findall(r"^sapheneia_model_(\w+?)(?:_total)?\{.*\} (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def close(self) -> None:
        """Hang up; the next request connects again, as it must where none came for 75 seconds."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        self._connection.request(method, path, body, {**_HEADERS, **(headers or {})})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            kind = RefusedError if response.status == 503 else RuntimeError
            raise kind(f"{method} {path}: {response.status} {content.decode()}")
        return content


@contextmanager
def run_gateway(model_id: str, **environment: str) -> Iterator[int]:
    """Serve one model in a child process, without quotas, and yield its port on the loopback."""
    with run_process(model_id, **environment) as gateway:
        yield gateway.port


@contextmanager
def run_process(model_id: str, **environment: str) -> Iterator[Gateway]:
    """Serve as `run_gateway` does, and yield the process beside the port."""
    with tempfile.TemporaryDirectory() as folder:
        console = Path(folder) / "console"
        settings = {
            "ENV_FILE": os.devnull,
            "API_SECRET_KEY": KEY,
            "MODEL_NAME": model_id,
            "RATE_LIMIT_ENABLED": "false",
            "RESULT_CACHE_BYTES": "0",
            "DATA_DIR": str(ROOT / "data"),
            "LOG_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/sapheneia.db",
            "HF_HUB_OFFLINE": "1",
        }
        listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        # From here on only the child holds the socket: callers wait in its backlog, and fail if it dies.
        with listener, console.open("wb") as output:
            port = listener.getsockname()[1]
            server = _start(listener.fileno(), {**os.environ, **settings, **environment}, output)
        try:
            yield Gateway(port, server.pid)
        except OSError as error:
            raise RuntimeError(f"The gateway went away:\n{console.read_text()[-2000:]}") from error
        finally:
            server.communicate(timeout=_PATIENCE_SECONDS)


def _start(descriptor: int, environment: dict[str, str], output: BinaryIO) -> "subprocess.Popen[bytes]":
    """Return the gateway's process, which ends when its standard input does."""
    return subprocess.Popen(  # noqa: S603 - this interpreter and this package
        [sys.executable, "-m", "benchmarks.server", str(descriptor)],
        cwd=ROOT,
        env=environment,
        pass_fds=[descriptor],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
