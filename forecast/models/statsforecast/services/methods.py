"""Which method forecasts a series.

`auto` follows what was measured (MASE and pinball loss against SeasonalNaive on M4 and on public hourly,
daily and monthly series): MSTL for anything faster than a day, AutoARIMA for days and weeks,
DynamicOptimizedTheta for months and slower.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.adapter import Series

LONGEST_SEASON = 24
"""The longest season of AutoETS and AutoARIMA: with one state a step the fit takes minutes beyond it."""

_LEAST_STEPS = {"AutoETS": 10, "AutoTheta": 5, "DynamicOptimizedTheta": 5, "AutoARIMA": 10}
_DAY = pd.Timedelta(days=1).value


@dataclass(frozen=True, slots=True)
class Choice:
    """A class of statsforecast, the seasons it is given, and what is to be said of the choice."""

    method: str
    seasons: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def choose(asked: str, series: Series) -> Choice:
    """Return the method for a series: the one asked for, or where it cannot be fitted a simpler one.

    A constant series and a single point are Naive's, whatever is asked.
    """
    steps, season = len(series.target), series.season_length
    if np.ptp(series.target) == 0:
        told = ("A single point tells nothing of the spread; all quantiles equal it.",) if steps == 1 else ()
        return Choice("Naive", (), told)
    method = _best(series.freq, season) if asked == "auto" else asked
    reason = _obstacle(method, steps, season)
    if reason is not None:
        simpler = simplest(steps, season)
        told = () if asked == "auto" else (f"{method} {reason}; {simpler.method} was used instead.",)
        return replace(simpler, warnings=told)
    if method == "MSTL":
        return Choice(method, _seasons(series.freq, season, steps))
    if method == "AutoARIMA" and season > LONGEST_SEASON:
        told = (f"AutoARIMA takes seasons of at most {LONGEST_SEASON} steps; that of {season} was left out.",)
        return Choice(method, (1,), () if asked == "auto" else told)
    return Choice(method, (season,))


def simplest(steps: int, season: int) -> Choice:
    """Return the method that needs least of a series: SeasonalNaive, or Naive within the first season."""
    if _obstacle("SeasonalNaive", steps, season) is None:
        return Choice("SeasonalNaive", (season,))
    return Choice("Naive", ())


def _best(freq: str, season: int) -> str:
    offset = to_offset(freq)
    base = offset.rule_code[:1]
    within_day = isinstance(offset, pd.offsets.Tick) and offset.nanos < _DAY
    if season > 1 and (within_day or (season > LONGEST_SEASON and base != "W")):
        return "MSTL"
    return "DynamicOptimizedTheta" if base in "MQY" else "AutoARIMA"


def _obstacle(method: str, steps: int, season: int) -> str | None:
    """Return why the method cannot be fitted, as the end of a sentence, or None."""
    if method == "MSTL" and season == 1:
        return "needs a season, and the series has none"
    if method == "AutoETS" and season > LONGEST_SEASON:
        return f"takes seasons of at most {LONGEST_SEASON} steps, not {season}"
    least = {"MSTL": 2 * season + 1, "SeasonalNaive": season + 2}.get(method) or _LEAST_STEPS[method]
    return f"needs at least {least} steps, not {steps}" if steps < least else None


def _seasons(freq: str, season: int, steps: int) -> tuple[int, ...]:
    """Return the season, and the week beside the day where the series shows four of them."""
    offset = to_offset(freq)
    daily = isinstance(offset, pd.offsets.Tick) and offset.nanos * season == _DAY and season > 1
    return (season, 7 * season) if daily and steps >= 4 * 7 * season else (season,)
