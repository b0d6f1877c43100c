"""Forgetting forecasts after FORECAST_RETENTION_DAYS."""

import logging
from datetime import UTC, datetime, timedelta

from anyio import sleep
from anyio.to_thread import run_sync
from sqlalchemy import delete, exists, select

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.runs.tables import forecast_items, forecast_results, forecast_runs

log = logging.getLogger(__name__)

_PERIOD_SECONDS = 3600.0
_AT_ONCE = 500


async def forget_always(database: Database, days: int) -> None:
    """Forget every hour what is older than so many days; with 0 days nothing ever.

    Several processes may do so at once: what one has removed the others do not find.
    """
    while days:
        try:
            removed = await run_sync(forget, database, datetime.now(UTC) - timedelta(days=days))
        except DatabaseUnavailableError:
            log.warning("retention=postponed")
        else:
            log.info("retention=done runs=%d", removed)
        await sleep(_PERIOD_SECONDS)


def forget(database: Database, before: datetime) -> int:
    """Remove the runs that ended before a moment, in short transactions; return how many."""
    while _forget_items(database, before):
        pass
    removed = 0
    while some := _forget_runs(database, before):
        removed += some
    return removed


def _forget_items(database: Database, before: datetime) -> int:
    items, runs = forecast_items.c, forecast_runs.c
    with database.write() as connection:
        asked = (
            select(items.forecast_id)
            .join(forecast_runs, runs.forecast_run_id == items.forecast_run_id)
            .where(runs.finished_at < before)
            .limit(_AT_ONCE)
        )
        some = list(connection.execute(asked).scalars())
        connection.execute(delete(forecast_results).where(forecast_results.c.forecast_id.in_(some)))
        connection.execute(delete(forecast_items).where(items.forecast_id.in_(some)))
        return len(some)


def _forget_runs(database: Database, before: datetime) -> int:
    runs = forecast_runs.c
    with database.write() as connection:
        empty = ~exists().where(forecast_items.c.forecast_run_id == runs.forecast_run_id)
        asked = select(runs.forecast_run_id).where(runs.finished_at < before, empty).limit(_AT_ONCE)
        some = list(connection.execute(asked).scalars())
        connection.execute(delete(forecast_runs).where(runs.forecast_run_id.in_(some)))
        return len(some)
