"""The calendar of a series: its frequency and its season."""

import re

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.errors import DataError, RequestError
from forecast.core.series.grid import count_steps, follows_skip

# Below this share of its grid a series is irregular rather than gappy.
_LEAST_FILLED = 0.5
_DAY = 86_400 * 10**9
_CLOCK = (
    ("D", _DAY),
    ("h", 3_600 * 10**9),
    ("min", 60 * 10**9),
    ("s", 10**9),
    ("ms", 10**6),
    ("us", 10**3),
    ("ns", 1),
)
_MOST_PERIODS = 10_000
_A_YEAR = (
    (("MS", "ME", "BMS", "BME", "WOM", "LWOM"), 12),
    (("QS", "QE", "BQS", "BQE"), 4),
    (("SMS", "SME"), 24),
)
_WORD = re.compile(r"([A-Za-z]+)(-[\dA-Za-z-]+)?")
_NAMES = (
    *("B", "BME", "BMS", "BQE", "BQS", "BYE", "BYS", "C", "CBME", "CBMS", "D", "ME", "MS", "QE", "QS", "RE"),
    *("REQ", "SME", "SMS", "W", "WOM", "YE", "YS", "bh", "cbh", "h", "min", "s", "ms", "us", "ns"),
)
# Whatever the case, except that MS are starts of months and ms milliseconds.
_BY_LOWER = {name.lower(): name for name in _NAMES} | {
    **{"t": "min", "l": "ms", "u": "us", "n": "ns", "as": "YS", "ba": "BYE", "bas": "BYS", "by": "BYE"},
    **{"bm": "BME", "bq": "BQE", "cbm": "CBME", "sm": "SME"},
}
_ENDS_OR_STARTS = {"m": ("ME", "MS"), "q": ("QE", "QS"), "y": ("YE", "YS"), "a": ("YE", "YS")}


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
    alias = _gappy(_by_clock(ordered))
    if alias is None or len(ordered) < _LEAST_FILLED * count_steps(ordered[0], ordered[-1], alias):
        raise _irregular(ordered)
    return alias


def _by_clock(ordered: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return what the clock showed, without the stamps that it moved on by skipping an hour."""
    local = ordered.tz_localize(None)
    if ordered.tz is None:
        return local
    kept = local[~follows_skip(ordered)]
    return kept if len(kept) > 1 else local


def _irregular(ordered: pd.DatetimeIndex) -> DataError:
    span = f"The dates from {ordered[0]} to {ordered[-1]} follow no regular calendar"
    months = ordered.year * 12 + ordered.month
    if len(ordered) > 2 and ordered.day.nunique() == 1 and months.is_unique:
        return DataError(
            f"{span}: they fall on day {ordered[0].day} of their months, and calendars of months, quarters"
            " and years have the first or the last day. Move each date to the first day of its month."
        )
    return DataError(f"{span}; pass 'freq', or 'timezone' if the clock changes between them.")


def _gappy(local: pd.DatetimeIndex) -> str | None:
    midnight = bool((local == local.normalize()).all())
    if midnight and local.is_month_start.all():
        return _months(local, "S")
    if midnight and local.is_month_end.all():
        return _months(local, "E")
    # Unsigned, for the years that nanoseconds tell are too many for a signed difference.
    spans = np.diff(local.as_unit("ns").astype("int64").to_numpy().astype(np.uint64))
    step = int(np.gcd.reduce(spans))
    if (step < spans.min() and len(local) > 2) or step > pd.Timedelta.max.value:
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
    """Return a frequency that a caller named, in today's spelling.

    Raises RequestError when it is unknown or no step forward within the years that can be told.

    `M`, `Q` and `Y` mean starts or ends of the period, whichever the stamps are.
    """
    starts = bool((stamps.day == 1).all())
    try:
        offset = to_offset(_WORD.sub(lambda word: _spell(word, starts=starts), alias))
        freq = str(offset.freqstr)
    except (ValueError, AttributeError, OverflowError) as error:
        raise RequestError(
            f"'{alias}' is no frequency; use a pandas alias such as h, D, B, W, MS."
        ) from error
    if offset.n < 1:
        raise RequestError(f"The frequency '{alias}' makes no step forward; it must be positive, as 1D.")
    ticks = isinstance(offset, pd.offsets.Tick)
    if offset.nanos > pd.Timedelta.max.value if ticks else offset.n > _MOST_PERIODS:
        raise RequestError(f"The frequency '{alias}' makes steps of centuries; dates end in the year 2262.")
    return freq


def _spell(word: re.Match[str], *, starts: bool) -> str:
    """Return a word as pandas spells it today; it only warns of other spellings, and of some that are none.

    Raises ValueError where it is no name of a frequency.
    """
    name, anchor = word[1], (word[2] or "").upper()
    if name.lower() in _ENDS_OR_STARTS:
        return _ENDS_OR_STARTS[name.lower()][starts] + anchor
    today = name if name == "MS" else _BY_LOWER.get(name.lower())
    if today is None or (anchor and today.islower()):  # steps of a clock begin anywhere
        raise ValueError(f"{word[0]} is no name of a frequency")
    return today + anchor


def season_length(freq: str) -> int:
    """Return how many steps make the season that usually goes with a frequency; 1 for none.

    A day for anything faster, a week for days, a year for weeks, months and quarters.
    """
    offset = to_offset(freq)
    count, base = offset.n, offset.rule_code.split("-")[0]
    if base in ("B", "C"):
        return 5 // count if 5 % count == 0 else 1
    if base == "W":
        return max(1, round(52 / count))
    for bases, steps in _A_YEAR:
        if base in bases:
            return steps // count if steps % count == 0 else 1
    if not isinstance(offset, pd.offsets.Tick):
        return 1
    if offset.nanos % (7 * _DAY) == 0:
        return max(1, round(52 * 7 * _DAY / offset.nanos))
    whole = 7 * _DAY if offset.nanos % _DAY == 0 else _DAY
    return int(whole // offset.nanos) if whole % offset.nanos == 0 else 1
