"""The gateway, started as `uvicorn forecast.main:app`."""

import sys
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector
from pydantic import ValidationError

from forecast import discovery, reference
from forecast.clients import routes as clients
from forecast.clients.authenticator import make_authenticator
from forecast.core.config import Settings, SettingsError, describe_fault
from forecast.core.middleware import BodyLimits
from forecast.core.problem import install_error_handlers
from forecast.core.rate_limit import RateLimiter
from forecast.core.tracing import require_tracing
from forecast.database.connection import Database
from forecast.history import routes as history
from forecast.idempotency.keys import Keys
from forecast.idempotency.settings import IdempotencySettings
from forecast.jobs import routes as jobs
from forecast.jobs.desk import open_desk
from forecast.jobs.watching import socket as job_socket
from forecast.jobs.watching import stream as job_stream
from forecast.jobs.watching.settings import WatchSettings
from forecast.jobs.watching.watcher import Watcher
from forecast.jobs.webhooks.settings import WebhookSettings
from forecast.lifespan import configure_logs, lifespan
from forecast.metrics import routes as metrics
from forecast.metrics.models import ModelCollector
from forecast.metrics.sharing import SharedFigures
from forecast.models import require_active
from forecast.runs import routes as runs
from forecast.runs.settings import RunSettings
from forecast.served import hold_models, include_models
from forecast.stack import add_middleware
from forecast.tables import routes as tables
from forecast.uploads import routes as uploads

_MULTIPART_OVERHEAD = 65_536


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the gateway; raises SettingsError where a setting names no model or a model's own is wrong."""
    settings = settings or Settings()
    require_tracing()
    app = FastAPI(
        title="Sapheneia",
        version=version("sapheneia"),
        description="One API for time-series forecasts from many models.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    hold_models(app, settings)
    app.state.rate_limiter = RateLimiter(settings)
    _hold_records(app, settings)
    registry = _hold_figures(app, settings)
    include_models(app, settings)
    by_path = {
        f"{uploads.router.prefix}/uploads": settings.max_upload_size + _MULTIPART_OVERHEAD,
        f"{history.router.prefix}/series": settings.max_upload_size,
    }
    app.include_router(uploads.router, max_body_size=by_path[f"{uploads.router.prefix}/uploads"])
    app.include_router(history.router, max_body_size=settings.max_upload_size)
    for feature in (tables, clients, runs, jobs):
        app.include_router(feature.router, max_body_size=settings.max_request_size)
    for reading in (job_stream, job_socket, discovery, reference, metrics):
        app.include_router(reading.router)
    install_error_handlers(app)
    add_middleware(app, settings, BodyLimits(settings.max_request_size, by_path), registry)
    return app


def _hold_records(app: FastAPI, settings: Settings) -> None:
    """Let the app's state have the database, and what keeps clients, runs and jobs in it."""
    state = app.state
    state.database = Database(settings.database_url.get_secret_value(), settings.database_pool_size)
    state.authenticator = make_authenticator(settings, state.database)
    state.run_settings = RunSettings()
    require_active("DEFAULT_MODEL", [state.run_settings.default_model])
    state.jobs = open_desk(settings, state.run_settings, state.database, state.services, state.places)
    state.idempotency_keys = Keys(state.database, IdempotencySettings().idempotency_hours)
    state.watcher = Watcher(state.database, WatchSettings().job_streams_per_client)
    state.webhook_settings = WebhookSettings()


def _hold_figures(app: FastAPI, settings: Settings) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ModelCollector(app.state.services, app.state.readiness))
    app.state.figures = SharedFigures(registry, settings.metrics_dir)
    return registry


def __getattr__(name: str) -> Any:
    # Made when the server asks for it, so that importing this module reads no settings.
    if name == "app":
        try:
            app = globals().setdefault("app", create_app())
        except (SettingsError, ValidationError) as error:
            sys.exit(f"error: {describe_fault(error)}")
        configure_logs(app.state.settings)  # before the server's first lines
        return app
    raise AttributeError(name)
