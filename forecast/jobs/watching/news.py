"""What happened to jobs, as those who watch them are told it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from forecast.core.errors import NotFoundError
from forecast.jobs.events import Event, EventKind
from forecast.jobs.listing import of_client
from forecast.jobs.schemas import describe
from forecast.jobs.tables import job_events, jobs

_JOBS_A_QUERY = 100
_EVENTS_A_QUERY = 500


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """An event with the job as it was then; numbers grow from one event of a job to the next."""

    sequence: int
    kind: EventKind
    job: dict[str, Any]


def find_start(connection: Connection, client_id: str, job_id: str, after: int) -> int | None:
    """Return after which event somebody goes on who has seen those up to `after`.

    None where the job has ended and nothing more will come. Raises NotFoundError where the client has no such
    job.
    """
    mine = select(jobs.c.finished_at).where(of_client(client_id, job_id))
    row = connection.execute(mine).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no job '{job_id}'.")
    latest = connection.execute(
        select(func.coalesce(func.max(job_events.c.sequence), 0)).where(job_events.c.job_id == job_id)
    ).scalar_one()
    if row.finished_at is not None and after >= latest:
        return None
    return min(after, int(latest))  # a number that no event has yet would hide those that come


def read_news(connection: Connection, after: Mapping[str, int]) -> tuple[dict[str, list[News]], bool]:
    """Return the first events of each job after the number given for it, and whether there may be more."""
    events: dict[str, list[Event]] = {}
    more = False
    watched = list(after.items())
    for first in range(0, len(watched), _JOBS_A_QUERY):
        newer = [
            and_(job_events.c.job_id == job_id, job_events.c.sequence > seen)
            for job_id, seen in watched[first : first + _JOBS_A_QUERY]
        ]
        wanted = select(job_events).where(or_(*newer)).order_by(job_events.c.sequence)
        rows = connection.execute(wanted.limit(_EVENTS_A_QUERY)).all()
        more = more or len(rows) == _EVENTS_A_QUERY
        for row in rows:
            event = Event(row.sequence, row.at, row.kind, row.data)
            events.setdefault(row.job_id, []).append(event)
    if not events:
        return {}, more
    described = {
        row.job_id: [News(event.sequence, event.kind, _as_of(row, event)) for event in events[row.job_id]]
        for row in connection.execute(select(jobs).where(jobs.c.job_id.in_(list(events))))
    }
    return described, more


def _as_of(row: Any, event: Event) -> dict[str, Any]:
    """Return the job as it was when the event happened."""
    then = {
        **row._asdict(),
        "items_done": 0,
        "items_failed": 0,
        "error": None,
        "started_at": None if event.kind == "created" else row.started_at,
        "finished_at": row.finished_at if event.kind == "ended" else None,
        **event.data,
    }
    return describe(SimpleNamespace(**then), event.at).model_dump(mode="json", exclude={"webhook"})
