"""One inference from the caller's request to the body of the answer."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from forecast.core.answer import render
from forecast.core.config import Settings
from forecast.core.data.source import fetch_table
from forecast.core.errors import AbandonedError, DeadlineError
from forecast.core.job import Answer
from forecast.core.lifecycle import ModelService
from forecast.core.plan import make_plan
from forecast.core.schemas import InferenceRequest


@dataclass(frozen=True, slots=True, eq=False)
class Patience:
    """How long the caller waits, in seconds since `started` on the monotonic clock.

    `gone()` ends when the caller goes away before the answer.
    """

    started: float
    seconds: float
    gone: Callable[[], Coroutine[Any, Any, None]]

    def left(self) -> float:
        """Return the seconds that are left; raise DeadlineError when there are none."""
        left = self.started + self.seconds - time.monotonic()
        if left <= 0:
            raise DeadlineError("The deadline passed before the forecast was made.")
        return left


async def infer(
    service: ModelService[Any], request: InferenceRequest[Any], settings: Settings, patience: Patience
) -> bytes:
    """Return the JSON body of the forecast that a request asks for.

    Raises NotInitializedError before anything is read, the errors of the table and its definition,
    OverloadedError, DeadlineError, and AbandonedError when the caller has gone.
    """
    service.require_ready()
    table = await fetch_table(request.data_source_url_or_path, request.data, settings)
    plan = await run_sync(make_plan, service, request, table)
    future = service.submit(plan.tasks, patience.left())
    answer = await _wait(future, patience)
    return await run_sync(render, plan, answer, patience.started)


async def _wait(future: Future[Answer], patience: Patience) -> Answer:
    answer = asyncio.wrap_future(future)
    gone = asyncio.create_task(patience.gone())
    try:
        either: set[asyncio.Future[Any]] = {answer, gone}
        await asyncio.wait(either, timeout=patience.left(), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone.done():
            raise AbandonedError("The caller went away before the answer was ready.")
        raise DeadlineError("The deadline passed before the forecast was made.")
    finally:
        # Cancelling tells the worker to drop what it has not yet computed.
        answer.cancel()
        gone.cancel()
