"""Fits in this process, where a test sees all that they do."""

import logging
from pathlib import Path
from typing import Any

import cmdstanpy
import numpy as np
import pandas as pd
import pytest
from prophet import Prophet

from forecast.core.adapter import Floats, Task
from forecast.core.errors import DataError, ModelError
from forecast.models.prophet.services import fit as fit_module
from forecast.models.prophet.services.fit import SEED, fit, list_countries, warm
from forecast.models.prophet.tests.tasks import categorical, make_task, make_values, numerical

VALUES = make_values(60)
LEVELS = (0.025, 0.5, 0.93)


def ask_prophet(
    task: Task, columns: dict[str, Floats] | None = None, country: str | None = None, **arguments: Any
) -> tuple[Floats, Floats]:
    """Return what Prophet, called as its documentation says, gives for a task."""
    stamps = task.series.index.append(task.series.future_index)
    frame = pd.DataFrame({"ds": stamps, **(columns or {})})
    cut = len(task.series.target)
    model = Prophet(**arguments)
    for name in columns or {}:
        if name not in ("cap", "floor"):
            model.add_regressor(name)
    if country:
        model.add_country_holidays(country)
    model.fit(frame[:cut].assign(y=task.series.target))
    mean = model.predict(frame[cut:])["yhat"].to_numpy()
    np.random.seed(SEED)
    samples = model.predictive_samples(frame[cut:])["yhat"]
    return mean, np.percentile(samples, 100 * np.array(task.levels), axis=1).T


def assert_equal(task: Task, mean: Floats, quantiles: Floats) -> None:
    forecast = fit(task)
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(forecast.quantiles, quantiles, rtol=1e-12)
    assert forecast.levels == task.levels


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"growth": "flat", "seasonality_mode": "multiplicative", "weekly_seasonality": 2},
        {"n_changepoints": 5, "changepoint_prior_scale": 0.5, "seasonality_prior_scale": 0.1},
        {"yearly_seasonality": False, "weekly_seasonality": True, "uncertainty_samples": 300},
    ],
)
def test_a_forecast_equals_prophets_own(options: dict[str, Any]) -> None:
    task = make_task(VALUES, levels=LEVELS, **options)
    assert_equal(task, *ask_prophet(task, **options))


def test_logistic_growth_equals_prophets_own() -> None:
    task = make_task(VALUES, levels=LEVELS, growth="logistic", cap=20, floor=2)
    bounds = {"cap": np.full(65, 20.0), "floor": np.full(65, 2.0)}
    assert_equal(task, *ask_prophet(task, bounds, growth="logistic"))


def test_holidays_equal_prophets_own() -> None:
    task = make_task(VALUES, 30, levels=LEVELS, start="2023-11-01", country_holidays="DE")
    assert_equal(task, *ask_prophet(task, country="DE"))
    without = fit(make_task(VALUES, 30, levels=LEVELS, start="2023-11-01"))
    assert not np.allclose(fit(task).mean, without.mean)


def test_covariates_equal_prophets_own_regressors() -> None:
    price = np.random.default_rng(5).normal(size=65)
    days = ["sun", "rain", "rain"] * 21 + ["snow", "sun"]
    values = VALUES + 4 * price[:60]
    # `trend` is a name that Prophet keeps for itself.
    task = make_task(values, covariates=(numerical("trend", price), categorical("weather", days)))
    sky = np.array(days)
    columns = {"price": price, "rain": 1.0 * (sky == "rain"), "sun": 1.0 * (sky == "sun")}
    for name in ("rain", "sun"):
        columns[name][sky == "snow"] = columns[name][:60].mean()
    assert_equal(task, *ask_prophet(task, columns))


def test_a_known_future_of_a_covariate_shows_in_the_forecast() -> None:
    price = np.random.default_rng(5).normal(size=65)
    low, high = price.copy(), price.copy()
    low[60:], high[60:] = 0, 1
    values = VALUES + 4 * price[:60]
    means = [fit(make_task(values, covariates=(numerical("price", p),))).mean for p in (low, high)]
    np.testing.assert_allclose(means[1] - means[0], 4, atol=0.5)


