"""The adapter and its processes, as the gateway uses them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forecast.core.adapter import ModelConfig, Task
from forecast.core.pool import FitPool
from forecast.models.statsforecast.schemas.schema import StatsforecastOptions
from forecast.models.statsforecast.services.fit import fit
from forecast.models.statsforecast.services.model import StatsforecastAdapter
from forecast.models.statsforecast.tests.build import make_series, make_task, seasonal

ADAPTER = StatsforecastAdapter()


@pytest.fixture(scope="module")
def loaded() -> Iterator[FitPool]:
    config = ModelConfig(context_len=None, horizon_len=24, local_dir=Path(), fit_processes=1)
    pool = ADAPTER.load(config)
    yield pool
    ADAPTER.unload(pool)


def ragged() -> list[Task]:
    series = [make_series(seasonal(1 + 2 * n, seed=n), horizon=6) for n in range(64)]
    return [make_task(one) for one in series]


def test_sixty_four_ragged_series_agree_alone_and_together(loaded: FitPool) -> None:
    tasks = ragged()
    together = ADAPTER.predict(loaded, tasks)
    alone = [ADAPTER.predict(loaded, [task])[0] for task in tasks]
    for task, one, mate in zip(tasks, alone, together, strict=True):
        np.testing.assert_allclose(mate.mean, one.mean, atol=1e-5 * np.ptp(task.series.target))
        np.testing.assert_allclose(mate.quantiles, one.quantiles, atol=1e-5 * np.ptp(task.series.target))
        assert mate.method == one.method
    used = {one.method for one in together}
    assert used == {"Naive", "SeasonalNaive", "DynamicOptimizedTheta"}


def test_a_process_gives_the_numbers_of_this_one(loaded: FitPool) -> None:
    task = make_task(make_series(seasonal(40), horizon=6), "AutoETS")
    there, here = ADAPTER.predict(loaded, [task])[0], fit(task)
    np.testing.assert_allclose(there.quantiles, here.quantiles, rtol=1e-9)


def test_the_setting_gives_the_number_of_processes(loaded: FitPool) -> None:
    assert loaded.processes == 1


@pytest.mark.parametrize(
    "method", ["auto", "AutoETS", "AutoTheta", "MSTL", "SeasonalNaive", "DynamicOptimizedTheta"]
)
def test_methods_without_regressors_leave_covariates_to_the_gateway(loaded: FitPool, method: str) -> None:
    options = StatsforecastOptions.model_validate({"method": method})
    assert ADAPTER.covariate_mode(loaded, options) == "regression"


def test_arima_takes_covariates_itself(loaded: FitPool) -> None:
    assert ADAPTER.covariate_mode(loaded, StatsforecastOptions(method="AutoARIMA")) == "native"
