"""Whose series the next call of a model computes: small jobs first, large ones in chunks between them.

The figures are of the models in benchmarks/RESULTS.md on two cores.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.core.adapter import ModelConfig
from forecast.core.job import Batch, Job, Kind
from forecast.core.pace import Pace
from forecast.core.precision import most_in_batch

# More at once is hardly faster, and makes whoever comes next wait longer.
_STEPS_ON_CPU, _STEPS_ELSEWHERE = 16_384, 262_144
# A call costs about what a thousand time steps cost, so padding of that size is cheaper than another call.
_CALL_STEPS = 1_024
# Widths of one kind differ by 15 % at the most, and nothing else has to be padded.
_WIDTHS_PER_OCTAVE = 5
# Beside small jobs, large ones get chunks that take little longer than a small one.
_CHUNK_STEPS, _CHUNKS_IN_BATCH = 1_536, 8
_COMPANY_SECONDS = 3.0
# Whoever comes next waits no longer than this for a quick call, and for one of a few series that take long.
_QUICK_SECONDS, _LONG_SECONDS = 0.25, 8.0
_MOST_LOOKS = 256
# From so many callers on, one half is computed while the other is answered and asks again.
_FEWEST_TO_HALVE = 16


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """The most series, and the most time steps with the padding, in one call of a model.

    As long as a call is quick, it may have up to `quick` series.
    """

    series: int
    steps: int
    quick: int = 0

    def series_of(self, width: int) -> int:
        """Return how many series that are `width` steps wide a call takes, at least one."""
        return max(1, min(self.series, self.steps // width))

    def at_pace(self, kind: Kind, pace: Pace) -> "BatchLimits":
        """Return the limits of a call of one kind: more series while that is quick, fewer where it is long.

        Only for models that tell what is quick; a pace that is not known changes nothing.
        """
        if not self.quick or not pace.knows(kind):
            return self
        series = self.series
        while 2 * series <= self.quick and pace.batch_seconds(kind, 2 * series) <= _QUICK_SECONDS:
            series *= 2
        while series > self.chunk.series and pace.batch_seconds(kind, series) > _LONG_SECONDS:
            series //= 2
        return replace(self, series=series)

    @property
    def chunk(self) -> "BatchLimits":
        """Return the limits of what a large job gets beside small ones."""
        return BatchLimits(max(1, self.series // _CHUNKS_IN_BATCH), min(self.steps, _CHUNK_STEPS))

    def is_small(self, job: Job) -> bool:
        """Return whether a job is one series, or takes no longer than the chunk of a large one."""
        return len(job.tasks) == 1 or (len(job.tasks) <= self.chunk.series and job.steps <= self.chunk.steps)

    def calls(self, series: Mapping[Kind, int]) -> int:
        """Return how many calls so many series of each kind take."""
        return sum(-(-count // self.series_of(kind.width)) for kind, count in series.items())


def batch_limits(config: ModelConfig, most: int, quick: int = 0) -> BatchLimits:
    """Return the limits of a model that was loaded so, and that takes at most so many series at once."""
    series = most_in_batch(config.precision, config.batch_size or most)
    steps = config.batch_steps or (_STEPS_ON_CPU if config.backend == "cpu" else _STEPS_ELSEWHERE)
    return BatchLimits(series, steps, 0 if config.batch_size else quick)


def widen(width: int) -> int:
    """Return the width that series about so wide are counted and put together as."""
    place = math.ceil(_WIDTHS_PER_OCTAVE * math.log2(width) - 1e-9)
    return math.floor(2 ** (place / _WIDTHS_PER_OCTAVE) + 1e-9)


class Turns:
    """Forms batches of what waits. Not thread-safe, guarded by its owner's lock."""

    def __init__(self, limits: BatchLimits, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._pace = pace
        self._clock = clock
        self._large_is_next = False
        self._small_seen = -math.inf
        self._answered = 0
        self._proved: dict[Hashable, None] = {}

    def form(self, jobs: deque[Job]) -> tuple[Kind, Batch]:
        """Take a batch from jobs, of which there is at least one, and return its widest kind with it.

        Tasks of one key share it, if little has to be padded. Jobs with nothing left leave the queue, the
        others that were taken from go to its end.
        """
        small = [job for job in jobs if self._limits.is_small(job)]
        large = [job for job in jobs if not self._limits.is_small(job)]
        if small:
            self._small_seen = self._clock()
        if small and not (large and self._large_is_next):
            self._large_is_next = True
            kind, batch = self._fill(small, self._limits, self._share(small))
            self._answered = len(batch)
        else:
            self._large_is_next = False
            kind, batch = self._fill(large, self.large_limits(), len(large))
        taken = {id(job) for job, _ in batch}
        left = [job for job in jobs if job.pending]
        jobs.clear()
        jobs.extend(sorted(left, key=lambda job: id(job) in taken))
        return kind, batch

    def _fill(self, jobs: Sequence[Job], limits: BatchLimits, most_jobs: int) -> tuple[Kind, Batch]:
        first: Kind = next(iter(jobs[0].pending))
        if not limits.quick:
            return _fill(jobs, first, limits, most_jobs)
        # Series of one kind may be ten times as long, or no constants: the first of them prove their pace.
        look = _look(jobs[0], first)
        proved = look in self._proved
        self._proved[look] = None
        if len(self._proved) > _MOST_LOOKS:
            del self._proved[next(iter(self._proved))]
        return _fill(jobs, first, limits.at_pace(first, self._pace) if proved else limits, most_jobs)

    def _share(self, small: Sequence[Job]) -> int:
        """Return how many of the small jobs may be taken, of all callers half, when there are many."""
        around = len(small) + self._answered
        return len(small) if around < _FEWEST_TO_HALVE else -(-around // 2)

    def large_limits(self) -> BatchLimits:
        """Return the limits of what a large job gets now."""
        alone = self._clock() - self._small_seen > _COMPANY_SECONDS
        return self._limits if alone else self._limits.chunk


def _look(job: Job, kind: Kind) -> Hashable:
    """Return what the pace of a job's next series of a kind depends on beside the kind."""
    series = job.tasks[job.pending[kind][0]].series
    return kind, widen(len(series.target)), series.freq, bool(np.ptp(series.target) == 0)


def _fill(jobs: Sequence[Job], first: Kind, limits: BatchLimits, most_jobs: int) -> tuple[Kind, Batch]:
    """Take series of a kind, and others that cost less padding than a call costs.

    Of at most so many jobs; `slack` is the padding, in steps, that may still be added.
    """
    widest, count, slack = first.width, 0, _CALL_STEPS
    taken: dict[int, tuple[Job, list[int]]] = {}
    for width in _widths(jobs, first):
        widening = max(0, width - widest) * count
        if widening > slack:
            continue
        most = limits.series_of(max(widest, width)) - count
        if width < widest:
            most = min(most, slack // (widest - width))
        added = _take(jobs, Kind(first.key, width), most, most_jobs, taken)
        if added:
            slack -= widening + max(0, widest - width) * added
            widest, count = max(widest, width), count + added
    return Kind(first.key, widest), list(taken.values())


def _widths(jobs: Iterable[Job], first: Kind) -> list[int]:
    """Return the widths that wait under the first kind's key, the nearest first."""
    found = {kind.width for job in jobs for kind in job.pending if kind.key == first.key}
    return sorted(found, key=lambda width: (abs(width - first.width), width))


def _take(
    jobs: Iterable[Job], kind: Kind, most: int, most_jobs: int, taken: dict[int, tuple[Job, list[int]]]
) -> int:
    """Add at most so many series of a kind to what is taken of each job, and return how many."""
    before = most
    for job in jobs:
        if most <= 0:
            break
        if id(job) not in taken and len(taken) >= most_jobs:
            continue
        indices = job.take(kind, most)
        if indices:
            taken.setdefault(id(job), (job, []))[1].extend(indices)
            most -= len(indices)
    return before - most


def sort_tasks(keys: Iterable[tuple[Hashable, int]]) -> dict[Kind, deque[int]]:
    """Return the positions of tasks by kind, given each one's key and width."""
    pending: dict[Kind, deque[int]] = {}
    for position, (key, width) in enumerate(keys):
        pending.setdefault(Kind(key, widen(width)), deque()).append(position)
    return pending
