"""Handing parts of jobs to the broker: a few of each model at a time, in the fair order of claims.

The broker's queues know no clients: what waits there is computed in its order. So only as much waits there
as keeps the workers busy, and whoever takes a part has the next one put in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, text, update

from forecast.core.errors import BrokerUnavailableError
from forecast.jobs.broker import Broker
from forecast.jobs.claims import Claims
from forecast.jobs.course import OPEN, lock_parts
from forecast.jobs.tables import job_chunks, jobs
from forecast.jobs.turns import find_next, is_claimable

WINDOW = 4
"""The most parts of a model that wait at the broker."""
_LOST_SECONDS = 3.0
"""How long a part may be on its way to a worker, in no queue any more and not yet claimed."""
_LOCK = 7_237_424
"""What processes agree on that hand out parts of one model."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The parts of a model that nobody computes: at the broker, the oldest of those since when, and left."""

    model_id: str
    handed: int
    oldest: datetime | None
    left: int


def top_up(claims: Claims, broker: Broker) -> None:
    """Hand out what the workers of each model are short of, also what the broker has lost.

    Raises BrokerUnavailableError where that does not answer: then nothing more counts as handed out.
    """
    for line in _read_lines(claims):
        handed = line.handed - _forget_lost(claims, broker, line)
        if handed < WINDOW and (line.left or handed < line.handed):
            _send(claims, broker, line.model_id, _choose(claims, line.model_id))


def _read_lines(claims: Claims) -> list[_Line]:
    handed = job_chunks.c.handed_at.is_not(None)
    counts = (
        select(
            job_chunks.c.model_name,
            func.sum(case((handed, 1), else_=0)),
            func.min(job_chunks.c.handed_at),
            func.sum(case((handed, 0), else_=1)),
        )
        .join(jobs)
        .where(is_claimable(claims.clock()), jobs.c.status.in_(OPEN))
        .group_by(job_chunks.c.model_name)
    )
    with claims.database.read() as connection:
        return [_Line(*row) for row in connection.execute(counts)]


def _forget_lost(claims: Claims, broker: Broker, line: _Line) -> int:
    """Return how many parts count as handed out no more, for the broker has fewer than it was given."""
    long_ago = claims.clock() - timedelta(seconds=_LOST_SECONDS)
    if line.oldest is None or line.oldest > long_ago or broker.count_waiting(line.model_id) >= line.handed:
        return 0
    with claims.database.write() as connection:
        # Which of them it has is not known; one that is there twice is computed once.
        stale = and_(job_chunks.c.model_name == line.model_id, job_chunks.c.handed_at <= long_ago)
        lock_parts(connection, stale)
        return connection.execute(update(job_chunks).where(stale).values(handed_at=None)).rowcount


def _choose(claims: Claims, model_id: str) -> list[tuple[str, int]]:
    """Return the parts that are handed out now, and count them as such."""
    chosen: list[tuple[str, int]] = []
    with claims.database.write() as connection:
        _take_turns(connection, model_id)
        of_model = job_chunks.c.model_name == model_id
        waiting = (
            select(func.count())
            .join(jobs)
            .where(
                of_model,
                job_chunks.c.handed_at.is_not(None),
                is_claimable(claims.clock()),
                jobs.c.status.in_(OPEN),
            )
        )
        for _ in range(WINDOW - connection.execute(waiting).scalar_one()):
            found = find_next(connection, claims.clock(), [model_id], handed=False)
            if found is None:
                break
            part = (found.job_id, found.number)
            connection.execute(update(job_chunks).where(_are([part])).values(handed_at=claims.clock()))
            chosen.append(part)
    return chosen


def _take_turns(connection: Connection, model_id: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite lets one write at a time anyway
        lock = text("SELECT pg_advisory_xact_lock(:space, hashtext(:model))")
        connection.execute(lock, {"space": _LOCK, "model": model_id})


def _send(claims: Claims, broker: Broker, model_id: str, chosen: list[tuple[str, int]]) -> None:
    for place, (job_id, number) in enumerate(chosen):
        try:
            broker.send(model_id, job_id, number)
        except BrokerUnavailableError:
            with claims.database.write() as connection:
                unsent = update(job_chunks).where(_are(chosen[place:]))
                connection.execute(unsent.values(handed_at=None))
            raise


def _are(parts: list[tuple[str, int]]) -> ColumnElement[bool]:
    return or_(
        *(and_(job_chunks.c.job_id == job_id, job_chunks.c.number == number) for job_id, number in parts)
    )
