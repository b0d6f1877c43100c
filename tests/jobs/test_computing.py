import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, func, select

from forecast.core.errors import (
    DatabaseUnavailableError,
    DeadlineError,
    NotInitializedError,
    OverloadedError,
    RequestError,
    SapheneiaError,
)
from forecast.database.connection import Database
from forecast.jobs.computing import run_chunk
from forecast.jobs.creation import cancel_job
from forecast.jobs.events import read_events
from forecast.jobs.settings import JobSettings
from forecast.jobs.tables import job_chunks
from forecast.runs.work import Part, PartResult
from tests.jobs.conftest import MODELS, Bench, names
from tests.jobs.fake_work import FakeWork


def count_chunks(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(job_chunks)).scalar_one()


def kinds(bench: Bench, job_id: str) -> list[str]:
    with bench.database.read() as connection:
        return [event.kind for event in read_events(connection, job_id)]


def failing(error: Exception) -> FakeWork:
    def fail(*_: object) -> None:
        raise error

    return FakeWork(fail)


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


def test_what_happened_is_told_in_order_and_the_content_is_gone_at_the_end(bench: Bench) -> None:
    job_id = bench.create(25)
    assert count_chunks(bench.database) == 3
    bench.run_all()
    assert kinds(bench, job_id) == ["created", "started", "progress", "progress", "progress", "ended"]
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


def test_a_part_that_two_workers_computed_is_stored_once(bench: Bench) -> None:
    job_id = bench.create(20)
    late = bench.take()
    bench.pass_seconds(bench.settings.job_lease_seconds + 1)
    bench.run_all()
    assert bench.job(job_id).items_done == 20

    bench.run(late)
    job = bench.job(job_id)
    assert (job.status, job.items_done) == ("succeeded", 20)
    assert bench.stored(job_id) == names(20)


def test_many_workers_that_store_the_same_parts_at_once_store_each_once(bench: Bench) -> None:
    job_id = bench.create(60)
    chunks = [bench.take() for _ in range(6)]
    start = threading.Barrier(12)

    def store(place: int) -> None:
        start.wait(30)
        bench.run(chunks[place % 6])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(store, range(12)))
    job = bench.job(job_id)
    assert (job.status, job.items_done, job.items_failed) == ("succeeded", 60, 0)
    assert bench.stored(job_id) == names(60)
    assert kinds(bench, job_id).count("progress") == 6
    assert kinds(bench, job_id).count("ended") == 1


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
        assert kinds(bench, job_id).count("ended") == 1


def test_a_part_is_begun_again_when_the_lease_of_a_dead_worker_ran_out(bench: Bench) -> None:
    job_id = bench.create(10)
    first = bench.take()
    bench.pass_seconds(bench.settings.job_lease_seconds - 1)
    assert bench.claims.take(MODELS) is None
    bench.pass_seconds(1)
    second = bench.take()
    assert (second.part.number, second.attempts) == (first.part.number, 2)
    bench.run(second)
    assert bench.job(job_id).status == "succeeded"


def test_signs_of_life_keep_a_part(bench: Bench) -> None:
    bench.create(10)
    chunk = bench.take()
    for _ in range(3):
        bench.pass_seconds(bench.settings.job_lease_seconds - 1)
        assert bench.claims.keep([chunk.worker], renew=True) == {chunk.worker}
        assert bench.claims.take(MODELS) is None


def test_a_job_whose_worker_always_dies_fails_and_says_why(bench: Bench) -> None:
    job_id = bench.create(20)
    for _ in range(bench.settings.job_max_attempts):
        assert bench.take().part.number == 0
        bench.pass_seconds(bench.settings.job_lease_seconds + 1)
    bench.run()
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.model_dump() == {
        "error": "WORKER_LOST",
        "detail": "Part 0 of the job was begun 3 times, and each time its worker ended before it was done.",
    }
    assert bench.claims.take(MODELS) is None
    assert kinds(bench, job_id)[-1] == "ended"


def test_what_is_given_back_was_not_begun(bench: Bench) -> None:
    bench.create(10)
    for _ in range(5):
        chunk = bench.take()
        assert chunk.attempts == 1
        bench.claims.give_back(chunk)


@pytest.mark.parametrize("error", [OverloadedError("full"), NotInitializedError("not loaded")])
def test_a_part_waits_for_a_model_that_is_away_and_is_done_when_it_is_back(
    bench: Bench, error: SapheneiaError
) -> None:
    job_id = bench.create(10)
    bench.work, there = failing(error), bench.work
    for wait in (1, 1, 2, 4, 8, 16, 30, 30):
        bench.run()
        bench.pass_seconds(wait - 0.1)
        assert bench.claims.take(MODELS) is None
        bench.pass_seconds(0.1)
    bench.work = there
    bench.run()
    assert bench.job(job_id).status == "succeeded"


def test_patience_with_a_model_that_stays_away_ends(database: Database) -> None:
    bench = Bench(database, JobSettings(job_patience_seconds=60))
    job_id = bench.create(10)
    bench.work = failing(OverloadedError("The queue is full."))
    tries = 0
    while bench.job(job_id).status in ("pending", "running"):
        bench.run()
        bench.pass_seconds(30)
        tries += 1
    assert tries == 8  # after 1, 1, 2, 4, 8, 16 and 30 s
    error = bench.job(job_id).error
    assert error is not None
    assert error.model_dump() == {"error": "OVERLOADED", "detail": "The queue is full."}


def test_a_part_that_takes_too_long_is_begun_three_times(bench: Bench) -> None:
    job_id = bench.create(10)
    bench.work = failing(DeadlineError("Too late."))
    for _ in range(3):
        assert bench.job(job_id).status in ("pending", "running")
        bench.run()
        bench.pass_seconds(30)
    error = bench.job(job_id).error
    assert error is not None
    assert error.error == "DEADLINE_EXCEEDED"


def test_another_error_of_the_whole_part_fails_the_job_at_once(bench: Bench) -> None:
    job_id = bench.create(30)
    bench.run()
    bench.work = failing(RequestError("This makes no sense."))
    bench.run()
    job = bench.job(job_id)
    assert (job.status, job.items_done) == ("failed", 10)
    assert job.error is not None
    assert job.error.model_dump() == {"error": "REQUEST_INVALID", "detail": "This makes no sense."}
    assert bench.stored(job_id) == names(10)
    assert bench.claims.take(MODELS) is None


def test_an_unforeseen_error_fails_the_job_and_is_logged_but_not_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = bench.create(10)
    bench.work = failing(KeyError("secret"))
    bench.run()
    error = bench.job(job_id).error
    assert error is not None
    assert error.model_dump() == {
        "error": "INTERNAL_ERROR",
        "detail": "The gateway failed while the forecast was made.",
    }
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


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
    assert kinds(bench, job_id)[-1] == "ended"


class Interrupted(FakeWork):
    """Storing meets a database that does not answer, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def store(self, connection: Connection, run_id: str, part: Part, result: PartResult) -> None:
        super().store(connection, run_id, part, result)
        if self.left:
            self.left -= 1
            raise DatabaseUnavailableError("gone")


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
