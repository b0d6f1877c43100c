"""The calendar of an item, and the steps of it that have no value."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.core.answer import write_dates
from forecast.core.errors import DataError, RequestError
from forecast.core.series.calendar import check_frequency, infer_frequency
from forecast.core.series.grid import check_steps, grid, keeps_clock
from forecast.history.schemas import Gap

_MOST_GAPS = 5


@dataclass(frozen=True, slots=True)
class Regularity:
    """The frequency of an item, the number of steps without a value, and the first gaps; None untold."""

    frequency: str | None
    missing: int | None
    gaps: list[Gap] | None


def find_gaps(stamps: pd.DatetimeIndex, known: np.ndarray, freq: str | None) -> Regularity:
    """Return what the stamps of an item tell, in order; `known` are those that have a value."""
    try:
        alias = infer_frequency(stamps) if freq is None else check_frequency(freq, stamps)
        valued = stamps[known]
        if not len(valued):
            return Regularity(alias, 0, [])
        check_steps("", valued, alias)
        steps = grid(valued[0], valued[-1], alias, by_clock=keeps_clock(stamps, alias))
    except (DataError, RequestError):
        # Stamps that follow no calendar have no gaps: a forecast would say why.
        return Regularity(freq, None, None)
    empty = ~steps.isin(valued)
    return Regularity(alias, int(np.count_nonzero(empty)), _collect(steps, empty))


def _collect(steps: pd.DatetimeIndex, empty: np.ndarray) -> list[Gap]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], empty, [False]]).astype(np.int8)))
    pairs = list(zip(edges[::2], edges[1::2] - 1, strict=True))[:_MOST_GAPS]
    if not pairs:
        return []
    ends = write_dates(steps[np.ravel(pairs)])
    return [
        Gap(first=ends[2 * at], last=ends[2 * at + 1], steps=int(last - first + 1))
        for at, (first, last) in enumerate(pairs)
    ]
