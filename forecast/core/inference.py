"""One inference from the caller's request to the body of the answer."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from forecast.core.answer import render
from forecast.core.config import Settings
from forecast.core.data.selection import select
from forecast.core.data.source import fetch_table
from forecast.core.errors import AbandonedError, DeadlineError
from forecast.core.lazy import load_on_demand
from forecast.core.lifecycle import ModelService
from forecast.core.parameters import InferenceRequest
from forecast.core.plan import make_plan


@dataclass(frozen=True, slots=True, eq=False)
class Patience:
    """How long the caller waits, in seconds since `started` on the monotonic clock.

    `gone()` ends when the caller goes away before the answer. `load_seconds` is how long the caller waits
    for a model that is not loaded, None meaning as long as for the answer.
    """

    started: float
    seconds: float
    gone: Callable[[], Coroutine[Any, Any, None]]
    load_seconds: float | None = None

    def left(self) -> float:
        """Return the seconds that are left; raise DeadlineError when there are none."""
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            raise DeadlineError("The deadline passed before the forecast was made.")
        return left

    def left_to_load(self) -> float:
        """Return the seconds that are left to wait for the model, 0 when there are none."""
        seconds = self.seconds if self.load_seconds is None else min(self.seconds, self.load_seconds)
        return max(0.0, self.started + seconds - time.monotonic())


async def infer(
    service: ModelService[Any], request: InferenceRequest[Any], settings: Settings, patience: Patience
) -> bytes:
    """Return the JSON body of the forecast that a request asks for.

    Raises NotInitializedError before anything is read, or with LAZY_INITIALIZATION what `load_on_demand`
    raises; the errors of the table and its definition, OverloadedError, DeadlineError, and AbandonedError
    when the caller has gone; whatever is being done for the request then is given up.
    """
    gone = asyncio.create_task(patience.gone())
    try:
        if settings.lazy_initialization:
            await load_on_demand(service, patience.left_to_load(), gone)
        service.require_ready()
        work = asyncio.create_task(_forecast(service, request, settings, patience))
        return await _first(work, gone, patience)
    finally:
        gone.cancel()


async def _first(work: asyncio.Task[bytes], gone: asyncio.Task[None], patience: Patience) -> bytes:
    try:
        either: set[asyncio.Task[Any]] = {work, gone}
        await asyncio.wait(either, timeout=patience.left(), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise AbandonedError("The caller went away before the answer was ready.")
        raise DeadlineError("The deadline passed before the forecast was made.")
    finally:
        # Cancelling leaves what a thread still does to itself, and tells the worker to drop the rest.
        work.cancel()


async def _forecast(
    service: ModelService[Any], request: InferenceRequest[Any], settings: Settings, patience: Patience
) -> bytes:
    table = await fetch_table(request.data_source_url_or_path, request.data, settings, select(request))
    plan = await run_sync(make_plan, service, request, table, abandon_on_cancel=True)
    answer = await asyncio.wrap_future(plan.ready.worker.submit(plan.tasks, patience.left()))
    return await run_sync(render, plan, answer, patience.started, abandon_on_cancel=True)
