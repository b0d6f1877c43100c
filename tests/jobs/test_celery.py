"""Jobs by Celery: a real Redis, and workers in processes of their own."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forecast.core.errors import BrokerUnavailableError
from forecast.jobs.creation import cancel_job
from tests.databases import require
from tests.jobs.celery_stage import PATIENCE_SECONDS, Stage
from tests.jobs.conftest import names
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer, find_redis

on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[MakeStage]:
    program = find_redis()
    require(program, "redis-server")
    assert program is not None
    made: list[Stage] = []

    def make(url: str, *, keeps: bool = False) -> Stage:
        redis = RedisServer(program, keeps=keeps)
        made.append(Stage(url, redis, tmp_path))
        redis.start()
        made[-1].open_gateway()
        return made[-1]

    yield make
    for stage in made:
        stage.end()
        stage.redis.remove()


# Whoever names the database before `make_stage` has it emptied after all have ended that use it.
@pytest.fixture
def stage(database_url: str, make_stage: MakeStage) -> Stage:
    return make_stage(database_url)


def test_two_workers_do_a_job_of_a_thousand_items_though_one_is_killed(stage: Stage) -> None:
    stage.hold_from(10)
    workers = [stage.start_worker(), stage.start_worker()]
    job_id = stage.create(1000)
    stage.until(lambda: {worker.pid for worker in workers} == set(stage.holders()))
    stage.await_done(job_id, 100)
    workers[0].send_signal(signal.SIGKILL)
    stage.release()

    job = stage.await_end(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("succeeded", 1000, 0)
    assert stage.stored(job_id) == names(1000)


@on_postgres
@pytest.mark.parametrize("keeps", [False, True], ids=["empty", "with its data"])
def test_a_job_ends_though_redis_is_killed_in_the_middle_and_comes_back(
    database_url: str, make_stage: MakeStage, keeps: bool
) -> None:
    stage = make_stage(database_url, keeps=keeps)
    stage.hold_from(10)
    worker = stage.start_worker()
    job_id = stage.create(1000)
    stage.await_done(job_id, 100)
    stage.until(lambda: stage.holders() != [])
    stage.redis.kill()
    assert stage.job(job_id).items_done < 1000
    stage.release()
    with pytest.raises(BrokerUnavailableError):
        stage.create(10)
    stage.redis.start()

    job = stage.await_end(job_id)
    assert (job.status, job.items_done) == ("succeeded", 1000)
    assert stage.stored(job_id) == names(1000)
    assert worker.poll() is None


def test_a_job_ends_though_postgresql_is_killed_in_the_middle(
    own_postgres: PostgresServer, make_stage: MakeStage
) -> None:
    stage = make_stage(own_postgres.url())
    stage.hold_from(10)
    worker = stage.start_worker()
    job_id = stage.create(1000)
    stage.await_done(job_id, 100)
    stage.until(lambda: stage.holders() != [])
    assert stage.job(job_id).items_done < 1000
    own_postgres.kill()
    stage.release()
    own_postgres.start()

    job = stage.await_end(job_id)
    assert (job.status, job.items_done) == ("succeeded", 1000)
    assert stage.stored(job_id) == names(1000)
    assert worker.poll() is None


@on_postgres
def test_a_job_that_a_gateway_took_ends_though_it_is_gone_and_goes_on_with_another(stage: Stage) -> None:
    job_id = stage.create(1000)
    stage.close_gateway()
    stage.redis.kill()
    stage.redis.start()
    stage.start_worker(seconds=0.0)
    stage.open_gateway()
    other = stage.create(20)

    assert stage.await_end(job_id).status == "succeeded"
    assert stage.stored(job_id) == names(1000)
    assert stage.await_end(other).items_done == 20


@on_postgres
def test_a_worker_needs_no_gateway_to_go_on(stage: Stage) -> None:
    job_id = stage.create(300)
    stage.close_gateway()
    stage.start_worker(seconds=0.0)

    assert stage.await_end(job_id).items_done == 300


@on_postgres
def test_a_job_that_is_cancelled_while_it_runs_leaves_its_worker_to_others(stage: Stage) -> None:
    stage.hold_from(0)
    stage.start_worker(seconds=0.0)
    job_id = stage.create(100)
    stage.until(lambda: stage.holders() != [])
    cancel_job(stage.desk, "default", job_id)
    stage.until(lambda: stage.holders() == [])
    stage.release()
    other = stage.create(20)

    assert stage.await_end(other).status == "succeeded"
    assert stage.job(job_id).status == "cancelled"
    assert stage.stored(job_id) == []


@on_postgres
def test_a_worker_of_one_model_leaves_the_parts_of_another_alone(stage: Stage) -> None:
    stage.start_worker("first", seconds=0.0)
    waiting = stage.create(20, model="second")
    job_id = stage.create(20, model="first")

    assert stage.await_end(job_id).status == "succeeded"
    assert stage.job(waiting).status == "pending"
    stage.until(lambda: stage.redis.ask("LLEN", "forecast.second") == b":2")
    stage.start_worker("first", "second", seconds=0.0)
    assert stage.await_end(waiting).items_done == 20


@on_postgres
def test_a_small_job_of_one_client_is_done_before_a_large_one_of_another(stage: Stage) -> None:
    large = stage.create(1000, client="large")
    small = stage.create(50, client="small")
    stage.start_worker(seconds=0.0)
    stage.await_end(small, "small")

    end = stage.events(small)[-1].sequence
    before = [event for event in stage.events(large) if event.sequence < end]
    assert before[-1].data.get("items_done", 0) < 500
    assert stage.await_end(large, "large").status == "succeeded"


@on_postgres
def test_a_worker_that_is_terminated_finishes_its_part_and_begins_no_other(stage: Stage) -> None:
    stage.hold_from(0)
    worker = stage.start_worker(seconds=0.0)
    job_id = stage.create(100)
    stage.until(lambda: stage.holders() != [])
    worker.send_signal(signal.SIGTERM)
    stage.until(lambda: "Warm shutdown" in stage.said(worker))
    stage.release()

    assert worker.wait(PATIENCE_SECONDS) == 0
    job = stage.job(job_id)
    assert (job.status, job.items_done) == ("running", 10)
    assert stage.holders() == []
    assert "Traceback" not in stage.said(worker)


@on_postgres
def test_a_job_cannot_be_handed_over_while_redis_is_down(stage: Stage) -> None:
    stage.redis.kill()

    with pytest.raises(BrokerUnavailableError) as refused:
        stage.create(10)
    assert (refused.value.status, refused.value.retry_after) == (503, 5.0)
    with stage.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM forecast_jobs").scalar() == 0
