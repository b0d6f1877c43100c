"""Claiming the parts of jobs: each is held by one worker, for as long as that gives signs of life."""

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, select, update

from forecast.database.connection import Database
from forecast.jobs.course import OPEN, begin, lock_parts
from forecast.jobs.paces import Paces
from forecast.jobs.process import is_dead, process_id
from forecast.jobs.settings import JobSettings
from forecast.jobs.tables import job_chunks, job_contents, jobs
from forecast.jobs.turns import find_next, is_claimable
from forecast.runs.work import Ask, Part

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A part of a job that `worker` holds; `attempts` counts how often it was begun, this time included."""

    job_id: str
    run_id: str
    ask: Ask
    part: Part
    worker: str
    attempts: int
    waited: float


class Claims:
    """What the workers of one process claim; thread-safe."""

    def __init__(self, database: Database, settings: JobSettings, clock: Clock = utc_now) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.paces = Paces()
        self.process = process_id()
        self._counter = itertools.count(1)

    def take(self, models: Collection[str]) -> Chunk | None:
        """Claim the part whose turn it is, or None where there is none to be done."""
        with self.database.read() as connection:  # which disturbs nobody who writes
            if find_next(connection, self.clock(), models, lock=False) is None:
                return None
        with self.database.write() as connection:
            found = find_next(connection, self.clock(), models)
            return None if found is None else self._claim(connection, found.job_id, found.number)

    def take_one(self, job_id: str, number: int) -> Chunk | None:
        """Claim one certain part, or None where it is done, held by another, or its job has ended."""
        with self.database.write() as connection:
            wanted = (
                select(job_chunks.c.number)
                .join(jobs)
                .where(*_is(job_id, number), is_claimable(self.clock()), jobs.c.status.in_(OPEN))
                .with_for_update(of=job_chunks, skip_locked=True)
            )
            found = connection.execute(wanted).first()
            return None if found is None else self._claim(connection, job_id, number)

    def keep(self, workers: Collection[str], *, renew: bool) -> set[str]:
        """Return which of these still hold their part, and let them hold it for longer where asked to."""
        held = and_(job_chunks.c.worker.in_(workers), job_chunks.c.status == "running")
        if not renew:
            with self.database.read() as connection:
                return set(connection.execute(select(job_chunks.c.worker).where(held)).scalars())
        with self.database.write() as connection:
            lock_parts(connection, held)
            longer = update(job_chunks).where(held).values(lease_until=self._lease())
            return set(connection.execute(longer.returning(job_chunks.c.worker)).scalars())

    def give_back(self, chunk: Chunk) -> None:
        """Let others claim a part at once, as if it had not been begun."""
        self._release(chunk, lease_until=None, attempts=chunk.attempts - 1)

    def postpone(self, chunk: Chunk, seconds: float, *, counted: bool) -> None:
        """Let a part be claimed again after some seconds; unless `counted` it has not been begun."""
        self._release(
            chunk,
            lease_until=self.clock() + timedelta(seconds=seconds),
            attempts=chunk.attempts if counted else chunk.attempts - 1,
            waited=chunk.waited + seconds,
        )

    def take_over(self) -> int:
        """Let the parts be claimed that dead processes of this host held, and return how many those are."""
        holding = select(job_chunks.c.worker).where(job_chunks.c.status == "running")
        with self.database.read() as connection:
            workers = [worker for worker in connection.execute(holding).scalars() if worker]
        dead = [worker for worker in workers if is_dead(worker.rpartition("#")[0])]
        if not dead:
            return 0
        held = and_(job_chunks.c.worker.in_(dead), job_chunks.c.status == "running")
        with self.database.write() as connection:
            lock_parts(connection, held)
            return connection.execute(update(job_chunks).where(held).values(_FREE)).rowcount

    def _claim(self, connection: Connection, job_id: str, number: int) -> Chunk:
        worker = f"{self.process}#{next(self._counter)}"
        taken = {
            "status": "running",
            "worker": worker,
            "lease_until": self._lease(),
            "claimed_at": self.clock(),
            "handed_at": None,
            "attempts": job_chunks.c.attempts + 1,
        }
        connection.execute(update(job_chunks).where(*_is(job_id, number)).values(taken))
        begin(connection, job_id, self.clock())
        wanted = select(job_chunks, job_contents.c.content, jobs.c.ask, jobs.c.forecast_run_id).join(jobs)
        wanted = wanted.join(job_contents)
        row = connection.execute(wanted.where(*_is(job_id, number))).one()
        part = Part(row.number, row.items, row.content)
        ask = Ask.from_json(row.ask)
        return Chunk(row.job_id, row.forecast_run_id, ask, part, worker, row.attempts, row.waited)

    def _release(self, chunk: Chunk, **values: object) -> None:
        with self.database.write() as connection:
            connection.execute(update(job_chunks).where(holds(chunk)).values(_FREE | values))

    def _lease(self) -> datetime:
        return self.clock() + timedelta(seconds=self.settings.job_lease_seconds)


_FREE = {"status": "pending", "worker": None, "lease_until": None}


def holds(chunk: Chunk) -> ColumnElement[bool]:
    """Return the condition that the worker of a part holds it still."""
    mine = (job_chunks.c.worker == chunk.worker, job_chunks.c.status == "running")
    return and_(*_is(chunk.job_id, chunk.part.number), *mine)


def _is(job_id: str, number: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return job_chunks.c.job_id == job_id, job_chunks.c.number == number
