import os
import subprocess
import sys

import pytest
from sqlalchemy import update

from forecast.core.errors import NotFoundError, RateLimitError, RequestError, StateError
from forecast.database.connection import Database
from forecast.jobs.claims import Claims
from forecast.jobs.creation import cancel_job
from forecast.jobs.process import is_dead, process_id
from forecast.jobs.settings import JobSettings
from forecast.jobs.tables import job_chunks
from tests.jobs.conftest import MODELS, Bench


def test_only_models_that_the_process_serves_are_taken(bench: Bench) -> None:
    bench.create(10, model="other")
    assert bench.claims.take(MODELS) is None
    chunk = bench.claims.take(["fake", "other"])
    assert chunk is not None
    assert chunk.ask.model_id == "other"


def test_one_part_is_taken_by_its_number_and_not_twice(bench: Bench) -> None:
    job_id = bench.create(20)
    chunk = bench.claims.take_one(job_id, 1)
    assert chunk is not None
    assert chunk.part.number == 1
    assert bench.claims.take_one(job_id, 1) is None
    bench.run(chunk)
    assert bench.claims.take_one(job_id, 1) is None
    cancel_job(bench.desk, "default", job_id)
    assert bench.claims.take_one(job_id, 0) is None


def test_what_a_dead_process_of_this_host_held_is_taken_over_at_once(bench: Bench) -> None:
    bench.create(20)
    dead, living = bench.take(), bench.take()
    program = "from forecast.jobs.process import process_id; print(process_id())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    name = told.stdout.strip()
    assert is_dead(name)
    with bench.database.write() as connection:
        held = update(job_chunks).where(job_chunks.c.worker == dead.worker)
        connection.execute(held.values(worker=f"{name}#1"))

    assert bench.claims.take(MODELS) is None
    assert bench.claims.take_over() == 1
    assert bench.take().attempts == 2
    assert bench.claims.keep([living.worker], renew=False) == {living.worker}


def test_processes_that_live_or_are_elsewhere_are_not_taken_for_dead() -> None:
    host, number, began = process_id().rsplit("/", 2)
    assert int(number) == os.getpid()
    assert not is_dead(process_id())
    assert is_dead(f"{host}/{number}/{int(began) + 1}")  # another one had the number before
    assert not is_dead(f"elsewhere/{host}/{number}/1")


def test_two_claims_of_one_process_are_told_apart(bench: Bench) -> None:
    bench.create(20)
    assert len({bench.take().worker, bench.take().worker}) == 2


def test_a_client_may_have_only_so_many_open_jobs(database: Database) -> None:
    bench = Bench(database, JobSettings(job_max_per_client=2))
    first, _ = bench.create(), bench.create()
    bench.create(client="other")
    with pytest.raises(RateLimitError) as raised:
        bench.create()
    assert (raised.value.status, raised.value.retry_after) == (429, 5.0)
    cancel_job(bench.desk, "default", first)
    bench.create()


def test_what_makes_no_sense_makes_no_job(bench: Bench) -> None:
    for items in (["unknown"], []):
        with pytest.raises(RequestError):
            bench.create(items)
    assert bench.claims.take(MODELS) is None


def test_only_a_clients_own_open_job_can_be_cancelled(bench: Bench) -> None:
    job_id = bench.create(client="one")
    for client, wrong in (("other", job_id), ("one", "nonsense"), ("one", "\0")):
        with pytest.raises(NotFoundError):
            cancel_job(bench.desk, client, wrong)
    cancel_job(bench.desk, "one", job_id)
    with pytest.raises(StateError):
        cancel_job(bench.desk, "one", job_id)


def test_claims_of_two_processes_never_meet(bench: Bench) -> None:
    bench.create(40)
    other = Claims(bench.database, bench.settings, bench.clock)
    taken = [chunk for _ in range(2) for claims in (bench.claims, other) if (chunk := claims.take(MODELS))]
    assert sorted(chunk.part.number for chunk in taken) == [0, 1, 2, 3]
