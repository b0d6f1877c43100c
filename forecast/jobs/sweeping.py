"""Removing what no job needs any more, and jobs after FORECAST_RETENTION_DAYS."""

import logging
from datetime import datetime, timedelta

from anyio import sleep
from anyio.to_thread import run_sync
from sqlalchemy import delete, select

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.jobs.claims import utc_now
from forecast.jobs.course import OPEN, remove_parts
from forecast.jobs.tables import job_chunks, jobs

log = logging.getLogger(__name__)

_PERIOD_SECONDS = 3600.0
_AT_ONCE = 500


async def sweep_always(database: Database, days: int) -> None:
    """Sweep every hour; jobs are kept for so many days after their end, with 0 days for ever."""
    while True:
        try:
            await run_sync(sweep, database, utc_now(), days)
        except DatabaseUnavailableError:
            log.warning("sweeping=postponed")
        await sleep(_PERIOD_SECONDS)


def sweep(database: Database, now: datetime, days: int) -> None:
    """Remove parts of jobs that have ended, which a process that was killed left, and jobs of long ago."""
    ended = select(jobs.c.job_id).where(jobs.c.status.not_in(OPEN))
    with database.write() as connection:
        remove_parts(connection, job_chunks.c.job_id.in_(ended))
    while days and _forget(database, now - timedelta(days=days)):
        pass


def _forget(database: Database, before: datetime) -> int:
    old = select(jobs.c.job_id).where(jobs.c.finished_at < before).limit(_AT_ONCE)
    with database.write() as connection:
        return connection.execute(delete(jobs).where(jobs.c.job_id.in_(old))).rowcount
