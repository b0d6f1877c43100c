"""The jobs that wait for one model: which may join them, and whose series are computed next."""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from forecast.core.errors import OverloadedError
from forecast.core.figures import Drop, Figures
from forecast.core.job import Batch, Job, Kind, batch_size
from forecast.core.pace import Pace
from forecast.core.turns import BatchLimits, Turns

# An answer expected in the last tenth of the caller's patience would likely come too late.
_USABLE_PATIENCE = 0.9
# An estimate looks at so many kinds of series, and takes the others to be like them.
_MOST_KINDS = 32


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """The most series that wait for a model, and the most bytes that requests hold until they are done."""

    series: int
    bytes: int


class Line:
    """A queue with its admission. Guarded by its owner's lock, except where it says otherwise."""

    def __init__(self, limits: BatchLimits, bounds: QueueBounds, figures: Figures) -> None:
        self.bounds = bounds
        self.pace = Pace()
        self._limits = limits
        self._turns = Turns(limits, self.pace)
        self._figures = figures
        self._jobs: deque[Job] = deque()
        self._counting = threading.Lock()
        self._left: dict[Job, Counter[Kind]] = {}
        self._series = self._bytes = self._large_jobs = 0
        self._small: Counter[Kind] = Counter()
        self._large: Counter[Kind] = Counter()
        self._free_at = 0.0

    def __bool__(self) -> bool:
        """Whether any job is in it."""
        return bool(self._jobs)

    @property
    def waiting(self) -> int:
        """How many series wait; asked from any thread."""
        return self._series

    def refuse_if_full(self) -> None:
        """Raise OverloadedError where not one series more may wait; called from any thread, at no cost."""
        waiting = self._series
        if waiting and (waiting >= self.bounds.series or self._bytes >= self.bounds.bytes):
            self._figures.reject("queue_full", 1)
            raise _overloaded(f"{waiting} series wait already", self._free_at - time.monotonic())

    def join(self, job: Job, patience: float, *, idle: bool) -> None:
        """Let a job wait; raise OverloadedError where the queue is full or its answer would come too late.

        Before an `idle` model everything may: an estimate that keeps it idle would never be corrected.
        """
        waiting = self._series
        if waiting or not idle:
            expected = self._expected_seconds(job)
            full = waiting > 0 and (
                waiting + job.waiting > self.bounds.series or self._bytes + job.bytes > self.bounds.bytes
            )
            if full or expected > patience * _USABLE_PATIENCE:
                self._figures.reject("queue_full" if full else "too_late", job.waiting)
                reason = (
                    f"{waiting} series wait already" if full else f"an answer would take {expected:.1f} s"
                )
                raise _overloaded(reason, expected if full else expected - patience)
        self._jobs.append(job)
        self._note(job, {kind: len(indices) for kind, indices in job.pending.items()})
        job.future.add_done_callback(lambda _: self._forget(job))

    def form(self) -> tuple[Kind, Batch]:
        """Return the next batch and the widest of its kinds; there is at least one job."""
        kind, batch = self._turns.form(self._jobs)
        for job, _ in batch:
            self._note(job, {one: -count for one, count in job.taken.items()})
            job.taken.clear()
        self._free_at = time.monotonic() + self.pace.batch_seconds(kind, batch_size(batch))
        return kind, batch

    def sweep(self) -> list[Job]:
        """Drop the jobs that nobody waits for any more, and return those whose deadline has passed."""
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

    def leave(self) -> list[Job]:
        """Return all jobs that have not ended, computed ones too; none waits any longer."""
        self._jobs.clear()
        with self._counting:
            return list(self._left)

    def _expected_seconds(self, job: Job) -> float:
        """Return in how many seconds a job would likely be done that joins now."""
        own = Counter({kind: len(indices) for kind, indices in job.pending.items()})
        with self._counting:
            small, large, large_jobs = self._small.copy(), self._large.copy(), self._large_jobs
        current = max(0.0, self._free_at - time.monotonic())
        if self._limits.is_small(job):
            calls = self._limits.calls(own)
            return current + self._seconds(small + own, self._limits) + calls * self._longest(large, True)
        given = self._limits.chunk if small else self._turns.large_limits()
        calls = given.calls(own)
        others = min(self._seconds(large, given), calls * large_jobs * self._longest(large, bool(small)))
        between = calls * self._longest(small, False)
        return current + self._seconds(own, given) + others + between

    def _seconds(self, series: Counter[Kind], limits: BatchLimits) -> float:
        """Return the seconds for so many series of each kind."""
        some = dict(islice(series.items(), _MOST_KINDS))
        seconds = sum(
            self.pace.seconds(kind, count, limits.series_of(kind.width)) for kind, count in some.items()
        )
        return seconds * series.total() / max(1, sum(some.values()))

    def _longest(self, series: Counter[Kind], chunk: bool) -> float:
        """Return the seconds of the longest call among these series, 0 where there are none."""
        limits = self._limits.chunk if chunk else self._limits
        some = islice(series.items(), _MOST_KINDS)
        sizes = ((kind, min(count, limits.series_of(kind.width))) for kind, count in some)
        return max((self.pace.batch_seconds(kind, size) for kind, size in sizes), default=0.0)

    def _note(self, job: Job, change: Mapping[Kind, int]) -> None:
        """Note that so many series of each kind wait, or no longer do; nothing of a job that has ended."""
        with self._counting:
            if not any(count < 0 for count in change.values()):
                self._left[job] = Counter()
                self._bytes += job.bytes
                self._large_jobs += not self._limits.is_small(job)
            if job in self._left:
                self._left[job].update(change)
                self._add(job, change)

    def _forget(self, job: Job) -> None:
        with self._counting:
            left = self._left.pop(job, None)
            if left is not None:
                self._bytes -= job.bytes
                self._large_jobs -= not self._limits.is_small(job)
                self._add(job, {kind: -count for kind, count in left.items()})

    def _add(self, job: Job, change: Mapping[Kind, int]) -> None:
        counts = self._small if self._limits.is_small(job) else self._large
        for kind, count in change.items():
            self._series += count
            counts[kind] += count
            if counts[kind] <= 0:
                del counts[kind]


def _overloaded(reason: str, seconds: float) -> OverloadedError:
    return OverloadedError(
        f"The model is busy: {reason}. Try again later, or allow more time with X-Deadline-Ms.",
        retry_after=max(1.0, seconds),
    )


def _why_dropped(job: Job, now: float) -> Drop:
    if job.future.done() and not job.future.cancelled():
        return "failed"
    return "deadline" if now >= job.deadline else "caller_gone"
