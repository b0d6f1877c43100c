import threading
import time
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, update

from forecast.core.errors import AbandonedError
from forecast.database.connection import Database
from forecast.jobs import embedded
from forecast.jobs.claims import Claims, utc_now
from forecast.jobs.creation import cancel_job
from forecast.jobs.embedded import EmbeddedRunner
from forecast.jobs.settings import JobSettings
from forecast.jobs.tables import job_chunks
from forecast.runs.work import Ask, Part
from tests.jobs.conftest import Bench, names
from tests.jobs.fake_work import FakeWork

Start = Callable[..., EmbeddedRunner]
PATIENCE_SECONDS = 60


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


class Heeding:
    """Computes until it is cancelled, and notes that it was."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.cancelled = threading.Event()

    def __call__(self, ask: Ask, part: Part, cancelled: Callable[[], bool]) -> None:
        self.entered.set()
        until(cancelled)
        self.cancelled.set()
        raise AbandonedError("cancelled")


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database, JobSettings(job_chunk_items=10), clock=utc_now)


def test_jobs_are_done_whether_they_came_before_or_after_the_start(bench: Bench, start_runner: Start) -> None:
    before = bench.create(50)
    runner = start_runner()
    until(lambda: bench.job(before).status == "succeeded")
    after = bench.create(50)
    runner.hand_out(after)
    until(lambda: bench.job(after).status == "succeeded")
    assert bench.stored(before) == bench.stored(after) == names(50)
    assert sorted(bench.work.computed) == sorted([("default", number) for number in range(5)] * 2)


def test_a_job_that_another_process_wrote_down_is_found(bench: Bench, start_runner: Start) -> None:
    start_runner()
    job_id = bench.create(10)
    until(lambda: bench.job(job_id).status == "succeeded")


def test_a_running_part_learns_that_its_job_was_cancelled(bench: Bench, start_runner: Start) -> None:
    bench.work.on_compute = heeding = Heeding()
    job_id = bench.create(30)
    start_runner()
    assert heeding.entered.wait(PATIENCE_SECONDS)
    cancel_job(bench.desk, "default", job_id)
    assert heeding.cancelled.wait(PATIENCE_SECONDS)
    assert bench.job(job_id).status == "cancelled"
    bench.work.on_compute = lambda *_: None
    following = bench.create(10)
    until(lambda: bench.job(following).status == "succeeded")


def test_a_runner_that_stops_gives_back_what_it_computes(
    bench: Bench, start_runner: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_GRACE_SECONDS", PATIENCE_SECONDS)
    bench.work.on_compute = heeding = Heeding()
    job_id = bench.create(10)
    runner = start_runner()
    assert heeding.entered.wait(PATIENCE_SECONDS)
    runner.stop()
    assert heeding.cancelled.is_set()
    bench.work.on_compute = lambda *_: None
    assert bench.take().attempts == 1
    assert bench.job(job_id).items_done == 0


def test_a_runner_that_stops_waits_for_no_model_that_heeds_nothing(bench: Bench, start_runner: Start) -> None:
    entered, opened = threading.Event(), threading.Event()

    def ignore(*_: object) -> None:
        entered.set()
        assert opened.wait(PATIENCE_SECONDS)

    job_id = bench.create(10)
    runner = start_runner(work=FakeWork(ignore))
    assert entered.wait(PATIENCE_SECONDS)
    runner.stop()
    bench.run()  # another process takes it at once
    opened.set()
    assert bench.job(job_id).status == "succeeded"
    until(lambda: not any(thread.name.startswith("job-") for thread in threading.enumerate()))
    assert bench.stored(job_id) == names(10)


def read_lease(database: Database) -> datetime:
    """Return until when the only part of all jobs is held."""
    with database.read() as connection:
        lease: datetime = connection.execute(select(job_chunks.c.lease_until)).scalar_one()
    return lease


def test_a_part_is_kept_for_as_long_as_it_takes(database: Database, start_runner: Start) -> None:
    bench = Bench(database, JobSettings(job_lease_seconds=3))
    entered, opened = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        entered.set()
        assert opened.wait(PATIENCE_SECONDS)

    job_id = bench.create(10)
    start_runner(bench.claims, FakeWork(wait))
    assert entered.wait(PATIENCE_SECONDS)
    other = Claims(database, bench.settings, bench.clock)
    for _ in range(3):
        lease = read_lease(database)
        bench.pass_seconds(2)
        until(lambda lease=lease: read_lease(database) > lease)  # type: ignore[misc]
        assert other.take(["fake"]) is None
    opened.set()
    until(lambda: bench.job(job_id).status == "succeeded")


def test_what_a_dead_process_held_goes_on_at_once(bench: Bench, start_runner: Start) -> None:
    job_id = bench.create(10)
    chunk = bench.take()
    host, number, began = bench.claims.process.rsplit("/", 2)
    with bench.database.write() as connection:
        dead = f"{host}/{number}/{int(began) + 1}#1"
        connection.execute(update(job_chunks).where(job_chunks.c.worker == chunk.worker).values(worker=dead))
    start_runner()
    started = time.monotonic()
    until(lambda: bench.job(job_id).status == "succeeded")
    assert time.monotonic() - started < bench.settings.job_lease_seconds / 2


def test_without_workers_nothing_is_computed_here(database: Database, start_runner: Start) -> None:
    bench = Bench(database, JobSettings(job_workers=0))
    job_id = bench.create(10)
    before = set(threading.enumerate())
    runner = start_runner(bench.claims)
    assert set(threading.enumerate()) <= before
    runner.stop()
    assert bench.job(job_id).status == "pending"
