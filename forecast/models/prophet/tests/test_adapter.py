"""The adapter as the gateway uses it: processes behind the contract."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.errors import DataError, RequestError
from forecast.models.prophet.services.fit import fit
from forecast.models.prophet.services.model import Fitters, ProphetAdapter
from forecast.models.prophet.tests.tasks import make_task, make_values, numerical

adapter = ProphetAdapter()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fitters]:
    folder: Path = tmp_path_factory.mktemp("local")
    config = ModelConfig(context_len=None, horizon_len=5, local_dir=folder, fit_processes=2)
    loaded = adapter.load(config)
    yield loaded
    adapter.unload(loaded)


def test_as_many_processes_run_as_the_configuration_says(loaded: Fitters) -> None:
    assert loaded.pool.processes == 2


def test_series_are_forecast_alone_as_among_others(loaded: Fitters) -> None:
    tasks = [make_task(make_values(10 + n % 30, seed=n), uncertainty_samples=10) for n in range(64)]
    together = adapter.predict(loaded, tasks)
    for task, mate in zip(tasks, together, strict=True):
        [alone] = adapter.predict(loaded, [task])
        scale = np.ptp(task.series.target)
        np.testing.assert_allclose(alone.mean, mate.mean, atol=1e-5 * scale)
        np.testing.assert_allclose(alone.quantiles, mate.quantiles, atol=1e-5 * scale)


def test_a_process_gives_the_numbers_that_the_library_gives_here(loaded: Fitters) -> None:
    column = np.random.default_rng(2).normal(size=65)
    task = make_task(make_values(60), covariates=(numerical("x", column),), country_holidays="US")
    [there] = adapter.predict(loaded, [task])
    here = fit(task)
    np.testing.assert_allclose(there.mean, here.mean, rtol=1e-9)
    np.testing.assert_allclose(there.quantiles, here.quantiles, rtol=1e-9)


def test_a_country_without_holidays_is_refused_with_those_there_are(loaded: Fitters) -> None:
    with pytest.raises(RequestError, match=r"no holidays of a country 'XX' \(known: .*DE, .*US, "):
        adapter.predict(loaded, [make_task(make_values(20), country_holidays="XX")])


def test_an_error_of_one_series_reaches_the_caller_as_it_is(loaded: Fitters) -> None:
    good = make_task(make_values(20))
    bad = replace(good, series=replace(good.series, unique_id="b", target=np.full(20, np.nan)))
    with pytest.raises(DataError) as caught:
        adapter.predict(loaded, [good, bad])
    assert caught.value.detail == "Data error: Series 'b' has 0 known values; Prophet needs at least 2."
