"""What every model of the registry promises, whoever wrote it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.core.adapter import DECILES, Series, Task
from forecast.core.responses import InferenceResponse
from forecast.models import get_service
from tests.contract.conftest import Model

AIRLINE = {
    "data_source_url_or_path": "data/samples/airline-passengers.csv",
    "data_definition": {"Passengers": "target"},
    "parameters": {"context_len": 48, "horizon_len": 12, "context_end_date": "1959-12"},
}


def days(count: int) -> list[str]:
    return pd.date_range("2024-01-01", periods=count, freq="D").strftime("%Y-%m-%d").tolist()


def wave(count: int) -> list[float]:
    steps = np.arange(count)
    values: list[float] = (50 + 10 * np.sin(steps * 2 * np.pi / 7) + steps * 0.1).tolist()
    return values


def test_every_model_answers_the_same_request_on_the_same_table(model: Model) -> None:
    response = model.post("inference", AIRLINE)
    assert response.status_code == 200, response.text
    InferenceResponse.model_validate(response.json(), strict=True)
    body = response.json()
    prediction = body["prediction"]
    assert np.shape(prediction["point_forecast"]) == (1, 12)
    assert np.shape(prediction["quantile_forecast"]) == (1, 12, 10)
    assert prediction["metadata"]["context_lengths"] == [48]
    shown = body["visualization_data"]
    assert (shown["dates_historical"][-1], shown["dates_future"][0]) == ("1959-12-01", "1960-01-01")
    assert shown["actual_future"] == [417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432]


def test_the_first_column_is_the_point_forecast_and_deciles_never_cross(model: Model) -> None:
    prediction = model.post("inference", AIRLINE).json()["prediction"]
    columns = np.asarray(prediction["quantile_forecast"][0])
    assert columns[:, 0].tolist() == prediction["point_forecast"][0]
    assert (np.diff(columns[:, 1:], axis=1) >= 0).all()
    assert prediction["quantile_bands"]["quantile_band_0_lower"] == columns[:, 1].tolist()
    assert prediction["quantile_bands"]["quantile_band_0_upper"] == columns[:, 9].tolist()


def test_the_same_request_again_gives_the_same_numbers(model: Model) -> None:
    first, second = (model.post("inference", AIRLINE).json()["prediction"] for _ in range(2))
    np.testing.assert_allclose(first["quantile_forecast"], second["quantile_forecast"], rtol=1e-6)


@pytest.mark.parametrize("horizon", [1, 8, 10, 24])
def test_the_horizon_asked_for_is_the_horizon_returned(model: Model, horizon: int) -> None:
    table = {"date": days(80) * 2, "shop": ["a"] * 80 + ["b"] * 80, "y": wave(80) + wave(80)}
    response = model.forecast(
        table, {"y": "target", "shop": "id"}, horizon_len=horizon, quantile_indices=[1, 5, 9]
    )
    assert response.status_code == 200, response.text
    prediction = response.json()["prediction"]
    assert np.shape(prediction["quantile_forecast"]) == (2, horizon, 10)
    columns = np.asarray(prediction["quantile_forecast"])
    assert prediction["quantile_bands"]["quantile_band_1_label"] == "Q50–Q90"
    assert prediction["quantile_bands"]["quantile_band_1_lower"] == columns[:, :, 5].tolist()
    assert prediction["quantile_bands"]["quantile_band_1_upper"] == columns[:, :, 9].tolist()
    assert [len(dates) for dates in response.json()["visualization_data"]["dates_future"]] == [horizon] * 2


def test_a_horizon_beyond_the_limit_is_refused(model: Model) -> None:
    limit = model.limits.max_horizon
    if limit is None:
        pytest.skip("this model has no limit")
    refused = model.forecast({"date": days(80), "y": wave(80)}, horizon_len=limit + 1)
    assert (refused.status_code, refused.json()["error"]) == (422, "HORIZON_TOO_LONG")
    assert str(limit) in refused.json()["detail"]


def test_levels_come_back_in_the_order_asked_for(model: Model) -> None:
    table = {"date": days(80), "y": wave(80)}
    prediction = model.forecast(table, horizon_len=5, quantile_levels=[0.85, 0.5, 0.15]).json()["prediction"]
    columns = np.asarray(prediction["quantile_forecast"][0])
    assert prediction["quantile_levels"] == [0.85, 0.5, 0.15]
    assert columns.shape == (5, 3)
    assert (np.diff(columns, axis=1) <= 0).all()


def test_a_level_outside_the_range_is_refused(model: Model) -> None:
    table = {"date": days(80), "y": wave(80)}
    response = model.forecast(table, horizon_len=5, quantile_levels=[0.001])
    if model.limits.native_levels is None:
        assert response.status_code == 200, response.text
    else:
        assert (response.status_code, response.json()["error"]) == (422, "REQUEST_INVALID")
        assert "range" in response.json()["detail"]


def test_a_constant_series_has_a_finite_forecast(model: Model) -> None:
    response = model.forecast({"date": days(60), "y": [7.0] * 60}, horizon_len=8)
    assert response.status_code == 200, response.text
    assert np.isfinite(response.json()["prediction"]["quantile_forecast"]).all()


@pytest.mark.parametrize("points", [1, 2])
def test_one_or_two_points_are_forecast_or_refused_in_a_sentence(model: Model, points: int) -> None:
    response = model.forecast({"date": days(points), "y": wave(points)}, horizon_len=4, freq="D")
    if points < model.limits.min_context:
        assert (response.status_code, response.json()["error"]) == (400, "DATA_INVALID")
        assert f"needs at least {model.limits.min_context}" in response.json()["detail"]
    else:
        assert response.status_code == 200, response.text
        assert len(response.json()["prediction"]["point_forecast"][0]) == 4


def test_gaps_are_an_error_unless_filled(model: Model) -> None:
    table: dict[str, Any] = {"date": days(60), "y": [*wave(59), 3.0]}
    table["y"][30] = None
    refused = model.forecast(table, horizon_len=4)
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"message": "no value at 2024-01-31 00:00:00", "column": "y", "row": 31, "field": None}
    ]
    assert model.forecast(table, horizon_len=4, missing="interpolate").status_code == 200
    own = model.forecast(table, horizon_len=4, missing="model")
    assert own.status_code == (200 if model.limits.missing else 422)


def promoted(future: list[int]) -> dict[str, Any]:
    promo = [int(step % 5 == 0) for step in range(60)]
    sales = [20 + 30 * flag + 0.01 * step for step, flag in enumerate(promo)]
    return {"date": days(60 + len(future)), "y": [*sales, *[None] * len(future)], "promo": [*promo, *future]}


def test_a_known_future_promotion_moves_the_forecast_or_is_refused(model: Model) -> None:
    roles = {"y": "target", "promo": "dynamic_numerical"}
    without = model.forecast(promoted([0, 0, 0, 0]), roles, horizon_len=4)
    if model.limits.covariates == "none":
        assert (without.status_code, without.json()["error"]) == (422, "NOT_SUPPORTED")
        return
    with_promotion = model.forecast(promoted([0, 0, 1, 0]), roles, horizon_len=4)
    for response in (without, with_promotion):
        assert response.status_code == 200, response.text
        assert response.json()["prediction"]["method"] == "covariates_enhanced"
    plain, moved = (
        np.asarray(response.json()["prediction"]["quantile_forecast"][0])
        for response in (without, with_promotion)
    )
    assert np.abs(moved[2] - plain[2]).max() > 1e-3
    assert np.abs(moved[:, 1:] - plain[:, 1:]).max() > 1e-3


def test_the_four_kinds_of_covariates_are_taken(model: Model) -> None:
    if model.limits.covariates == "none":
        pytest.skip("this model takes no covariates")
    count = 64
    table = {
        "date": days(count) * 2,
        "shop": ["a"] * count + ["b"] * count,
        "y": [*wave(60), *[None] * 4, *[2 * value for value in wave(60)], *[None] * 4],
        "price": [1 + (step % 3) / 10 for step in range(2 * count)],
        "weekday": [str(step % 7) for step in range(2 * count)],
        "size": [10] * count + [20] * count,
        "region": ["north"] * count + ["south"] * count,
    }
    roles = {
        "y": "target",
        "shop": "id",
        "price": "dynamic_numerical",
        "weekday": "dynamic_categorical",
        "size": "static_numerical",
        "region": "static_categorical",
    }
    response = model.forecast(table, roles, horizon_len=4)
    assert response.status_code == 200, response.text
    assert response.json()["prediction"]["metadata"]["covariates_used"] is True
    regressed = model.limits.covariates == "regression"
    told = [warning for warning in response.json()["warnings"] if "'xreg_scope': 'pooled'" in warning]
    assert len(told) == regressed
    pooled = model.forecast(table, roles, horizon_len=4, xreg_scope="pooled")
    assert pooled.status_code == (200 if regressed else 422)
    assert not regressed or pooled.json()["warnings"] == []


def ragged(number: int) -> Series:
    generator = np.random.default_rng(number)
    length = int(generator.integers(8, 60))
    index = pd.date_range("2024-01-01", periods=length + 6, freq="D")
    level = 10.0 ** generator.integers(-2, 4)
    target = level * (5 + np.sin(np.arange(length) * 2 * np.pi / 7) + 0.1 * generator.standard_normal(length))
    return Series(f"s{number}", index[:length], target, index[length:], "D", 7)


def test_batch_mates_never_change_each_others_numbers(model: Model) -> None:
    service = get_service(model.model_id)
    levels = model.limits.native_levels or DECILES
    options = service.adapter.options_type()
    tasks = [Task(ragged(number), 6, levels, options) for number in range(12 if model.fits else 64)]
    together = service.run_inference(tasks).forecasts
    for task, forecast in zip(tasks, together, strict=True):
        (alone,) = service.run_inference([task]).forecasts
        scale = np.abs(task.series.target).max()
        assert np.abs(alone.mean - forecast.mean).max() <= 1e-5 * scale, task.series.unique_id
        assert np.abs(alone.quantiles - forecast.quantiles).max() <= 1e-5 * scale, task.series.unique_id


def test_an_unknown_parameter_is_refused_with_the_nearest_known_one(model: Model) -> None:
    refused = model.forecast({"date": days(60), "y": wave(60)}, horizont_len=4)
    assert refused.status_code == 422
    assert "did you mean 'horizon_len'?" in refused.json()["detail"]


def test_a_second_initialization_with_the_same_body_is_ready_at_once(model: Model) -> None:
    again = model.post("initialization", model.initialization)
    assert (again.status_code, again.json()["model_status"]) == (200, "ready")


def test_the_answer_tells_which_weights_and_library_made_it(model: Model) -> None:
    service = get_service(model.model_id)
    told = model.post("inference", AIRLINE).json()["execution_metadata"]["model_version"]
    assert told.startswith(f"{service.get_model_source_info()} ({service.adapter.library} ")


def test_the_module_offers_the_functions_of_every_model(model: Model) -> None:
    module = __import__(f"forecast.models.{model.model_id}.services.model", fromlist=["service"])
    assert module.get_status() == ("ready", None)
    assert module.get_model_config().backend == "cpu"
    assert module.get_model_source_info() == module.service.get_model_source_info()
    for name in ("initialize_model", "run_inference", "shutdown_model"):
        assert callable(getattr(module, name))


def test_the_examples_of_the_documentation_page_run_as_they_stand(model: Model) -> None:
    paths = model.client.get("/openapi.json").json()["paths"]
    operation = paths[f"/forecast/v1/{model.model_id}/inference"]["post"]
    assert operation["security"] == [{"HTTPBearer": []}]
    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        response = model.post("inference", example["value"])
        assert response.status_code == 200, response.text
