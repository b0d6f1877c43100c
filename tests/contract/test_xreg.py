"""How each model of the registry takes the parameters of the in-context regression."""

import numpy as np
import pytest

from tests.contract.conftest import Model
from tests.contract.test_contract import promoted


@pytest.mark.parametrize("mode", ["xreg + timesfm", "timesfm + xreg"])
def test_a_regression_is_made_as_asked_or_refused(model: Model, mode: str) -> None:
    roles = {"y": "target", "promo": "dynamic_numerical"}
    response = model.forecast(promoted([0, 0, 1, 0]), roles, horizon_len=4, xreg_mode=mode, xreg_ridge=0.5)
    able = model.limits.covariates == "regression" and (mode == "xreg + timesfm" or model.limits.backcast)
    if not able:
        assert (response.status_code, response.json()["error"]) == (422, "NOT_SUPPORTED")
        return
    assert response.status_code == 200, response.text
    assert response.json()["prediction"]["method"] == "covariates_enhanced"
    plain = model.forecast(promoted([0] * 4), roles, horizon_len=4, xreg_mode=mode, xreg_ridge=0.5)
    moved, still = (np.asarray(one.json()["prediction"]["quantile_forecast"][0]) for one in (response, plain))
    assert np.abs(moved[2] - still[2]).min() > 1e-3
    assert np.abs(moved[[0, 1, 3]] - still[[0, 1, 3]]).max() < 1e-9
