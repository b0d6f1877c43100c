"""The stretches of a calendar that series cover, each made once for all series that do."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.series.grid import check_steps, count_steps, future_index, grid

Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """The stamps of a calendar from a series' first known target to its cutoff, and the horizon after them.

    `context` is `index` from position `start` on; `ticks` are those of `index` and `future`, in nanoseconds,
    and `steps` about as many as `index` has.
    """

    index: pd.DatetimeIndex
    future: pd.DatetimeIndex
    context: pd.DatetimeIndex
    start: int
    ticks: Ticks
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """The stretches of the calendar `freq` with a horizon; a `context_len` of None is all there is."""

    freq: str
    horizon: int
    context_len: int | None
    by_clock: bool
    _made: dict[tuple[int, int], Stretch] = field(default_factory=dict)

    def of(
        self, name: str, stamps: pd.DatetimeIndex, ticks: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> Stretch:
        """Return the stretch of the series `name`, whose stamps lie in these rows of a table, in order.

        Raises DataError where the calendar is too fine for the series, RequestError where it leaves the
        years that can be told.
        """
        key = (int(ticks[rows[0]]), int(ticks[rows[-1]]))
        if key not in self._made:
            check_steps(name, stamps[rows], self.freq)
            self._made[key] = self._make(stamps[rows[0]], stamps[rows[-1]])
        found = self._made[key]
        if found.steps > len(rows):
            check_steps(name, stamps[rows], self.freq)
        return found

    def _make(self, first: pd.Timestamp, last: pd.Timestamp) -> Stretch:
        index = grid(first, last, self.freq, by_clock=self.by_clock)
        future = future_index(last, self.freq, self.horizon, by_clock=self.by_clock)
        start = max(0, len(index) - self.context_len) if self.context_len else 0
        ticks = np.concatenate([index.astype("int64"), future.astype("int64")])
        # A copy does not keep the whole calendar in memory.
        context = index[start:].copy(deep=True) if start else index
        return Stretch(index, future, context, start, ticks, count_steps(first, last, self.freq))
