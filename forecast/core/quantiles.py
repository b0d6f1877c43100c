"""Quantile columns: which levels a request gets, and the bands between them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from forecast.core.adapter import DECILES, Capabilities, Floats, Forecast
from forecast.core.errors import RequestError
from forecast.core.parameters import Parameters

_DEFAULT_BAND = (0.1, 0.9)


def asked_levels(parameters: Parameters) -> tuple[float, ...]:
    """Return the levels of the answer's columns in the caller's order; the deciles unless named."""
    return tuple(parameters.quantile_levels) if parameters.quantile_levels else DECILES


def task_levels(parameters: Parameters, limits: Capabilities) -> tuple[float, ...]:
    """Return the ascending levels that the model is to return; raise RequestError outside its range."""
    asked = sorted(asked_levels(parameters))
    native = limits.native_levels
    if native is None:
        return tuple(asked)
    outside = [level for level in asked if not native[0] <= level <= native[-1]]
    if outside and parameters.use_quantiles:
        raise RequestError(
            f"Quantile levels {', '.join(f'{level:g}' for level in outside)} lie outside this model's range"
            f" {native[0]:g} to {native[-1]:g}.",
            details={"lowest": native[0], "highest": native[-1]},
        )
    return native


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
    columns: Floats = ordered[:, left] * (1 - weight) + ordered[:, right] * weight
    return columns


def band_levels(parameters: Parameters) -> list[tuple[float, float]]:
    """Return the (lower, upper) levels of each band: neighbours among the levels asked for."""
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
