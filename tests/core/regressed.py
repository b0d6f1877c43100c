"""A model to regress around, and tables with covariates for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from forecast.core.adapter import Capabilities, Floats, Forecast, Options, Task
from tests.fakes import FakeAdapter

PATCH = 32
MODES = ("xreg + timesfm", "timesfm + xreg")
Ask = Callable[..., dict[str, Any]]


class Carrying(FakeAdapter):
    """The model of the golden file: its last value, rising by a tenth a step, and so for its context."""

    capabilities = Capabilities(max_context=512, max_horizon=100, backcast=True, missing=True)

    def predict(self, loaded: str, tasks: Sequence[Task]) -> list[Forecast]:
        return [self.carry(task) for task in tasks]

    def carry(self, task: Task) -> Forecast:
        target = task.series.target
        mean = target[-1] + 0.1 * np.arange(1, task.horizon + 1)
        backcast = np.roll(target, 1)
        backcast[:PATCH] = np.nan
        forecast = Forecast(mean, mean[:, None] + np.arange(-4.0, 5.0), task.levels)
        return replace(forecast, backcast=backcast) if task.backcast else forecast


class Positive(Options):
    def lower_bound(self, target: Floats) -> float | None:
        return 0.0 if (target >= 0).all() else None


class Bounded(Carrying):
    options_type = Positive


class Silent(Carrying):
    """Promises a backcast and gives none."""

    def carry(self, task: Task) -> Forecast:
        return replace(super().carry(task), backcast=None)


class Native(FakeAdapter):
    def covariate_mode(self, loaded: str, options: Options) -> Any:
        return "native"


def make_table(series: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    table: dict[str, list[Any]] = {"date": [], "shop": [], "y": []}
    roles = {"y": "target", "shop": "id"}
    for number, one in enumerate(series):
        total = len(one["target"]) + one["horizon"]
        table["date"] += pd.date_range("2024-01-01", periods=total).strftime("%Y-%m-%d").tolist()
        table["shop"] += [f"shop {number}"] * total
        table["y"] += [*one["target"], *[None] * one["horizon"]]
        for name, covariate in one["covariates"].items():
            kind, values = covariate["kind"], covariate["values"]
            roles[name] = kind if kind.startswith("static") else f"dynamic_{kind}"
            table.setdefault(name, []).extend([values] * total if kind.startswith("static") else values)
    return table, roles


def promoted(lengths: Sequence[int] = (60,), seed: int = 0) -> list[dict[str, Any]]:
    """Series on which a promotion is worth 30, in the shape of the golden file's."""
    rng = np.random.default_rng(seed)
    made = []
    for length in lengths:
        promo = (rng.random(length + 4) < 0.3).astype(float)
        target = 100 + 30 * promo + rng.normal(size=length + 4)
        covariate = {"kind": "numerical", "values": promo.tolist()}
        made.append({"target": target[:length].tolist(), "horizon": 4, "covariates": {"promo": covariate}})
    return made


def quantiles(answer: dict[str, Any]) -> Any:
    return np.asarray(answer["prediction"]["quantile_forecast"])
