"""From what was asked to the request that a model understands."""

from collections.abc import Mapping
from typing import Any

from forecast.core.body import validate
from forecast.core.errors import HorizonError, RequestError
from forecast.core.parameters import InferenceRequest, Parameters, Role, request_type
from forecast.core.principal import Principal
from forecast.core.quantiles import asked_levels
from forecast.core.schemas import nearest
from forecast.models import get_service
from forecast.runs.schemas import ForecastRequest
from forecast.runs.work import Ask

_OWN = {
    "horizon_len": "prediction_length",
    "quantile_levels": "quantile_levels",
    "use_quantiles": "quantile_levels",
    "quantile_indices": "quantile_levels",
    "level": "quantile_levels",
    "use_covariates": "use_covariates",
    "series_ids": "item_ids",
    "context_end_date": "start_date",
}
"""Parameters that a forecast by name has fields of its own for."""


def make_ask(body: ForecastRequest, default_model: str, caller: Principal) -> Ask:
    """Return who asks which model for a forecast by name."""
    model_id = body.model or default_model
    asked = body.model_dump(mode="json") | {"model": model_id}
    return Ask("forecast", caller.client_id, caller.name, model_id, asked)


def read_forecast(ask: Ask) -> ForecastRequest:
    """Return the body of a forecast by name."""
    return validate(ask.body, ForecastRequest)


def forecast_request(
    model_id: str, body: ForecastRequest, roles: Mapping[str, Role], defaults: Mapping[str, Any]
) -> InferenceRequest[Any]:
    """Return a forecast by name as an inference on a table of these roles.

    `defaults` are the parameters that the dataset gives where the body does not. Raises RequestError at a
    parameter that the body has a field for, RequestValidationError at one that is unknown or wrong.
    """
    twice = next((name for name in body.parameters if name in _OWN), None)
    if twice is not None:
        raise RequestError(f"parameters.{twice}: use the field '{_OWN[twice]}' instead.")
    levels = body.quantile_levels or None
    parameters = {
        **{name: value for name, value in defaults.items() if value is not None},
        **body.parameters,
        "horizon_len": body.prediction_length,
        "quantile_levels": levels,
        "use_quantiles": levels is not None,
        "use_covariates": body.use_covariates,
        # Nothing later is read either; so that an item ends there whose rows do not.
        "context_end_date": body.start_date,
    }
    return _inference(model_id, {"data_definition": dict(roles), "parameters": parameters, "data": {}})


def inference_request(ask: Ask) -> InferenceRequest[Any]:
    """Return the body of an inference; its table is no longer there once the work has been cut."""
    body = {name: value for name, value in ask.body.items() if name != "model"}
    if "data_source_url_or_path" not in body:
        body.setdefault("data", {})
    return _inference(ask.model_id, body)


def _inference(model_id: str, body: dict[str, Any]) -> InferenceRequest[Any]:
    return validate(body, request_type(model_id, get_service(model_id).adapter.options_type))


def check_length(length: int, most: int) -> None:
    """Raise HorizonError where more steps are asked for than are kept."""
    if length > most:
        raise HorizonError(
            f"A forecast of {length} steps is above the limit of {most} (setting MAX_PREDICTION_LENGTH).",
            details={"prediction_length": length, "max_prediction_length": most},
        )


def check_model(model_id: str, served: list[str]) -> None:
    """Raise RequestError, offering the nearest, where the gateway has no such model."""
    if model_id not in served:
        raise RequestError(f"There is no model '{model_id}'; {nearest(model_id, served)}")


def told_levels(parameters: Parameters) -> tuple[float, ...]:
    """Return the levels of the quantiles that are answered and kept."""
    return asked_levels(parameters) if parameters.use_quantiles else ()
