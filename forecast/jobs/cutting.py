"""Cutting parts that take long once more, so that others have their turn and little is done again."""

from dataclasses import replace

from sqlalchemy import Connection, func, insert, select, update

from forecast.database.connection import Database
from forecast.jobs.claims import Chunk, holds
from forecast.jobs.tables import job_chunks, job_contents, jobs
from forecast.runs.work import Part, Work

TRIAL_ITEMS = 16
"""How many items are computed first where nobody knows how long they take."""


def cut(database: Database, work: Work, chunk: Chunk, most_items: int | None) -> Chunk:
    """Return what of a part is to be computed now, the rest being there to be claimed in parts of its own.

    That is all of it where it has hardly more items, cannot be cut, or is not held any more. Where
    `most_items` is not known it is a few, and the rest one part.
    """
    first_items = most_items or TRIAL_ITEMS
    if chunk.part.items <= 2 * first_items:
        return chunk
    first, *rest = work.divide(chunk.ask, chunk.part, first_items, most_items or chunk.part.items)
    if not rest:
        return chunk
    with database.write() as connection:
        shorter = update(job_chunks).where(holds(chunk)).values(items=first.items)
        if not connection.execute(shorter).rowcount:
            return chunk
        mine = job_contents.c.job_id == chunk.job_id, job_contents.c.number == chunk.part.number
        connection.execute(update(job_contents).where(*mine).values(content=first.content))
        _add(connection, chunk, rest)
    return replace(chunk, part=Part(chunk.part.number, first.items, first.content))


def _add(connection: Connection, chunk: Chunk, parts: list[Part]) -> None:
    # One worker at a time gives numbers to parts of a job.
    connection.execute(select(jobs.c.job_id).where(jobs.c.job_id == chunk.job_id).with_for_update())
    greatest = select(func.max(job_chunks.c.number)).where(job_chunks.c.job_id == chunk.job_id)
    after = connection.execute(greatest).scalar_one()
    common = {
        "job_id": chunk.job_id,
        "model_name": chunk.ask.model_id,
        "client_id": chunk.ask.client_id,
        "status": "pending",
        "attempts": chunk.attempts - 1,
        "waited": chunk.waited,
    }
    numbered = list(enumerate(parts, after + 1))
    connection.execute(
        insert(job_chunks), [{**common, "number": number, "items": part.items} for number, part in numbered]
    )
    contents = [
        {"job_id": chunk.job_id, "number": number, "content": part.content} for number, part in numbered
    ]
    connection.execute(insert(job_contents), contents)
