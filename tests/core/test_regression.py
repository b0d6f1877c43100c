"""The golden numbers come from upstream itself: see golden/make_xreg.py for how they were made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.core.adapter import Covariate, Floats, Forecast, Series
from forecast.core.design import MOST_COLUMNS
from forecast.core.errors import DataError, NotSupportedError
from forecast.core.regression import regress

GOLDEN = json.loads((Path(__file__).parent / "golden" / "xreg.json").read_text())
FITS = [
    pytest.param(
        case["series"], fit, id=f"{case['name']}, ridge {fit['ridge']}, normalize {fit['normalize']}"
    )
    for case in GOLDEN
    for fit in case["fits"]
]


def make_series(target: Any, horizon: int, **columns: Any) -> Series:
    values = np.asarray(target, dtype=np.float64)
    index = pd.date_range("2024-01-01", periods=len(values) + horizon, freq="D")
    covariates = []
    for name, column in columns.items():
        whole = np.asarray(column, dtype=None if np.asarray(column).dtype.kind in "fi" else object)
        numerical = whole.dtype.kind in "fi"
        whole = whole.astype(np.float64) if numerical else whole
        past, future = whole[: len(values)], whole[len(values) :]
        covariates.append(Covariate(name, "numerical" if numerical else "categorical", past, future))
    return Series("s", index[: len(values)], values, index[len(values) :], "D", 7, tuple(covariates))


def read_golden(one: dict[str, Any]) -> Series:
    total = len(one["target"]) + one["horizon"]
    columns = {
        name: [c["values"]] * total if c["kind"].startswith("static") else c["values"]
        for name, c in one["covariates"].items()
    }
    return make_series(one["target"], one["horizon"], **columns)


def carry(residual: Series, value: float = 0.0) -> Forecast:
    horizon = len(residual.future_index)
    return Forecast(np.full(horizon, value), np.tile([value - 1, value + 1], (horizon, 1)), (0.1, 0.9))


def point_forecasts(series: list[Series], **how: Any) -> list[Floats]:
    """What comes out when every residual is forecast as zero: the regression's own forecast."""
    return [adjustment.restore(carry(residual)).mean for residual, adjustment in regress(series, **how)]


def has_unseen(one: dict[str, Any]) -> bool:
    past = len(one["target"])
    dynamic = [c["values"] for c in one["covariates"].values() if c["kind"] == "categorical"]
    return any(set(values[past:]) - set(values[:past]) for values in dynamic)


@pytest.mark.parametrize(("series", "fit"), FITS)
def test_the_regression_equals_upstream(series: list[dict[str, Any]], fit: dict[str, Any]) -> None:
    found = regress([read_golden(one) for one in series], ridge=fit["ridge"], normalize=fit["normalize"])
    expected = zip(found, series, fit["residuals"], fit["offsets"], fit["scales"], strict=True)
    for (residual, adjustment), one, residuals, offset, scale in expected:
        size = np.abs(one["target"]).max()
        assert residual.covariates == ()
        assert adjustment.scale == pytest.approx(scale, rel=1e-6)
        assert residual.target * scale == pytest.approx(np.array(residuals) * scale, abs=2e-5 * size)
        if not has_unseen(one):  # such a category counts as the first one upstream, not as the mean
            assert adjustment.offset == pytest.approx(offset, abs=2e-5 * size)


def test_what_the_covariates_explain_is_forecast_from_their_future() -> None:
    rng = np.random.default_rng(0)
    price, promo = rng.normal(size=60), rng.choice(["no", "yes"], 60)
    truth = 5 + 3 * price + 10 * (promo == "yes")
    (found,) = point_forecasts([make_series(truth[:50], 10, price=price, promo=promo)])
    assert found == pytest.approx(truth[50:], abs=1e-6)


def test_mean_and_quantiles_are_scaled_and_shifted_together() -> None:
    rng = np.random.default_rng(1)
    column = rng.normal(size=44)
    series = make_series(100 * column[:40] + rng.normal(size=40), 4, x=column)
    ((residual, adjustment),) = regress([series])
    restored = adjustment.restore(carry(residual, 0.5))
    assert restored.mean == pytest.approx(adjustment.offset + 0.5 * series.target.std())
    assert restored.quantiles[:, 0] == pytest.approx(restored.mean - series.target.std())
    assert restored.quantiles[:, 1] == pytest.approx(restored.mean + series.target.std())
    assert restored.levels == (0.1, 0.9)


