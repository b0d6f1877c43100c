"""Quantiles at any level of a model's range, and as intervals."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import DECILES, Floats, Series, Task
from forecast.core.quantiles import interval_bounds
from forecast.models import get_service
from tests.contract.conftest import Model, every_kind
from tests.contract.test_contract import days, wave

TABLE = {"date": days(60), "y": wave(60)}


def ask(model: Model, **parameters: Any) -> Any:
    answer = model.forecast(TABLE, horizon_len=3, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["prediction"]


def columns(model: Model, *levels: float) -> Floats:
    return np.asarray(ask(model, quantile_levels=list(levels))["quantile_forecast"][0])


def native_columns(model: Model, levels: tuple[float, ...]) -> Floats:
    """Return what the model itself gives at these levels."""
    service = get_service(model.model_id)
    index = pd.date_range("2024-01-01", periods=63, freq="D")
    series = Series("series_0", index[:60], np.asarray(wave(60)), index[60:], "D", 7)
    (forecast,) = service.run_inference([Task(series, 3, levels, service.adapter.options_type())]).forecasts
    assert forecast.levels == levels
    return np.sort(forecast.quantiles, axis=1)


@every_kind
def test_the_models_own_levels_are_given_exactly(model: Model) -> None:
    levels = model.limits.native_levels or DECILES
    assert columns(model, *levels) == pytest.approx(native_columns(model, levels), rel=1e-6)


@every_kind
def test_a_level_between_two_lies_on_the_line_between_them_or_is_the_models_own(model: Model) -> None:
    native = model.limits.native_levels
    between = tuple((np.add(native[1:], native[:-1]) / 2).tolist()) if native else (0.01, 0.123, 0.5, 0.995)
    found = columns(model, *between)
    if native:
        own = native_columns(model, native)
        assert found == pytest.approx((own[:, 1:] + own[:, :-1]) / 2, rel=1e-6)
    else:
        assert found == pytest.approx(native_columns(model, between), rel=1e-6)
        assert (np.diff(found[:, [0, 2]], axis=1) > 0).all()


def inside(model: Model) -> tuple[float, float]:
    """Return the widest interval of the model in percent, and one half as wide."""
    lowest = (model.limits.native_levels or (0.0025,))[0]
    widest = round(100 - 200 * lowest, 10)
    return widest, widest / 2


@every_kind
def test_intervals_are_bands_in_the_order_asked_for_over_ascending_columns(model: Model) -> None:
    wide, narrow = inside(model)
    prediction = ask(model, level=[narrow, wide])
    bounds = sorted([*interval_bounds(narrow), *interval_bounds(wide)])
    assert prediction["quantile_levels"] == bounds
    assert len(prediction["point_forecast"][0]) == 3
    found = np.asarray(prediction["quantile_forecast"][0])
    assert found == pytest.approx(columns(model, *bounds), rel=1e-6)
    bands = prediction["quantile_bands"]
    assert sorted(bands) == [
        f"quantile_band_{band}_{part}" for band in (0, 1) for part in ("label", "lower", "upper")
    ]
    for band, (lower, upper) in enumerate(((1, 2), (0, 3))):
        assert bands[f"quantile_band_{band}_lower"] == found[:, lower].tolist()
        assert bands[f"quantile_band_{band}_upper"] == found[:, upper].tolist()
        label = f"Q{bounds[lower] * 100:.10g}–Q{bounds[upper] * 100:.10g}"
        assert bands[f"quantile_band_{band}_label"] == label


@every_kind
def test_an_interval_outside_the_range_is_refused_with_the_range(model: Model) -> None:
    native = model.limits.native_levels
    refused = model.forecast(TABLE, horizon_len=3, level=[50, 99 if native else 99.9999999])
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")
    lowest, highest = (native[0], native[-1]) if native else (1e-9, 0.999999999)
    needed = "99 needs Q0.5 and Q99.5" if native else "99.9999999 needs Q5e-08 and Q99.99999995"
    told = f"level {needed}; this model's range is {lowest:.10g} to {highest:.10g}."
    assert refused.json()["detail"] == told
    assert refused.json()["details"] == {"lowest": lowest, "highest": highest}
