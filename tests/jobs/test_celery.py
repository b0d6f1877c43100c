"""Jobs by Celery: a real Redis, and workers in processes of their own."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import require
from tests.jobs.celery_stage import Stage
from tests.jobs.conftest import names
from tests.redis_server import RedisServer, find_redis


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
def stage(database_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(database_url, redis, tmp_path)
    stage.open_gateway()
    yield stage
    stage.end()


def test_two_workers_do_a_job_of_a_thousand_items_though_one_is_killed(stage: Stage) -> None:
    workers = [stage.start_worker(seconds=0.03), stage.start_worker(seconds=0.03)]
    job_id = stage.create(1000)
    stage.await_done(job_id, 200)
    stage.until(lambda: workers[0].pid in stage.holders())
    workers[0].send_signal(signal.SIGKILL)

    job = stage.await_end(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("succeeded", 1000, 0)
    assert stage.stored(job_id) == names(1000)
