"""The profile `celery`: jobs are computed by a worker, through Redis and PostgreSQL."""

import csv
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.shop import (
    await_job,
    enrol,
    hand_over,
    list_items,
    put_history,
    read_forecasts,
    read_job,
)
from tests.containers.stack import Stack, until

GATEWAY, WORKER = "forecast-celery", "worker"


@pytest.fixture(scope="module")
def celery(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The gateway, a worker and their servers, which are those of servers.yml without a registry."""
    folder = tmp_path_factory.mktemp("celery")
    settings = {"POSTGRES_PASSWORD": secrets.token_hex(16), "JOB_CHUNK_ITEMS": "10", "JOB_LEASE_SECONDS": "5"}
    stack = Stack(folder, profile="celery", settings=settings)
    try:
        if not pull_servers(stack):
            stack.files = ("tests/containers/servers.yml",)
            stack.compose("build", "redis", "postgres")
        stack.compose("build", GATEWAY)
        stack.start(GATEWAY, WORKER)
        stack.await_model("statsforecast")
        yield stack
    finally:
        stack.end()


def pull_servers(stack: Stack) -> bool:
    """Return whether the images of Redis and PostgreSQL are to be had."""
    try:
        stack.compose("pull", "--policy", "missing", "redis", "postgres")
    except AssertionError:
        return False
    return True


def test_a_job_is_computed_by_the_worker(celery: Stack) -> None:
    with celery.client(key=enrol(celery)) as client:
        put_history(client, 30)
        job = await_job(client, hand_over(client))
        rows = read_forecasts(client, job)

    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", 30, 0)
    assert len(rows) == 1 + 7 * 30
    told = celery.compose("logs", "--no-log-prefix", WORKER)
    assert [f"job={job['job_id']} part={part} items=10" in told for part in range(3)] == [True] * 3


def test_a_worker_that_is_killed_leaves_its_job_to_the_next(celery: Stack) -> None:
    with celery.client(key=enrol(celery, "patient")) as client:
        put_history(client, 80)
        job_id = hand_over(client, method="AutoARIMA", season_length=7)
        until(lambda: read_job(client, job_id)["items_done"] > 0)
        celery.compose("kill", WORKER)
        left = read_job(client, job_id)
        assert left["status"] == "running", "it had ended before the worker was killed"

        celery.start(WORKER)
        job = await_job(client, job_id)
        rows = read_forecasts(client, job)

    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", 80, 0)
    told = Counter(row["item_id"] for row in csv.DictReader(rows))
    assert told == {f"I{item:04}": 7 for item in range(80)}


def test_the_volumes_keep_jobs_and_forecasts(celery: Stack) -> None:
    with celery.client(key=enrol(celery, "keeper")) as client:
        put_history(client, 2)
        job = await_job(client, hand_over(client))
        before = read_forecasts(client, job)

        celery.compose("down")
        celery.start(GATEWAY, WORKER)
        celery.await_model("statsforecast")

        assert read_forecasts(client, job) == before
        assert await_job(client, hand_over(client))["status"] == "succeeded"


@pytest.mark.parametrize("service", [WORKER, "redis", "postgres"])
def test_a_service_runs_without_rights_on_a_root_that_is_read_only(celery: Stack, service: str) -> None:
    told = celery.inspect(service)

    assert celery.run(service, "id", "-u").strip() != "0"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapDrop"] == ["ALL"]


def test_redis_and_postgres_are_reached_by_the_other_containers_only(celery: Stack) -> None:
    for service in ("redis", "postgres"):
        assert celery.inspect(service)["HostConfig"]["PortBindings"] in ({}, None)


def test_a_worker_that_is_stopped_ends_within_its_time(celery: Stack) -> None:
    celery.compose("stop", WORKER)
    state = celery.inspect(WORKER)["State"]
    celery.start(WORKER)

    assert (state["ExitCode"], state["OOMKilled"]) in {(0, False), (143, False)}


def test_the_database_is_dumped_and_put_back(celery: Stack, tmp_path: Path) -> None:
    with celery.client(key=enrol(celery, "dumped")) as client:
        put_history(client, 2)
        celery.follow("docs/deployment.md", "pg_dump", tmp_path)

        assert (tmp_path / "sapheneia.dump").read_bytes()[:5] == b"PGDMP"
        assert list_items(client) == 2
        assert await_job(client, hand_over(client))["status"] == "succeeded"
