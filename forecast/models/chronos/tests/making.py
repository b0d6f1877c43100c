"""Tasks and comparisons for the tests of Chronos."""

from typing import Any

import numpy as np
import pytest

from forecast.core.adapter import DECILES, Covariate, Floats, Forecast, Task
from forecast.models.chronos.services.model import ChronosAdapter, LoadedChronos
from tests import pretrained
from tests.pretrained import CLOSE, configure, walk

__all__ = ["ADAPTER", "assert_alike", "configure", "make_task", "predict_one", "walk"]

ADAPTER = ChronosAdapter()


def make_task(
    target: Any,
    horizon: int = 12,
    covariates: tuple[Covariate, ...] = (),
    levels: tuple[float, ...] = DECILES,
) -> Task:
    return pretrained.make_task(target, horizon, covariates=covariates, levels=levels)


def predict_one(loaded: LoadedChronos, task: Task) -> Forecast:
    (forecast,) = ADAPTER.predict(loaded, [task])
    return forecast


def assert_alike(found: Forecast, mean: Any, quantiles: Any, target: Floats) -> None:
    close = CLOSE * max(float(np.nanmax(np.abs(target))), 1e-30)
    assert found.mean == pytest.approx(np.asarray(mean, dtype=np.float64), abs=close)
    assert found.quantiles == pytest.approx(np.asarray(quantiles, dtype=np.float64), abs=close)
