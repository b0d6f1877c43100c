"""A service that is killed in the middle of a request, as a process of its own, and comes back."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest
from fastapi import FastAPI

from forecast.remote.circuit import PAUSE_SECONDS
from tests.conftest import AUTHORIZED, KEY, ROOT, MakeApp
from tests.core.conftest import DAYS, PREFIX, REQUEST
from tests.ports import free_port
from tests.remote.conftest import Clock, Serve, hanging

# A series of seven days is never answered; that it is being computed is said on stdout.
SERVICE = """
import runpy
import threading
from forecast.models import MODEL_REGISTRY
from tests import fake_model

def hang(tasks):
    if len(tasks[0].series.target) == 7:
        print("computing", flush=True)
        threading.Event().wait()

place = {"router_path": "tests.fake_model", "service_path": "tests.fake_model"}
MODEL_REGISTRY["fake"] = {**MODEL_REGISTRY["statsforecast"], **place}
fake_model.adapter.on_predict = hang
runpy.run_module("scripts.serve", run_name="__main__")
"""
PATIENCE_SECONDS = 90
ENDLESS = REQUEST | {"data": {"date": DAYS[:7], "y": list(range(7))}}
Process = subprocess.Popen[str]


@contextmanager
def running(port: int, folder: Path, **changes: str) -> Iterator[Process]:
    settings = {
        "API_SECRET_KEY": KEY,
        "ENV_FILE": "/nonexistent",
        "MODEL_NAME": "fake",
        "MODEL_SERVICE_URLS": f"fake=http://127.0.0.1:{port}",  # its own address: settings can be shared
        "INITIALIZE_ON_START": "fake",
        "RATE_LIMIT_ENABLED": "false",
        "LOG_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/sapheneia.db",
        **changes,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, "forecast.main:app", "--port", str(port)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def await_ready(gateway: httpx.Client, process: Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while gateway.get("/health/ready").status_code != 200:
        assert process.poll() is None
        assert time.monotonic() < deadline, "the service never got ready"
        threading.Event().wait(0.02)


def await_start(gateway: httpx.Client, process: Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            gateway.get("/health/live")
        except httpx.TransportError:
            threading.Event().wait(0.02)
            continue
        return
    pytest.fail("the gateway never started")


def await_line(stdout: IO[str], line: str) -> None:
    while (told := stdout.readline()).strip() != line:
        assert told, f"the service never told '{line}'"


def test_a_service_killed_in_the_middle_of_a_request_is_told_clearly_and_is_used_again_when_it_returns(
    make_app: MakeApp, serve: Serve, tmp_path: Path, clock: Clock
) -> None:
    port = free_port()
    app: FastAPI = make_app(
        model_service_urls={"fake": f"http://127.0.0.1:{port}"}, initialize_on_start=("fake",)
    )
    path = f"{PREFIX}/inference"
    with (
        httpx.Client(base_url=serve(app), headers=AUTHORIZED, timeout=60, trust_env=False) as gateway,
        ThreadPoolExecutor(1) as pool,
    ):
        assert gateway.get("/health/ready").status_code == 503
        with running(port, tmp_path / "first") as process:
            await_ready(gateway, process)
            assert gateway.post(path, json=REQUEST).status_code == 200
            asked = pool.submit(gateway.post, path, json=ENDLESS)
            assert process.stdout is not None
            await_line(process.stdout, "computing")
            process.send_signal(signal.SIGKILL)
            lost = asked.result()
        assert (lost.status_code, lost.json()["error"]) == (502, "MODEL_SERVICE_LOST")
        assert lost.headers["Retry-After"] == "1"
        assert lost.json()["detail"] == (
            "The service of the model 'fake' ended before its answer was whole;"
            " what was asked of it may have been done."
        )

        refused = [gateway.post(path, json=REQUEST) for _ in range(3)]
        assert {(one.status_code, one.json()["error"]) for one in refused} == {
            (503, "MODEL_SERVICE_UNAVAILABLE")
        }
        assert [one.headers["Retry-After"] for one in refused] == ["1", "1", "5"]
        assert "nothing was done" in refused[1].json()["detail"]
        assert "tried again shortly" in refused[2].json()["detail"]

        while gateway.get("/health/ready").status_code == 200:  # as of the last second
            threading.Event().wait(0.02)
        with running(port, tmp_path / "second") as process:
            await_ready(gateway, process)
            clock.now += PAUSE_SECONDS
            again = gateway.post(path, json=REQUEST)
            assert (again.status_code, again.json()["prediction"]["point_forecast"]) == (200, [[9.0] * 3])
            assert gateway.post(path, json=REQUEST).status_code == 200
    log = (tmp_path / "logs/forecast.log").read_text()
    assert "model=fake circuit=open failures=3" in log
    assert "model=fake circuit=closed" in log


@pytest.mark.parametrize("action", ["inference", "initialization"])
def test_a_service_that_stands_still_does_not_keep_the_gateway(
    make_app: MakeApp, serve: Serve, tmp_path: Path, action: str
) -> None:
    port = free_port()
    app = make_app(model_service_urls={"fake": f"http://127.0.0.1:{port}"}, initialize_on_start=("fake",))
    with (
        httpx.Client(base_url=serve(app), headers=AUTHORIZED, timeout=60, trust_env=False) as gateway,
        running(port, tmp_path / "service") as process,
    ):
        await_ready(gateway, process)
        process.send_signal(signal.SIGSTOP)
        if action == "inference":
            late = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Deadline-Ms": "100"})
            assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
        else:
            with pytest.raises(httpx.ReadTimeout):
                gateway.post(f"{PREFIX}/initialization", json={}, timeout=httpx.Timeout(60, read=0.1))
        assert gateway.get("/health/live").status_code == 200
        process.send_signal(signal.SIGCONT)
        assert gateway.post(f"{PREFIX}/inference", json=REQUEST).status_code == 200


def test_a_gateway_that_is_told_to_end_does_not_wait_for_a_load_in_a_service(
    serve: Serve, tmp_path: Path
) -> None:
    arrived, dropped = threading.Event(), threading.Event()
    url, port = serve(hanging(arrived, dropped).app()), free_port()
    settings = {"MODEL_NAME": "all", "MODEL_SERVICE_URLS": f"fake={url}", "INITIALIZE_ON_START": "none"}
    with (
        running(port, tmp_path, **settings) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=AUTHORIZED, timeout=60) as gateway,
        ThreadPoolExecutor(1) as pool,
    ):
        await_start(gateway, process)
        asked = pool.submit(gateway.post, f"{PREFIX}/initialization", json={})
        assert arrived.wait(PATIENCE_SECONDS)
        process.send_signal(signal.SIGTERM)
        answer = asked.result()
        process.wait(PATIENCE_SECONDS)
    assert (answer.status_code, answer.json()["error"]) == (503, "MODEL_SERVICE_UNAVAILABLE")
    assert "The gateway is ending" in answer.json()["detail"]
    assert dropped.wait(PATIENCE_SECONDS)
