"""Reading the jobs of a client."""

import base64
import binascii
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, false, or_, select

from forecast.core.errors import NotFoundError, RequestError
from forecast.database.connection import Database
from forecast.jobs.claims import utc_now
from forecast.jobs.schemas import Job, JobFilters, JobPage, describe
from forecast.jobs.tables import jobs
from forecast.jobs.webhooks.deliveries import read_states


def read_job(database: Database, client_id: str, job_id: str) -> Job:
    """Return a job; raise NotFoundError where the client has no such one."""
    with database.read() as connection:
        row = connection.execute(select(jobs).where(of_client(client_id, job_id))).first()
        webhooks = read_states(connection, [job_id] if row else [])
    if row is None:
        raise NotFoundError(f"There is no job '{job_id}'.")
    return describe(row, utc_now(), webhooks.get(job_id))


def list_jobs(database: Database, client_id: str, filters: JobFilters) -> JobPage:
    """Return a page of a client's jobs, the newest first; raise RequestError at a cursor that is none."""
    wanted = (
        select(jobs)
        .where(jobs.c.client_id == client_id, *_conditions(filters))
        .order_by(jobs.c.created_at.desc(), jobs.c.job_id.desc())
        .limit(filters.limit + 1)
    )
    with database.read() as connection:
        rows = connection.execute(wanted).all()
        webhooks = read_states(connection, [row.job_id for row in rows])
    page = rows[: filters.limit]
    last = page[-1] if len(rows) > filters.limit else None
    cursor = None if last is None else _write_cursor(last.created_at, last.job_id)
    now = utc_now()
    told = [describe(row, now, webhooks.get(row.job_id)) for row in page]
    return JobPage(jobs=told, next_cursor=cursor)


def of_client(client_id: str, job_id: str) -> ColumnElement[bool]:
    """Return the condition that a job is this one, and the client's."""
    if "\0" in job_id:  # which PostgreSQL cannot compare
        return false()
    return and_(jobs.c.job_id == job_id, jobs.c.client_id == client_id)


def _conditions(filters: JobFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (jobs.c.status, filters.status),
        (jobs.c.model_name, filters.model),
        (jobs.c.dataset, filters.dataset),
    ):
        if value is not None:
            found.append(column == value)
    if filters.created_after is not None:
        found.append(jobs.c.created_at >= _aware(filters.created_after))
    if filters.created_before is not None:
        found.append(jobs.c.created_at < _aware(filters.created_before))
    if filters.cursor is not None:
        created_at, job_id = _read_cursor(filters.cursor)
        same = and_(jobs.c.created_at == created_at, jobs.c.job_id < job_id)
        found.append(or_(jobs.c.created_at < created_at, same))
    return found


def _aware(given: datetime) -> datetime:
    try:
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError as error:
        raise RequestError(f"The time {given.isoformat()} is out of range.") from error


def _write_cursor(created_at: datetime, job_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {job_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        created_at, _, job_id = base64.urlsafe_b64decode(cursor).decode().partition(" ")
        return _aware(datetime.fromisoformat(created_at)), job_id
    except (binascii.Error, ValueError) as error:
        raise RequestError("The cursor is none that this gateway gave.") from error
