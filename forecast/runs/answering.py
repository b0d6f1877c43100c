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
from forecast.runs.outcome import Item
from forecast.runs.run import RunWork
from forecast.runs.telling import tell_items
from forecast.runs.work import Ask, Part, PartResult


async def forecast_now(
    make_work: Callable[[float], RunWork],
    ask: Ask,
    service: ModelService[Any] | None,
    settings: Settings,
    patience: Patience,
) -> bytes:
    """Return the answer to a forecast by name, as JSON; `service` is the model's where it is in this process.

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
        computing = partial(_forecast, work, ask, settings.max_series_per_request, given_up.is_set)
        task = asyncio.create_task(run_sync(computing, abandon_on_cancel=True))
        return await first_of(task, gone, patience)
    finally:
        given_up.set()
        gone.cancel()


def _forecast(work: RunWork, ask: Ask, most: int, given_up: Callable[[], bool]) -> bytes:
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
    run_id = _keep(work, ask, done, created_at)
    return _tell(run_id, ask, [row for _, result in done for row in result.rows], done[0][1].version)


def _keep(work: RunWork, ask: Ask, done: list[tuple[Part, PartResult]], created_at: datetime) -> str:
    with work.database.write() as connection:
        items = sum(result.items for _, result in done)
        run_id = work.open_run(connection, ask, items, None, created_at)
        for part, result in done:
            work.store(connection, run_id, part, result)
        work.close_run(connection, run_id, _status([row for _, result in done for row in result.rows]), None)
    return run_id


def _status(rows: list[Item]) -> str:
    return "succeeded" if any(row.error is None for row in rows) else "failed"


def _tell(run_id: str, ask: Ask, rows: list[Item], version: str | None) -> bytes:
    return orjson.dumps(
        {
            "forecast_run_id": run_id,
            "model": ask.model_id,
            "model_version": version,
            "dataset": ask.body["dataset"],
            "status": _status(rows),
            "items_total": len(rows),
            "items_failed": sum(row.error is not None for row in rows),
            "forecasts": tell_items(run_id, rows),
        }
    )
