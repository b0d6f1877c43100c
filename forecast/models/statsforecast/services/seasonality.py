"""Whether a series has a season that the Theta method would not see."""

import numpy as np

from forecast.core.adapter import Floats

_LEAST_SEASON = 4
_SIGNIFICANT = 1.645
"""The 95 % point of a normal distribution, one-sided, as in statsforecast's own test."""


def hides_season(target: Floats, season: int) -> bool:
    """Return whether a trend keeps statsforecast's Theta from finding the season of a series.

    Its test compares the autocorrelation at the season with those before it, which a trend makes large; a
    season that it misses is left out of the forecast. Here the test is made of the series, shape (context,),
    without its straight line too.
    """
    if season < _LEAST_SEASON or len(target) < 2 * season:
        return False
    steps = np.arange(len(target))
    line = np.polynomial.Polynomial.fit(steps, target, 1)(steps)
    return not _is_seasonal(target, season) and _is_seasonal(target - line, season)


def _is_seasonal(values: Floats, season: int) -> bool:
    """Return what the test of `statsforecast.theta` says."""
    centred = values - values.mean()
    power = centred @ centred
    if power == 0:
        return False
    lags = np.array([centred[lag:] @ centred[:-lag] for lag in range(1, season + 1)]) / power
    error = np.sqrt((1 + 2 * np.sum(lags[:-1] ** 2)) / len(values))
    return bool(abs(lags[-1]) / error > _SIGNIFICANT)
