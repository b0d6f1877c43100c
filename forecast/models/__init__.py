"""The models of the gateway: what there is, and where to find it."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from forecast.core.adapter import Capabilities
from forecast.core.licence import Licence

# The processes that fit series import this package too, and need neither a web framework nor settings.
if TYPE_CHECKING:
    from fastapi import APIRouter

    from forecast.core.lifecycle import ModelService


Speed = Literal["instant", "fast", "medium", "slow"]
SPEEDS: dict[Speed, str] = {
    "instant": "up to 20 ms",
    "fast": "up to 150 ms",
    "medium": "up to a second",
    "slow": "more than a second",
}
"""What a loaded model takes for 24 steps of one series of 512 days, in float32 on two CPU cores."""


class ModelEntry(TypedDict):
    """What the registry says of a model; its capabilities are declared by its adapter.

    `use_it_when` ends the sentence "Use it when …". `licence` is that of the default checkpoint, else of the
    library, by its SPDX or Hub ID. `memory_bytes` is what a process takes at its peak that has loaded the
    default checkpoint and forecasts 32 series, libraries and two fitting processes included. Both it and
    `speed` are None for a model that is only planned.
    """

    name: str
    version: str
    description: str
    use_it_when: str
    licence: str
    memory_bytes: int | None
    speed: Speed | None
    module: str
    router_path: str
    service_path: str
    default_port: int
    status: Literal["active", "planned", "deprecated"]


class RegisteredModel(ModelEntry):
    """A registry entry together with what the model can do; None for one that is only planned.

    `commercial_use` is whether the licence leaves it open to everybody.
    """

    capabilities: Capabilities | None
    commercial_use: bool


MODEL_REGISTRY: dict[str, ModelEntry] = {
    "statsforecast": {
        "name": "StatsForecast",
        "version": "2.1.1",
        "description": "Classical statistics by Nixtla: ETS, Theta, ARIMA, MSTL, seasonal naive.",
        "use_it_when": "you want a strong baseline at once, without weights or a GPU",
        "licence": "Apache-2.0",
        "memory_bytes": 430_000_000,
        "speed": "medium",
        "module": "forecast.models.statsforecast",
        "router_path": "forecast.models.statsforecast.routes.endpoints",
        "service_path": "forecast.models.statsforecast.services.model",
        "default_port": 8006,
        "status": "active",
    },
    "prophet": {
        "name": "Prophet",
        "version": "1.5.0",
        "description": "Additive regression with trend changes, seasons, holidays and regressors.",
        "use_it_when": "daily data has holidays, several seasons, gaps or changes of trend",
        "licence": "MIT",
        "memory_bytes": 390_000_000,
        "speed": "fast",
        "module": "forecast.models.prophet",
        "router_path": "forecast.models.prophet.routes.endpoints",
        "service_path": "forecast.models.prophet.services.model",
        "default_port": 8003,
        "status": "active",
    },
    "chronos": {
        "name": "Chronos",
        "version": "2",
        "description": "Pretrained transformers by Amazon: Chronos-2 with covariates, Bolt and T5.",
        "use_it_when": "you have many series, or covariates, and no time to fit anything",
        "licence": "Apache-2.0",
        "memory_bytes": 1_040_000_000,
        "speed": "fast",
        "module": "forecast.models.chronos",
        "router_path": "forecast.models.chronos.routes.endpoints",
        "service_path": "forecast.models.chronos.services.model",
        "default_port": 8002,
        "status": "active",
    },
    "timesfm20": {
        "name": "TimesFM 2.0",
        "version": "2.0",
        "description": "A pretrained decoder by Google with 500 million parameters.",
        "use_it_when": "you want zero-shot forecasts of long series",
        "licence": "Apache-2.0",
        "memory_bytes": 2_340_000_000,
        "speed": "medium",
        "module": "forecast.models.timesfm20",
        "router_path": "forecast.models.timesfm20.routes.endpoints",
        "service_path": "forecast.models.timesfm20.services.model",
        "default_port": 8001,
        "status": "active",
    },
    "timesfm25": {
        "name": "TimesFM 2.5",
        "version": "2.5",
        "description": "A pretrained decoder by Google with 200 million parameters and a long context.",
        "use_it_when": "you want zero-shot forecasts from long histories, with quantiles far ahead",
        "licence": "Apache-2.0",
        "memory_bytes": 2_000_000_000,
        "speed": "medium",
        "module": "forecast.models.timesfm25",
        "router_path": "forecast.models.timesfm25.routes.endpoints",
        "service_path": "forecast.models.timesfm25.services.model",
        "default_port": 8004,
        "status": "active",
    },
    "flowstate91m": {
        "name": "FlowState",
        "version": "r1",
        "description": "A pretrained state-space model by IBM with 9.1 million parameters.",
        "use_it_when": "memory is small, seasons are uncommon or the target has gaps",
        "licence": "Apache-2.0",
        "memory_bytes": 1_470_000_000,
        "speed": "fast",
        "module": "forecast.models.flowstate91m",
        "router_path": "forecast.models.flowstate91m.routes.endpoints",
        "service_path": "forecast.models.flowstate91m.services.model",
        "default_port": 8005,
        "status": "active",
    },
    "timesfm3": {
        "name": "TimesFM 3",
        "version": "3.0",
        "description": "A pretrained transformer by Google for several targets with covariates.",
        "use_it_when": "your use is not commercial, and several targets depend on one another",
        "licence": "timesfm-non-commercial-license-v1.0",
        "memory_bytes": None,
        "speed": None,
        "module": "forecast.models.timesfm3",
        "router_path": "forecast.models.timesfm3.routes.endpoints",
        "service_path": "forecast.models.timesfm3.services.model",
        "default_port": 8007,
        "status": "planned",
    },
}


def get_available_models() -> list[str]:
    """Return the IDs of the active models."""
    return [model_id for model_id, entry in MODEL_REGISTRY.items() if entry["status"] == "active"]


def require_active(setting: str, names: Sequence[str]) -> None:
    """Raise SettingsError where a setting names a model that is not active; it offers the nearest one."""
    from forecast.core.config import SettingsError
    from forecast.core.schemas import nearest

    active = get_available_models()
    told = [
        f"'{name}' ({MODEL_REGISTRY[name]['status'] if name in MODEL_REGISTRY else nearest(name, active)})"
        for name in names
        if name not in active
    ]
    if told:
        raise SettingsError(f"{setting} names no model: {', '.join(told)}")


def require_settings(model_ids: Sequence[str]) -> None:
    """Read the settings of models; raise SettingsError, with a line for each that is not valid."""
    from pydantic import ValidationError

    from forecast.core.config import SettingsError, describe_lines, list_faults

    faults = []
    for model_id in model_ids:
        try:
            get_service(model_id).read_settings()
        except ValidationError as error:
            faults += list_faults(error, f"{model_id.upper()}_")
    if faults:
        raise SettingsError(describe_lines(faults))


def get_service(model_id: str) -> "ModelService[Any]":
    """Return a model's service; raise KeyError when the model is unknown."""
    service: ModelService[Any] = import_module(MODEL_REGISTRY[model_id]["service_path"]).service
    return service


def get_router(model_id: str) -> "APIRouter":
    """Return a model's routes; raise KeyError when the model is unknown."""
    router: APIRouter = import_module(MODEL_REGISTRY[model_id]["router_path"]).router
    return router


def get_model_info(model_id: str) -> RegisteredModel:
    """Return what is known of a model; raise KeyError when it is unknown."""
    entry = MODEL_REGISTRY[model_id]
    known = None if entry["status"] == "planned" else get_service(model_id).adapter.capabilities
    free = not Licence(entry["licence"].lower()).forbids_commercial_use
    return {**entry, "capabilities": known, "commercial_use": free}


def get_all_models_info() -> dict[str, RegisteredModel]:
    """Return what is known of every model, by ID."""
    return {model_id: get_model_info(model_id) for model_id in MODEL_REGISTRY}
