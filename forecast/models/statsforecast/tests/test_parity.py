"""The numbers are those of the library called directly."""

import warnings
from typing import Any, get_args

import numpy as np
import pytest

from forecast.core.adapter import DECILES
from forecast.models.statsforecast.schemas.schema import Method
from forecast.models.statsforecast.services.fit import fit
from forecast.models.statsforecast.tests.build import category, make_series, make_task, number, seasonal


def directly(method: str, season: Any, target: Any, horizon: int, **more: Any) -> dict[str, Any]:
    from statsforecast import models

    arguments = {"approximation": True} if method == "AutoARIMA" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(models, method)(season_length=season, **arguments)
        result: dict[str, Any] = model.forecast(y=target, h=horizon, **more)
    return result


@pytest.mark.parametrize("method", [name for name in get_args(Method) if name != "auto"])
@pytest.mark.parametrize("horizon", [1, 7])
def test_every_method_equals_the_library(method: Method, horizon: int) -> None:
    target = seasonal(40, 4)
    forecast = fit(make_task(make_series(target, horizon=horizon, freq="QS", season=4), method))
    expected = directly(method, 4, target, horizon, level=[20, 40, 60, 80])
    assert forecast.method == method
    assert forecast.warnings == ()
    np.testing.assert_allclose(forecast.mean, expected["mean"], rtol=1e-9)
    for column, name in enumerate(("lo-80", "lo-60", "lo-40", "lo-20")):
        np.testing.assert_allclose(forecast.quantiles[:, column], expected[name], rtol=1e-9)
    for column, name in enumerate(("hi-20", "hi-40", "hi-60", "hi-80"), start=5):
        np.testing.assert_allclose(forecast.quantiles[:, column], expected[name], rtol=1e-9)


@pytest.mark.parametrize("method", ["AutoETS", "AutoARIMA", "MSTL", "SeasonalNaive"])
def test_the_median_of_symmetric_intervals_is_the_point_forecast(method: Method) -> None:
    forecast = fit(make_task(make_series(seasonal(40, 4), freq="QS", season=4), method))
    np.testing.assert_allclose(forecast.quantiles[:, 4], forecast.mean, rtol=1e-12)


def test_columns_are_exactly_the_levels_asked_for() -> None:
    target = seasonal(60)
    forecast = fit(make_task(make_series(target, horizon=5), "MSTL", levels=(0.025, 0.3, 0.99)))
    expected = directly("MSTL", 12, target, 5, level=[40, 95, 98])
    assert forecast.levels == (0.025, 0.3, 0.99)
    np.testing.assert_allclose(
        forecast.quantiles,
        np.column_stack([expected["lo-95"], expected["lo-40"], expected["hi-98"]]),
        rtol=1e-9,
    )


def test_four_weeks_of_hours_show_mstl_the_week_beside_the_day() -> None:
    target = seasonal(4 * 168, 24) + 5 * np.sin(2 * np.pi * np.arange(4 * 168) / 168)
    long = fit(make_task(make_series(target, horizon=24, freq="h", season=24), "MSTL"))
    np.testing.assert_allclose(long.mean, directly("MSTL", [24, 168], target, 24)["mean"], rtol=1e-9)
    short = fit(make_task(make_series(target[1:], horizon=24, freq="h", season=24), "MSTL"))
    np.testing.assert_allclose(short.mean, directly("MSTL", 24, target[1:], 24)["mean"], rtol=1e-9)


def test_covariates_go_into_arima_as_they_are() -> None:
    rng = np.random.default_rng(3)
    price = rng.normal(size=66)
    day = rng.choice(["a", "b", "c"], size=66)
    target = seasonal(60, trend=0.0) + 6 * price[:60] + 4 * (day[:60] == "b")
    covariates = (number("price", price, 6), category("day", list(day), 6))
    series = make_series(target, horizon=6, season=1, covariates=covariates)
    forecast = fit(make_task(series, "AutoARIMA"))
    columns = np.column_stack([price, day == "b", day == "c"]).astype(float)
    expected = directly(
        "AutoARIMA", 1, target, 6, X=columns[:60], X_future=columns[60:], level=[20, 40, 60, 80]
    )
    assert forecast.warnings == ()
    np.testing.assert_allclose(forecast.mean, expected["mean"], atol=1e-5 * np.ptp(target))
    np.testing.assert_allclose(forecast.quantiles[:, 0], expected["lo-80"], atol=1e-5 * np.ptp(target))


def test_only_the_last_thousand_steps_reach_arima() -> None:
    rng = np.random.default_rng(5)
    target = np.cumsum(rng.normal(size=1200))
    forecast = fit(make_task(make_series(target, horizon=3, freq="D", season=1), "AutoARIMA", levels=DECILES))
    expected = directly("AutoARIMA", 1, target[-1000:], 3)
    np.testing.assert_allclose(forecast.mean, expected["mean"], rtol=1e-9)
    assert forecast.warnings == ("AutoARIMA looks at the last 1000 steps only.",)
