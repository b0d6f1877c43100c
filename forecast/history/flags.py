"""Flags of holidays and weekends: a dataset's columns of them are completed from the calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.core.adapter import Floats
from forecast.core.errors import RequestError
from forecast.core.parameters import Role
from forecast.core.series.calendar_covariates import read_covariate
from forecast.core.series.grid import future_index
from forecast.core.series.ticks import read_ticks
from forecast.core.series.zone import read_bound
from forecast.history.columns import ITEM, STAMP, VALUE
from forecast.history.datasets import HOLIDAYS
from forecast.history.history import History
from forecast.history.spans import Spans

WEEKENDS = ("is_weekend",)
"""What is made of dates in every country."""
_COLUMNS = {
    "is_weekend": ("is_weekend", "weekend", "weekend_flag"),
    HOLIDAYS: ("holiday_flag", "is_holiday", "holiday", "public_holiday"),
}


def find_flags(made: Sequence[str], roles: Mapping[str, Role]) -> dict[str, str]:
    """Return the columns that a dataset has of flags made of dates, and which of those made each is."""
    found = {}
    for name in made:
        key = HOLIDAYS if name.startswith(HOLIDAYS) else name
        own = next((column for column in _COLUMNS.get(key, ()) if column in roles), None)
        if own is not None:
            found[own] = name
    return found


def names_holidays(column: str) -> bool:
    """Return whether a column is called as one of public holidays is."""
    return column in _COLUMNS[HOLIDAYS]


def complete_flags(history: History) -> History:
    """Return history with the empty cells of its flags filled, by the clock of its stamps."""
    if not history.flags:
        return history
    if not history.flags_told:
        history = replace(history, strange=_find_strange(history))
    return replace(history, frame=_fill(history, history.frame))


def _find_strange(history: History) -> frozenset[str]:
    """Return the items whose cells, of rows with a value, do not show that they follow the calendar.

    They do where none differs from it, and there are both kinds of days.
    """
    strange: set[str] = set()
    for column, name in _numeric(history):
        told = history.frame[history.frame[column].notna() & history.frame[VALUE].notna()]
        wanted = _read(name, pd.DatetimeIndex(told[STAMP]))
        codes, count = told[ITEM].cat.codes.to_numpy(), len(told[ITEM].cat.categories)
        differ, ones, all_ = (
            np.bincount(codes, weights, minlength=count)
            for weights in (told[column].to_numpy() != wanted, wanted == 1, None)
        )
        shown = (differ == 0) & (ones > 0) & (ones < all_)
        strange.update(map(str, told[ITEM].cat.categories[~shown]))
    return frozenset(strange)


def _fill(history: History, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of history with the empty cells of its flags filled from the calendar."""
    ordinary = ~frame[ITEM].isin(history.strange).to_numpy()
    for column, name in _numeric(history):
        empty = frame[column].isna().to_numpy() & ordinary
        if empty.any():
            values = frame[column].to_numpy(copy=True)
            values[empty] = _read(name, pd.DatetimeIndex(frame[STAMP][empty]))
            frame = frame.assign(**{column: values})
    return frame


def _numeric(history: History) -> list[tuple[str, str]]:
    """Return the flags that are numbers, by column."""
    dtypes = history.frame.dtypes
    return [one for one in history.flags.items() if pd.api.types.is_numeric_dtype(dtypes[one[0]])]


def add_flags_ahead(history: History, steps: int, freq: str, *, by_clock: bool) -> History:
    """Return history with rows for so many steps after the last value of each item, which have flags only.

    A column of flags ends with the history, and what it will be is known. Without such columns history is
    returned as it is.
    """
    frame = history.frame
    known = frame[frame[VALUE].notna()]
    if not history.flags or known.empty:
        return history
    last = known.groupby(ITEM, observed=True, sort=False)[STAMP].max()
    ahead = pd.concat(
        [
            _rows_ahead(items.index, _steps_ahead(stamp, freq, steps, by_clock))
            for stamp, items in last.groupby(last, sort=False)
        ]
    )
    ahead[ITEM] = ahead[ITEM].astype(frame[ITEM].dtype)
    there = pd.MultiIndex.from_frame(frame.loc[frame[VALUE].isna(), [ITEM, STAMP]])
    return _add(history, ahead[~pd.MultiIndex.from_frame(ahead[[ITEM, STAMP]]).isin(there)])


