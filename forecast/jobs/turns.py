"""Whose turn it is: jobs share the workers fairly, those of different clients and those of one."""

from collections.abc import Collection
from datetime import datetime
from functools import cache

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
)

from forecast.database.metadata import UtcDateTime
from forecast.jobs.course import OPEN
from forecast.jobs.tables import job_chunks, jobs


def find_next(
    connection: Connection, now: datetime, models: Collection[str], *, lock: bool = True, handed: bool = True
) -> Row[str, int] | None:
    """Return job and number of the part of these models that is next, or None where none can be claimed.

    It is one of the client that has the fewest in work, and of its jobs one of that with the fewest; of
    several such, the one whose turn was the longest ago. A part that waits at a broker counts as one in
    work, whose turn was when it was handed out; it is not looked for unless `handed`. Without a `lock`
    another may claim the part as well.
    """
    return connection.execute(_next(lock, handed), {"now": now, "models": sorted(models)}).first()


@cache  # building it takes longer than asking it
def _next(lock: bool, handed: bool) -> Select[str, int]:
    now = bindparam("now", type_=UtcDateTime)
    shares = _shares(now)
    clients = _clients(shares)
    query = (
        select(job_chunks.c.job_id, job_chunks.c.number)
        .join(shares, shares.c.job_id == job_chunks.c.job_id)
        .join(clients, clients.c.client_id == shares.c.client_id)
        .where(is_claimable(now), job_chunks.c.model_name.in_(bindparam("models", expanding=True)))
        .order_by(
            clients.c.busy,
            clients.c.turn,
            shares.c.busy,
            func.coalesce(shares.c.taken, shares.c.created_at),
            shares.c.created_at,
            job_chunks.c.job_id,
            job_chunks.c.number,
        )
        .limit(1)
    )
    if not handed:
        query = query.where(job_chunks.c.handed_at.is_(None))
    return query.with_for_update(of=job_chunks, skip_locked=True) if lock else query


def is_claimable(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return the condition that nobody holds a part that is not done."""
    free = or_(job_chunks.c.lease_until.is_(None), job_chunks.c.lease_until <= now)
    return and_(job_chunks.c.status.in_(("pending", "running")), free)


def _shares(now: BindParameter[datetime]) -> CTE:
    """Return what each open job has: its parts in work, and when one was last taken."""
    running = and_(job_chunks.c.status == "running", job_chunks.c.lease_until > now)
    busy = or_(running, job_chunks.c.handed_at.is_not(None))
    return (
        select(
            jobs.c.job_id,
            jobs.c.client_id,
            jobs.c.created_at,
            func.sum(case((busy, 1), else_=0)).label("busy"),
            func.max(func.coalesce(job_chunks.c.handed_at, job_chunks.c.claimed_at)).label("taken"),
        )
        .join(job_chunks)
        .where(jobs.c.status.in_(OPEN))
        .group_by(jobs.c.job_id)
        .cte("shares")
    )


def _clients(shares: CTE) -> Subquery:
    """Return what each client has: its parts in work, and its last turn, or else since when it waits."""
    earlier = jobs.alias()
    # Also of jobs that have ended, so that many small ones have no more turns than a large one.
    begun = select(func.max(earlier.c.started_at)).where(earlier.c.client_id == shares.c.client_id)
    started = begun.scalar_subquery()
    taken = func.max(shares.c.taken)
    last = case((or_(started.is_(None), taken > started), taken), else_=started)
    return (
        select(
            shares.c.client_id,
            func.sum(shares.c.busy).label("busy"),
            func.coalesce(last, func.min(shares.c.created_at)).label("turn"),
        )
        .group_by(shares.c.client_id)
        .subquery()
    )
