"""One thread that computes forecasts for one model, batch by batch.

It takes what waits as soon as it is free, in the batches that `core.turns` forms of compatible tasks of any
callers. Every future ends in a result or an error.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from forecast.core.adapter import Forecast, Series, Task
from forecast.core.errors import (
    DeadlineError,
    ModelError,
    OverloadedError,
    SapheneiaError,
    ShutDownError,
)
from forecast.core.figures import Drop, Figures
from forecast.core.job import Answer, Batch, Job, Kind, batch_size
from forecast.core.pace import Pace
from forecast.core.turns import BatchLimits, Turns, sort_tasks

log = logging.getLogger(__name__)

# An answer expected in the last tenth of the caller's patience would likely come too late.
_USABLE_PATIENCE = 0.9

Predict = Callable[[Sequence[Task]], list[Forecast]]
Key = Callable[[Task], Hashable]
Width = Callable[[Task], int]


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What a worker has to do, in series; `queue_size` is the most that may wait."""

    waiting: int
    running: int
    queue_size: int


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """The most series that wait for a model, and the most bytes that they take."""

    series: int
    bytes: int

    def hold(self, series: int, taken: int) -> bool:
        """Return whether so much may wait."""
        return series <= self.series and taken <= self.bytes


class Worker:
    """The queue in front of one loaded model, and the thread behind it."""

    def __init__(
        self,
        predict: Predict,
        key: Key,
        width: Width,
        *,
        limits: BatchLimits,
        bounds: QueueBounds,
        figures: Figures,
    ) -> None:
        self._predict = predict
        self._key = key
        self._width = width
        self._limits = limits
        self._turns = Turns(limits)
        self._bounds = bounds
        self._figures = figures
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._pace = Pace()
        self._closing = False
        self._running: Batch = []
        self._kind: Kind | None = None
        self._free_at = 0.0
        name = f"worker-{figures.model_id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, tasks: Sequence[Task], patience: float) -> Future[Answer]:
        """Queue one job and return its future; cancelling the future drops what is not yet computed.

        `patience` is in seconds. Raises OverloadedError at once when the queue is full or the answer
        would come too late, ShutDownError when the worker is closing.
        """
        pending = sort_tasks((self._key(task), self._width(task)) for task in tasks)
        job = Job(tasks, time.monotonic() + patience, pending)
        if not tasks:
            job.finish()
            return job.future
        with self._changed:
            if self._closing:
                raise ShutDownError("The model is being shut down.")
            self._admit(job, patience)
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def refuse_if_full(self) -> None:
        """Raise OverloadedError where not one series more may wait, before anything is read for it."""
        with self._changed:
            live = [job for job in self._jobs if not job.future.done()]
            waiting = sum(job.waiting for job in live)
            if not waiting or self._bounds.hold(waiting + 1, sum(job.bytes for job in live)):
                return
            self._figures.reject("queue_full", 1)
            raise _overloaded(f"{waiting} series wait already", self._free_at - time.monotonic())

    def _admit(self, job: Job, patience: float) -> None:
        live = [other for other in self._jobs if not other.future.done()]
        if not live and not self._running:
            # An estimate must not keep an idle model idle: without work it would never be corrected.
            return
        waiting = sum(other.waiting for other in live)
        expected = self._expected_seconds(job, live)
        taken = sum(other.bytes for other in live)
        full = waiting > 0 and not self._bounds.hold(waiting + job.waiting, taken + job.bytes)
        if full or expected > patience * _USABLE_PATIENCE:
            self._figures.reject("queue_full" if full else "too_late", job.waiting)
            reason = f"{waiting} series wait already" if full else f"an answer would take {expected:.1f} s"
            raise _overloaded(reason, expected if full else expected - patience)

    def _expected_seconds(self, job: Job, live: Sequence[Job]) -> float:
        series: Counter[Kind] = Counter({kind: len(indices) for kind, indices in job.pending.items()})
        rounds = sum(-(-count // self._limits.series_of(kind.width)) for kind, count in series.items())
        for other in live:
            calls = rounds  # jobs take turns by chunks, so a larger one delays this one by its rounds only
            for kind, indices in other.pending.items():
                most = self._limits.series_of(kind.width)
                series[kind] += min(len(indices), calls * most)
                calls = max(0, calls - -(-len(indices) // most))
        current = max(0.0, self._free_at - time.monotonic()) if self._running else 0.0
        batches = ((kind, count, self._limits.series_of(kind.width)) for kind, count in series.items())
        return current + sum(self._pace.seconds(*batch) for batch in batches)

    def load(self) -> WorkerLoad:
        """Return the figures that operators watch."""
        with self._changed:
            return WorkerLoad(
                waiting=self._waiting(),
                running=batch_size(self._running),
                queue_size=self._bounds.series,
            )

    def _waiting(self) -> int:
        return sum(job.waiting for job in self._jobs if not job.future.done())

    def close(self) -> None:
        """Finish the batch that runs, end all other jobs with ShutDownError, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            try:
                while (batch := self._next()) is not None:
                    self._compute(batch)
            except Exception:
                # A fault of ours: it must not cost those who come next their forecasts.
                log.exception("worker=%s restarted=true", self._thread.name)
                self._drop_all(ModelError("The gateway failed while the forecast was made."))
        self._drop_all(ShutDownError("The model was shut down before the forecast was made."))

    def _drop_all(self, error: SapheneiaError) -> None:
        with self._changed:
            left = [*(job for job, _ in self._running), *self._jobs]
            self._running = []
            self._jobs.clear()
        for job in left:
            job.fail(error)

    def _next(self) -> Batch | None:
        while True:
            with self._changed:
                while not self._jobs and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return None
                late = self._sweep()
                batch = self._form() if self._jobs else []
            for job in late:
                job.fail(DeadlineError("The deadline passed while the request waited for the model."))
            if batch:
                return batch

    def _sweep(self) -> list[Job]:
        now = time.monotonic()
        keep: deque[Job] = deque()
        late = []
        for job in self._jobs:
            if not job.future.done() and now < job.deadline:
                keep.append(job)
                continue
            self._figures.drop(_why_dropped(job, now), job.waiting)
            if not job.future.done():
                late.append(job)
        self._jobs = keep
        return late

    def _form(self) -> Batch:
        self._kind, batch = self._turns.form(self._jobs)
        self._running = batch
        self._free_at = time.monotonic() + self._pace.batch_seconds(self._kind, batch_size(batch))
        return batch

    def _compute(self, batch: Batch) -> None:
        started = time.monotonic()
        size = batch_size(batch)
        first = [job for job, _ in batch if job.started is None]
        for job in first:
            job.started = started
        outcome = self._outcome(batch)
        seconds = time.monotonic() - started
        self._figures.batch(size, seconds, [started - job.submitted for job in first])
        with self._changed:
            if not any(isinstance(result, Exception) for result in outcome):
                self._pace.learn(self._kind, size, seconds)
            self._running = []
        for (job, indices), result in zip(batch, outcome, strict=True):
            if isinstance(result, Exception):
                job.fail(result)
                continue
            job.model_seconds += seconds
            job.batch_size = max(job.batch_size, size)
            job.results.update(zip(indices, result, strict=True))
            if len(job.results) == len(job.tasks):
                job.finish()

    def _outcome(self, batch: Batch) -> list[list[Forecast] | Exception]:
        """Return each job's forecasts, or its own error: one job's bad input is not its mates' error."""
        parts = [[job.tasks[i] for i in indices] for job, indices in batch]
        whole = self._attempt([task for part in parts for task in part])
        if isinstance(whole, Exception):
            return [whole] if len(parts) == 1 else [self._attempt(part) for part in parts]
        outcome: list[list[Forecast] | Exception] = []
        for part in parts:
            outcome.append(whole[: len(part)])
            whole = whole[len(part) :]
        return outcome

    def _attempt(self, tasks: Sequence[Task]) -> list[Forecast] | Exception:
        try:
            forecasts = self._predict(tasks)
            _check(tasks, forecasts)
        except SapheneiaError as error:
            return error
        except Exception as error:
            failure = ModelError(f"The model failed on this input ({type(error).__name__}).")
            failure.__cause__ = error
            return failure
        return forecasts


def _why_dropped(job: Job, now: float) -> Drop:
    if job.future.done() and not job.future.cancelled():
        return "failed"
    return "deadline" if now >= job.deadline else "caller_gone"


def _overloaded(reason: str, seconds: float) -> OverloadedError:
    return OverloadedError(
        f"The model is busy: {reason}. Try again later, or allow more time with X-Deadline-Ms.",
        retry_after=max(1.0, seconds),
    )


def _check(tasks: Sequence[Task], forecasts: Sequence[Forecast]) -> None:
    if len(forecasts) != len(tasks):
        raise ModelError(f"The model returned {len(forecasts)} forecasts for {len(tasks)} series.")
    for task, forecast in zip(tasks, forecasts, strict=True):
        if len(forecast.companions) != len(task.companions):
            raise ModelError(f"The model did not forecast each target of '{task.series.unique_id}'.")
        for series, one in zip(task.targets, forecast.targets, strict=True):
            _check_one(task, series, one)


def _check_one(task: Task, series: Series, forecast: Forecast) -> None:
    expected = (task.horizon,), (task.horizon, len(forecast.levels))
    if (forecast.mean.shape, forecast.quantiles.shape) != expected:
        raise ModelError(f"The model returned a forecast of another length than {task.horizon}.")
    if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()):
        raise ModelError(f"The model returned a forecast of '{series.unique_id}' that is no number.")
    if task.backcast and (forecast.backcast is None or forecast.backcast.shape != series.target.shape):
        raise ModelError("The model did not tell what it would have forecast for the context.")
