"""A forecast by name for a caller who waits: computed, kept and told."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from anyio.to_thread import run_sync

from forecast.core.config import Settings
from forecast.core.errors import AbandonedError, TooLargeError
from forecast.core.inference import Patience, first_of
from forecast.core.lazy import load_on_demand
from forecast.core.lifecycle import ModelService
from forecast.core.notes import note
from forecast.database.connection import Database
from forecast.idempotency.keys import Claim, note_made
from forecast.runs.finding import find_run, read_items
from forecast.runs.run import RunWork
from forecast.runs.telling import tell_items, tell_kept
from forecast.runs.work import Ask, Part, PartResult


async def forecast_now(
    make_work: Callable[[float], RunWork],
    ask: Ask,
    service: ModelService[Any] | None,
    settings: Settings,
    patience: Patience,
    claim: Claim | None = None,
) -> bytes:
    """Return the answer to a forecast by name, as JSON; `service` is the model's where it is in this process.

    It is kept with the `claim` that a key gave its call; raises KeyInUseError where that was lost meanwhile.
    Raises what `infer` raises before it reads anything, the errors of the body and its dataset, and
    TooLargeError where a job would have to do it; DeadlineError or AbandonedError where the caller's patience
    ends first: nothing is kept then.
    """
    gone = asyncio.create_task(patience.gone())
    given_up = threading.Event()
    try:
        if service is not None:
            if settings.lazy_initialization:
                await load_on_demand(service, patience.left_to_load(), gone)
            service.require_ready()[1].worker.refuse_if_full()
        work = make_work(patience.left())
        computing = partial(_forecast, work, ask, settings.max_series_per_request, given_up.is_set, claim)
        task = asyncio.create_task(run_sync(computing, abandon_on_cancel=True))
        return await first_of(task, gone, patience)
    finally:
        given_up.set()
        gone.cancel()


def tell_again(database: Database, client_id: str, run_id: str) -> bytes:
    """Return the answer that a forecast by name was given, of what is kept of it.

    Raises NotFoundError where it was removed meanwhile.
    """
    with database.read() as connection:
        run = find_run(connection, client_id, run_id)
        items = read_items(connection, run_id, None, -1, run.items_total)
        told = tell_kept(connection, run_id, items, run.quantile_levels)
    return _tell(run_id, run.model_name, run.model_version, run.dataset, told)


def _forecast(work: RunWork, ask: Ask, most: int, given_up: Callable[[], bool], claim: Claim | None) -> bytes:
    created_at = datetime.now(UTC)
    parts = work.split(ask, most)
    count = sum(part.items for part in parts)
    if count > most:
        raise TooLargeError(
            f"The request asks for {count} items; the limit is {most} (setting MAX_SERIES_PER_REQUEST). Send"
            " it to /api/v1/forecast-jobs, or name fewer 'item_ids'.",
            details={"items": count, "max_series": most},
        )
    note(model=ask.model_id, series=count)
    done = [(part, work.compute(ask, part, given_up)) for part in parts]
    if given_up():
        raise AbandonedError("The caller went away before the forecasts were kept.")
    run_id = _keep(work, ask, done, created_at, claim)
    told = tell_items(run_id, [row for _, result in done for row in result.rows])
    return _tell(run_id, ask.model_id, done[0][1].version, ask.body["dataset"], told)


def _keep(
    work: RunWork,
    ask: Ask,
    done: list[tuple[Part, PartResult]],
    created_at: datetime,
    claim: Claim | None,
) -> str:
    with work.database.write() as connection:
        items = sum(result.items for _, result in done)
        run_id = work.open_run(connection, ask, items, None, created_at)
        for part, result in done:
            work.keep(run_id, part, result)(connection)
        failed = sum(result.failed for _, result in done)
        work.close_run(connection, run_id, _status(items, failed), None)
        if claim is not None:
            note_made(connection, claim, run_id)
    return run_id


def _status(items: int, failed: int) -> str:
    return "succeeded" if failed < items else "failed"


def _tell(
    run_id: str, model_id: str, version: str | None, dataset: str, forecasts: list[dict[str, Any]]
) -> bytes:
    failed = sum(one["error"] is not None for one in forecasts)
    return orjson.dumps(
        {
            "forecast_run_id": run_id,
            "model": model_id,
            "model_version": version,
            "dataset": dataset,
            "status": _status(len(forecasts), failed),
            "items_total": len(forecasts),
            "items_failed": failed,
            "forecasts": forecasts,
        }
    )
