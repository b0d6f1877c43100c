"""The gateway, started as `uvicorn forecast.main:app`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from anyio import create_task_group
from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry, ProcessCollector
from pydantic import ValidationError

from forecast import discovery
from forecast.core.compression import GZipMiddleware
from forecast.core.config import Settings, SettingsError, describe_fault
from forecast.core.decompression import Decompression
from forecast.core.logs import configure_logging
from forecast.core.media import ARROW, PARQUET
from forecast.core.middleware import BodyLimits, KeyBeforeBody, RequestContext, Safeguard
from forecast.core.problem import install_error_handlers
from forecast.core.rate_limit import RateLimiter
from forecast.core.readiness import Readiness
from forecast.core.routing import PREFIX
from forecast.core.termination import end_loads, ended_by_signal
from forecast.core.tracing import TraceRequests, require_tracing, start_tracing, stop_tracing
from forecast.database.connection import Database
from forecast.database.outage import prepare_at_start
from forecast.jobs import routes as jobs
from forecast.jobs.desk import open_desk
from forecast.jobs.runner import close_when_signalled
from forecast.jobs.sweeping import sweep_always
from forecast.metrics import routes as metrics
from forecast.metrics.models import ModelCollector
from forecast.metrics.requests import RequestMetrics
from forecast.metrics.sharing import SharedFigures
from forecast.models import get_available_models, get_router, get_service, require_active, require_settings
from forecast.remote.client import connect
from forecast.remote.middleware import Except
from forecast.runs import routes as runs
from forecast.runs.retention import forget_always
from forecast.runs.settings import RunSettings
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
    require_tracing()
    app = FastAPI(
        title="Sapheneia",
        version=version("sapheneia"),
        description="One API for time-series forecasts from many models.",
        lifespan=lifespan,
    )
    app.state.settings = settings
    _add_models(app, settings, served)
    app.state.rate_limiter = RateLimiter(settings)
    app.state.database = Database(settings.database_url.get_secret_value(), settings.database_pool_size)
    app.state.run_settings = _read_run_settings()
    app.state.jobs = open_desk(
        settings, app.state.run_settings, app.state.database, app.state.services, app.state.service_urls
    )
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ModelCollector(app.state.services, app.state.readiness))
    app.state.figures = SharedFigures(registry, settings.metrics_dir)
    upload_limit = settings.max_upload_size + _MULTIPART_OVERHEAD
    app.include_router(uploads.router, max_body_size=upload_limit)
    app.include_router(tables.router, max_body_size=settings.max_request_size)
    app.include_router(runs.router, max_body_size=settings.max_request_size)
    app.include_router(jobs.router, max_body_size=settings.max_request_size)
    app.include_router(discovery.router)
    app.include_router(metrics.router)
    install_error_handlers(app)
    # The last one added is the first to see a request and the last to see its response.
    limits = BodyLimits(settings.max_request_size, {f"{uploads.router.prefix}/uploads": upload_limit})
    passed_on = tuple(f"{PREFIX}/{model_id}/" for model_id in app.state.service_urls)
    app.add_middleware(Except, prefixes=passed_on, middleware=partial(Decompression, limits=limits))
    app.add_middleware(KeyBeforeBody, settings=settings)
    packing = partial(
        GZipMiddleware, minimum_size=1024, compresslevel=1, exclude_content_types=(ARROW, PARQUET)
    )
    app.add_middleware(Except, prefixes=passed_on, middleware=packing)
    app.add_middleware(Safeguard, limits=limits)
    app.add_middleware(RequestMetrics, registry=registry)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_allowed_origins,
        allow_credentials=settings.cors_allow_credentials,
        allow_methods=settings.cors_allow_methods,
        allow_headers=settings.cors_allow_headers,
        expose_headers=_EXPOSED_HEADERS,
    )
    app.add_middleware(TraceRequests)
    app.add_middleware(RequestContext, ending=lambda: app.state.readiness.ending)
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the models that are to be loaded at start, and let all go at the end."""
    settings: Settings = app.state.settings
    _configure_logging(settings)
    start_tracing(app.version)
    services, desk = app.state.services, app.state.jobs
    try:
        async with (
            ended_by_signal(settings.drain_seconds) as signalled,
            connect(app.state.service_urls, signalled) as app.state.remote,
            create_task_group() as meanwhile,
        ):
            app.state.readiness.ends_when(signalled.is_set)
            meanwhile.start_soon(end_loads, services.values(), signalled)
            meanwhile.start_soon(app.state.figures.leave_always)
            meanwhile.start_soon(run_sync, prepare_at_start, app.state.database)
            keep = app.state.run_settings.forecast_retention_days
            meanwhile.start_soon(forget_always, app.state.database, keep)
            meanwhile.start_soon(sweep_always, app.state.database, keep)
            meanwhile.start_soon(close_when_signalled, desk.runner, signalled)
            desk.runner.start()
            for model_id in app.state.readiness.required:
                if model_id in services:  # one in a service of its own is loaded by that
                    meanwhile.start_soon(run_sync, services[model_id].start)
            yield
            meanwhile.cancel_scope.cancel()
    finally:
        await run_sync(desk.runner.stop)
        async with create_task_group() as group:
            for service in services.values():
                group.start_soon(run_sync, service.shutdown)
            group.start_soon(run_sync, stop_tracing)
            group.start_soon(run_sync, app.state.database.close)
        app.state.figures.leave()


def _configure_logging(settings: Settings) -> None:
    configure_logging(settings.log_level, settings.log_dir, settings.log_format)


def _add_models(app: FastAPI, settings: Settings, served: list[str]) -> None:
    urls = _choose_remote(settings)
    app.state.model_ids = served
    app.state.service_urls = urls
    app.state.services = {model_id: get_service(model_id) for model_id in served if model_id not in urls}
    app.state.remote = {}  # those of the URLs, while the app runs
    app.state.readiness = Readiness(app.state.services, _required(settings, served))
    for model_id in urls:
        from forecast.remote.routes import build_remote_router  # with httpx, which takes a while

        router = build_remote_router(model_id, get_router(model_id))
        app.include_router(router, max_body_size=settings.max_request_size)
    for model_id in served:
        app.include_router(get_router(model_id), max_body_size=settings.max_request_size)


def _read_run_settings() -> RunSettings:
    limits = RunSettings()
    require_active("DEFAULT_MODEL", [limits.default_model])
    return limits


def _choose(settings: Settings) -> list[str]:
    if settings.model_name == "all":
        return get_available_models()
    require_active("MODEL_NAME", [settings.model_name])
    return [settings.model_name]


def _choose_remote(settings: Settings) -> dict[str, str]:
    require_active("MODEL_SERVICE_URLS", list(settings.model_service_urls))
    # A process of one model serves it itself: so the gateway and its services can share one .env.
    return settings.model_service_urls if settings.model_name == "all" else {}


def _required(settings: Settings, served: list[str]) -> list[str]:
    require_active("INITIALIZE_ON_START", settings.initialize_on_start)
    return [name for name in settings.initialize_on_start if name in served]


def __getattr__(name: str) -> Any:
    # Made when the server asks for it, so that importing this module reads no settings.
    if name == "app":
        try:
            app = globals().setdefault("app", create_app())
        except (SettingsError, ValidationError) as error:
            sys.exit(f"error: {describe_fault(error)}")
        _configure_logging(app.state.settings)  # before the server's first lines
        return app
    raise AttributeError(name)
