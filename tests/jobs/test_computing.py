import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from forecast.core.errors import DatabaseUnavailableError, SapheneiaError
from forecast.database.connection import Database
from forecast.jobs.computing import run_chunk
from forecast.jobs.creation import cancel_job
from forecast.jobs.events import read_events
from forecast.jobs.tables import job_chunks
from forecast.runs.tables import forecast_runs
from forecast.runs.work import Part, PartResult
from tests.jobs.conftest import Bench, names
from tests.jobs.fake_work import FakeWork
from tests.jobs.test_routes import until


def count_chunks(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(job_chunks)).scalar_one()


def test_a_job_goes_from_pending_over_running_to_its_result(bench: Bench) -> None:
    job_id = bench.create(25)
    job = bench.job(job_id)
    assert (job.status, job.items_total, job.progress, job.result) == ("pending", 25, 0.0, None)

    bench.run()
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.progress, job.result) == ("running", 10, 0.4, None)
    assert job.started_at is not None
    assert job.estimated_end is not None

    bench.run_all()
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.items_failed, job.progress) == ("succeeded", 25, 0, 1.0)
    assert job.result == f"/api/v1/forecasts/{job.forecast_run_id}"
    assert (job.estimated_end, job.error) == (None, None)
    assert bench.stored(job_id) == names(25)


def test_a_run_is_running_from_the_moment_the_first_part_of_its_job_is_begun(bench: Bench) -> None:
    job_id = bench.create(20)
    run = forecast_runs.c
    mine = select(run.status, run.started_at).where(run.forecast_run_id == bench.job(job_id).forecast_run_id)

    def look() -> Any:
        with bench.database.read() as connection:
            return connection.execute(mine).one()

    assert look() == ("pending", None)
    bench.take()
    begun = look()
    assert begun == ("running", bench.job(job_id).started_at)
    bench.pass_seconds(1)
    bench.take()
    assert look() == begun


def test_what_happened_is_told_in_order_and_the_content_is_gone_at_the_end(bench: Bench) -> None:
    job_id = bench.create(25)
    assert count_chunks(bench.database) == 3
    bench.run_all()
    assert bench.kinds(job_id) == ["created", "started", "progress", "progress", "progress", "ended"]
    assert count_chunks(bench.database) == 0
    with bench.database.read() as connection:
        first, *_, last = read_events(connection, job_id)
        assert [event.sequence for event in read_events(connection, job_id, after=last.sequence)] == []
    assert first.data == {"status": "pending", "items_total": 25}
    assert last.data == {
        "status": "succeeded",
        "items_total": 25,
        "items_done": 25,
        "items_failed": 0,
        "error": None,
    }


def test_items_that_fail_are_counted_and_cost_the_others_nothing(bench: Bench) -> None:
    job_id = bench.create(["a", "bad-1", "b"])
    bench.run_all()
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("succeeded", 3, 1)


def test_a_job_all_of_whose_items_fail_has_failed(bench: Bench) -> None:
    job_id = bench.create(["bad-1", "bad-2"])
    bench.run_all()
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("failed", 2, 2)
    assert job.error is not None
    assert job.error.error == "ALL_ITEMS_FAILED"


