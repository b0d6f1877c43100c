"""The stamps of a calendar: how many there are, those of the context and those of the future."""

from datetime import tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from forecast.core.errors import DataError, RequestError

_HOUR = 3_600 * 10**9
_DAY = 24 * _HOUR
_PROBE = 10
_BEYOND = (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta, OverflowError)
# A grid longer than this, and than this many times its rows, would be made of gaps.
_MOST_STEPS, _MOST_STEPS_A_ROW = 10_000, 100


def grid(first: pd.Timestamp, last: pd.Timestamp, freq: str, *, by_clock: bool = True) -> pd.DatetimeIndex:
    """Return every stamp of the calendar from first to last.

    In a zone, calendars of days and longer keep the time of the clock, those of an hour and shorter the
    time elapsed; `by_clock` says which of both the hours between keep. A time that the clock skips
    becomes the moment after, one that it repeats the first of both. Raises RequestError where the
    calendar leaves the years that can be told.
    """
    offset = to_offset(freq)
    try:
        if first.tz is None and not isinstance(offset, pd.offsets.Tick):
            return _dates(first, freq, end=last)
        if not _keeps_clock(offset, by_clock) or first.tz is None:
            return pd.date_range(first, last, freq=offset)
        ends = _on_clock(pd.DatetimeIndex([first, last]), offset)
        return _localize(pd.date_range(ends[0], ends[1], freq=offset), first.tz)
    except _BEYOND as error:
        raise RequestError(f"The calendar '{freq}' reaches beyond the year 2262.") from error


def future_index(last: pd.Timestamp, freq: str, horizon: int, *, by_clock: bool = True) -> pd.DatetimeIndex:
    """Return the `horizon` stamps of the calendar that come after `last`; `by_clock` as for the grid.

    Raises RequestError where they reach beyond the year 2262.
    """
    offset = to_offset(freq)
    beyond = RequestError(f"A horizon of {horizon} steps of '{freq}' reaches beyond the year 2262.")
    try:
        if last.tz is None and not isinstance(offset, pd.offsets.Tick):
            stamps = _dates(last, freq, periods=horizon + 1)
        elif not _keeps_clock(offset, by_clock) or last.tz is None:
            stamps = pd.date_range(last, periods=horizon + 1, freq=offset)
        else:
            start = _on_clock(pd.DatetimeIndex([last]), offset)[0]
            stamps = _localize(pd.date_range(start, periods=horizon + 1, freq=offset), last.tz)
    except _BEYOND as error:
        raise beyond from error
    future = stamps[stamps > last][:horizon]
    if len(future) < horizon:  # pandas stops short at the last business day that can be told
        raise beyond
    return future


@lru_cache(maxsize=64)
def _dates(start: pd.Timestamp, freq: str, **until: Any) -> pd.DatetimeIndex:
    """Return a calendar without a zone, remembered: pandas makes months and the like stamp by stamp."""
    return pd.date_range(start, freq=to_offset(freq), **until)


def keeps_clock(stamps: pd.DatetimeIndex, freq: str) -> bool:
    """Return whether stamps in a zone lie on the calendar by the clock rather than by time elapsed."""
    offset = to_offset(freq)
    if stamps.tz is None or not _keeps_clock(offset, by_clock=True):
        return False
    if not isinstance(offset, pd.offsets.Tick):
        return True
    local = _on_clock(stamps, offset)
    ticks = local.astype("int64").to_numpy()
    late = (ticks - ticks[0]) % offset.nanos
    return bool((_localize(local - pd.to_timedelta(late), stamps.tz) == stamps).all())


def count_steps(first: pd.Timestamp, last: pd.Timestamp, freq: str) -> int:
    """Return about how many stamps the calendar has from first to last, without making them."""
    offset = to_offset(freq)
    if isinstance(offset, pd.offsets.Tick):
        return round((last.value - first.value) / offset.nanos) + 1
    start = first.tz_localize(None)
    try:
        probe = (start + _PROBE * offset).timestamp() - start.timestamp()
    except _BEYOND:
        return _PROBE
    return round(_PROBE * (last.timestamp() - first.timestamp()) / probe) + 1


def check_steps(name: str, own: pd.DatetimeIndex, freq: str) -> None:
    """Raise DataError when a calendar is so fine that nearly all of a series would be gaps.

    `own` are the stamps of the series, in order.
    """
    first, last = own[0], own[-1]
    steps = count_steps(first, last, freq)
    if steps > max(_MOST_STEPS, _MOST_STEPS_A_ROW * len(own)):
        raise DataError(
            f"The frequency '{freq}' does not fit series '{name}': from {first} to {last} it makes about"
            f" {steps} steps, and the series has {len(own)} row{'s' if len(own) != 1 else ''}."
        )


def follows_skip(stamps: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Return where stamps in a zone are the first moment after an hour that its clock skips."""
    before = stamps.tz_localize(None) - pd.Timedelta(1, unit="ns")
    return np.asarray(_localize(before, stamps.tz) == stamps)


def _keeps_clock(offset: pd.offsets.BaseOffset, by_clock: bool) -> bool:
    if not isinstance(offset, pd.offsets.Tick) or offset.nanos % _DAY == 0:
        return True
    return by_clock and offset.nanos > _HOUR and _DAY % offset.nanos == 0


def _on_clock(stamps: pd.DatetimeIndex, offset: pd.offsets.BaseOffset) -> pd.DatetimeIndex:
    """Return what the clock should have shown: before skipped hours, the step that lies in them."""
    local = stamps.tz_localize(None)
    step = min(offset.nanos, _DAY) if isinstance(offset, pd.offsets.Tick) else _DAY
    even = local.floor(pd.offsets.Nano(step))
    return local.where(_localize(even, stamps.tz) != stamps, even)


def _localize(local: pd.DatetimeIndex, zone: tzinfo | None) -> pd.DatetimeIndex:
    return local.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(local), dtype=bool))
