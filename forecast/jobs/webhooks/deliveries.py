"""The webhooks that are to be sent, in the database: each is claimed by one process at a time."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from forecast.database.connection import Database
from forecast.jobs.schemas import describe
from forecast.jobs.tables import jobs, webhook_deliveries
from forecast.jobs.webhooks.schemas import Webhook, WebhookState
from forecast.jobs.webhooks.sending import Outcome

_FIRST_DELAY = 5.0
_GROWTH = 6.0
_LONGEST_DELAY = 6 * 3600.0
_SPREAD = 0.2
_chance = SystemRandom().random


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook that this process holds until its lease ends; `attempts` counts this one too."""

    job_id: str
    url: str
    secret: str
    attempts: int
    job: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Delivery(job_id={self.job_id!r}, attempts={self.attempts})"  # without the secret


def delay(attempts: int, wait: float = 0.0, chance: Callable[[], float] = _chance) -> float:
    """Return the seconds after so many attempts until the next: 5 s, 30 s, 3 min, 18 min, 2 h, then 6 h.

    They are a fifth more or less by chance, so that a receiver which is back is not sent all at once; never
    less than the `wait` that it asks for, but up to a fifth more.
    """
    usual = min(_FIRST_DELAY * _GROWTH ** min(attempts - 1, 10), _LONGEST_DELAY)
    share = chance()
    return max(usual * (1 + _SPREAD * (2 * share - 1)), wait * (1 + _SPREAD * share))


def add_delivery(connection: Connection, job_id: str, webhook: Webhook) -> None:
    """Write down a webhook that waits for the end of a job, in the transaction that makes the job."""
    secret = webhook.secret.get_secret_value()
    row = {"job_id": job_id, "url": webhook.url, "secret": secret, "status": "waiting"}
    connection.execute(insert(webhook_deliveries).values(row))


def read_states(connection: Connection, job_ids: Iterable[str]) -> dict[str, WebhookState]:
    """Return what became of the webhooks of jobs, by the ID of each job that has one."""
    wanted = select(webhook_deliveries).where(webhook_deliveries.c.job_id.in_(list(job_ids)))
    return {
        row.job_id: WebhookState(
            url=row.url, status=row.status, attempts=row.attempts, last_error=row.last_error
        )
        for row in connection.execute(wanted)
    }


def claim(database: Database, most: int, lease: timedelta, now: datetime) -> list[Delivery]:
    """Return webhooks whose time has come; nobody else is given them until the lease ends."""
    ready = (
        select(webhook_deliveries.c.job_id)
        .where(webhook_deliveries.c.status == "pending", webhook_deliveries.c.next_at <= now)
        .order_by(webhook_deliveries.c.next_at)
        .limit(most)
    )
    with database.read() as connection:  # which disturbs nobody who writes
        if connection.execute(ready).first() is None:
            return []
    with database.write() as connection:
        chosen = connection.execute(ready.with_for_update(skip_locked=True)).scalars().all()
        taken = (
            update(webhook_deliveries)
            .where(webhook_deliveries.c.job_id.in_(chosen))
            .values(attempts=webhook_deliveries.c.attempts + 1, next_at=now + lease)
            .returning(*(webhook_deliveries.c[name] for name in ("job_id", "url", "secret", "attempts")))
        )
        rows = connection.execute(taken).all()
        ended = {
            row.job_id: describe(row, now).model_dump(mode="json", exclude={"webhook"})
            for row in connection.execute(select(jobs).where(jobs.c.job_id.in_(chosen)))
        }
    return [Delivery(row.job_id, row.url, row.secret, row.attempts, ended[row.job_id]) for row in rows]


def settle(
    database: Database, delivery: Delivery, outcome: Outcome, most_attempts: int, now: datetime
) -> str:
    """Note what came of an attempt and return what the webhook is now; one that was lost changes nothing."""
    values: dict[str, Any] = {"last_error": outcome.error}
    if outcome.error is None:
        values |= {"status": "delivered", "delivered_at": now}
    elif outcome.final or delivery.attempts >= most_attempts:
        values |= {"status": "failed"}
    else:
        seconds = delay(delivery.attempts, outcome.wait)
        values |= {"status": "pending", "next_at": now + timedelta(seconds=seconds)}
    if values["status"] != "pending":
        values |= {"next_at": None, "secret": ""}  # which nobody needs any more
    with database.write() as connection:
        connection.execute(update(webhook_deliveries).where(_holds(delivery)).values(values))
    return str(values["status"])


def give_back(database: Database, delivery: Delivery, now: datetime) -> None:
    """Let a webhook be claimed at once, as if it had not been; one that was lost is left as it is."""
    values = {"attempts": delivery.attempts - 1, "next_at": now}
    with database.write() as connection:
        connection.execute(update(webhook_deliveries).where(_holds(delivery)).values(values))


def _holds(delivery: Delivery) -> ColumnElement[bool]:
    return and_(
        webhook_deliveries.c.job_id == delivery.job_id,
        webhook_deliveries.c.status == "pending",
        webhook_deliveries.c.attempts == delivery.attempts,
    )
