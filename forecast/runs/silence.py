"""Items that fall silent before a cutoff: where missing days are zeros, so are those up to it."""

from dataclasses import replace

import pandas as pd

from forecast.core.series.grid import future_index
from forecast.core.series.zone import read_bound
from forecast.history.columns import ITEM, STAMP, VALUE
from forecast.history.flags import fill_flags
from forecast.history.history import History
from forecast.runs.portion import Calendar

_STEPS_AT_FIRST = 32


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
    return replace(history, frame=fill_flags(joined.astype(dict(frame.dtypes)), history.flags))


def _last_step(last: pd.Timestamp, end: pd.Timestamp, calendar: Calendar) -> pd.Timestamp:
    """Return the last step of a calendar after `last` that is not after `end`, or `last` itself."""
    freq, by_clock = calendar
    count = _STEPS_AT_FIRST
    while (steps := future_index(last, freq, count, by_clock=by_clock))[-1] <= end:
        count *= 2
    within = int(steps.searchsorted(end, side="right"))
    return steps[within - 1] if within else last
