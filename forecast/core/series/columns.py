"""Reading the columns of a table as numbers or categories, naming every cell that is neither."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.errors import MOST_ERRORS, CellError, DataError

_EMPTY = ("", "nan", "null")
# Models square their numbers: what lies beyond this overflows or loses all its digits.
_LARGEST = 1e100
_NO_NUMBER = (*_EMPTY, "na", "n/a", "none")


def is_empty(column: pd.Series, words: Sequence[str] = _EMPTY) -> NDArray[np.bool_]:
    """Return where a column has no value: nothing, null, NaN, or a word for it."""
    missing = column.isna().to_numpy(dtype=bool)
    if column.dtype == object:
        named = column.map(lambda value: isinstance(value, str) and value.strip().lower() in words)
        missing = missing | named.to_numpy(dtype=bool)
    return missing


def refuse_cells(column: str, rows: Sequence[int], values: Sequence[object], fault: str) -> DataError:
    """Return the error for the cells of a column in these rows of the source (counted from 0)."""
    cells = [
        CellError(f"'{value}' {fault}", column=column, row=int(row) + 1)
        for row, value in zip(rows[:MOST_ERRORS], values, strict=False)
    ]
    more = f" ({len(rows)} rows in all)" if len(rows) > 1 else ""
    return DataError(f"Column '{column}', row {rows[0] + 1}: {cells[0].message}{more}.", errors=cells)


def read_numbers(column: pd.Series) -> Floats:
    """Return a column as float64, NaN where it is empty.

    Raises DataError naming the cells with text, infinity or a number above 1e100.
    """
    name = str(column.name)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise refuse_cells(name, [column.index[0]], [column.iloc[0]], "is a date, not a number")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(numbers)
    text[text] = ~is_empty(column[text], _NO_NUMBER)
    faults = (
        ("is not a number", text),
        ("is not a finite number", np.isinf(numbers)),
        ("is too large to be forecast", np.abs(numbers) > _LARGEST),
    )
    for fault, bad in faults:
        if bad.any():
            raise refuse_cells(
                name, column.index[bad].tolist(), column[bad].head(MOST_ERRORS).tolist(), fault
            )
    return numbers


def read_categories(column: pd.Series) -> NDArray[np.object_]:
    """Return a column as text, None where it is empty; 1, 1.0 and `1` are the same category."""
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    empty = is_empty(pd.Series(distinct, dtype=object))
    labels = np.empty(len(distinct), dtype=object)
    for place, value in enumerate(distinct):
        labels[place] = None if empty[place] else _label(value)
    return labels[codes]


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
