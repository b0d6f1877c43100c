"""Asking the adapter, and the library that it stands for, about the same series."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from forecast.core.adapter import Floats, Forecast, Task
from forecast.models.flowstate91m.schemas.schema import FlowStateOptions
from forecast.models.flowstate91m.services.model import FlowStateAdapter, LoadedFlowState
from tests import pretrained
from tests.pretrained import CLOSE, configure

__all__ = ["ADAPTER", "ask_library", "assert_alike", "configure", "make_task", "predict_one", "walk"]

ADAPTER = FlowStateAdapter()


def make_task(target: Any, horizon: int = 24, factor: float | None = 1.0, **series: Any) -> Task:
    options = FlowStateOptions.model_construct(scale_factor=factor)
    hourly: dict[str, Any] = {"freq": "h", "season_length": 24} | series
    return pretrained.make_task(target, horizon, options=options, **hourly)


def walk(length: int, seed: int = 0, level: float = 40.0) -> Floats:
    return pretrained.walk(length, seed, level, season_length=24)


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
