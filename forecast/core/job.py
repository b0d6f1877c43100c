"""One request's work before a model, and the future of its answer."""

import time
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

from forecast.core.adapter import Forecast, Series, Task


@dataclass(frozen=True, slots=True)
class Answer:
    """The forecasts of one job, in the order of its tasks, and what they cost in seconds.

    `cached` of them were remembered, and cost nothing. `submitted` is when they were asked for, on the
    monotonic clock.
    """

    forecasts: list[Forecast]
    queue_seconds: float
    model_seconds: float
    batch_size: int
    submitted: float
    cached: int = 0


class Kind(NamedTuple):
    """What tasks of one batch have in common, and the time steps that they are padded to, about."""

    key: Hashable
    width: int


@dataclass(slots=True, eq=False)
class Job:
    """The tasks of one request, those of them that wait by their kind, and the future of its answer."""

    tasks: Sequence[Task]
    deadline: float
    pending: dict[Kind, deque[int]]
    submitted: float = field(default_factory=time.monotonic)
    future: Future[Answer] = field(default_factory=Future)
    results: dict[int, Forecast] = field(default_factory=dict)
    started: float | None = None
    model_seconds: float = 0.0
    batch_size: int = 0
    steps: int = field(init=False)
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the time steps of all tasks, and the bytes that they take until the job is done."""
        self.steps = sum(kind.width * len(indices) for kind, indices in self.pending.items())
        self.bytes = sum(_bytes(series) for task in self.tasks for series in task.targets)

    @property
    def waiting(self) -> int:
        """Return how many series are still to be computed."""
        return sum(len(indices) for indices in self.pending.values())

    def take(self, kind: Kind, most: int) -> list[int]:
        """Return the positions of at most so many tasks of a kind, which then no longer wait."""
        indices = self.pending.get(kind)
        if indices is None:
            return []
        taken = [indices.popleft() for _ in range(min(most, len(indices)))]
        if not indices:
            del self.pending[kind]
        return taken

    def fail(self, error: Exception) -> None:
        """End the future in an error, unless it has ended."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def finish(self) -> None:
        """End the future in the answer, unless it has ended."""
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        started = self.submitted if self.started is None else self.started
        self.future.set_result(
            Answer(
                forecasts=[self.results[i] for i in range(len(self.tasks))],
                queue_seconds=max(0.0, started - self.submitted),
                model_seconds=self.model_seconds,
                batch_size=self.batch_size,
                submitted=self.submitted,
            )
        )


def _bytes(series: Series) -> int:
    arrays = (array for one in series.covariates for array in (one.past, one.future) if array is not None)
    return series.target.nbytes + sum(array.nbytes for array in arrays)


Batch = list[tuple[Job, list[int]]]
"""What one call of the model computes: of each job, the positions of some of its tasks."""


def batch_size(batch: Batch) -> int:
    """Return how many series a batch has."""
    return sum(len(indices) for _, indices in batch)
