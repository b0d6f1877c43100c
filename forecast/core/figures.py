"""What one model has done since the process began, for those who watch it."""

import copy
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal, get_args

Rejection = Literal["queue_full", "too_late"]
"""Why a request was not taken: too much waits already, or its answer would come too late."""

Drop = Literal["deadline", "caller_gone", "failed"]
"""Why what waited was not computed: nobody needs it any more, or another series of its request failed."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
SERIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


class Distribution:
    """How many values were at most each of some bounds; not thread-safe."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def cumulated(self) -> list[tuple[float, int]]:
        """Return each bound with the number of values up to it; the last bound is infinite."""
        return list(zip((*self.bounds, float("inf")), accumulate(self._counts), strict=True))


@dataclass(slots=True)
class Tally:
    """The figures at one moment: seconds, and series unless it says otherwise.

    `queue_seconds` has a value for each request that was computed, the other distributions one for each
    batch.
    """

    queue_seconds: Distribution = field(default_factory=lambda: Distribution(SECONDS))
    batch_seconds: Distribution = field(default_factory=lambda: Distribution(SECONDS))
    batch_series: Distribution = field(default_factory=lambda: Distribution(SERIES))
    cached: int = 0
    rejected: Counter[Rejection] = field(
        default_factory=lambda: Counter(dict.fromkeys(get_args(Rejection), 0))
    )
    dropped: Counter[Drop] = field(default_factory=lambda: Counter(dict.fromkeys(get_args(Drop), 0)))


class Figures:
    """Counts what a model does, over all its loads. Safe to use from many threads.

    Its lock is held for some additions only, so that a worker may count while it holds its own.
    """

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self._lock = threading.Lock()
        self._tally = Tally()

    def read(self) -> Tally:
        """Return the figures as they are now."""
        with self._lock:
            return copy.deepcopy(self._tally)

    def reject(self, reason: Rejection, series: int) -> None:
        """Count series that were not taken."""
        with self._lock:
            self._tally.rejected[reason] += series

    def drop(self, reason: Drop, series: int) -> None:
        """Count series that waited and are not computed."""
        with self._lock:
            self._tally.dropped[reason] += series

    def recall(self, series: int) -> None:
        """Count series that were answered from memory."""
        with self._lock:
            self._tally.cached += series

    def batch(self, series: int, seconds: float, queued: Iterable[float]) -> None:
        """Count one call of the model; `queued` are the seconds that requests waited for their first one."""
        with self._lock:
            self._tally.batch_series.add(series)
            self._tally.batch_seconds.add(seconds)
            for each in queued:
                self._tally.queue_seconds.add(each)
