"""The gateway, started as `uvicorn forecast.main:app`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import create_task_group
from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry, ProcessCollector
from pydantic import ValidationError

from forecast import discovery, metrics
from forecast.core.compression import GZipMiddleware
from forecast.core.config import Settings, SettingsError, describe_fault
from forecast.core.decompression import Decompression
from forecast.core.logs import configure_logging
from forecast.core.media import ARROW, PARQUET
from forecast.core.middleware import BodyLimits, KeyBeforeBody, RequestContext, Safeguard
from forecast.core.problem import install_error_handlers
from forecast.core.rate_limit import RateLimiter
from forecast.core.termination import end_loads, ended_by_signal
from forecast.models import get_available_models, get_router, get_service, require_active, require_settings
from forecast.tables import routes as tables
from forecast.uploads import routes as uploads

_MULTIPART_OVERHEAD = 65_536
_EXPOSED_HEADERS = (
    "X-Request-ID",
    "X-Process-Time",
    "Retry-After",
    "Preference-Applied",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the gateway; raises SettingsError where a setting names no model or a model's own is wrong."""
    settings = settings or Settings()
    served = _choose(settings)
    require_settings(served)
    app = FastAPI(
        title="Sapheneia",
        version=version("sapheneia"),
        description="One API for time-series forecasts from many models.",
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.model_ids = served
    app.state.services = {model_id: get_service(model_id) for model_id in served}
    app.state.required = _required(settings, served)
    app.state.rate_limiter = RateLimiter(settings)
    app.state.metrics = CollectorRegistry()
    ProcessCollector(registry=app.state.metrics)
    app.state.metrics.register(metrics.ModelCollector(app.state.services))
    for model_id in served:
        app.include_router(get_router(model_id), max_body_size=settings.max_request_size)
    upload_limit = settings.max_upload_size + _MULTIPART_OVERHEAD
    app.include_router(uploads.router, max_body_size=upload_limit)
    app.include_router(tables.router, max_body_size=settings.max_request_size)
    app.include_router(discovery.router)
    app.include_router(metrics.router)
    install_error_handlers(app)
    # The last one added is the first to see a request and the last to see its response.
    limits = BodyLimits(settings.max_request_size, {f"{uploads.router.prefix}/uploads": upload_limit})
    app.add_middleware(Decompression, limits=limits)
    app.add_middleware(KeyBeforeBody, settings=settings)
    app.add_middleware(
        GZipMiddleware, minimum_size=1024, compresslevel=1, exclude_content_types=(ARROW, PARQUET)
    )
    app.add_middleware(Safeguard, limits=limits)
    app.add_middleware(metrics.RequestMetrics, registry=app.state.metrics)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_allowed_origins,
        allow_credentials=settings.cors_allow_credentials,
        allow_methods=settings.cors_allow_methods,
        allow_headers=settings.cors_allow_headers,
        expose_headers=_EXPOSED_HEADERS,
    )
    app.add_middleware(RequestContext)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the models that are to be loaded at start, and let all go at the end."""
    configure_logging(app.state.settings.log_level, app.state.settings.log_dir)
    services = app.state.services
    try:
        async with create_task_group() as meanwhile, ended_by_signal() as signalled:
            meanwhile.start_soon(end_loads, services.values(), signalled)
            for model_id in app.state.required:
                meanwhile.start_soon(run_sync, services[model_id].start)
            yield
            meanwhile.cancel_scope.cancel()
    finally:
        async with create_task_group() as group:
            for service in services.values():
                group.start_soon(run_sync, service.shutdown)


def _choose(settings: Settings) -> list[str]:
    if settings.model_name == "all":
        return get_available_models()
    require_active("MODEL_NAME", [settings.model_name])
    return [settings.model_name]


def _required(settings: Settings, served: list[str]) -> list[str]:
    require_active("INITIALIZE_ON_START", settings.initialize_on_start)
    return [name for name in settings.initialize_on_start if name in served]


def __getattr__(name: str) -> Any:
    # Made when the server asks for it, so that importing this module reads no settings.
    if name == "app":
        try:
            return globals().setdefault("app", create_app())
        except (SettingsError, ValidationError) as error:
            sys.exit(f"error: {describe_fault(error)}")
    raise AttributeError(name)
