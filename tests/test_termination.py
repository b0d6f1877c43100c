"""A real server that is told to end while models are being loaded."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import AUTHORIZED, KEY, ROOT
from tests.core.conftest import PREFIX, REQUEST
from tests.ports import free_port

SERVER = """
import runpy
from forecast.core.progress import current_progress
from forecast.models import MODEL_REGISTRY
from tests import fake_model

place = {"router_path": "tests.fake_model", "service_path": "tests.fake_model"}
MODEL_REGISTRY["fake"] = {**MODEL_REGISTRY["statsforecast"], **place}
fake_model.adapter.on_load = lambda config: current_progress().pause(600)
runpy.run_module("scripts.serve", run_name="__main__")
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server of a model whose load takes ten minutes, and its URL."""
    port = str(free_port())
    settings = {
        "API_SECRET_KEY": KEY,
        "ENV_FILE": "/nonexistent",
        "MODEL_NAME": "fake",
        "INITIALIZE_ON_START": "none",
        "LAZY_INITIALIZATION": "true",
        "LOG_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/sapheneia.db",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, "forecast.main:app", "--port", port],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **settings},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await_status(process, url, "uninitialized")
        yield process, url
    finally:
        process.kill()
        process.wait()


def await_status(process: subprocess.Popen[bytes], url: str, status: str) -> None:
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        try:
            told = httpx.get(f"{url}/health", timeout=60).json()["models"]["fake"]["status"]
        except httpx.TransportError:
            continue
        if told == status:
            return
    pytest.fail(f"the server never told '{status}'")


@pytest.mark.parametrize(("path", "body"), [("initialization", {}), ("inference", REQUEST)])
def test_a_load_that_a_caller_waits_for_does_not_keep_the_server(
    server: tuple[subprocess.Popen[bytes], str], path: str, body: dict[str, Any]
) -> None:
    process, url = server
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, f"{url}{PREFIX}/{path}", json=body, headers=AUTHORIZED, timeout=90)
        await_status(process, url, "initializing")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        answer = asked.result()
    assert (answer.status_code, answer.json()["error"]) == (409, "MODEL_SHUT_DOWN")
