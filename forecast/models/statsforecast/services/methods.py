"""Which method forecasts a series.

`auto` follows what was measured (MASE and pinball loss against SeasonalNaive on M4 and on public hourly,
daily and monthly series): MSTL for anything faster than a day, AutoARIMA for days and weeks,
DynamicOptimizedTheta for months and slower, or MSTL where a trend would hide the season from it.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from forecast.core.adapter import Series
from forecast.models.statsforecast.services.seasonality import hides_season

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
    """Return the method for a series: the one asked for, or where it cannot be fitted another one.

    `auto` wants two seasons of a seasonal method. A constant series and a single point are Naive's,
    whatever is asked.
    """
    steps, season = len(series.target), series.season_length
    if np.ptp(series.target) == 0:
        told = ("A single point tells nothing of the spread; all quantiles equal it.",) if steps == 1 else ()
        return Choice("Naive", (), told)
    method = _best(series) if asked == "auto" else asked
    reason = _obstacle(method, steps, season)
    chosen = _with_seasons(method, series.freq, season, steps)
    if asked == "auto":
        return simplest(steps, season) if reason or steps < 2 * chosen.seasons[0] else chosen
    if reason is not None:
        other = _instead(asked, series.freq, season, steps)
        return replace(other, warnings=(f"{asked} {reason}; {other.method} was used instead.",))
    if chosen.seasons[0] < season:
        told = (f"{asked} takes seasons of at most {LONGEST_SEASON} steps; that of {season} was left out.",)
        return replace(chosen, warnings=told)
    return chosen


def _instead(asked: str, freq: str, season: int, steps: int) -> Choice:
    # MSTL is AutoETS on what is left of a series without its season.
    if asked == "AutoETS" and _obstacle("MSTL", steps, season) is None:
        return _with_seasons("MSTL", freq, season, steps)
    if asked == "MSTL" and season == 1 and _obstacle("AutoETS", steps, season) is None:
        return Choice("AutoETS", (season,))
    return simplest(steps, season)


def simplest(steps: int, season: int) -> Choice:
    """Return the method that needs least of a series: SeasonalNaive, or Naive within the first season."""
    if _obstacle("SeasonalNaive", steps, season) is None:
        return Choice("SeasonalNaive", (season,))
    return Choice("Naive", ())


def _best(series: Series) -> str:
    offset, season = to_offset(series.freq), series.season_length
    base = _base(offset)
    within_day = isinstance(offset, pd.offsets.Tick) and offset.nanos < _DAY
    if season > 1 and (within_day or (season > LONGEST_SEASON and base != "W")):
        return "MSTL"
    if base not in "MQY":
        return "AutoARIMA"
    hidden = _obstacle("MSTL", len(series.target), season) is None and hides_season(series.target, season)
    return "MSTL" if hidden else "DynamicOptimizedTheta"


def _base(offset: pd.offsets.BaseOffset) -> str:
    """Return the letter of a frequency's unit: W for 7D too, M, Q, Y for business months and the like."""
    code = offset.rule_code.partition("-")[0]
    if isinstance(offset, pd.offsets.Tick) and offset.nanos % (7 * _DAY) == 0:
        return "W"
    return code[1] if len(code) > 1 and code[0] in "BS" and code[1] in "MQY" else code[0]


def _with_seasons(method: str, freq: str, season: int, steps: int) -> Choice:
    """Return the method with its seasons; MSTL gets the week beside the day where four are seen."""
    if method == "AutoARIMA" and season > LONGEST_SEASON:
        return Choice(method, (1,))
    offset = to_offset(freq)
    a_day = season > 1 and isinstance(offset, pd.offsets.Tick) and offset.nanos * season == _DAY
    if method == "MSTL" and a_day and steps >= 4 * 7 * season:
        return Choice(method, (season, 7 * season))
    return Choice(method, (season,))


def _obstacle(method: str, steps: int, season: int) -> str | None:
    """Return why the method cannot be fitted, as the end of a sentence, or None."""
    if method == "MSTL" and season == 1:
        return "needs a season, and the series has none"
    if method == "AutoETS" and season > LONGEST_SEASON:
        return f"takes seasons of at most {LONGEST_SEASON} steps, not {season}"
    least = {"MSTL": 2 * season + 1, "SeasonalNaive": season + 2}.get(method) or _LEAST_STEPS[method]
    return f"needs at least {least} steps, not {steps}" if steps < least else None
