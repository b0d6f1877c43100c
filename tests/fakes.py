"""A model whose every move a test controls."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from forecast.core.adapter import (
    DECILES,
    Adapter,
    Capabilities,
    Forecast,
    ModelConfig,
    Series,
    Task,
)
from forecast.core.lifecycle import ModelService
from forecast.core.model_settings import ModelSettings


class FakeSettings(ModelSettings, env_prefix="FAKE_"):
    default_horizon_len: int = 4


class FakeAdapter(Adapter[str]):
    """Forecasts the last value; `on_predict` and `on_load` run before it does."""

    model_id: ClassVar[str] = "fake"
    library: ClassVar[str] = "numpy"
    capabilities: ClassVar[Capabilities] = Capabilities(max_context=512, max_horizon=100)

    def __init__(
        self,
        on_predict: Callable[[Sequence[Task]], None] = lambda tasks: None,
        on_load: Callable[[ModelConfig], None] = lambda config: None,
    ) -> None:
        self.on_predict = on_predict
        self.on_load = on_load
        self.batches: list[list[str]] = []
        self.unloaded = 0

    def load(self, config: ModelConfig) -> str:
        self.on_load(config)
        return "weights"

    def predict(self, loaded: str, tasks: Sequence[Task]) -> list[Forecast]:
        self.batches.append([task.series.unique_id for task in tasks])
        self.on_predict(tasks)
        return [last_value(task) for task in tasks]

    def unload(self, loaded: str) -> None:
        self.unloaded += 1

    @property
    def computed(self) -> list[str]:
        return [name for batch in self.batches for name in batch if name != "warm-up"]


class Gate:
    """Holds a model back until a test opens it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, _: object) -> None:
        self.entered.set()
        assert self.opened.wait(90), "the test never opened the gate"


def last_value(task: Task) -> Forecast:
    last = float(task.series.target[-1])
    mean = np.full(task.horizon, last)
    spread = np.asarray(task.levels) - 0.5
    return Forecast(mean, mean[:, None] + spread, task.levels)


def make_series(name: str = "a", values: Sequence[float] = (1.0, 2.0, 3.0), horizon: int = 4) -> Series:
    index = pd.date_range("2024-01-01", periods=len(values) + horizon, freq="D")
    return Series(
        unique_id=name,
        index=index[: len(values)],
        target=np.asarray(values, dtype=np.float64),
        future_index=index[len(values) :],
        freq="D",
        season_length=7,
    )


def make_task(name: str = "a", horizon: int = 4, values: Sequence[float] = (1.0, 2.0, 3.0)) -> Task:
    return Task(make_series(name, values, horizon), horizon, DECILES)


def make_service(adapter: FakeAdapter | None = None) -> ModelService[str]:
    return ModelService(adapter or FakeAdapter(), FakeSettings, Path(__file__).parent)


def make_module(weight: float) -> Any:
    """Return a torch module whose weights are all the same, for `module` of an adapter."""
    import torch

    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, weight)
    torch.nn.init.constant_(layer.bias, 0.0)
    return layer
