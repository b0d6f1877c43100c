"""Reading the columns of a table as numbers or categories, naming every cell that is neither."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import DataError

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
    numbers, faults = sift_numbers(column)
    for fault, bad in faults.items():
        rows = column.index[bad].tolist()
        raise refuse_cells(str(column.name), rows, column[bad].head(MOST_ERRORS).tolist(), fault)
    return numbers


def sift_numbers(column: pd.Series) -> tuple[Floats, dict[str, NDArray[np.bool_]]]:
    """Return a column as read_numbers reads it, and where its cells are no numbers, by their fault.

    Those cells are NaN, as empty ones are.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        every = np.ones(len(column), dtype=bool)
        return np.full(len(column), np.nan), {"is a date, not a number": every}
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(numbers)
    if text.any():
        text[text] = ~is_empty(column[text], _NO_NUMBER)
    infinite, huge = np.isinf(numbers), np.isfinite(numbers) & (np.abs(numbers) > _LARGEST)
    faults = {
        "is not a number": text,
        "is not a finite number": infinite,
        "is too large to be forecast": huge,
    }
    return np.where(infinite | huge, np.nan, numbers), {
        name: bad for name, bad in faults.items() if bad.any()
    }


def read_categories(column: pd.Series) -> NDArray[np.object_]:
    """Return a column as text, None where it is empty; 1, 1.0 and `1` are the same category.

    Raises DataError naming the cells with a NUL, at which pandas takes text to end.
    """
    codes, labels = code_categories(column)
    return labels[codes]


def code_categories(column: pd.Series) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Return a column as the places of its cells among labels, and the labels; the errors of read_categories.

    The labels are the categories as text, in order of first appearance, and None where a cell is empty.
    """
    coded = isinstance(column.dtype, pd.CategoricalDtype)
    known = column.cat.categories.tolist() if coded else set(column.tolist())
    if any(type(value) is str and "\0" in value for value in known):
        cells = column[np.array([type(value) is str and "\0" in value for value in column])]
        raise refuse_cells(str(column.name), cells.index.tolist(), cells.tolist(), "has a NUL character")
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    empty = is_empty(pd.Series(distinct, dtype=object))
    labels = [None if empty[place] else _label(value) for place, value in enumerate(distinct)]
    merged = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    places = np.array([merged[label] for label in labels], dtype=np.intp)
    return places[codes], np.array(list(merged), dtype=object)


def _label(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
