"""Removing what no job needs any more."""

from datetime import datetime

from sqlalchemy import delete, select

from forecast.database.connection import Database
from forecast.jobs.course import OPEN
from forecast.jobs.tables import job_chunks, jobs


def sweep(database: Database, now: datetime) -> None:
    """Remove the parts of jobs that have ended, where the process that ended them did not come to it."""
    ended = select(jobs.c.job_id).where(jobs.c.status.not_in(OPEN))
    left = job_chunks.c.job_id.in_(ended)
    with database.read() as connection:
        if connection.execute(select(job_chunks.c.number).where(left).limit(1)).first() is None:
            return
    with database.write() as connection:
        connection.execute(delete(job_chunks).where(left))
