"""What is done about steps of the calendar that have no value."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import DataError
from forecast.core.parameters import Missing

_REMEDY = "Fill them, or pass 'missing': 'interpolate', 'ffill' or 'zero'"


def fill_numbers(values: Floats, missing: Missing) -> Floats:
    """Return values, shape (n,), with their NaN filled as `missing` says; `model` leaves them.

    Interpolation is linear in steps of the calendar; before the first and after the last known value
    the nearest known one stands. All-NaN input comes back as it is.
    """
    known = ~np.isnan(values)
    if missing in ("error", "model") or known.all() or not known.any():
        return values
    if missing == "zero":
        return np.where(known, values, 0.0)
    steps = np.arange(len(values))
    if missing == "interpolate":
        return np.interp(steps, steps[known], values[known])
    latest = np.maximum.accumulate(np.where(known, steps, steps[known][0]))
    return values[latest]


def fill_categories(values: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return categories, shape (n,), with None replaced by the category before it, or the first one."""
    known = np.array([value is not None for value in values], dtype=bool)
    if known.all() or not known.any():
        return values
    steps = np.arange(len(values))
    return values[np.maximum.accumulate(np.where(known, steps, steps[known][0]))]


def gap_error(column: str, unique_id: str, stamps: pd.DatetimeIndex, rows: NDArray[np.int64]) -> DataError:
    """Return the error for the empty steps of a column.

    `rows` has the place in the source of each stamp's row, or -1 where there is no such row.
    """
    cells = [
        CellError(
            f"no value at {stamp}" if row >= 0 else f"no row for {stamp}",
            column=column,
            row=int(row) + 1 if row >= 0 else None,
        )
        for stamp, row in zip(stamps[:MOST_ERRORS], rows, strict=False)
    ]
    place = f"row {cells[0].row}: " if cells[0].row else ""
    more = f" and {len(stamps) - 1} more" if len(stamps) > 1 else ""
    return DataError(
        f"Column '{column}' of series '{unique_id}', {place}{cells[0].message}{more}. {_REMEDY}.",
        errors=cells,
        details={
            "series": unique_id,
            "column": column,
            "gaps": [stamp.isoformat() for stamp in stamps[:MOST_ERRORS]],
            "steps": len(stamps),
        },
    )
