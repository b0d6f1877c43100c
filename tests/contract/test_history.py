"""The least history that each model needs, and what it does about gaps."""

from typing import Any

import numpy as np
import pytest

from forecast.models import get_available_models
from scripts.model_kinds import list_kinds
from tests.contract.conftest import Model, every_kind
from tests.contract.test_contract import days, wave

Target = list[float | None]


@every_kind
@pytest.mark.parametrize("points", [1, 2, 3])
def test_a_short_history_is_forecast_or_refused_by_series_and_numbers(model: Model, points: int) -> None:
    table = {"date": days(40) + days(points), "shop": ["long"] * 40 + ["new"] * points}
    table["y"] = wave(40) + wave(points)  # type: ignore[assignment]  # a table has columns of several types
    answer = model.forecast(table, {"y": "target", "shop": "id"}, horizon_len=3)
    least = model.limits.min_context
    if points >= least:
        assert answer.status_code == 200, answer.text
        assert np.isfinite(answer.json()["prediction"]["quantile_forecast"]).all()
        return
    assert (answer.status_code, answer.json()["error"]) == (400, "DATA_INVALID")
    told = f"Series 'new' has {points} known step in its context; this model needs at least {least}."
    assert answer.json()["detail"] == f"Data error: {told}"
    assert answer.json()["details"] == {"series": "new", "known": points, "needed": least}


@every_kind
@pytest.mark.parametrize("points", [1, 2, 3])
def test_a_covariate_of_a_short_history_does_not_break_the_forecast(model: Model, points: int) -> None:
    if model.limits.covariates == "none" or points < model.limits.min_context:
        pytest.skip("refused, as another test holds")
    table = {"date": days(points + 3), "y": [*wave(points), *[None] * 3]}
    table["promo"] = [1, 0, 1, 1, 0, 1][: points + 3]
    answer = model.forecast(table, {"y": "target", "promo": "dynamic_numerical"}, horizon_len=3, freq="D")
    assert answer.status_code == 200, answer.text
    assert np.isfinite(answer.json()["prediction"]["quantile_forecast"]).all()


def rough(count: int) -> list[float]:
    noise: list[float] = np.random.default_rng(0).normal(size=count).tolist()
    return [value + wobble for value, wobble in zip(wave(count), noise, strict=True)]


def gapped(*gaps: range) -> dict[str, Any]:
    target: Target = list(rough(50))
    for gap in gaps:
        for step in gap:
            target[step] = None
    return {"date": days(50), "y": target}


GAPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": (gapped(), {}),
    "one step": (gapped(range(20, 21)), {}),
    "half of it": (gapped(range(10, 40, 2), range(41, 49, 2)), {}),
    "before the first value": (gapped(range(12)), {}),
    "where the context begins": (gapped(range(10, 40)), {"context_len": 20}),
    "after the last value": (gapped(range(45, 50)), {}),
    "up to one value": (gapped(range(10, 49)), {"context_len": 40}),
}


@every_kind
@pytest.mark.parametrize("gap", GAPS)
def test_gaps_left_to_the_model_are_forecast_over_or_refused_with_those_that_can(
    model: Model, gap: str
) -> None:
    table, parameters = GAPS[gap]
    answer = model.forecast(table, horizon_len=4, missing="model", **parameters)
    if not model.limits.missing:
        assert (answer.status_code, answer.json()["error"]) == (422, "NOT_SUPPORTED")
        told, _, able = answer.json()["detail"].rstrip(".").partition("; these models can: ")
        assert told == f"'{model.model_id}' takes no gaps, which 'missing': 'model' would leave to it"
        # Other tests of this process may have declared models of their own.
        gappy = {one.model_id for one in list_kinds() if one.can.missing}
        assert set(able.split(", ")) & set(get_available_models()) == gappy
        return
    known = sum(value is not None for value in table["y"][-parameters.get("context_len", 50) :])
    if known < model.limits.min_context:
        assert answer.status_code == 400
        assert f"has {known} known step" in answer.json()["detail"]
        return
    assert answer.status_code == 200, answer.text
    assert np.isfinite(answer.json()["prediction"]["quantile_forecast"]).all()


@every_kind
def test_the_values_around_a_gap_count_and_its_own_do_not(model: Model) -> None:
    if not model.limits.missing:
        pytest.skip("refused, as another test holds")
    gap = gapped(range(20, 35))["y"]
    found = []
    for target in (rough(50), gap, [*gap[:19], 90.0, *gap[20:]]):
        answer = model.forecast({"date": days(50), "y": target}, horizon_len=4, missing="model")
        found.append(np.asarray(answer.json()["prediction"]["point_forecast"]))
    whole, over_the_gap, after_a_jump = found
    assert np.abs(over_the_gap - whole).max() > 1e-6
    assert np.abs(after_a_jump - over_the_gap).max() > 1e-6


@every_kind
@pytest.mark.parametrize("missing", ["error", "interpolate", "model"])
def test_a_series_without_any_value_is_an_error_that_names_it(model: Model, missing: str) -> None:
    table = {"date": days(20) * 2, "shop": ["a"] * 20 + ["b"] * 20, "y": [*wave(20), *[None] * 20]}
    answer = model.forecast(table, {"y": "target", "shop": "id"}, horizon_len=3, missing=missing)
    if missing == "model" and not model.limits.missing:
        assert answer.status_code == 422
        return
    assert (answer.status_code, answer.json()["error"]) == (400, "DATA_INVALID")
    assert "Series 'b' has no target" in answer.json()["detail"]
