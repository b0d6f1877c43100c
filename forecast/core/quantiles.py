"""Quantile columns: which levels a request gets, and the bands between them."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np

from forecast.core.adapter import DECILES, Capabilities, Floats, Forecast
from forecast.core.errors import RequestError
from forecast.core.parameters import Parameters

_DEFAULT_BAND = (0.1, 0.9)
# Farther out a level's distance from 0 or 1 is rounding, and the tail of a normal distribution infinite.
_WIDEST = (1e-9, 1 - 1e-9)


def asked_levels(parameters: Parameters) -> tuple[float, ...]:
    """Return the levels of the answer's columns: the caller's in order, intervals' ascending, or deciles."""
    if parameters.level is not None:
        return tuple(sorted({bound for level in parameters.level for bound in interval_bounds(level)}))
    return tuple(parameters.quantile_levels) if parameters.quantile_levels else DECILES


def has_mean_column(parameters: Parameters) -> bool:
    """Return whether the mean stands before the quantiles: not where the caller named the columns."""
    return parameters.quantile_levels is None and parameters.level is None


def interval_bounds(level: float) -> tuple[float, float]:
    """Return the quantile levels between which `level` percent lie, as (0.025, 0.975) for 95.

    They are those that people write: the float nearest to 0.9, not 0.5 + 80 / 200.
    """
    lower = (100 - Decimal(repr(level))) / 200
    return float(lower), float(1 - lower)


def task_levels(parameters: Parameters, limits: Capabilities) -> tuple[float, ...]:
    """Return the ascending levels that the model is to return; raise RequestError outside its range."""
    if parameters.use_quantiles:
        _check_range(parameters, limits.native_levels or _WIDEST)
    return limits.native_levels or tuple(sorted(asked_levels(parameters)))


def _check_range(parameters: Parameters, native: tuple[float, ...]) -> None:
    lowest, highest = native[0], native[-1]
    outside = [level for level in sorted(asked_levels(parameters)) if not lowest <= level <= highest]
    if not outside:
        return
    between = f"{lowest:.10g} to {highest:.10g}"
    if parameters.level is not None:
        widest = max(parameters.level)
        names = " and ".join(name_level(bound) for bound in interval_bounds(widest))
        detail = f"level {str(widest).removesuffix('.0')} needs {names}; this model's range is {between}."
    else:
        levels = ", ".join(map(str, outside))
        detail = f"Quantile levels {levels} lie outside this model's range {between}."
    raise RequestError(detail, details={"lowest": lowest, "highest": highest})


def quantile_columns(forecast: Forecast, levels: Sequence[float]) -> Floats:
    """Return the quantiles at `levels`, shape (horizon, len(levels)), in that order.

    Quantiles that cross are sorted; a level between two of the model's is interpolated linearly.
    """
    ordered = np.sort(forecast.quantiles, axis=1)
    if tuple(levels) == forecast.levels:
        return ordered
    known = np.asarray(forecast.levels)
    right = np.clip(np.searchsorted(known, levels), 1, len(known) - 1) if len(known) > 1 else np.zeros(1, int)
    left = np.maximum(right - 1, 0)
    gap = np.where(right > left, known[right] - known[left], 1.0)
    weight = (np.asarray(levels) - known[left]) / gap
    low, high = ordered[:, left], ordered[:, right]
    # In this order rounding leads neither below the one nor above the other neighbour.
    columns: Floats = np.minimum(low + (high - low) * weight, high)
    return columns


def band_levels(parameters: Parameters) -> list[tuple[float, float]]:
    """Return the (lower, upper) levels of each band: the intervals asked for, else neighbouring levels."""
    if parameters.level is not None:
        return [interval_bounds(level) for level in parameters.level]
    if parameters.quantile_levels is not None:
        edges = sorted(parameters.quantile_levels)
    elif parameters.quantile_indices is not None:
        edges = [DECILES[index - 1] for index in sorted(parameters.quantile_indices)]
    else:
        edges = list(_DEFAULT_BAND)
    return list(pairwise(edges))


def name_level(level: float) -> str:
    """Return a level as people write it: 0.1 is Q10, 0.025 is Q2.5."""
    return f"Q{level * 100:.10g}"


def quantile_bands(
    columns: Sequence[Floats], levels: Sequence[float], bands: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """Return `quantile_band_<n>_lower`, `_upper` and `_label` for each band.

    `columns` has one (horizon, len(levels)) matrix a series. Bounds are flat lists for one series, else
    one list a series.
    """
    found: dict[str, Any] = {}
    places = {level: place for place, level in enumerate(levels)}
    for number, (lower, upper) in enumerate(bands):
        name = f"quantile_band_{number}"
        for side, level in (("lower", lower), ("upper", upper)):
            values = [matrix[:, places[level]].tolist() for matrix in columns]
            found[f"{name}_{side}"] = values[0] if len(values) == 1 else values
        found[f"{name}_label"] = f"{name_level(lower)}–{name_level(upper)}"
    return found