def add_flags_between(history: History, freq: str, *, by_clock: bool, since: str | None = None) -> History:
    """Return history with rows for the steps that items lack between their values, which have flags only.

    Without them a missing day would have the flags of no day, or of its neighbours. Without columns of flags
    history is returned as it is, and so are items that the calendar does not fit, which a forecast tells.
    `since` is where the forecast's context may begin: its calendar does at the first value from then on.
    """
    if not history.flags or history.frame.empty:
        return history
    rows = _find_lacking(history.frame, freq, by_clock, since)
    return history if rows.empty else _add(history, rows)


def _find_lacking(frame: pd.DataFrame, freq: str, by_clock: bool, since: str | None) -> pd.DataFrame:
    """Return item and stamp of the steps that items, whose rows come by item and time, lack."""
    stamps = pd.DatetimeIndex(frame[STAMP])
    ticks = read_ticks(stamps)
    usable = frame[VALUE].notna().to_numpy()
    if since is not None:
        usable &= (
            ticks >= read_bound("context_start_date", since, stamps.tz, is_end=False).as_unit("ns").value
        )
    codes = frame[ITEM].cat.codes.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    items = [rows for rows in np.split(np.arange(len(frame)), starts[1:]) if usable[rows].any()]
    known = [stamps[rows[usable[rows]]] for rows in items]
    spans = Spans.of(freq, known, by_clock=by_clock)
    lacking = [np.setdiff1d(spans.steps(own), ticks[rows]) for own, rows in zip(known, items, strict=True)]
    names = frame[ITEM].cat.categories[np.repeat([codes[rows[0]] for rows in items], list(map(len, lacking)))]
    found = pd.DatetimeIndex(np.concatenate([np.empty(0, np.int64), *lacking]))
    return pd.DataFrame({ITEM: names, STAMP: found if stamps.tz is None else found.tz_localize("UTC")})


def _add(history: History, rows: pd.DataFrame) -> History:
    """Return history with rows of items and stamps, of which flags alone are known."""
    frame = history.frame
    rows = rows.astype({ITEM: frame[ITEM].dtype, STAMP: frame[STAMP].dtype}).reset_index(drop=True)
    rest = {name: _empty(frame[name], len(rows)) for name in frame.columns if name not in (ITEM, STAMP)}
    filled = _fill(history, rows.assign(**rest)[list(frame.columns)])
    joined = pd.concat([frame, filled], ignore_index=True)
    return replace(history, frame=joined.sort_values([ITEM, STAMP], kind="stable", ignore_index=True))


def _steps_ahead(stamp: pd.Timestamp, freq: str, steps: int, by_clock: bool) -> pd.DatetimeIndex:
    try:
        return future_index(stamp, freq, steps, by_clock=by_clock)
    except RequestError:  # beyond the years that can be told, which the forecast of its item tells
        return pd.DatetimeIndex([stamp])[:0]


def _rows_ahead(items: pd.Index, stamps: pd.DatetimeIndex) -> pd.DataFrame:
    names = np.repeat(np.asarray(items, dtype=object), len(stamps))
    places = np.tile(np.arange(len(stamps)), len(items))
    return pd.DataFrame({ITEM: names, STAMP: stamps[places]})


def _empty(column: pd.Series, rows: int) -> pd.Series:
    return pd.Series([None] * rows, dtype=column.dtype)


def _read(name: str, stamps: pd.DatetimeIndex) -> Floats:
    # The items share most of their days.
    codes, distinct = pd.factorize(stamps)
    _, values, _ = read_covariate(name, pd.DatetimeIndex(distinct).tz_localize(None))
    return np.asarray(values, dtype=np.float64)[codes]
