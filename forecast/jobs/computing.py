"""The one function that does the work of jobs, whoever hands it out."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import delete, select, update

from forecast.core.errors import (
    DatabaseUnavailableError,
    DeadlineError,
    InitializingError,
    LoadingError,
    NotInitializedError,
    OverloadedError,
    SapheneiaError,
    ServiceLostError,
    ServiceUnavailableError,
    ShutDownError,
)
from forecast.jobs.claims import Chunk, Claims, holds
from forecast.jobs.course import advance, end_early, lock_parts, remove_parts
from forecast.jobs.cutting import cut
from forecast.jobs.tables import job_chunks, job_contents
from forecast.runs.work import PartResult, Work

log = logging.getLogger(__name__)

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_AWAY = (
    DatabaseUnavailableError,
    InitializingError,
    LoadingError,
    NotInitializedError,
    OverloadedError,
    ServiceUnavailableError,
    ShutDownError,
)
"""What passes by itself, or when an operator sees to it."""
_BROKEN = (DeadlineError, ServiceLostError)
"""What may pass, but may also be the fault of the part."""
_GIVEN_UP = (
    "Part {number} of the job was begun {attempts} times, and each time its worker ended before it was done."
)
_UNFORESEEN = {"error": SapheneiaError.code, "detail": "The gateway failed while the forecast was made."}

Done = TypeVar("Done")


def run_chunk(claims: Claims, work: Work, chunk: Chunk, dropped: threading.Event) -> None:
    """Compute and store a part that was claimed, or its beginning: once, however many workers compute it.

    `dropped` is set once nobody wants it from this worker any more: the part then goes back. A part that
    cannot be computed now is put off, and ends the job where it never can be. Whatever is to be written
    waits for the database; raises DatabaseUnavailableError where that lasts until it is dropped.
    """
    most = claims.settings.job_max_attempts
    if chunk.attempts > most:
        detail = _GIVEN_UP.format(number=chunk.part.number, attempts=most)
        _insist(dropped, lambda: _fail(claims, work, chunk, {"error": "WORKER_LOST", "detail": detail}))
        return
    try:
        chunk = cut(claims.database, work, chunk, claims.paces.most_items(chunk.job_id))
        result = work.compute(chunk.ask, chunk.part, dropped.is_set)
        claims.paces.learn(chunk.job_id, result.items, result.seconds)
        _insist(dropped, lambda: _store(claims, work, chunk, result))
    except SapheneiaError as error:
        told = error
        _insist(dropped, lambda: _meet(claims, work, chunk, told, dropped.is_set()))
    except Exception:
        log.exception("job=%s part=%d failed=unexpected", chunk.job_id, chunk.part.number)
        _insist(dropped, lambda: _fail(claims, work, chunk, _UNFORESEEN))


def _insist(dropped: threading.Event, action: Callable[[], Done]) -> Done:
    """Return what an action does, which is tried again until the database answers."""
    while True:
        try:
            return action()
        except DatabaseUnavailableError:
            if dropped.wait(_PAUSE_SECONDS):
                raise


def _store(claims: Claims, work: Work, chunk: Chunk, result: PartResult) -> None:
    done = {"status": "done", "worker": None, "lease_until": None}
    write = work.keep(chunk.run_id, chunk.part, result)
    with claims.database.write() as connection:
        mine = connection.execute(update(job_chunks).where(holds(chunk)).values(done)).rowcount
        if not mine:
            return
        number = chunk.part.number
        mine_too = job_contents.c.job_id == chunk.job_id, job_contents.c.number == number
        connection.execute(delete(job_contents).where(*mine_too))
        write(connection)
        ended = advance(connection, work, chunk.job_id, chunk.part, result, claims.clock())
        if ended is None:
            connection.rollback()
    if ended:
        # Not in that transaction, whose order of locks it would break; if it fails, sweeping does it.
        with claims.database.write() as connection:
            remove_parts(connection, job_chunks.c.job_id == chunk.job_id)


def _meet(claims: Claims, work: Work, chunk: Chunk, error: SapheneiaError, dropped: bool) -> None:
    if dropped:
        claims.give_back(chunk)
    elif isinstance(error, (*_AWAY, *_BROKEN)):
        _put_off(claims, work, chunk, error)
    else:
        _fail(claims, work, chunk, _tell(error))


def _put_off(claims: Claims, work: Work, chunk: Chunk, error: SapheneiaError) -> None:
    settings = claims.settings
    counted = isinstance(error, _BROKEN)
    if (
        chunk.attempts >= settings.job_max_attempts
        if counted
        else chunk.waited >= settings.job_patience_seconds
    ):
        _fail(claims, work, chunk, _tell(error))
        return
    seconds = max(_PAUSE_SECONDS, chunk.waited, error.retry_after or 0.0)
    claims.postpone(chunk, min(seconds, _LONGEST_PAUSE_SECONDS), counted=counted)


def _fail(claims: Claims, work: Work, chunk: Chunk, reason: dict[str, str]) -> None:
    with claims.database.write() as connection:
        lock_parts(connection, job_chunks.c.job_id == chunk.job_id)
        held = connection.execute(select(job_chunks.c.number).where(holds(chunk))).first() is not None
        if held and end_early(connection, work, chunk.job_id, "failed", reason, claims.clock()):
            log.warning("job=%s part=%d failed=%s", chunk.job_id, chunk.part.number, reason["error"])


def _tell(error: SapheneiaError) -> dict[str, str]:
    return {"error": error.code, "detail": error.detail}
