"""A desk of jobs on each kind of database, and a worker that a test moves step by step."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecast.database.connection import Database
from forecast.jobs.claims import Chunk, Claims
from forecast.jobs.computing import run_chunk
from forecast.jobs.creation import create_job
from forecast.jobs.desk import Jobs
from forecast.jobs.embedded import EmbeddedRunner
from forecast.jobs.events import read_events
from forecast.jobs.listing import read_job
from forecast.jobs.schemas import Job
from forecast.jobs.settings import JobSettings
from forecast.runs.settings import RunSettings
from forecast.runs.work import Ask
from tests.jobs.fake_work import FakeWork
from tests.jobs.written import read_stored

MODELS = ["fake"]


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def make_ask(items: list[str], client: str = "default", model: str = "fake") -> Ask:
    body: dict[str, Any] = {"item_ids": items, "dataset": "default", "model": model}
    return Ask("forecast", client, "somebody", model, body)


def names(count: int) -> list[str]:
    return [f"item-{number}" for number in range(count)]


@dataclass
class Bench:
    """Jobs of ten items a part, none of which is computed before a test says so."""

    database: Database
    settings: JobSettings
    work: FakeWork = field(default_factory=FakeWork)
    clock: Callable[[], datetime] = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.claims = Claims(self.database, self.settings, self.clock)
        # One that is never started hands nothing out.
        idle = EmbeddedRunner(self.claims, self.work, MODELS)
        self.desk = Jobs(self.database, self.work, idle, self.settings, RunSettings(), self.clock)

    def create(self, items: int | list[str] = 10, client: str = "default", model: str = "fake") -> str:
        wanted = names(items) if isinstance(items, int) else items
        if isinstance(self.clock, Clock):
            self.clock.pass_seconds(0.01)  # no two are equally old
        return create_job(self.desk, make_ask(wanted, client, model))

    def take(self) -> Chunk:
        chunk = self.claims.take(MODELS)
        assert chunk is not None, "there was nothing to be done"
        return chunk

    def pass_seconds(self, seconds: float) -> None:
        assert isinstance(self.clock, Clock)
        self.clock.pass_seconds(seconds)

    def run(self, chunk: Chunk | None = None) -> None:
        """Compute a part, which is claimed where none is given."""
        run_chunk(self.claims, self.work, chunk or self.take(), threading.Event())

    def run_all(self) -> None:
        while (chunk := self.claims.take(MODELS)) is not None:
            self.run(chunk)

    def job(self, job_id: str, client: str = "default") -> Job:
        return read_job(self.database, client, job_id)

    def kinds(self, job_id: str) -> list[str]:
        """Return the kinds of a job's events, in their order."""
        with self.database.read() as connection:
            return [event.kind for event in read_events(connection, job_id)]

    def stored(self, job_id: str) -> list[str]:
        """Return the items that are stored of a job, in their order."""
        return read_stored(self.database, job_id)


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database, JobSettings(job_chunk_items=10))


@pytest.fixture
def start_runner(bench: Bench) -> Iterator[Callable[..., EmbeddedRunner]]:
    """Starts embedded runners, which are stopped at the end of the test."""
    started: list[EmbeddedRunner] = []

    def start(claims: Claims | None = None, work: FakeWork | None = None) -> EmbeddedRunner:
        runner = EmbeddedRunner(claims or bench.claims, work or bench.work, MODELS)
        runner.start()
        started.append(runner)
        return runner

    yield start
    for runner in started:
        runner.stop()