def test_residual_and_regression_add_up_to_the_target() -> None:
    column = np.tile([1.0, 2.0, 5.0, 3.0], 8)
    target = np.arange(32.0) + column
    copy = make_series(target, 32, x=np.tile(column, 2))
    ((residual, adjustment),) = regress([copy])
    # The future covariates repeat the past, so the offset over the horizon is the fit of the context.
    assert residual.target * adjustment.scale + adjustment.offset == pytest.approx(target)


def test_a_constant_covariate_changes_nothing_even_if_its_future_moves() -> None:
    column = np.full(24, 1e12)
    column[20:] = 9e12
    target = np.arange(20.0)
    (found,) = point_forecasts([make_series(target, 4, x=column)])
    assert found == pytest.approx(np.full(4, target.mean()))


@pytest.mark.parametrize(("ridge", "exact"), [(0.0, 1e-9), (1e-6, 1e-5)])
def test_a_category_first_met_in_the_future_counts_as_the_mean_of_those_known(
    ridge: float, exact: float
) -> None:
    past = ["a", "a", "a", "b"] * 5
    target = np.where(np.array(past) == "a", 1.0, 3.0)
    (found,) = point_forecasts([make_series(target, 3, x=[*past, "b", "new", "a"])], ridge=ridge)
    assert found == pytest.approx([3.0, 1.5, 1.0], abs=exact)


@pytest.mark.parametrize("occurrences", [1, 2, 3])
def test_a_category_that_is_rare_in_a_long_context_keeps_its_effect(occurrences: int) -> None:
    hours, days = np.arange(8762) % 24, np.arange(8762) // 24 % 7
    event = np.array(["none"] * 8762, dtype=object)
    event[[1000, 3000, 5000][:occurrences]] = "event"
    event[8761] = "event"
    target = (0.1 * hours + days + 50 * (event == "event"))[:8760]
    columns = {"hour": [f"{hour:02}" for hour in hours], "day": [str(day) for day in days], "event": event}
    (found,) = point_forecasts([make_series(target, 2, **columns)])
    assert found == pytest.approx([0.0 + 1, 50.1 + 1], abs=1e-6)


def test_a_column_that_nearly_repeats_another_does_not_blow_up_when_they_part() -> None:
    rng = np.random.default_rng(8)
    price = rng.normal(size=200)
    twin = price + 1e-7 * rng.normal(size=200)
    twin[-1] = price[-1] + 1e-3
    target = (2 * price + 0.01 * rng.normal(size=200))[:-1]
    (found,) = point_forecasts([make_series(target, 1, price=price, twin=twin)])
    assert found == pytest.approx([2 * price[-1]], abs=0.02)


def test_a_covariate_in_tiny_units_counts_as_much_as_in_large_ones() -> None:
    column = np.random.default_rng(2).normal(size=30)
    target = (2 * column)[:25]
    small, large = (point_forecasts([make_series(target, 5, x=column * unit)])[0] for unit in (1e-9, 1e9))
    assert small == pytest.approx(2 * column[25:])
    assert large == pytest.approx(2 * column[25:])


def test_a_target_in_tiny_units_is_normalized_too() -> None:
    column = np.random.default_rng(3).normal(size=30)
    noise = np.random.default_rng(4).normal(size=25)
    ((residual, adjustment),) = regress([make_series(1e-8 * (column[:25] + noise), 5, x=column)])
    assert residual.target.std() > 0.1
    assert adjustment.scale < 1e-7


def test_a_target_that_the_covariates_explain_wholly_leaves_an_exact_zero() -> None:
    column = np.random.default_rng(5).normal(size=30)
    ((residual, _),) = regress([make_series(7 + 0.1 * column[:25], 5, x=column)])
    assert not residual.target.any()


@pytest.mark.parametrize("length", [1, 2])
def test_one_and_two_points_stay_near_themselves(length: int) -> None:
    series = make_series(
        [4.0, 6.0][:length], 3, x=[1.0, 2.0, 3.0, 4.0, 5.0][: length + 3], y=["a"] * (length + 3)
    )
    (found,) = point_forecasts([series])
    assert np.isfinite(found).all()
    assert np.abs(found - series.target.mean()).max() < 5


