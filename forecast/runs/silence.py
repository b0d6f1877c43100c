"""Items that fall silent before a cutoff: where missing days are zeros, so are those up to it."""

from dataclasses import replace

import pandas as pd

from forecast.core.errors import RequestError
from forecast.core.series.grid import grid
from forecast.core.series.zone import read_bound
from forecast.history.columns import ITEM, STAMP, VALUE
from forecast.history.history import History
from forecast.runs.portion import Calendar


def close_silence(history: History, until: str | None, calendar: Calendar) -> History:
    """Return history whose items each have a zero at the last step up to `until`, where they have no value.

    Only for a dataset whose missing days are zeros: those between are gaps, which become zeros as well. The
    items are then forecast from the same step on.
    """
    frame = history.frame
    known = frame[frame[VALUE].notna()]
    if history.missing != "zero" or until is None or known.empty:
        return history
    end = read_bound("start_date", until, pd.DatetimeIndex(frame[STAMP]).tz, is_end=True)
    last = known.groupby(ITEM, observed=True, sort=False)[STAMP].max()
    silent = last[last < end]
    steps = {stamp: _last_step(stamp, end, calendar) for stamp in silent.unique()}
    added = pd.DataFrame({ITEM: silent.index, STAMP: silent.map(steps).to_numpy(), VALUE: 0.0})
    added = added[added[STAMP].to_numpy() > silent.to_numpy()]
    if added.empty:
        return history
    added = added.astype({ITEM: frame[ITEM].dtype, STAMP: frame[STAMP].dtype})
    key = [ITEM, STAMP]
    # What is known of that step beside the value stays.
    planned = frame[frame[VALUE].isna()].drop(columns=VALUE)
    joined = pd.concat([frame, added.merge(planned, how="left", on=key)], ignore_index=True)
    joined = joined.drop_duplicates(key, keep="last").sort_values(key, kind="stable", ignore_index=True)
    return replace(history, frame=joined.astype(dict(frame.dtypes)))


def _last_step(last: pd.Timestamp, end: pd.Timestamp, calendar: Calendar) -> pd.Timestamp:
    """Return the last step of a calendar after `last` that is not after `end`, or `last` itself."""
    freq, by_clock = calendar
    try:
        steps = grid(last, end, freq, by_clock=by_clock)
    except RequestError:  # beyond the years that can be told, which the forecast of its item tells
        return last
    return max(steps[-1], last) if len(steps) else last
