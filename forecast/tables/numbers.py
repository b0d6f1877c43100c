"""Numbers as people and spreadsheets write them: with a decimal comma, thousands apart, a currency."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.adapter import Floats
from forecast.core.series.columns import is_empty, sift_numbers

_AROUND = re.compile(r"[\s€$£'’]")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
_WHOLE = re.compile(r"[-+]?\d{1,3}")
_LEAST_GROUPED = 3
_LEAST_HUNDREDS = 100
_PLAIN = re.compile(r"[-+]?\d*\.?\d+")
_SPELLINGS = {
    "thousands_comma": re.compile(r"[-+]?\d{1,3}(?:,\d{3})*(?:\.\d+)?"),
    "decimal_comma": re.compile(r"[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"),
}


def find_spellings(column: pd.Series, bad: NDArray[np.bool_]) -> list[str]:
    """Return the spellings that make numbers of most of the cells that are none, the likeliest first.

    A spelling that would read a cell otherwise that is a number as it stands is none of them.
    """
    cells = _texts(column[bad])
    fitting = {name: _fits(cells, name) for name in _SPELLINGS}
    either = np.logical_or.reduce(list(fitting.values()))
    if either.mean() <= 0.5:
        return []
    found = [name for name, fits in fitting.items() if (fits == either).all()]
    plain = [text for text in _texts(column[~bad]) if _PLAIN.fullmatch(text)]
    if "decimal_comma" in found and not _fits(plain, "decimal_comma").all():
        found.remove("decimal_comma")
    return found


def read_spelled(column: pd.Series, spelling: str) -> Floats:
    """Return a column in one of the spellings as numbers, NaN where a cell is still none."""
    texts = _texts(column)
    dropped, point = (".", ",") if spelling == "decimal_comma" else (",", ".")
    cells = [
        text.replace(dropped, "").replace(point, ".") if fits else text
        for text, fits in zip(texts, _fits(texts, spelling), strict=True)
    ]
    return sift_numbers(pd.Series(cells, index=column.index, dtype=object))[0]


def find_grouped(column: pd.Series) -> NDArray[np.bool_]:
    """Return which cells are numbers that are likely meant as thousands: 1.005 in a column that has 995 too.

    They are none where a single cell is written otherwise, as 1.5 or 1005 is.
    """
    none = np.zeros(len(column), dtype=bool)
    if column.dtype != object or not all(isinstance(cell, str) for cell in column.dropna()):
        return none
    filled = ~is_empty(column)
    texts = [text if known else "" for text, known in zip(_texts(column), filled, strict=True)]
    grouped = np.array([_GROUPED.fullmatch(text) is not None for text in texts], dtype=bool)
    rest = [text for text, known, found in zip(texts, filled, grouped, strict=True) if known and not found]
    if np.count_nonzero(grouped) < _LEAST_GROUPED or not all(map(_WHOLE.fullmatch, rest)):
        return none
    return grouped if any(abs(int(text)) >= _LEAST_HUNDREDS for text in rest) else none


def looks_spelled(column: pd.Series) -> NDArray[np.bool_]:
    """Return which cells any of the spellings makes numbers of."""
    texts = _texts(column)
    return np.asarray(np.logical_or.reduce([_fits(texts, name) for name in _SPELLINGS]))


def _fits(texts: Sequence[str], spelling: str) -> NDArray[np.bool_]:
    pattern = _SPELLINGS[spelling]
    return np.array([pattern.fullmatch(text) is not None for text in texts], dtype=bool)


def _texts(column: pd.Series) -> list[str]:
    return [_AROUND.sub("", value) if isinstance(value, str) else str(value) for value in column]
