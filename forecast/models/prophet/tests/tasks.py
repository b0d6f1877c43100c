"""Series and tasks for the tests of Prophet."""

from typing import Any

import numpy as np
import pandas as pd

from forecast.core.adapter import DECILES, Covariate, Floats, Series, Task
from forecast.models.prophet.schemas.schema import ProphetOptions


def make_values(length: int, seed: int = 0) -> Floats:
    steps = np.arange(length)
    noise = np.random.default_rng(seed).normal(size=length)
    values: Floats = 10 + 0.02 * steps + 2 * np.sin(2 * np.pi * steps / 7) + noise
    return values


def make_task(
    values: Floats,
    horizon: int = 5,
    covariates: tuple[Covariate, ...] = (),
    levels: tuple[float, ...] = DECILES,
    start: str = "2023-06-01",
    freq: str = "D",
    tz: str | None = None,
    **options: Any,
) -> Task:
    length = len(values)
    index = pd.date_range(start, periods=length + horizon, freq=freq, tz=tz)
    series = Series("a", index[:length], np.asarray(values), index[length:], freq, 7, covariates)
    return Task(series, horizon, levels, ProphetOptions(**options))


def numerical(name: str, values: Floats, horizon: int = 5, *, static: bool = False) -> Covariate:
    return Covariate(name, "numerical", values[:-horizon], values[-horizon:], static)


def categorical(name: str, values: list[str], horizon: int = 5) -> Covariate:
    column = np.array(values, dtype=object)
    return Covariate(name, "categorical", column[:-horizon], column[-horizon:])
