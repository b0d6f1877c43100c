"""Writing down a job and handing it out, and cancelling it."""

import uuid
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from forecast.core.errors import NotFoundError, RateLimitError, RequestError, StateError
from forecast.idempotency.keys import Claim, note_made
from forecast.jobs.course import OPEN, end_early
from forecast.jobs.desk import Jobs
from forecast.jobs.events import append_event
from forecast.jobs.listing import of_client
from forecast.jobs.tables import job_chunks, job_contents, jobs
from forecast.jobs.webhooks.deliveries import add_delivery
from forecast.jobs.webhooks.schemas import Webhook
from forecast.runs.work import Ask, Part

_RETRY_SECONDS = 5.0
_LOCK = 7_237_423
"""What processes agree on that count the jobs of one client."""


def create_job(desk: Jobs, ask: Ask, webhook: Webhook | None = None, claim: Claim | None = None) -> str:
    """Write down a job, with the `claim` that a key gave its call, hand it out, and return its ID.

    Raises BrokerUnavailableError where no job can be handed out now, the errors of `Work.split` where it
    cannot be done as asked, RateLimitError where too many jobs of the client wait or run, and KeyInUseError
    where the claim was lost.
    """
    desk.runner.check()
    parts = desk.work.split(ask, desk.settings.job_chunk_items)
    if not parts:
        raise RequestError("There are no items to forecast.")
    job_id = str(uuid.uuid4())
    with desk.database.write() as connection:
        _require_room(connection, ask.client_id, desk.settings.job_max_per_client)
        _insert(connection, desk, job_id, ask, parts)
        if webhook is not None:
            add_delivery(connection, job_id, webhook)
        if claim is not None:
            note_made(connection, claim, job_id)
    desk.runner.hand_out(job_id)
    return job_id


def cancel_job(desk: Jobs, client_id: str, job_id: str) -> None:
    """End a job that waits or runs; what it has stored stays.

    Raises NotFoundError where the client has no such job, StateError where it has ended.
    """
    with desk.database.write() as connection:
        status = connection.execute(select(jobs.c.status).where(of_client(client_id, job_id))).scalar()
        if status is None:
            raise NotFoundError(f"There is no job '{job_id}'.")
        if status not in OPEN or not end_early(
            connection, desk.work, job_id, "cancelled", None, desk.clock()
        ):
            raise StateError(f"The job '{job_id}' has ended.")


def _require_room(connection: Connection, client_id: str, most: int) -> None:
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:space, hashtext(:client))")
        connection.execute(lock, {"space": _LOCK, "client": client_id})
    wanted = select(func.count()).where(jobs.c.client_id == client_id, jobs.c.status.in_(OPEN))
    if connection.execute(wanted).scalar_one() >= most:
        raise RateLimitError(
            f"{most} of your jobs wait or run, which is the most there may be; try again when one has ended.",
            retry_after=_RETRY_SECONDS,
        )


def _insert(connection: Connection, desk: Jobs, job_id: str, ask: Ask, parts: list[Part]) -> None:
    now = desk.clock()
    items = sum(part.items for part in parts)
    run_id = desk.work.open_run(connection, ask, items, job_id)
    connection.execute(insert(jobs).values(_job_row(desk, job_id, run_id, ask, items, now)))
    rows = [
        {
            "job_id": job_id,
            "number": part.number,
            "model_name": ask.model_id,
            "client_id": ask.client_id,
            "items": part.items,
            "status": "pending",
        }
        for part in parts
    ]
    connection.execute(insert(job_chunks), rows)
    contents = [{"job_id": job_id, "number": part.number, "content": part.content} for part in parts]
    connection.execute(insert(job_contents), contents)
    append_event(connection, job_id, "created", {"status": "pending", "items_total": items})


def _job_row(desk: Jobs, job_id: str, run_id: str, ask: Ask, items: int, now: datetime) -> dict[str, object]:
    # The table of an inference lies in the parts: kept here as well it would be there twice, and for ever.
    kept = replace(ask, body={name: value for name, value in ask.body.items() if name != "data"})
    return {
        "job_id": job_id,
        "client_id": ask.client_id,
        "user_id": ask.user_id,
        "forecast_run_id": run_id,
        "kind": ask.kind,
        "model_name": ask.model_id,
        "dataset": ask.body.get("dataset"),
        "ask": kept.to_json(),
        "runner": desk.runner.name,
        "status": "pending",
        "items_total": items,
        "created_at": now,
    }
