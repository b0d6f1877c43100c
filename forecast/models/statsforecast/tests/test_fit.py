"""What comes back for series of every kind."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.core.adapter import Covariate, Floats
from forecast.models.statsforecast.schemas.schema import Method
from forecast.models.statsforecast.services.fit import fit
from forecast.models.statsforecast.tests.build import make_series, make_task, number, seasonal

EVERY: list[Method] = [
    "auto",
    "AutoETS",
    "AutoTheta",
    "AutoARIMA",
    "MSTL",
    "SeasonalNaive",
    "DynamicOptimizedTheta",
]
QUICK: list[Method] = ["AutoETS", "DynamicOptimizedTheta", "MSTL", "SeasonalNaive"]


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e9, 1e-9])
@pytest.mark.parametrize("steps", [1, 3, 40])
def test_a_constant_series_gives_a_constant_forecast(method: Method, value: float, steps: int) -> None:
    forecast = fit(make_task(make_series(np.full(steps, value)), method))
    assert forecast.method == "Naive"
    np.testing.assert_array_equal(forecast.mean, np.full(12, value))
    np.testing.assert_array_equal(forecast.quantiles, np.full((12, 9), value))
    assert len(forecast.warnings) == (1 if steps == 1 else 0)


@pytest.mark.parametrize("method", EVERY)
def test_two_points_give_the_last_one_and_a_spread_that_widens(method: Method) -> None:
    forecast = fit(make_task(make_series([10.0, 12.0]), method))
    assert forecast.method == "Naive"
    np.testing.assert_array_equal(forecast.mean, np.full(12, 12.0))
    width = forecast.quantiles[:, 8] - forecast.quantiles[:, 0]
    # The one step seen is 2, and the steps of a random walk add up.
    np.testing.assert_allclose(width, 2 * 1.2815515655446004 * 2 * np.sqrt(np.arange(1, 13)), rtol=1e-12)
    assert any("was used instead" in told for told in forecast.warnings) == (method != "auto")


@pytest.mark.parametrize("method", ["AutoETS", "AutoTheta", "DynamicOptimizedTheta", "MSTL", "SeasonalNaive"])
@pytest.mark.parametrize(
    "target",
    [-seasonal(60), seasonal(60) - 60, np.where(np.arange(60) % 5 == 0, seasonal(60), 0.0), np.arange(60.0)],
    ids=["negative", "around zero", "mostly zeros", "a line"],
)
def test_signs_and_zeros_are_fitted_by_the_method_asked_for(method: Method, target: Floats) -> None:
    forecast = fit(make_task(make_series(target), method))
    assert (forecast.method, forecast.warnings) == (method, ())
    assert np.isfinite(forecast.quantiles).all()
    reach = 3 * np.ptp(target)
    assert target.min() - reach < forecast.mean.min() <= forecast.mean.max() < target.max() + reach


@pytest.mark.parametrize("method", ["AutoETS", "MSTL", "SeasonalNaive"])
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_forecast_is_in_the_unit_of_the_series(method: Method, scale: float) -> None:
    target = seasonal(48)
    ordinary = fit(make_task(make_series(target), method))
    scaled = fit(make_task(make_series(target * scale), method))
    np.testing.assert_allclose(scaled.mean / scale, ordinary.mean, rtol=1e-6)
    np.testing.assert_allclose(scaled.quantiles / scale, ordinary.quantiles, rtol=1e-6)


@pytest.mark.parametrize("method", ["AutoTheta", "DynamicOptimizedTheta", "AutoARIMA"])
def test_methods_with_absolute_tolerances_fit_extreme_scales_alike(method: Method) -> None:
    target = seasonal(32, 4)
    tiny, huge = (
        fit(make_task(make_series(target * scale, freq="QS", season=4), method)) for scale in (1e-9, 1e12)
    )
    np.testing.assert_allclose(tiny.mean / 1e-9, huge.mean / 1e12, rtol=1e-6)
    np.testing.assert_allclose(tiny.quantiles / 1e-9, huge.quantiles / 1e12, rtol=1e-5)


def peaks(steps: int) -> Floats:
    """Hours between 5 and 200: ETS(M,N,N) takes its errors for percentages and compounds them."""
    rng = np.random.default_rng(0)
    day = np.maximum(0, np.sin(2 * np.pi * np.arange(steps) / 24)) ** 2
    values: Floats = 5 + 200 * day * np.exp(0.1 * rng.normal(size=steps))
    return values


def test_exploding_intervals_give_way_to_those_of_the_naive_method() -> None:
    from statsforecast.models import AutoETS

    target = peaks(240)
    raw = AutoETS(season_length=1).forecast(y=target, h=168, level=[80])
    assert np.max(raw["hi-80"]) > 1e10
    forecast = fit(make_task(make_series(target, horizon=168, freq="h", season=1), "AutoETS"))
    assert forecast.method == "AutoETS"
    assert forecast.warnings == (
        "The intervals of AutoETS exploded; the width of those of SeasonalNaive is given.",
    )
    np.testing.assert_allclose(forecast.mean, raw["mean"], rtol=1e-9)
    width = (forecast.quantiles[:, 8] - forecast.quantiles[:, 0]) / 2
    walk = np.sqrt(np.mean(np.diff(target) ** 2) * np.arange(1, 169))
    np.testing.assert_allclose(width, 1.2815515655446004 * walk, rtol=1e-9)


def test_sound_intervals_are_left_alone() -> None:
    # A random walk spreads as far as intervals may: the guard must not touch it.
    walk = np.cumsum(np.random.default_rng(1).normal(size=60))
    forecast = fit(make_task(make_series(walk, horizon=200, freq="D", season=1), "AutoETS"))
    assert forecast.warnings == ()


class Unfittable:
    """Fails as the library does where no candidate has a finite likelihood."""

    def __init__(self, season_length: int) -> None:
        self.season_length = season_length

    def forecast(self, *, h: int, **_: Any) -> dict[str, Floats]:
        raise Exception("no model able to be fitted")


class Divergent(Unfittable):
    def forecast(self, *, h: int, **_: Any) -> dict[str, Floats]:
        return {"mean": np.full(h, np.nan)}


@pytest.mark.parametrize(
    ("kind", "reason"), [(Unfittable, "Exception"), (Divergent, "its forecast was no number")]
)
def test_a_fit_that_fails_in_the_library_falls_back_and_says_so(
    monkeypatch: pytest.MonkeyPatch, kind: type[Unfittable], reason: str
) -> None:
    from statsforecast import models

    monkeypatch.setattr(models, "AutoETS", kind)
    series = make_series(seasonal(40))
    forecast = fit(make_task(series, "AutoETS"))
    expected = fit(make_task(series, "SeasonalNaive"))
    assert forecast.method == "SeasonalNaive"
    assert forecast.warnings == (f"AutoETS could not be fitted ({reason}); SeasonalNaive was used instead.",)
    np.testing.assert_array_equal(forecast.quantiles, expected.quantiles)


def test_covariates_move_the_forecast_of_arima() -> None:
    rng = np.random.default_rng(3)
    price = rng.normal(size=72)
    target = 20 + 6 * price[:60] + rng.normal(scale=0.5, size=60)
    low, high = (
        fit(
            make_task(
                make_series(
                    target,
                    season=1,
                    covariates=[number("price", np.concatenate([price[:60], np.full(12, ahead)]), 12)],
                ),
                "AutoARIMA",
            )
        )
        for ahead in (0.0, 1.0)
    )
    np.testing.assert_allclose(high.mean - low.mean, 6.0, atol=0.3)
    np.testing.assert_allclose(high.quantiles - low.quantiles, 6.0, atol=0.3)


def test_a_fallback_of_arima_tells_that_covariates_were_left_out() -> None:
    series = make_series([1.0, 3.0, 2.0], season=1, covariates=[number("price", np.arange(15.0), 12)])
    forecast = fit(make_task(series, "AutoARIMA"))
    assert forecast.warnings == (
        "AutoARIMA needs at least 10 steps, not 3; SeasonalNaive was used instead.",
        "SeasonalNaive takes no covariates; they were left out.",
    )


@settings(max_examples=80, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=30),
    season=st.integers(1, 5),
    horizon=st.integers(1, 9),
    levels=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True).map(sorted),
    method=st.sampled_from(QUICK),
)
def test_quantiles_are_finite_and_never_cross(
    values: list[float], season: int, horizon: int, levels: list[float], method: Method
) -> None:
    series = make_series(values, horizon=horizon, season=season)
    forecast = fit(make_task(series, method, levels=levels))
    assert forecast.mean.shape == (horizon,)
    assert forecast.quantiles.shape == (horizon, len(levels))
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()


@pytest.mark.parametrize(("values", "used"), [([5.0] * 40, False), (list(range(40)), True)])
def test_it_is_told_whether_covariates_had_a_part(values: list[float], used: bool) -> None:
    flags = Covariate("p", "numerical", np.resize([0.0, 1.0, 2.0], 40), np.zeros(12))
    with_flags = fit(make_task(make_series(values, covariates=[flags]), "AutoARIMA"))
    assert (with_flags.covariates_used, with_flags.method == "AutoARIMA") == (used, used)
    assert fit(make_task(make_series(values), "AutoARIMA")).covariates_used
