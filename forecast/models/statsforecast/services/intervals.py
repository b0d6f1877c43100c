"""Quantiles from the symmetric intervals of statsforecast, and the guard against exploding ones."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from forecast.core.adapter import Floats

# A random walk stays below 1, damped trends below 1.2 at ten seasons ahead, ETS(M,A,N) passes 1e10.
_LARGEST_SPREAD = 2.0


def interval_levels(levels: Sequence[float]) -> list[float]:
    """Return the interval levels in percent whose bounds are the quantiles asked for, ascending."""
    return sorted({_percent(level) for level in levels})


def quantile_columns(result: Mapping[str, Any], levels: Sequence[float]) -> Floats:
    """Return the quantiles of one forecast of the library, shape (horizon, len(levels)), ascending.

    The median is the point forecast for all but the Theta methods, which draw from their distribution.
    """
    columns = [result[f"{'lo' if level <= 0.5 else 'hi'}-{_percent(level)}"] for level in levels]
    ordered: Floats = np.sort(np.column_stack(columns).astype(np.float64), axis=1)
    return ordered


def _percent(level: float) -> float:
    # Rounded, so that 0.1 and 0.9 name the same interval.
    return round(abs(2 * level - 1) * 100, 10)


def exploded(mean: Floats, quantiles: Floats, levels: Sequence[float], target: Floats) -> bool:
    """Tell whether the spread of a forecast is no number, or beyond what its context can justify.

    Its standard deviation may be twice the range of the context, or twice what a random walk with the
    steps of the context has spread by then; a method that knows less than that is broken.
    """
    if not np.isfinite(quantiles).all():
        return True
    reach = max(1.0, NormalDist().inv_cdf(max(*levels, 1 - levels[0])))
    deviation = np.abs(quantiles - mean[:, None]).max(axis=1) / reach
    steps = np.sqrt(np.arange(1, len(mean) + 1) * np.mean(np.diff(target) ** 2)) if len(target) > 1 else 0.0
    return bool((deviation > _LARGEST_SPREAD * np.maximum(np.ptp(target), steps)).any())
