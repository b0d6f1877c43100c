"""Which sheet of an Excel file has the table."""

from collections.abc import Sequence
from datetime import date
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.data.titles import count_titles
from forecast.core.errors import DataError
from forecast.core.series.dates import sift_dates

_MOST = 0.8
_SHOWN = 20


def find_sheet(names: Sequence[str], name: str) -> int:
    """Return the place of a sheet by its name; raise DataError, naming those there are, where it is none."""
    if name not in names:
        some = ", ".join(f"'{known}'" for known in names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
        raise DataError(f"The Excel file has no sheet '{name}'; it has {some}.")
    return names.index(name)


def has_series(rows: Sequence[Sequence[Any]]) -> bool:
    """Return whether the first rows of a sheet have a column of dates, and another one of numbers."""
    body = rows[count_titles(rows) + 1 :]
    columns = [[cell for cell in column if not pd.isna(cell)] for column in zip_longest(*body)]
    dated = [bool(column) and _holds_dates(column) for column in columns]
    return any(dated) and any(
        bool(column) and not dates and _holds_numbers(column)
        for column, dates in zip(columns, dated, strict=True)
    )


def _holds_numbers(cells: list[Any]) -> bool:
    found = [isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells]
    return sum(found) >= _MOST * len(cells)


def _holds_dates(cells: list[Any]) -> bool:
    if sum(isinstance(cell, date) for cell in cells) >= _MOST * len(cells):
        return True
    texts = [cell for cell in cells if isinstance(cell, str)]
    if len(texts) < _MOST * len(cells):
        return False
    try:
        return bool(1 - np.mean(sift_dates(pd.Series(texts, dtype=object)).isna()) >= _MOST)
    except DataError:  # day and month cannot be told apart
        return True