def test_what_says_nothing_about_a_series_is_told_with_its_forecast() -> None:
    base = numerical("base", np.full(65, 3.0), static=True)
    with_base, without = fit(make_task(VALUES, covariates=(base,))), fit(make_task(VALUES))
    np.testing.assert_array_equal(with_base.mean, without.mean)
    assert [note[:29] for note in with_base.warnings] == ["Covariate 'base' was not used"]
    assert without.warnings == ()


def test_quantiles_do_not_depend_on_what_was_drawn_before() -> None:
    first = fit(make_task(VALUES))
    np.random.seed(99)
    np.testing.assert_array_equal(fit(make_task(VALUES)).quantiles, first.quantiles)


def test_gaps_are_left_out_as_if_their_rows_were_missing() -> None:
    values = VALUES.copy()
    values[[4, 20, 21]] = np.nan
    task = make_task(values)
    kept = pd.DataFrame({"ds": task.series.index, "y": values}).dropna()
    direct = Prophet(uncertainty_samples=0).fit(kept)
    expected = direct.predict(pd.DataFrame({"ds": task.series.future_index}))["yhat"]
    np.testing.assert_allclose(fit(task).mean, expected, rtol=1e-12)


def test_zoned_stamps_are_read_as_local_time_also_when_clocks_go_back() -> None:
    zoned = make_task(VALUES, 24, start="2023-10-28 09:00", freq="15min", tz="Europe/Berlin")
    local = zoned.series.future_index.tz_localize(None)
    assert local.has_duplicates
    assert not local.is_monotonic_increasing
    history = pd.DataFrame({"ds": zoned.series.index.tz_localize(None), "y": VALUES})
    direct = Prophet(uncertainty_samples=0).fit(history)
    expected = [direct.predict(pd.DataFrame({"ds": [stamp]}))["yhat"].item() for stamp in local]
    np.testing.assert_allclose(fit(zoned).mean, expected, rtol=1e-9)


@pytest.mark.parametrize("value", [5.0, 0.0, -2.5])
def test_a_constant_series_gives_a_constant_forecast(value: float) -> None:
    forecast = fit(make_task(np.full(20, value)))
    np.testing.assert_allclose(forecast.mean, value, atol=1e-6)
    np.testing.assert_allclose(forecast.quantiles, value, atol=1e-6)


def test_two_points_are_enough() -> None:
    forecast = fit(make_task(np.array([1.0, 2.0]), growth="flat"))
    assert np.isfinite(forecast.quantiles).all()
    assert 1 < forecast.mean[0] < 2


@pytest.mark.parametrize(
    ("values", "count"), [([1.0], "1 known value;"), ([np.nan, np.nan], "0 known values;")]
)
def test_fewer_than_two_known_values_are_an_error_of_the_data(values: list[float], count: str) -> None:
    with pytest.raises(DataError, match=f"Series 'a' has {count}"):
        fit(make_task(np.array(values)))


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_a_series_that_stan_cannot_fit_is_named() -> None:
    extreme = np.where(np.arange(65) % 2, 1.7e308, -1.7e308)
    with pytest.raises(ModelError, match="no fit for series 'a'"):
        fit(make_task(VALUES, covariates=(numerical("x", extreme),)))


def test_a_search_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_module, "FIT_SECONDS", 0.02)
    with pytest.raises(ModelError, match="no fit for series 'a'"):
        fit(make_task(np.arange(60.0)))


def test_a_fit_leaves_no_files_and_no_log_behind(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        warm()
        fit(make_task(VALUES))
    assert not [record for record in caplog.records if record.name.startswith(("cmdstanpy", "prophet"))]
    assert list(Path(cmdstanpy._TMPDIR).iterdir()) == []


def test_countries_are_known_by_two_letters() -> None:
    countries = list_countries(None)
    assert {"DE", "US", "IN", "BR"} <= set(countries)
    assert {len(code) for code in countries} == {2}
