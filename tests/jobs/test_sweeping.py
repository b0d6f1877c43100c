from datetime import timedelta

from sqlalchemy import func, insert, select

from forecast.jobs.listing import list_jobs
from forecast.jobs.schemas import JobFilters
from forecast.jobs.sweeping import sweep
from forecast.jobs.tables import job_chunks, job_events
from tests.jobs.conftest import Bench


def test_what_a_killed_process_left_of_an_ended_job_is_removed(bench: Bench) -> None:
    ended, waiting = bench.create(10), bench.create(20)
    bench.run()
    left = {
        "job_id": ended,
        "number": 0,
        "model_name": "fake",
        "client_id": "default",
        "items": 10,
        "status": "done",
    }
    with bench.database.write() as connection:
        connection.execute(insert(job_chunks).values(left))
    sweep(bench.database, bench.clock(), days=0)
    with bench.database.read() as connection:
        assert set(connection.execute(select(job_chunks.c.job_id)).scalars()) == {waiting}


def test_jobs_are_forgotten_so_many_days_after_their_end(bench: Bench) -> None:
    old = bench.create(10)
    bench.run_all()
    bench.pass_seconds(86_400)
    recent, waiting = bench.create(10), bench.create(10, model="other")
    bench.run_all()

    def kept(days: int, after: timedelta) -> set[str]:
        sweep(bench.database, bench.clock() + after, days)
        return {job.job_id for job in list_jobs(bench.database, "default", JobFilters()).jobs}

    assert kept(0, timedelta(days=9999)) == {old, recent, waiting}
    assert kept(2, timedelta(hours=1)) == {old, recent, waiting}
    assert kept(1, timedelta(hours=1)) == {recent, waiting}
    assert kept(1, timedelta(days=9999)) == {waiting}
    with bench.database.read() as connection:
        assert connection.execute(select(func.count(job_events.c.job_id.distinct()))).scalar_one() == 1
