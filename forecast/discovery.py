"""What the gateway tells everybody: that it lives, what it serves, how its models are."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, status

from forecast.core.lifecycle import ModelService
from forecast.core.query import refuse_unknown_query
from forecast.core.rate_limit import limit
from forecast.core.readiness import Readiness
from forecast.core.routing import PROBLEMS
from forecast.models import MODEL_REGISTRY, get_model_info

if TYPE_CHECKING:
    from forecast.remote.service import RemoteService

router = APIRouter(tags=["discovery"])
discovery = [Depends(limit("discovery")), Depends(refuse_unknown_query)]
_REFUSALS: dict[int | str, dict[str, Any]] = {code: PROBLEMS[code] for code in (422, 429, 503)}
_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready, or about to end."}}
ModelStates = dict[str, dict[str, str | None]]


async def served_models(request: Request) -> list[str]:
    """Return the IDs of the models that this gateway serves."""
    model_ids: list[str] = request.app.state.model_ids
    return model_ids


async def model_states(request: Request) -> ModelStates:
    """Return how each model is that this gateway serves, by ID: here, or as its service tells it."""
    local: dict[str, ModelService[Any]] = request.app.state.services
    remote: dict[str, RemoteService] = request.app.state.remote
    told = dict(zip(remote, await asyncio.gather(*(one.state() for one in remote.values())), strict=True))
    # What went wrong can name files of the operator's: its sentence is told to callers with the key alone.
    here = {model_id: service.snapshot for model_id, service in local.items()}
    states: ModelStates = {
        **{model_id: {"status": one.status, "error": one.code} for model_id, one in here.items()},
        **{model_id: {"status": one.status, "error": one.error} for model_id, one in told.items()},
    }
    return {model_id: states[model_id] for model_id in request.app.state.model_ids if model_id in states}


Served = Annotated[list[str], Depends(served_models)]
States = Annotated[ModelStates, Depends(model_states)]


@router.get("/", dependencies=discovery, responses=_REFUSALS)
async def read_root(served: Served) -> dict[str, Any]:
    """Tell what this is and where to go on."""
    return {
        "name": "Sapheneia",
        "version": version("sapheneia"),
        "documentation": "/docs",
        "models": {model_id: f"/forecast/v1/{model_id}" for model_id in served},
    }


@router.get("/health")
async def read_health(states: States) -> dict[str, Any]:
    """Tell that the process answers, and each model's state."""
    return {
        "status": "healthy",
        "timestamp": datetime.now(UTC),
        "version": version("sapheneia"),
        "models": states,
    }


@router.get("/health/live")
async def read_liveness() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "alive"}


@router.get("/health/ready", responses=_NOT_READY)
async def read_readiness(request: Request, states: States, response: Response) -> dict[str, Any]:
    """Answer 200 when the models that are to be loaded at start are ready, else 503; so once it is to end."""
    readiness: Readiness = request.app.state.readiness
    needed = {name: state for name, state in states.items() if name in readiness.required}
    told = readiness.read({name: state["status"] for name, state in needed.items()})
    if told != "ready":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "1"
    return {"status": told, "models": needed}


@router.get("/info", dependencies=discovery, responses=_REFUSALS)
async def read_info(request: Request, served: Served) -> dict[str, Any]:
    """Tell the gateway's version and limits."""
    settings = request.app.state.settings
    return {
        "name": "Sapheneia",
        "version": version("sapheneia"),
        "api_version": "v1",
        "environment": settings.environment,
        "models": served,
        "limits": {
            "max_request_size": settings.max_request_size,
            "max_upload_size": settings.max_upload_size,
            "max_series_per_request": settings.max_series_per_request,
            "rate_limit_per_minute": settings.rate_limit_per_minute,
            "rate_limit_data_per_minute": settings.rate_limit_data_per_minute,
            "rate_limit_inference_per_minute": settings.rate_limit_inference_per_minute,
            "rate_limit_initialization_per_minute": settings.rate_limit_initialization_per_minute,
        },
    }


@router.get("/models", dependencies=discovery, responses=_REFUSALS)
async def read_models(states: States) -> dict[str, Any]:
    """List the registry: every model, what it can do, and its state where this gateway serves it."""
    return {"models": [_describe(model_id, states.get(model_id)) for model_id in MODEL_REGISTRY]}


def _describe(model_id: str, state: dict[str, str | None] | None) -> dict[str, Any]:
    info = get_model_info(model_id)
    private = {"module", "router_path", "service_path"}
    return {
        "id": model_id,
        **{name: value for name, value in info.items() if name not in private},
        "capabilities": asdict(info["capabilities"]) if info["capabilities"] else None,
        "model_status": state["status"] if state else "not served here",
        "path": f"/forecast/v1/{model_id}" if state else None,
    }
