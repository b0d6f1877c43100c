"""What the gateway tells everybody: that it lives, what it serves, how its models are."""

from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, status

from forecast.core.lifecycle import ModelService
from forecast.core.rate_limit import limit
from forecast.core.readiness import Readiness
from forecast.models import MODEL_REGISTRY, get_model_info

router = APIRouter(tags=["discovery"])
discovery = [Depends(limit("discovery"))]


async def served_models(request: Request) -> dict[str, ModelService[Any]]:
    """Return the services of the models that this process serves, by ID."""
    services: dict[str, ModelService[Any]] = request.app.state.services
    return services


Served = Annotated[dict[str, ModelService[Any]], Depends(served_models)]


def _states(services: dict[str, ModelService[Any]]) -> dict[str, dict[str, str | None]]:
    # What went wrong can name files of the operator's: its sentence is told to callers with the key alone.
    now = {model_id: service.snapshot for model_id, service in services.items()}
    return {model_id: {"status": one.status, "error": one.code} for model_id, one in now.items()}


@router.get("/", dependencies=discovery)
async def read_root(services: Served) -> dict[str, Any]:
    """Tell what this is and where to go on."""
    return {
        "name": "Sapheneia",
        "version": version("sapheneia"),
        "documentation": "/docs",
        "models": {model_id: f"/forecast/v1/{model_id}" for model_id in services},
    }


@router.get("/health")
async def read_health(services: Served) -> dict[str, Any]:
    """Tell that the process answers, and each model's state."""
    return {
        "status": "healthy",
        "timestamp": datetime.now(UTC).isoformat(),
        "version": version("sapheneia"),
        "models": _states(services),
    }


@router.get("/health/live")
async def read_liveness() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "alive"}


@router.get("/health/ready")
async def read_readiness(request: Request, services: Served, response: Response) -> dict[str, Any]:
    """Answer 200 when the models that are to be loaded at start are ready, else 503; so once it is to end."""
    readiness: Readiness = request.app.state.readiness
    needed = {name: state for name, state in _states(services).items() if name in readiness.required}
    told = readiness.read()
    if told != "ready":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "1"
    return {"status": told, "models": needed}


@router.get("/info", dependencies=discovery)
async def read_info(request: Request, services: Served) -> dict[str, Any]:
    """Tell the gateway's version and limits."""
    settings = request.app.state.settings
    return {
        "name": "Sapheneia",
        "version": version("sapheneia"),
        "api_version": "v1",
        "environment": settings.environment,
        "models": list(services),
        "limits": {
            "max_request_size": settings.max_request_size,
            "max_upload_size": settings.max_upload_size,
            "max_series_per_request": settings.max_series_per_request,
            "rate_limit_per_minute": settings.rate_limit_per_minute,
            "rate_limit_inference_per_minute": settings.rate_limit_inference_per_minute,
            "rate_limit_initialization_per_minute": settings.rate_limit_initialization_per_minute,
        },
    }


@router.get("/models", dependencies=discovery)
async def read_models(services: Served) -> dict[str, Any]:
    """List the registry: every model, what it can do, and its state where this process serves it."""
    return {"models": [_describe(model_id, services.get(model_id)) for model_id in MODEL_REGISTRY]}


def _describe(model_id: str, service: ModelService[Any] | None) -> dict[str, Any]:
    info = get_model_info(model_id)
    private = {"module", "router_path", "service_path"}
    return {
        "id": model_id,
        **{name: value for name, value in info.items() if name not in private},
        "capabilities": asdict(info["capabilities"]) if info["capabilities"] else None,
        "model_status": service.snapshot.status if service else "not served here",
        "path": f"/forecast/v1/{model_id}" if service else None,
    }
