"""Series, tasks and comparisons for the tests of Chronos."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import DECILES, Covariate, Floats, Forecast, ModelConfig, Series, Task
from forecast.models.chronos.services.model import ChronosAdapter, LoadedChronos

ADAPTER = ChronosAdapter()
CLOSE = 1e-5


def configure(folder: Path, path: str) -> ModelConfig:
    return ModelConfig(
        context_len=64, horizon_len=24, source_type="local", local_model_path=path, local_dir=folder
    )


def make_task(
    target: Any,
    horizon: int = 12,
    covariates: tuple[Covariate, ...] = (),
    levels: tuple[float, ...] = DECILES,
) -> Task:
    values = np.asarray(target, dtype=np.float64)
    index = pd.date_range("2000-01-01", periods=len(values) + horizon)
    past, future = index[: len(values)], index[len(values) :]
    return Task(Series("s", past, values, future, "D", 7, covariates), horizon, levels)


def walk(length: int, seed: int = 0, level: float = 40.0) -> Floats:
    rng = np.random.default_rng(seed)
    season = 5 * np.sin(np.arange(length) * 2 * np.pi / 7)
    walked: Floats = level + season + rng.normal(size=length).cumsum()
    return walked


def predict_one(loaded: LoadedChronos, task: Task) -> Forecast:
    (forecast,) = ADAPTER.predict(loaded, [task])
    return forecast


def assert_alike(found: Forecast, mean: Any, quantiles: Any, target: Floats) -> None:
    close = CLOSE * max(float(np.nanmax(np.abs(target))), 1e-30)
    assert found.mean == pytest.approx(np.asarray(mean, dtype=np.float64), abs=close)
    assert found.quantiles == pytest.approx(np.asarray(quantiles, dtype=np.float64), abs=close)
