"""Flags of holidays and weekends: a dataset's columns of them are completed from the calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.core.adapter import Floats
from forecast.core.errors import DataError, RequestError
from forecast.core.parameters import Role
from forecast.core.series.calendar import check_frequency, infer_frequency
from forecast.core.series.calendar_covariates import read_covariate
from forecast.core.series.grid import check_steps, future_index, grid
from forecast.core.series.zone import read_bound
from forecast.history.columns import ITEM, STAMP, VALUE
from forecast.history.datasets import HOLIDAYS
from forecast.history.history import History

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


def fill_flags(frame: pd.DataFrame, flags: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of history with the empty cells of these columns filled from the calendar."""
    for column, name in flags.items():
        if pd.api.types.is_numeric_dtype(frame[column].dtype):
            empty = frame[column].isna().to_numpy()
            if empty.any():
                values = frame[column].to_numpy(copy=True)
                values[empty] = _read(name, pd.DatetimeIndex(frame[STAMP][empty]))
                frame = frame.assign(**{column: values})
    return frame


def add_flags_ahead(history: History, steps: int) -> History:
    """Return history with rows for so many steps after the last value of each item, which have flags only.

    A column of flags ends with the history, and what it will be is known. Without such columns, or where
    the dates follow no calendar, which a forecast tells, history is returned as it is.
    """
    frame = history.frame
    known = frame[frame[VALUE].notna()]
    if not history.flags or known.empty:
        return history
    last = known.groupby(ITEM, observed=True, sort=False)[STAMP].max()
    try:
        freq = _frequency(history)
    except DataError:
        return history
    ahead = pd.concat(
        [_rows_ahead(items.index, stamp, freq, steps) for stamp, items in last.groupby(last, sort=False)]
    )
    ahead[ITEM] = ahead[ITEM].astype(frame[ITEM].dtype)
    there = pd.MultiIndex.from_frame(frame.loc[frame[VALUE].isna(), [ITEM, STAMP]])
    return _add(history, ahead[~pd.MultiIndex.from_frame(ahead[[ITEM, STAMP]]).isin(there)])


def add_flags_between(
    history: History, freq: str, *, by_clock: bool, timezone: str | None = None, since: str | None = None
) -> History:
    """Return history with rows for the steps that items lack between their values, which have flags only.

    Without them a missing day would have the flags of no day, or of its neighbours. Without columns of flags
    history is returned as it is, and so are items that the calendar does not fit, which a forecast tells.
    `timezone` and `since` are those of the forecast, whose calendar begins at the first value from then on.
    """
    zoned = pd.DatetimeIndex(history.frame[STAMP]).tz is not None
    if not history.flags or (timezone is not None and not zoned):
        return history  # which hours the clock of a zone skips or repeats, its rows alone tell
    lacking = {
        item: _lacking(str(item), rows, freq, by_clock, timezone, since)
        for item, rows in history.frame.groupby(ITEM, observed=True, sort=False)
    }
    made = [pd.DataFrame({ITEM: item, STAMP: stamps}) for item, stamps in lacking.items() if len(stamps)]
    return _add(history, pd.concat(made, ignore_index=True)) if made else history


def _lacking(
    name: str, rows: pd.DataFrame, freq: str, by_clock: bool, timezone: str | None, since: str | None
) -> pd.DatetimeIndex:
    kept = pd.DatetimeIndex(rows[STAMP])
    stamps = kept if timezone is None else kept.tz_convert(timezone)
    known = stamps[rows[VALUE].notna()]
    if since is not None:
        known = known[known >= read_bound("context_start_date", since, stamps.tz, is_end=False)]
    if known.empty:
        return kept[:0]
    try:
        check_steps(name, known, freq)
        lacking = grid(known[0], known[-1], freq, by_clock=by_clock).difference(stamps)
    except (DataError, RequestError):
        return kept[:0]
    return lacking if timezone is None else lacking.tz_convert(kept.tz)


def _add(history: History, rows: pd.DataFrame) -> History:
    """Return history with rows of items and stamps, of which flags alone are known."""
    frame = history.frame
    rows = rows.astype({ITEM: frame[ITEM].dtype, STAMP: frame[STAMP].dtype}).reset_index(drop=True)
    rest = {name: _empty(frame[name], len(rows)) for name in frame.columns if name not in (ITEM, STAMP)}
    filled = fill_flags(rows.assign(**rest)[list(frame.columns)], history.flags)
    joined = pd.concat([frame, filled], ignore_index=True)
    return replace(history, frame=joined.sort_values([ITEM, STAMP], kind="stable", ignore_index=True))


def _frequency(history: History) -> str:
    frame = history.frame
    longest = frame[ITEM].cat.codes.value_counts().index[0]
    stamps = pd.DatetimeIndex(frame[STAMP][frame[ITEM].cat.codes == longest])
    return infer_frequency(stamps) if history.freq is None else check_frequency(history.freq, stamps)


def _rows_ahead(items: pd.Index, last: pd.Timestamp, freq: str, steps: int) -> pd.DataFrame:
    stamps = future_index(last, freq, steps)
    names = np.repeat(np.asarray(items, dtype=object), steps)
    places = np.tile(np.arange(steps), len(items))
    return pd.DataFrame({ITEM: names, STAMP: stamps[places]})


def _empty(column: pd.Series, rows: int) -> pd.Series:
    return pd.Series([None] * rows, dtype=column.dtype)


def _read(name: str, stamps: pd.DatetimeIndex) -> Floats:
    # The items share most of their days.
    codes, distinct = pd.factorize(stamps)
    _, values, _ = read_covariate(name, pd.DatetimeIndex(distinct).tz_localize(None))
    return np.asarray(values, dtype=np.float64)[codes]
