"""What can be told of a column before it has a role."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.errors import DataError
from forecast.core.series.columns import is_empty, sift_numbers
from forecast.core.series.dates import sift_dates
from forecast.core.series.months import is_month
from forecast.tables.numbers import looks_spelled
from forecast.tables.schemas import ColumnKind

_SAMPLE = 200
# A column is what most of its values are: the others are problems to be told.
_MOST = 0.8
_DATE = re.compile(r"\s*(?:\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?(?:[T ]\S+)?|\d{4}-?Q[1-4])\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """One column: `codes` number its values from 0, -1 being an empty cell."""

    name: str
    kind: ColumnKind
    values: pd.Series
    codes: NDArray[np.int64]
    distinct: int

    @property
    def missing(self) -> int:
        """How many cells are empty."""
        return int(np.count_nonzero(self.codes < 0))

    def numbers(self) -> Floats:
        """Return the column as numbers, NaN where a cell is none."""
        return sift_numbers(self.values)[0]


def read_facts(column: pd.Series) -> Facts:
    """Return what a column holds."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    distinct = pd.Series(values, dtype=object if column.dtype == object else column.dtype)
    empty = is_empty(distinct)
    places = np.where(empty, -1, np.cumsum(~empty) - 1)
    kind = _kind(distinct[~empty].head(_SAMPLE))
    return Facts(str(column.name), kind, column, places[codes], int(np.count_nonzero(~empty)))


def _kind(sample: pd.Series) -> ColumnKind:
    if pd.api.types.is_datetime64_any_dtype(sample.dtype):
        return "date"
    if sample.empty:
        return "categorical"
    plain = ~np.isnan(sift_numbers(sample)[0])
    if np.mean(plain) >= _MOST or np.mean(plain | looks_spelled(sample)) >= _MOST:
        return "numerical"
    return "date" if holds_dates(sample) else "categorical"


def _is_shaped(value: object) -> bool:
    text = str(value)
    return _DATE.fullmatch(text) is not None or text.isdecimal() or is_month(text)


def holds_dates(values: pd.Series) -> bool:
    """Return whether most of some values are dates, day and month told apart or not."""
    shaped = values.map(_is_shaped)
    if shaped.mean() < _MOST:
        return False
    try:
        return bool(1 - np.mean(sift_dates(values).isna()) >= _MOST)
    except DataError:
        return True
