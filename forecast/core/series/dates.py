"""Reading a column of dates, and finding the column that holds them."""

import re
from collections.abc import Container, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.core.cells import MOST_ERRORS, CellError
from forecast.core.errors import DataError
from forecast.core.series.months import read_months

First = Literal["day_first", "month_first"]
DATE_NAMES = ("date", "ds", "timestamp")
_PLAIN = re.compile(r"(?:\d{4}-\d\d(?:-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?)?\n)+")
_OFFSET = r"[T ]\d[\d:.]*(Z|[+-]\d{2}(?::?\d{2})?)$"
_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y")
_OTHER: dict[First | None, str] = {"day_first": "%m/%d/%Y", "month_first": "%d/%m/%Y"}
_TIMES = ("", " %H:%M", " %H:%M:%S")


def parse_dates(column: pd.Series) -> pd.DatetimeIndex:
    """Return the stamps of a column, in its order.

    Reads dates and times as ISO 8601, with slashes or dots, quarters (`2024Q1`) and years, dates with names
    of months (`31. Jan 2024`) and months (`01/2024`). Stamps with offsets keep a single offset, or become UTC
    when offsets differ. Raises DataError naming the rows that are no dates, or a column whose day and month
    cannot be told apart.
    """
    found = sift_dates(column)
    if found.hasnans:
        _refuse(column, found.isna())
    return found


