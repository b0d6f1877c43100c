"""Asking the adapter, and the library that it stands for, about the same series."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from forecast.core.adapter import Floats, Forecast, ModelConfig, Series, Task
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions
from forecast.models.flowstate91m.services.model import FlowStateAdapter, LoadedFlowState

ADAPTER = FlowStateAdapter()
CLOSE = 1e-5


def configure(folder: Path, path: str) -> ModelConfig:
    return ModelConfig(
        context_len=64, horizon_len=24, source_type="local", local_model_path=path, local_dir=folder
    )


def make_task(target: Any, horizon: int = 24, factor: float | None = 1.0, **series: Any) -> Task:
    values = np.asarray(target, dtype=np.float64)
    index = pd.date_range("2000-01-01", periods=len(values) + horizon, freq="h")
    past, future = index[: len(values)], index[len(values) :]
    one = Series("s", past, values, future, series.get("freq", "h"), series.get("season_length", 24))
    return Task(one, horizon, options=FlowStateOptions.model_construct(scale_factor=factor))


def walk(length: int, seed: int = 0, level: float = 40.0) -> Floats:
    rng = np.random.default_rng(seed)
    season = 5 * np.sin(np.arange(length) * 2 * np.pi / 24)
    walked: Floats = level + season + rng.normal(size=length).cumsum()
    return walked


def predict_one(loaded: LoadedFlowState, task: Task) -> Forecast:
    (forecast,) = ADAPTER.predict(loaded, [task])
    return forecast


def ask_library(
    library: Any, targets: Sequence[Floats], horizon: int, factor: float = 1.0
) -> tuple[Floats, Floats]:
    """Return the library's means, shape (series, steps), and quantiles, shape (series, steps, levels)."""
    past = torch.tensor(np.stack(targets), dtype=torch.float32)[..., None]
    with torch.inference_mode():
        found = library(
            past_values=past,
            scale_factor=factor,
            prediction_length=horizon,
            batch_first=True,
            return_dict=True,
        )
    quantiles = found.quantile_outputs[..., 0].transpose(1, 2)
    return found.prediction_outputs[..., 0].double().numpy(), quantiles.double().numpy()


def assert_alike(found: Forecast, mean: Floats, quantiles: Floats, target: Any) -> None:
    scale = CLOSE * float(np.nanmax(np.abs(target)))
    assert found.mean.shape == mean.shape
    assert found.quantiles.shape == quantiles.shape
    assert np.abs(found.mean - mean).max() <= scale
    assert np.abs(found.quantiles - quantiles).max() <= scale
