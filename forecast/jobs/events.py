"""What happened to a job, in order: each event has a number that grows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from forecast.jobs.tables import job_events

EventKind = Literal["created", "started", "progress", "ended"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; `sequence` is larger than that of all its earlier events."""

    sequence: int
    at: datetime
    kind: EventKind
    data: dict[str, Any]


def append_event(connection: Connection, job_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
    """Add an event, in the transaction that changes the job.

    That transaction has locked the job's row before, so that numbers become visible in their order.
    """
    row = {"job_id": job_id, "at": datetime.now(UTC), "kind": kind, "data": dict(data)}
    connection.execute(insert(job_events).values(row))


def read_events(connection: Connection, job_id: str, after: int = 0, most: int = 100) -> list[Event]:
    """Return at most so many events of a job whose number is beyond `after`, the first one first."""
    wanted = (
        select(job_events.c.sequence, job_events.c.at, job_events.c.kind, job_events.c.data)
        .where(job_events.c.job_id == job_id, job_events.c.sequence > after)
        .order_by(job_events.c.sequence)
        .limit(most)
    )
    return [Event(**row) for row in connection.execute(wanted).mappings()]