def sift_dates(column: pd.Series, first: First | None = None) -> pd.DatetimeIndex:
    """Return the stamps of a column as parse_dates reads them, NaT where a cell is no date.

    Raises DataError where day and month cannot be told apart and it is not given which comes first.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        index = pd.DatetimeIndex(column)
        if index.unit == "ns":
            return index
        # Files may hold years that nanoseconds cannot tell.
        outside = (index.year < 1678) | (index.year > 2261)
        return pd.DatetimeIndex(index.where(~outside)) if np.any(outside) else index
    # The series of a table share most of their dates: each is read once.
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    plain = _plain(distinct.tolist())
    if plain is not None:
        return pd.DatetimeIndex(plain[codes])
    return pd.DatetimeIndex(_read(pd.Series(distinct, name=column.name, dtype=object), first)[codes])


def _plain(values: list[object]) -> NDArray[np.datetime64] | None:
    """Return dates in the usual spelling, which numpy reads at once, or None when there are others."""
    if not all(isinstance(value, str) for value in values):
        return None
    if _PLAIN.fullmatch("\n".join(map(str, values)) + "\n") is None:
        return None
    try:
        seconds = np.array(values, dtype="datetime64[s]")
    except ValueError:  # such as February 30th, which the slow path names
        return None
    stamps = seconds.astype("datetime64[ns]")
    # Beyond the year 2262 nanoseconds overflow; the slow path refuses those.
    return stamps if (stamps.astype("datetime64[s]") == seconds).all() else None


def _read(distinct: pd.Series, first: First | None) -> pd.DatetimeIndex:
    """Return the reading that makes most cells dates."""
    text = distinct.map(lambda value: "" if value is None or value is pd.NaT else str(value).strip())
    text = text.str.replace(r"^(\d{4})\.0$", r"\1", regex=True)
    iso = _iso(text)
    if not iso.hasnans:
        return iso
    readings = [iso, _quarters(text), *_local(text, [day for day in _DAYS if day != _OTHER.get(first)])]
    if all(reading.hasnans for reading in readings) and (months := read_months(text)) is not None:
        readings.append(months)
    empty = [np.asarray(reading.isna()) for reading in readings]
    least = min(range(len(readings)), key=lambda at: np.count_nonzero(empty[at]))
    best = [reading for reading, none in zip(readings, empty, strict=True) if (none == empty[least]).all()]
    if len(best) == 1 or empty[least].all():
        return best[0]
    steady = [reading for reading in best if _is_steady(reading.dropna())]
    if len(steady) == 1:
        return steady[0]
    unclear = text[~empty[least]]
    raise DataError(
        f"The dates of column '{text.name}', such as '{unclear.iloc[0]}', can be read with the day or with"
        " the month first; write them as 2024-12-31."
    )


def _iso(text: pd.Series) -> pd.DatetimeIndex:
    iso = text.where(text.str.match(r"\d{4}(?:-\d{2}|$|\d{4}$)"))
    offsets = iso.str.extract(_OFFSET, expand=False) if iso.notna().any() else iso
    if offsets.isna().all():
        return pd.DatetimeIndex(pd.to_datetime(iso, format="ISO8601", errors="coerce"))
    bare = text[iso.notna() & offsets.isna() & text.str.contains(":")]
    if not bare.empty:
        raise DataError(
            f"Column '{text.name}' has times with an offset from UTC and times without, such as"
            f" '{bare.iloc[0]}'; write all of them in one way."
        )
    index = pd.DatetimeIndex(pd.to_datetime(iso, format="ISO8601", errors="coerce", utc=True))
    read = offsets[index.notna()]
    if read.empty or read.nunique(dropna=False) > 1:
        return index
    return index.tz_convert(pd.Timestamp(f"2000-01-01T00:00{read.iloc[0]}").tz)


def has_several_offsets(column: pd.Series) -> bool:
    """Return whether the stamps of a column are written with different offsets from UTC."""
    if column.dtype != object:
        return False
    offsets = pd.Series(column.unique(), dtype=object).astype(str).str.extract(_OFFSET, expand=False)
    return bool(offsets.nunique() > 1)


def _quarters(text: pd.Series) -> pd.DatetimeIndex:
    quarters = text.str.extract(r"^(?P<year>\d{4})-?Q(?P<quarter>[1-4])$")
    months = quarters["quarter"].map({"1": "01", "2": "04", "3": "07", "4": "10"})
    return pd.DatetimeIndex(pd.to_datetime(quarters["year"] + "-" + months, format="%Y-%m", errors="coerce"))


def _local(text: pd.Series, days: Sequence[str]) -> list[pd.DatetimeIndex]:
    """Return the readings of dates with slashes, dots or dashes that differ."""
    readings: list[pd.DatetimeIndex] = []
    for day in days:
        for time in _TIMES:
            reading = pd.DatetimeIndex(pd.to_datetime(text, format=day + time, errors="coerce"))
            if not np.asarray(reading.isna()).all() and not any(reading.equals(other) for other in readings):
                readings.append(reading)
    return readings


def _is_steady(index: pd.DatetimeIndex) -> bool:
    ordered = index.unique().sort_values()
    return len(ordered) >= 3 and pd.infer_freq(ordered) is not None


def _refuse(column: pd.Series, bad: object) -> None:
    cells = column[np.asarray(bad, dtype=bool)]
    if cells.empty:
        return
    raise DataError(
        f"Column '{column.name}', row {cells.index[0] + 1}: '{cells.iloc[0]}' is not a date"
        + (f" ({len(cells)} rows in all)." if len(cells) > 1 else "."),
        errors=[
            CellError(f"'{value}' is not a date", column=str(column.name), row=row + 1)
            for row, value in zip(cells.index[:MOST_ERRORS].tolist(), cells, strict=False)
        ],
    )


def _is_date_like(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    values = [value for value in column.tolist() if not pd.isna(value)]
    if not values or not all(isinstance(value, str) for value in values):
        return False
    if _plain(values[:100]) is not None:
        return True
    sample = pd.Series(values[:100], name=column.name, dtype=object).str.strip()
    if sample.str.fullmatch(r"[+-]?\d*\.?\d*(?:[eE][+-]?\d+)?").any():
        return False
    try:
        parse_dates(sample)
    except DataError:
        return False
    return True


def named_date_column(names: Sequence[str]) -> str | None:
    """Return the name that is date, ds or timestamp in any case, if there is one."""
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[name] for name in DATE_NAMES if name in by_name), None)


def find_date_column(frame: pd.DataFrame, taken: Container[str] = ()) -> str | None:
    """Return the column called date, ds or timestamp, else the only one that holds dates, else None.

    Columns that are taken do not count. Raises DataError when several columns could be it.
    """
    free = [str(name) for name in frame.columns if name not in taken]
    named = named_date_column(free)
    if named is not None:
        return named
    likely = [name for name in free if _is_date_like(frame[name])]
    if len(likely) > 1:
        raise DataError(
            f"Several columns hold dates ({', '.join(likely)}); give one the role 'timestamp'.",
            details={"candidates": likely},
        )
    return likely[0] if likely else None
