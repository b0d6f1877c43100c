"""Series and tasks as the gateway hands them to the adapter."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from forecast.core.adapter import DECILES, Covariate, Floats, Series, Task
from forecast.models.statsforecast.schemas.schema import Method, StatsforecastOptions


def make_series(
    values: ArrayLike,
    *,
    horizon: int = 12,
    freq: str = "MS",
    season: int = 12,
    covariates: Sequence[Covariate] = (),
) -> Series:
    target = np.asarray(values, dtype=np.float64)
    index = pd.date_range("2000-01-01", periods=len(target) + horizon, freq=freq)
    return Series(
        unique_id="one",
        index=index[: len(target)],
        target=target,
        future_index=index[len(target) :],
        freq=freq,
        season_length=season,
        covariates=tuple(covariates),
    )


def make_task(
    series: Series, method: Method = "auto", *, levels: Sequence[float] = DECILES, horizon: int | None = None
) -> Task:
    steps = len(series.future_index) if horizon is None else horizon
    return Task(series, steps, tuple(levels), StatsforecastOptions(method=method))


def seasonal(steps: int, season: int = 12, *, seed: int = 0, trend: float = 0.2) -> Floats:
    """Level 50, a trend, a season of amplitude 8 and noise of deviation 1."""
    rng = np.random.default_rng(seed)
    time = np.arange(steps)
    values: Floats = (
        50 + trend * time + 8 * np.sin(2 * np.pi * time / season) + rng.normal(scale=1.0, size=steps)
    )
    return values


def number(name: str, values: ArrayLike, horizon: int) -> Covariate:
    """A numerical covariate whose last `horizon` values are its future."""
    column = np.asarray(values, dtype=np.float64)
    return Covariate(name, "numerical", column[:-horizon], column[-horizon:])


def category(name: str, values: Sequence[str], horizon: int) -> Covariate:
    column = np.array(values, dtype=object)
    return Covariate(name, "categorical", column[:-horizon], column[-horizon:])
