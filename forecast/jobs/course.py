"""The course of a job: it begins, goes on and ends, each in the transaction of what makes it so.

Rows are locked in one order, so that no two transactions wait for each other: parts by their job and number,
then the run, then the job.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select, update

from forecast.jobs.events import append_event
from forecast.jobs.tables import job_chunks, jobs, webhook_deliveries
from forecast.runs.storing import begin_run
from forecast.runs.work import Part, PartResult, Work

OPEN = ("pending", "running")
"""How a job is that has not ended."""
_ALL_FAILED = {"error": "ALL_ITEMS_FAILED", "detail": "No item has a forecast; each one says why."}


def begin(connection: Connection, job_id: str, now: datetime) -> None:
    """Let a job that waits, and its run, be running; nothing happens to any other."""
    waiting = jobs.c.job_id == job_id, jobs.c.status == "pending"
    run_id = connection.execute(select(jobs.c.forecast_run_id).where(*waiting)).scalar()
    if run_id is None:
        return
    begin_run(connection, run_id, now)
    if connection.execute(update(jobs).where(*waiting).values(status="running", started_at=now)).rowcount:
        append_event(connection, job_id, "started", {"status": "running"})


def advance(
    connection: Connection, work: Work, job_id: str, part: Part, result: PartResult, now: datetime
) -> bool | None:
    """Count the items of a part that is stored; return whether it was the last one, which ends the job.

    None is a job that ended before, whose part must not be stored: one that was cut off while it ended.
    """
    counted = (
        update(jobs)
        .where(jobs.c.job_id == job_id, jobs.c.status.in_(OPEN))
        .values(items_done=jobs.c.items_done + part.items, items_failed=jobs.c.items_failed + result.failed)
        .returning(jobs.c.items_total, jobs.c.items_done, jobs.c.items_failed)
    )
    row = connection.execute(counted).mappings().first()
    if row is None:
        return None
    figures = dict(row)
    append_event(connection, job_id, "progress", {"status": "running", **figures})
    if figures["items_done"] < figures["items_total"]:
        return False
    failed = figures["items_failed"] == figures["items_total"]
    status, error = ("failed", _ALL_FAILED) if failed else ("succeeded", None)
    return end(connection, work, job_id, status, error, now)


def end_early(
    connection: Connection,
    work: Work,
    job_id: str,
    status: str,
    error: Mapping[str, Any] | None,
    now: datetime,
) -> bool:
    """End a job of which parts are left, and return whether it had not ended yet.

    Those who compute such a part find that they hold it no more.
    """
    remove_parts(connection, job_chunks.c.job_id == job_id)
    return end(connection, work, job_id, status, error, now)


def lock_parts(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Let nobody else change some parts until the transaction ends."""
    wanted = select(job_chunks.c.number).where(*which).order_by(job_chunks.c.job_id, job_chunks.c.number)
    connection.execute(wanted.with_for_update())


def remove_parts(connection: Connection, which: ColumnElement[bool]) -> None:
    """Remove some parts."""
    lock_parts(connection, which)
    connection.execute(delete(job_chunks).where(which))


def end(
    connection: Connection,
    work: Work,
    job_id: str,
    status: str,
    error: Mapping[str, Any] | None,
    now: datetime,
) -> bool:
    """End a job and its run, and have its webhook told; return whether it had not ended yet."""
    left = update(jobs).where(jobs.c.job_id == job_id, jobs.c.status.in_(OPEN))
    ended = left.values(status=status, error=error, finished_at=now).returning(
        jobs.c.forecast_run_id, jobs.c.items_total, jobs.c.items_done, jobs.c.items_failed
    )
    row = connection.execute(ended).mappings().first()
    if row is None:
        return False
    figures = dict(row)
    work.close_run(connection, figures.pop("forecast_run_id"), status, error)
    append_event(connection, job_id, "ended", {"status": status, **figures, "error": error})
    waiting = webhook_deliveries.c.job_id == job_id, webhook_deliveries.c.status == "waiting"
    connection.execute(update(webhook_deliveries).where(*waiting).values(status="pending", next_at=now))
    return True
