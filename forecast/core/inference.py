"""One inference from the caller's request to the body of the answer."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from anyio.to_thread import run_sync

from forecast.core.adapter import Task
from forecast.core.answer import Outcome, settle
from forecast.core.config import Settings
from forecast.core.data.selection import select
from forecast.core.data.source import find_table
from forecast.core.data.table import Table
from forecast.core.errors import AbandonedError, DeadlineError
from forecast.core.job import Answer
from forecast.core.lazy import load_on_demand
from forecast.core.lifecycle import ModelService
from forecast.core.limits import check_series_count
from forecast.core.notes import note
from forecast.core.parameters import InferenceRequest
from forecast.core.plan import Plan, make_plan
from forecast.core.result_cache import Recall, recall
from forecast.core.snapshot import Ready
from forecast.core.tracing import record_span, span

Written = TypeVar("Written")


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
    service: ModelService[Any],
    request: InferenceRequest[Any],
    settings: Settings,
    patience: Patience,
    write: Callable[[Outcome], Written],
    *,
    fresh: bool = False,
) -> Written:
    """Return the forecast that a request asks for as `write` writes it, computed now where `fresh`.

    Raises NotInitializedError before anything is read, or with LAZY_INITIALIZATION what `load_on_demand`
    raises, and OverloadedError; the errors of the table and its definition, DeadlineError, and AbandonedError
    when the caller has gone; whatever is being done for the request then is given up.
    """
    gone = asyncio.create_task(patience.gone())
    try:
        if settings.lazy_initialization:
            await load_on_demand(service, patience.left_to_load(), gone)
        _, ready = service.require_ready()
        ready.worker.refuse_if_full()
        work = asyncio.create_task(_forecast(service, request, settings, patience, write, fresh))
        return await first_of(work, gone, patience)
    finally:
        gone.cancel()


async def first_of(work: asyncio.Task[Written], gone: asyncio.Task[None], patience: Patience) -> Written:
    """Return what work comes to; give it up with AbandonedError or DeadlineError when nobody waits."""
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
    service: ModelService[Any],
    request: InferenceRequest[Any],
    settings: Settings,
    patience: Patience,
    write: Callable[[Outcome], Written],
    fresh: bool,
) -> Written:
    most = settings.max_series_per_request
    queued = _Queued()

    def queue(read: Callable[[], Table]) -> tuple[Plan, Recall, Future[Answer]]:
        table = read()
        check_series_count(request, table, most)
        plan = make_plan(service, request, table)
        note(series=len(plan.tasks))
        recalled = recall(plan.ready.cache, plan.tasks, fresh=fresh)
        service.figures.recall(len(recalled.known))
        return plan, recalled, queued.submit(plan.ready, recalled.missing, patience)

    try:
        with span("read"):
            read = await find_table(request.data_source_url_or_path, request.data, settings, select(request))
            plan, recalled, future = await run_sync(queue, read, abandon_on_cancel=True)
        answer = await asyncio.wrap_future(future)
        _trace(answer)
    except asyncio.CancelledError:
        queued.give_up()
        raise

    def finish() -> Written:
        return write(settle(plan, recalled.complete(answer), patience.started))

    with span("write"):
        return await run_sync(finish, abandon_on_cancel=True)


def _trace(answer: Answer) -> None:
    """Record where the time went: in the queue, then in the batches of the model."""
    begins = answer.submitted + answer.queue_seconds
    record_span("queue", answer.submitted, begins)
    told = {"batch_size": answer.batch_size, "model_seconds": answer.model_seconds, "cached": answer.cached}
    record_span("model", begins, time.monotonic(), **told)


class _Queued:
    """A job that a thread queues, as many series take long, and that its caller may give up meanwhile."""

    def __init__(self) -> None:
        self._given_up = threading.Event()
        self._futures: list[Future[Answer]] = []

    def submit(self, ready: Ready[Any], tasks: Sequence[Task], patience: Patience) -> Future[Answer]:
        """Queue tasks and return the future of their answer; AbandonedError where it is given up."""
        if self._given_up.is_set():
            raise AbandonedError("The caller went away before the answer was ready.")
        future = ready.worker.submit(tasks, patience.left())
        self._futures.append(future)
        if self._given_up.is_set():
            future.cancel()
        return future

    def give_up(self) -> None:
        """Have nothing computed any more, whether it is queued already or about to be."""
        self._given_up.set()
        for future in self._futures:
            future.cancel()