def test_a_job_that_is_cancelled_while_it_ends_is_told_one_end(bench: Bench) -> None:
    for _ in range(5):
        job_id = bench.create(20)
        chunks = [bench.take(), bench.take()]
        start = threading.Barrier(3)

        def store(place: int, chunks: list = chunks, start: threading.Barrier = start) -> None:  # type: ignore[type-arg]
            start.wait(30)
            bench.run(chunks[place])

        def cancel(job_id: str = job_id, start: threading.Barrier = start) -> None:
            start.wait(30)
            try:
                cancel_job(bench.desk, "default", job_id)
            except SapheneiaError as error:
                assert error.status == 409

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(store, 0), pool.submit(store, 1), pool.submit(cancel)]
            for future in futures:
                future.result(30)
        job = bench.job(job_id)
        assert job.status in ("succeeded", "cancelled")
        assert len(bench.stored(job_id)) == job.items_done
        assert bench.kinds(job_id).count("ended") == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_job_that_ends_locks_its_parts_in_the_order_in_which_others_do(bench: Bench) -> None:
    bench.create(30)
    parts = [bench.take() for _ in range(3)]
    for number in (1, 0):
        bench.run(parts[number])  # in this order they lie in the database

    with ThreadPoolExecutor(1) as pool:
        with bench.database.write() as connection:
            lock(connection, 0)
            ending = pool.submit(bench.run, parts[2])
            until(lambda: waits(bench.database))
            lock(connection, 1)
        ending.result(60)
    assert count_chunks(bench.database) == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_signs_of_life_lock_parts_in_the_order_in_which_others_do(bench: Bench) -> None:
    bench.create(20)
    first, second = bench.take(), bench.take()
    bench.claims.give_back(first)
    workers = [second.worker, bench.take().worker]  # in this order they lie in the database

    with ThreadPoolExecutor(1) as pool:
        with bench.database.write() as connection:
            lock(connection, 0)
            keeping = pool.submit(bench.claims.keep, workers, renew=True)
            until(lambda: waits(bench.database))
            lock(connection, 1)
        assert keeping.result(60) == set(workers)


def lock(connection: Connection, number: int) -> None:
    """Let nobody else change a part of the only job."""
    connection.execute(select(job_chunks.c.number).where(job_chunks.c.number == number).with_for_update())


def waits(database: Database) -> bool:
    """Return whether somebody waits for a lock."""
    waiting = """
        SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database())
    """
    with database.read() as connection:
        return bool(connection.exec_driver_sql(waiting).scalar_one())


def test_a_cancelled_job_keeps_what_is_stored_and_drops_what_is_computed(bench: Bench) -> None:
    job_id = bench.create(30)
    bench.run()
    running = bench.take()
    cancel_job(bench.desk, "default", job_id)
    assert bench.claims.keep([running.worker], renew=False) == set()
    bench.run(running)
    job = bench.job(job_id)
    assert (job.status, job.items_done) == ("cancelled", 10)
    assert bench.stored(job_id) == names(10)
    assert bench.kinds(job_id)[-1] == "ended"


def test_of_a_part_that_was_cut_off_while_its_job_ended_nothing_is_stored(bench: Bench) -> None:
    job_id = bench.create(10)
    running = bench.take()
    with bench.database.read() as connection:
        row = dict(connection.execute(select(job_chunks)).mappings().one())
    cancel_job(bench.desk, "default", job_id)
    with bench.database.write() as connection:
        connection.execute(insert(job_chunks), row)

    bench.run(running)

    assert (bench.job(job_id).status, bench.job(job_id).items_done) == ("cancelled", 0)
    assert bench.stored(job_id) == []
    assert bench.kinds(job_id) == ["created", "started", "ended"]
    with bench.database.read() as connection:
        assert connection.execute(select(forecast_runs.c.status)).scalar_one() == "cancelled"


class Interrupted(FakeWork):
    """Storing meets a database that does not answer, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def keep(self, run_id: str, part: Part, result: PartResult) -> Callable[[Connection], None]:
        write = super().keep(run_id, part, result)

        def write_or_not(connection: Connection) -> None:
            write(connection)
            if self.left:
                self.left -= 1
                raise DatabaseUnavailableError("gone")

        return write_or_not


def test_what_is_computed_is_stored_when_the_database_is_back(bench: Bench) -> None:
    job_id = bench.create(10)
    bench.work = Interrupted(1)
    bench.run()
    assert bench.job(job_id).status == "succeeded"
    assert bench.stored(job_id) == names(10)
    assert len(bench.work.computed) == 1


def test_a_worker_that_is_to_end_waits_for_no_database(bench: Bench) -> None:
    job_id = bench.create(10)
    bench.work = Interrupted(1)
    dropped = threading.Event()
    dropped.set()
    run_chunk(bench.claims, bench.work, bench.take(), dropped)
    assert bench.job(job_id).items_done == 0
    assert bench.take().attempts == 1  # it was given back
