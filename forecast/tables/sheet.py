"""A table whose columns have been read, and the series in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.errors import TooLargeError
from forecast.core.parameters import Role
from forecast.core.series.covariates import Values

MOST_CELLS = 5_000_000
"""The cells of the largest table that is checked: all of them are in the answer."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """The columns of a table by role; `covariates` in the table's order."""

    timestamp: str
    id: str | None
    target: str | None
    covariates: Mapping[str, Role]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The rows that can be read: a date and a series each, and every other column.

    `rows` are their places in the source, counted from 1, 0 where a row was made here. Columns are float64
    with NaN, or text with None.
    """

    meaning: Meaning
    rows: Rows
    stamps: pd.DatetimeIndex
    ids: NDArray[np.object_]
    columns: dict[str, Values]

    def take(self, at: NDArray[np.int64] | NDArray[np.bool_]) -> "Sheet":
        """Return some of the rows, by their places here or by a mask."""
        columns = {name: values[at] for name, values in self.columns.items()}
        return replace(self, rows=self.rows[at], stamps=self.stamps[at], ids=self.ids[at], columns=columns)

    def set(self, name: str, values: Values) -> "Sheet":
        """Return the sheet with another content of a column."""
        return replace(self, columns={**self.columns, name: values})

    @property
    def ticks(self) -> Rows:
        """The dates as numbers."""
        return self.stamps.as_unit("ns").astype("int64").to_numpy()

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the target is known."""
        if self.meaning.target is None:
            return np.zeros(len(self.rows), dtype=bool)
        return ~is_empty_cell(self.columns[self.meaning.target])


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """One series in a sheet that is in order: its rows from `start` to `stop`, those with targets within.

    `first` and `last` are the rows of the first and the last known target, -1 where there is none.
    """

    name: str
    start: int
    stop: int
    first: int
    last: int
    known: int

    @property
    def window(self) -> slice:
        """The rows from the first to the last known target."""
        return slice(self.first, self.last + 1)


def refuse_if_large(cells: int) -> None:
    """Raise TooLargeError where a table has more cells than are checked."""
    if cells > MOST_CELLS:
        raise TooLargeError(f"The table has {cells} cells; tables of up to {MOST_CELLS} are checked.")


def is_empty_cell(values: Values) -> NDArray[np.bool_]:
    """Return where a column that has been read is empty."""
    return np.asarray(pd.isna(values), dtype=bool)


def find_spans(sheet: Sheet) -> list[Span]:
    """Return the series of a sheet that is in order."""
    if not len(sheet.rows):
        return []
    codes = pd.factorize(sheet.ids)[0]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    stops = np.append(starts[1:], len(codes))
    known = np.flatnonzero(sheet.known)
    lows, highs = np.searchsorted(known, starts), np.searchsorted(known, stops)
    return [
        Span(
            str(sheet.ids[start]),
            int(start),
            int(stop),
            int(known[low]) if low < high else -1,
            int(known[high - 1]) if low < high else -1,
            int(high - low),
        )
        for start, stop, low, high in zip(starts, stops, lows, highs, strict=True)
    ]
