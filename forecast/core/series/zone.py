"""Placing dates and bounds in the time zone of a request."""

import re
from collections.abc import Sequence
from datetime import tzinfo

import numpy as np
import pandas as pd
import pytz
from numpy.typing import NDArray
from pytz.exceptions import InvalidTimeError

from forecast.core.errors import DataError, RequestError
from forecast.core.series.dates import parse_dates

_HOUR = 3_600 * 10**9


def read_stamps(
    column: pd.Series, groups: Sequence[NDArray[np.int64]], timezone: str | None
) -> pd.DatetimeIndex:
    """Return the stamps of a column, in its order, in a zone if one is named.

    `groups` are the rows by series. Stamps without offsets are times of the zone's clock. Raises
    RequestError for a zone that is none, DataError for what is no date, or no time of that clock.
    """
    stamps = parse_dates(column).as_unit("ns")
    if stamps.tz is not None or timezone is not None:
        _refuse_edges(column, stamps)
    if timezone is None:
        return stamps
    try:
        zone = pytz.timezone(timezone)
    except KeyError as error:
        raise RequestError(f"'{timezone}' is no time zone; use a name as Europe/Berlin.") from error
    if stamps.tz is not None:
        return stamps.tz_convert(zone)
    try:
        zoned = [_place(pd.Series(stamps[rows], index=rows), zone) for rows in groups]
    except (ValueError, InvalidTimeError) as error:
        raise DataError(
            f"Column '{column.name}' has a time that the clock of {timezone} skips or repeats ({error});"
            " write the dates with offsets."
        ) from error
    return pd.DatetimeIndex(pd.concat(zoned).sort_index())


def _refuse_edges(column: pd.Series, stamps: pd.DatetimeIndex) -> None:
    """Raise DataError for dates whose day, in some zone, is not whole among those that can be told."""
    for stamp in (stamps.min(), stamps.max()):
        if not 1677 < stamp.year < 2262:
            raise DataError(
                f"Column '{column.name}' has the date {stamp}; in a time zone dates must lie in the years"
                " 1678 to 2261."
            )


def _place(local: pd.Series, zone: tzinfo) -> pd.Series:
    steps = np.diff(local.to_numpy().astype(np.int64))
    if len(steps) == 0 or np.abs(steps).min() > _HOUR:
        # Such steps never tell both of two repeated hours apart; a skipped one begins when it ends.
        first = np.ones(len(local), dtype=bool)
        index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
        return pd.Series(index, index=local.index)
    # An hour that the clock repeats is told apart by the order of the rows.
    rising = local[::-1] if (steps < 0).sum() > (steps > 0).sum() else local
    return pd.Series(pd.DatetimeIndex(rising).tz_localize(zone, ambiguous="infer"), index=rising.index)


def _span(text: str) -> str:
    """Return the alias of the period that a date without a time stands for."""
    named = ((r"\d{4}", "Y"), (r"\d{4}-?Q[1-4]", "Q"), (r"\d{4}-\d{2}", "M"))
    return next((alias for pattern, alias in named if re.fullmatch(pattern, text.strip())), "D")


def read_bound(field: str, text: str, zone: tzinfo | None, *, is_end: bool) -> pd.Timestamp:
    """Return a start or an end of what is read, inclusive, in the zone of the data.

    A bare date, month, quarter or year as the end means the whole of it. Of an hour that the clock repeats,
    a start means the first and an end the second. Raises RequestError naming the field.
    """
    try:
        stamp = parse_dates(pd.Series([text], name=field))[0]
    except DataError as error:
        raise RequestError(f"{field} '{text}' is not a date.") from error
    try:
        if is_end and ":" not in text and stamp == stamp.normalize():
            stamp = stamp.to_period(_span(text)).end_time
        if stamp.tz is not None:
            return stamp.tz_convert(zone) if zone is not None else stamp.tz_convert("UTC").tz_localize(None)
        if zone is None:
            return stamp
        return stamp.tz_localize(
            zone, ambiguous=not is_end, nonexistent="shift_backward" if is_end else "shift_forward"
        )
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise RequestError(
            f"{field} '{text}' is too close to the first or last date that can be told."
        ) from error
