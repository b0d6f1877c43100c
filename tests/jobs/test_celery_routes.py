"""A gateway whose jobs Celery computes, and a worker as setup.sh starts it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from forecast.database.connection import Database
from forecast.jobs.tables import jobs
from forecast.runs.tables import forecast_items
from tests.conftest import AUTHORIZED, KEY, ROOT, MakeApp
from tests.core.conftest import PREFIX
from tests.databases import require
from tests.redis_server import RedisServer, find_redis

JOBS = "/api/v1/forecast-jobs"
PATIENCE_SECONDS = 90
ITEMS = 30
DAYS = [f"2024-01-{day:02}" for day in range(1, 29)]
ASKED: dict[str, Any] = {
    "data": {
        "date": DAYS * ITEMS,
        "name": [f"s{number:02}" for number in range(ITEMS) for _ in DAYS],
        "y": [float(number + day % 7) for number in range(ITEMS) for day in range(28)],
    },
    "data_definition": {"y": "target", "name": "id"},
    "parameters": {"horizon_len": 7},
}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    program = find_redis()
    require(program, "redis-server")
    assert program is not None
    server = RedisServer(program)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def app(
    redis: RedisServer,
    database_url: str,
    make_app: MakeApp,
    monkeypatch: pytest.MonkeyPatch,
) -> FastAPI:
    monkeypatch.setenv("JOB_RUNNER", "celery")
    monkeypatch.setenv("CELERY_BROKER_URL", redis.url)
    monkeypatch.setenv("JOB_CHUNK_ITEMS", "10")
    return make_app(database_url=database_url)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers=AUTHORIZED) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
        yield client


@pytest.fixture
def start_worker(redis: RedisServer, database_url: str, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Starts a worker of the fake model."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "/nonexistent",
        "API_SECRET_KEY": KEY,
        "DATABASE_URL": database_url,
        "JOB_RUNNER": "celery",
        "CELERY_BROKER_URL": redis.url,
        "LOG_DIR": str(tmp_path / "logs"),
    }

    def start() -> None:
        command = [sys.executable, "-m", "tests.jobs.fake_model_worker", "fake"]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE))

    yield start
    for worker in started:
        worker.terminate()
        _, said = worker.communicate(timeout=60)
        assert worker.returncode == 0, said.decode()
        assert "logger=forecast.jobs.worker" in (tmp_path / "logs/worker/forecast.log").read_text()


def ended(client: TestClient, job_id: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = client.get(f"{JOBS}/{job_id}").json()
        if job["finished_at"] is not None:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def test_a_worker_forecasts_the_series_of_a_job(
    client: TestClient, database: Database, start_worker: Callable[[], None]
) -> None:
    start_worker()
    accepted = client.post(JOBS, json={"model": "fake", **ASKED})
    assert accepted.status_code == 202, accepted.text

    job = ended(client, accepted.json()["job_id"])
    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", ITEMS, 0), job
    wanted = (
        select(forecast_items.c.item_id)
        .join(jobs, jobs.c.forecast_run_id == forecast_items.c.forecast_run_id)
        .order_by(forecast_items.c.position)
    )
    with database.read() as connection:
        stored = list(connection.execute(wanted).scalars())
    assert stored == [f"s{number:02}" for number in range(ITEMS)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_redis_a_job_is_refused_at_once_and_an_inference_is_answered(
    client: TestClient, redis: RedisServer
) -> None:
    redis.kill()
    started = time.monotonic()
    refused = client.post(JOBS, json={"model": "fake", **ASKED})

    assert time.monotonic() - started < 3
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["error"] == "JOB_QUEUE_UNAVAILABLE"
    assert client.get(JOBS).json()["jobs"] == []
    assert client.post(f"{PREFIX}/inference", json=ASKED).status_code == 200
    redis.start()
    assert client.post(JOBS, json={"model": "fake", **ASKED}).status_code == 202


@pytest.mark.parametrize("given", [{}, {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}])
def test_a_worker_that_nothing_would_reach_says_what_to_set(given: dict[str, str]) -> None:
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": "/nonexistent", "API_SECRET_KEY": KEY, **given}
    command = [sys.executable, "-m", "scripts.worker", "statsforecast"]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert refused.returncode == 1
    assert refused.stderr.startswith("error: a worker needs JOB_RUNNER=celery, and CELERY_BROKER_URL such as")
    assert refused.stderr.endswith("nothing would reach a worker\n")
