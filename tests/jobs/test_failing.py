"""Parts that cannot be computed: which wait, which are begun again, and which fail their job."""

import pytest

from forecast.core.errors import (
    DeadlineError,
    NotInitializedError,
    OverloadedError,
    RequestError,
    SapheneiaError,
)
from forecast.database.connection import Database
from forecast.jobs.settings import JobSettings
from tests.jobs.conftest import MODELS, Bench, names
from tests.jobs.fake_work import FakeWork


def failing(error: Exception) -> FakeWork:
    def fail(*_: object) -> None:
        raise error

    return FakeWork(fail)


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
