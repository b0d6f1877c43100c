"""The calendar of a series: its frequency, its grid of stamps, its future and its season."""

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.errors import DataError, RequestError

# Below this share of its grid a series is irregular rather than gappy.
_LEAST_FILLED = 0.5
_DAY = 86_400
_CLOCK = (("D", _DAY), ("h", 3600), ("min", 60), ("s", 1))
_OLD_ALIASES = {"H": "h", "T": "min", "S": "s", "L": "ms"}
_ENDS_OR_STARTS = {"M": ("ME", "MS"), "Q": ("QE", "QS"), "Y": ("YE", "YS"), "A": ("YE", "YS")}


def infer_frequency(stamps: pd.DatetimeIndex) -> str:
    """Return the pandas alias of the coarsest calendar that the stamps of one series lie on.

    Gaps are allowed as long as half of the calendar is filled. Raises DataError when there is no such
    calendar, or only one stamp to tell it from.
    """
    ordered = stamps.unique().sort_values()
    if len(ordered) < 2:
        raise DataError("The frequency cannot be inferred from a single date; pass 'freq'.")
    alias = pd.infer_freq(ordered) if len(ordered) >= 3 else None
    if alias is not None:
        return alias
    alias = _gappy(ordered)
    if alias is None or len(ordered) < _LEAST_FILLED * len(grid(ordered[0], ordered[-1], alias)):
        raise DataError(
            f"The dates from {ordered[0]} to {ordered[-1]} follow no regular calendar; pass 'freq', or"
            " 'timezone' if the clock changes between them."
        )
    return alias


def _gappy(ordered: pd.DatetimeIndex) -> str | None:
    midnight = bool((ordered == ordered.normalize()).all())
    local = ordered.tz_localize(None)
    if midnight and local.is_month_start.all():
        return _months(local, "S")
    if midnight and local.is_month_end.all():
        return _months(local, "E")
    seconds = np.diff(local.to_numpy().astype("datetime64[s]").astype(np.int64))
    step = int(np.gcd.reduce(seconds))
    if step == 0 or (step < seconds.min() and len(ordered) > 2):
        return None
    if step % (7 * _DAY) == 0:
        return _times(step // (7 * _DAY), f"W-{local[0].day_name()[:3].upper()}")
    if step == _DAY and (local.dayofweek < 5).all() and _spans_weekend(local):
        return "B"
    return next(_times(step // size, unit) for unit, size in _CLOCK if step % size == 0)


def _spans_weekend(local: pd.DatetimeIndex) -> bool:
    return bool((pd.date_range(local[0], local[-1], freq="D").dayofweek >= 5).any())


def _months(local: pd.DatetimeIndex, edge: str) -> str:
    ordinals = local.year.to_numpy() * 12 + local.month.to_numpy()
    step = int(np.gcd.reduce(np.diff(ordinals)))
    anchor = local[0].month_name()[:3].upper()
    if step % 12 == 0:
        return _times(step // 12, f"Y{edge}-{anchor}")
    return f"Q{edge}-{anchor}" if step == 3 else _times(step, f"M{edge}")


def _times(count: int, alias: str) -> str:
    return alias if count == 1 else f"{count}{alias}"


def check_frequency(alias: str, stamps: pd.DatetimeIndex) -> str:
    """Return a frequency that a caller named, in today's spelling; raise RequestError when unknown.

    `M`, `Q` and `Y` mean starts or ends of the period, whichever the stamps are.
    """
    name = _OLD_ALIASES.get(alias, alias)
    base, _, anchor = alias.partition("-")
    if base in _ENDS_OR_STARTS:
        end, start = _ENDS_OR_STARTS[base]
        name = (start if bool((stamps.day == 1).all()) else end) + (f"-{anchor}" if anchor else "")
    try:
        return str(to_offset(name).freqstr)
    except (ValueError, AttributeError) as error:
        raise RequestError(
            f"'{alias}' is no frequency; use a pandas alias such as h, D, B, W, MS."
        ) from error


def grid(first: pd.Timestamp, last: pd.Timestamp, freq: str) -> pd.DatetimeIndex:
    """Return every stamp of the calendar from first to last."""
    return pd.date_range(first, last, freq=freq)


def future_index(last: pd.Timestamp, freq: str, horizon: int) -> pd.DatetimeIndex:
    """Return the `horizon` stamps of the calendar that come after `last`."""
    stamps = pd.date_range(last, periods=horizon + 1, freq=freq)
    return stamps[stamps > last][:horizon]


def season_length(freq: str) -> int:
    """Return how many steps make the season that usually goes with a frequency; 1 for none.

    A day for anything faster, a week for days, a year for weeks, months and quarters.
    """
    offset = to_offset(freq)
    count, base = offset.n, offset.rule_code.split("-")[0]
    if base == "B":
        return 5
    if base == "W":
        return max(1, round(52 / count))
    for suffixes, steps in ((("MS", "ME", "BMS", "BME"), 12), (("QS", "QE", "BQS", "BQE"), 4)):
        if base in suffixes:
            return steps // count if steps % count == 0 else 1
    if base == "D":
        return 7 // count if 7 % count == 0 else 1
    if not isinstance(offset, pd.offsets.Tick):
        return 1
    step = offset.nanos / 1e9
    return int(_DAY // step) if _DAY % step == 0 else 1
