"""The rows of a table by the series that they belong to."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import DataError
from forecast.core.series.columns import code_categories
from forecast.core.series.definition import ONLY_SERIES, Definition
from forecast.core.series.ticks import read_ticks

Rows = NDArray[np.int64]
Groups = Mapping[str, Rows]
"""The places of each series' rows in a table, by name in order of first appearance."""


def group_rows(frame: pd.DataFrame, definition: Definition) -> Groups:
    """Return the series of a table, and the places of the rows of each in the order of the table.

    Raises DataError where there are no rows, or one has no id.
    """
    if frame.empty:
        raise DataError("The table has no rows.")
    if definition.id is None:
        return {ONLY_SERIES: np.arange(len(frame))}
    codes, names = code_categories(frame[definition.id])
    without = [place for place, name in enumerate(names) if name is None]
    if without:
        empty = [int(label) + 1 for label in frame.index[codes == without[0]]]
        raise DataError(
            f"Column '{definition.id}', row {empty[0]}: the series' id is empty.",
            errors=[CellError("empty id", column=definition.id, row=row) for row in empty[:MOST_ERRORS]],
        )
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1)).tolist()
    return {str(name): order[first:end] for name, (first, end) in zip(names, pairwise(bounds), strict=True)}


def put_in_order(groups: Groups, column: str, stamps: pd.DatetimeIndex, labels: Rows) -> Groups:
    """Return the rows of each series in order of time; `labels` are what rows are told by.

    Raises DataError where a series has the same stamp twice.
    """
    ticks = read_ticks(stamps)
    if _are_in_order(list(groups.values()), ticks):
        return groups
    ordered = {name: rows[np.argsort(ticks[rows], kind="stable")] for name, rows in groups.items()}
    for name, rows in ordered.items():
        again = np.flatnonzero(np.diff(ticks[rows]) == 0)
        if len(again):
            found = [rows[at : at + 2] for at in again[:MOST_ERRORS]]
            pairs = [(int(labels[one]) + 1, int(labels[other]) + 1) for one, other in found]
            first, second = pairs[0]
            of_series = f" of series '{name}'" if len(groups) > 1 else ""
            raise DataError(
                f"Column '{column}': rows {first} and {second}{of_series} have the same date"
                f" {stamps[rows[again[0]]]}. If they are of different series, give a column the role 'id'.",
                errors=[
                    CellError(f"same date as row {one}", column=column, row=other) for one, other in pairs
                ],
            )
    return ordered


def _are_in_order(groups: list[Rows], ticks: Rows) -> bool:
    """Return whether the rows of each group come in the order of time, and no time comes twice."""
    rows = np.concatenate(groups)
    # Compared, not subtracted: 64 bits do not hold the nanoseconds of three hundred years.
    later = ticks[rows[1:]] > ticks[rows[:-1]]
    later[np.cumsum([len(own) for own in groups[:-1]], dtype=np.int64) - 1] = True  # another series begins
    return bool(later.all())
