"""Stamps as they are kept: microseconds since 1970, in UTC or by the clock of the dataset."""

import pandas as pd
import pytz

from forecast.core.errors import RequestError
from forecast.core.series.columns import refuse_cells
from forecast.core.series.ticks import read_ticks
from forecast.core.series.zone import read_bound
from forecast.history.rows import EARLIEST, LATEST, Ints

CUTOFF = "start_date"
"""The field of a forecast by name that ends what is read."""
_A_MICROSECOND = 1_000


def write_micros(stamps: pd.DatetimeIndex, column: pd.Series) -> Ints:
    """Return stamps as they are kept; raise DataError naming the rows of the column that are finer."""
    ticks = read_ticks(stamps)
    finer = ticks % _A_MICROSECOND != 0
    if finer.any():
        cells = column[finer]
        raise refuse_cells(
            str(column.name), cells.index.tolist(), cells.tolist(), "is finer than a microsecond"
        )
    micros: Ints = ticks // _A_MICROSECOND
    return micros


def read_micros(at: Ints, *, zoned: bool, timezone: str | None) -> pd.DatetimeIndex:
    """Return kept stamps, in nanoseconds: moments by the clock of the dataset's zone, else UTC's."""
    stamps = pd.DatetimeIndex(at.astype("datetime64[us]")).as_unit("ns")
    if not zoned:
        return stamps
    moments = stamps.tz_localize("UTC")
    return moments if timezone is None else moments.tz_convert(pytz.timezone(timezone))


def read_bounds(
    since: str | None, until: str | None, *, zoned: bool, timezone: str | None, end: str = "to"
) -> tuple[int, int]:
    """Return the first and the last stamp, as kept, that two dates allow.

    A bare date as the last means all of it. Raises RequestError where one is no date; `end` names the last.
    """
    zone = pytz.timezone(timezone or "UTC") if zoned else None
    ends = []
    for field, text, is_end, otherwise in (("from", since, False, EARLIEST), (end, until, True, LATEST)):
        if text is None:
            ends.append(otherwise)
            continue
        ticks = int(read_bound(field, text, zone, is_end=is_end).as_unit("ns").value)
        # A start between two microseconds is the second of them.
        ends.append(ticks // _A_MICROSECOND if is_end else -(-ticks // _A_MICROSECOND))
    return ends[0], ends[1]


def check_timezone(name: str) -> None:
    """Let the name of a time zone pass; raise RequestError at any other."""
    if name not in pytz.all_timezones_set:
        raise RequestError(f"'{name}' is no time zone; use a name as Europe/Berlin.")