def test_many_covariates_on_a_short_context_do_not_explode() -> None:
    rng = np.random.default_rng(6)
    sizes = []
    for _ in range(20):
        columns = {f"x{i}": rng.normal(size=40).cumsum() for i in range(14)}
        # The target is noise of unit size: the best forecast is zero.
        series = make_series(rng.normal(size=16), 24, **columns)
        both = point_forecasts([series])[0], point_forecasts([series], ridge=0.0)[0]
        sizes.append([np.abs(found).mean() for found in both])
    tamed, least_squares = np.median(sizes, axis=0)
    assert tamed < 2
    assert least_squares > 2 * tamed


def test_with_many_rows_a_column_the_default_is_least_squares() -> None:
    rng = np.random.default_rng(7)
    column = rng.normal(size=46)
    series = [make_series(rng.normal(size=40), 6, x=column)]
    assert np.array_equal(point_forecasts(series)[0], point_forecasts(series, ridge=0.0)[0])


def test_series_share_one_regression() -> None:
    rng = np.random.default_rng(8)
    column = rng.normal(size=44)
    informed = make_series(column[:40] * 5, 4, x=column)
    # Two points alone cannot tell the effect of x; together with the other series they can.
    short = make_series(column[38:40] * 5, 4, x=column[38:])
    _, found = point_forecasts([informed, short], ridge=0.0, normalize=False)
    assert found == pytest.approx(column[40:] * 5, abs=0.05)


def test_the_order_of_covariates_does_not_matter() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=24), rng.choice(["u", "v", "w"], 24)
    first = make_series(rng.normal(size=20), 4, a=a, b=b)
    second = make_series(rng.normal(size=20), 4, b=b, a=a)
    swapped = make_series(second.target, 4, a=a, b=b)
    assert np.array_equal(point_forecasts([first, second]), point_forecasts([first, swapped]))


def test_the_regression_keeps_the_series_itself() -> None:
    series = make_series([1.0, 2.0, 4.0], 2, x=[1.0, 2.0, 3.0, 4.0, 5.0])
    before = series.target.copy()
    ((residual, _),) = regress([series])
    assert np.array_equal(series.target, before)
    assert (residual.unique_id, residual.freq, residual.season_length) == ("s", "D", 7)
    assert residual.index.equals(series.index)
    assert residual.future_index.equals(series.future_index)


def test_too_many_categories_are_refused_by_name() -> None:
    names = [f"c{i}" for i in range(MOST_COLUMNS + 5)]
    series = make_series(np.arange(len(names) - 1.0), 1, ticket=names)
    with pytest.raises(DataError, match="With 'ticket' the categorical covariates have more than 1000"):
        regress([series])


def test_many_categories_are_solved_like_few() -> None:
    rng = np.random.default_rng(10)
    codes = rng.integers(0, 300, 4000)
    effect = rng.normal(size=300)
    target = effect[codes] + 0.01 * rng.normal(size=4000)
    series = make_series(target, 3, x=[*(f"c{i}" for i in codes), "c5", "c7", "c250"])
    (found,) = point_forecasts([series], ridge=0.0)
    assert found == pytest.approx(effect[[5, 7, 250]], abs=0.05)


def test_an_unknown_future_is_refused_by_name() -> None:
    series = make_series([1.0, 2.0], 1)
    column = Covariate("x", "numerical", np.array([1.0, 2.0]), None)
    blind = Series("s", series.index, series.target, series.future_index, "D", 7, (column,))
    with pytest.raises(NotSupportedError, match="'x' has no known future"):
        regress([blind])


@given(
    length=st.integers(1, 40),
    width=st.integers(0, 6),
    scale=st.sampled_from([1e-9, 1.0, 1e9]),
    seed=st.integers(0, 2**16),
)
def test_the_adjustment_moves_and_scales_with_the_target(
    length: int, width: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"x{i}": rng.normal(size=length + 5) for i in range(width)}
    columns["kind"] = rng.choice(["a", "b", "c"], length + 5)
    target = rng.normal(size=length)
    (plain,) = point_forecasts([make_series(target, 5, **columns)])
    (moved,) = point_forecasts([make_series((target + 3) * scale, 5, **columns)])
    assert moved == pytest.approx((plain + 3) * scale, rel=1e-6, abs=1e-6 * scale)
