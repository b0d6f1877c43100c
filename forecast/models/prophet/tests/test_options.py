from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError, create_model

from forecast.core.parameters import Parameters
from forecast.core.pool import available_cores
from forecast.core.schemas import InitializationRequest
from forecast.models.prophet.schemas.schema import ProphetOptions, ProphetSettings

RequestParameters = create_model("RequestParameters", __base__=(Parameters, ProphetOptions))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"growth": "logistic", "cap": 10, "floor": 1.5},
        {"yearly_seasonality": True, "weekly_seasonality": False, "daily_seasonality": 12},
        {"yearly_seasonality": "auto", "country_holidays": "DE", "changepoint_prior_scale": 1},
    ],
)
def test_sensible_parameters_are_taken_as_they_are(body: dict[str, Any]) -> None:
    parameters = RequestParameters.model_validate(body)
    for name, value in body.items():
        taken = getattr(parameters, name)
        assert taken == value
        assert isinstance(taken, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"growth": "exponential"}, "'linear', 'flat' or 'logistic'"),
        ({"growth": "logistic"}, "needs cap"),
        ({"growth": "logistic", "cap": 0}, "greater than floor"),
        ({"growth": "logistic", "cap": 5, "floor": 5}, "greater than floor"),
        ({"cap": 5}, "need growth 'logistic'"),
        ({"floor": 5}, "need growth 'logistic'"),
        ({"growth": "logistic", "cap": float("inf")}, "finite"),
        ({"seasonality_mode": "log"}, "'additive' or 'multiplicative'"),
        ({"yearly_seasonality": "on"}, "'auto', true, false or a number"),
        ({"weekly_seasonality": 0}, "from 1 to 100"),
        ({"daily_seasonality": 101}, "from 1 to 100"),
        ({"daily_seasonality": 2.5}, "daily_seasonality\n.*from 1 to 100"),
        ({"changepoint_prior_scale": 0}, "greater than 0"),
        ({"seasonality_prior_scale": "10"}, "valid number"),
        ({"holidays_prior_scale": -1}, "greater than 0"),
        ({"n_changepoints": True}, "valid integer"),
        ({"n_changepoints": -1}, "greater than or equal to 0"),
        ({"uncertainty_samples": 0}, "greater than or equal to 10"),
        ({"uncertainty_samples": 10_001}, "less than or equal to 10000"),
        ({"country_holidays": "de"}, "pattern"),
        ({"seasonality": "auto"}, "seasonality_mode"),
    ],
)
def test_senseless_parameters_are_refused_with_the_reason(body: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        RequestParameters.model_validate(body)


def test_the_settings_of_the_processes_reach_the_configuration(tmp_path: Path) -> None:
    settings = ProphetSettings(fit_processes=3)
    config = settings.resolve(InitializationRequest(), tmp_path)
    assert (config.fit_processes, config.batch_size) == (3, 12)


def test_a_chunk_keeps_all_cores_busy_unless_its_size_is_set() -> None:
    assert ProphetSettings().batch_size == 4 * available_cores()
    assert ProphetSettings(batch_size=5).batch_size == 5
