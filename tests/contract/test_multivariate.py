"""How each model of the registry takes several targets."""

from typing import Any

import numpy as np

from forecast.core.responses import InferenceResponse
from tests.contract.conftest import Model
from tests.contract.test_contract import days, wave


def test_several_targets_are_forecast_together_or_refused(model: Model) -> None:
    table: dict[str, Any] = {"date": days(60), "a": wave(60), "b": [3 * value for value in wave(60)]}
    roles = {"a": "target", "b": "target"}
    alone = model.forecast(table, roles, horizon_len=4)
    assert (alone.status_code, alone.json()["error"]) == (422, "REQUEST_INVALID")
    assert "'multivariate': true by a model that can: chronos" in alone.json()["detail"]
    together = model.forecast(table, roles, horizon_len=4, multivariate=True)
    if not model.limits.multivariate:
        assert (together.status_code, together.json()["error"]) == (422, "NOT_SUPPORTED")
        assert "these models can: chronos" in together.json()["detail"]
        return
    assert together.status_code == 200, together.text
    InferenceResponse.model_validate(together.json(), strict=True)
    assert together.json()["prediction"]["series_ids"] == ["series_0/a", "series_0/b"]
    table["b"] = table["b"][::-1]
    moved = model.forecast(table, roles, horizon_len=4, multivariate=True)
    first, second = (response.json()["prediction"]["point_forecast"][0] for response in (together, moved))
    assert np.abs(np.subtract(first, second)).max() > 1e-3


def test_a_target_does_not_move_another_unless_asked_for_together(model: Model) -> None:
    table: dict[str, Any] = {"date": days(60), "a": wave(60), "b": [3 * value for value in wave(60)]}
    first = model.forecast(table, {"a": "target"}, horizon_len=4)
    table["b"] = table["b"][::-1]
    second = model.forecast(table, {"a": "target"}, horizon_len=4)
    assert first.json()["prediction"] == second.json()["prediction"]
