"""Jobs and their forecasts as they lie in the database, without anybody who computes them."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from forecast.database.connection import Database
from forecast.jobs.events import EventKind, append_event
from forecast.jobs.tables import jobs, webhook_deliveries
from forecast.runs.tables import forecast_items

URL = "https://receiver.test/hook"
SECRET = "a secret of the caller's own"
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STARTED = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
ENDED = datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC)


def write_job(database: Database, client_id: str = "default", items: int = 4) -> str:
    """Write a job that waits, with its first event."""
    job_id = str(uuid.uuid4())
    row = {
        "job_id": job_id,
        "client_id": client_id,
        "user_id": "default",
        "forecast_run_id": f"run-of-{job_id}",
        "kind": "forecast",
        "model_name": "statsforecast",
        "dataset": "default",
        "ask": {},
        "runner": "embedded",
        "status": "pending",
        "items_total": items,
        "created_at": CREATED,
    }
    with database.write() as connection:
        connection.execute(insert(jobs).values(row))
        append_event(connection, job_id, "created", {"status": "pending", "items_total": items})
    return job_id


def change(database: Database, job_id: str, kind: EventKind, **values: Any) -> None:
    """Let something happen to a job."""
    times: dict[str, Any] = {"started": {"started_at": STARTED}, "ended": {"finished_at": ENDED}}
    with database.write() as connection:
        changed = update(jobs).where(jobs.c.job_id == job_id).values(values | times.get(kind, {}))
        connection.execute(changed)
        append_event(connection, job_id, kind, values)


def run_job(database: Database, job_id: str, items: int = 4) -> None:
    """Let a job be done item by item; one of them fails."""
    change(database, job_id, "started", status="running")
    for done in range(1, items + 1):
        change(database, job_id, "progress", status="running", items_done=done, items_failed=1)
    end_job(database, job_id, items)


def end_job(database: Database, job_id: str, items: int = 4) -> None:
    """Let a job end well, and its webhook be sent."""
    change(database, job_id, "ended", status="succeeded", items_done=items, items_failed=1)
    with database.write() as connection:
        mine = webhook_deliveries.c.job_id == job_id
        connection.execute(update(webhook_deliveries).where(mine).values(status="pending", next_at=ENDED))


def write_webhook(database: Database, url: str = URL, secret: str = SECRET) -> str:
    """Write a job that has ended and whose webhook is to be sent."""
    job_id = write_job(database)
    with database.write() as connection:
        row = {"job_id": job_id, "url": url, "secret": secret, "status": "waiting"}
        connection.execute(insert(webhook_deliveries).values(row))
    end_job(database, job_id)
    return job_id


def read_webhook(database: Database, job_id: str) -> Any:
    """Return the row of a job's webhook."""
    with database.read() as connection:
        wanted = select(webhook_deliveries).where(webhook_deliveries.c.job_id == job_id)
        return connection.execute(wanted).one()


def read_stored(database: Database, job_id: str) -> list[str]:
    """Return the items that are stored of a job, in their order."""
    wanted = (
        select(forecast_items.c.item_id)
        .join(jobs, jobs.c.forecast_run_id == forecast_items.c.forecast_run_id)
        .where(jobs.c.job_id == job_id)
        .order_by(forecast_items.c.position)
    )
    with database.read() as connection:
        return list(connection.execute(wanted).scalars())
