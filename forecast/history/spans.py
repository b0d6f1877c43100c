"""The steps of a calendar between the first and the last value of many items."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from forecast.core.errors import DataError, RequestError
from forecast.core.series.grid import check_steps, count_steps, grid
from forecast.core.series.ticks import read_ticks
from forecast.history.rows import Ints

_MOST_STEPS = 100_000
_NONE: Ints = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The calendar of items; `whole` are its steps from the earliest to the latest of them, in nanoseconds.

    Business days and months are made one by one, so those of an item are a part of the whole where they can
    be, and else made once for all items from the same stamp to the same.
    """

    freq: str
    by_clock: bool
    whole: Ints
    _made: dict[tuple[int, int], Ints] = field(default_factory=dict)

    @classmethod
    def of(cls, freq: str, items: Sequence[pd.DatetimeIndex], *, by_clock: bool) -> Self:
        """Return the spans of items, each with the stamps of its values in order."""
        if not items:
            return cls(freq, by_clock, _NONE)
        first, last = min(own[0] for own in items), max(own[-1] for own in items)
        short = count_steps(first, last, freq) <= _MOST_STEPS
        return cls(freq, by_clock, _make(first, last, freq, by_clock) if short else _NONE)

    def steps(self, own: pd.DatetimeIndex) -> Ints:
        """Return the steps from an item's first value to its last, none where the calendar is too fine."""
        try:
            check_steps("", own, self.freq)
        except DataError:
            return _NONE
        first, last = int(own[0].value), int(own[-1].value)
        begin, end = np.searchsorted(self.whole, [first, last])
        if end < len(self.whole) and self.whole[begin] == first and self.whole[end] == last:
            return self.whole[begin : end + 1]
        if (first, last) not in self._made:
            self._made[first, last] = _make(own[0], own[-1], self.freq, self.by_clock)
        return self._made[first, last]


def _make(first: pd.Timestamp, last: pd.Timestamp, freq: str, by_clock: bool) -> Ints:
    try:
        return read_ticks(grid(first, last, freq, by_clock=by_clock))
    except RequestError:  # beyond the years that can be told
        return _NONE
