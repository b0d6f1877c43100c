"""The seasonal naive forecast: what one gets for nothing, and every model has to beat."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from ui.forecasts import Forecast

NAME = "SeasonalNaive"


def seasonal_naive(like: Forecast, season: int) -> Forecast:
    """Return the naive forecast of what another one forecasts: the same context, steps and levels.

    Each step is the value of one season before. Its quantiles are those of a normal distribution around it
    whose standard deviation is that of the errors inside the context, times the root of the seasons ahead
    (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5).
    """
    values = _without_gaps(like.history)
    lag = season if 0 < season < len(values) else 1
    ahead = np.arange(len(like.future))
    last = values[-lag:]
    point = last[ahead % len(last)]
    errors = values[lag:] - values[:-lag]
    sigma = float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
    spread = sigma * np.sqrt(ahead // lag + 1)
    normal = NormalDist()
    quantiles = {level: (point + normal.inv_cdf(level) * spread).tolist() for level in like.quantiles}
    return replace(like, model=NAME, method=f"season of {lag}", point=point.tolist(), quantiles=quantiles)


def _without_gaps(history: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the values with each gap filled by the one before it, and before the first by the first."""
    values = np.array(history, dtype=np.float64)
    known = np.isfinite(values)
    latest = np.maximum.accumulate(np.where(known, np.arange(len(values)), int(np.argmax(known))))
    return values[latest]
