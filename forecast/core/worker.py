"""One thread that computes forecasts for one model, batch by batch.

It takes what waits as soon as it is free, in the batches that `core.turns` forms of compatible tasks of any
callers. Every future ends in a result or an error.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from forecast.core.adapter import Forecast, Series, Task
from forecast.core.errors import (
    DeadlineError,
    ModelError,
    SapheneiaError,
    ShutDownError,
)
from forecast.core.figures import Figures
from forecast.core.job import Answer, Batch, Job, Kind, batch_size
from forecast.core.line import Line, QueueBounds
from forecast.core.turns import BatchLimits, sort_tasks

log = logging.getLogger(__name__)

Predict = Callable[[Sequence[Task]], list[Forecast]]
Key = Callable[[Task], Hashable]
Width = Callable[[Task], int]


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What a worker has to do, in series; `queue_size` is the most that may wait."""

    waiting: int
    running: int
    queue_size: int


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
        self._figures = figures
        self._line = Line(limits, bounds, figures)
        self._changed = threading.Condition()
        self._closing = False
        self._running: Batch = []
        self._kind: Kind | None = None
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
            self._line.join(job, patience, idle=not self._running)
            self._changed.notify()
        return job.future

    def refuse_if_full(self) -> None:
        """Raise OverloadedError where not one series more may wait; never waits itself."""
        self._line.refuse_if_full()

    def load(self) -> WorkerLoad:
        """Return the figures that operators watch."""
        with self._changed:
            running = batch_size(self._running)
        return WorkerLoad(self._line.waiting, running, self._line.bounds.series)

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
            left = self._line.leave()
            self._running = []
        for job in left:
            job.fail(error)

    def _next(self) -> Batch | None:
        while True:
            with self._changed:
                while not self._line and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return None
                late = self._line.sweep()
                batch: Batch = []
                if self._line:
                    self._kind, batch = self._line.form()
                    self._running = batch
            for job in late:
                job.fail(DeadlineError("The deadline passed while the request waited for the model."))
            if batch:
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
                self._line.pace.learn(self._kind, size, seconds)
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
