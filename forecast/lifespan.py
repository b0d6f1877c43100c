"""What runs beside the requests, from the start of the process to its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from anyio import create_task_group, sleep
from anyio.to_thread import run_sync
from fastapi import FastAPI

from forecast.core.config import Settings
from forecast.core.logs import configure_logging
from forecast.core.termination import end_loads, ended_by_signal
from forecast.core.tracing import start_tracing, stop_tracing
from forecast.database.outage import prepare_at_start
from forecast.idempotency import sweep as idempotency
from forecast.jobs.runner import close_when_signalled
from forecast.jobs.sweeping import sweep_always
from forecast.jobs.webhooks.delivering import Deliverer
from forecast.remote.client import connect
from forecast.runs.retention import forget_always
from forecast.uploads import retention as uploads

log = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
"""How long background work that failed is left alone."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the models that are to be loaded at start, and let all go at the end."""
    settings: Settings = app.state.settings
    configure_logs(settings)
    start_tracing(app.version)
    services, desk = app.state.services, app.state.jobs
    try:
        async with (
            ended_by_signal(settings.drain_seconds) as signalled,
            connect(app.state.places, signalled) as app.state.remote,
            create_task_group() as meanwhile,
        ):
            app.state.readiness.ends_when(signalled.is_set)
            meanwhile.start_soon(end_loads, services.values(), signalled)
            meanwhile.start_soon(app.state.figures.leave_always)
            meanwhile.start_soon(run_sync, prepare_at_start, app.state.database)
            keep = app.state.run_settings.forecast_retention_days
            meanwhile.start_soon(insist, partial(forget_always, app.state.database, keep))
            meanwhile.start_soon(insist, partial(sweep_always, app.state.database, keep))
            days = settings.upload_retention_days
            meanwhile.start_soon(insist, partial(uploads.forget_always, settings.data_dir, days))
            meanwhile.start_soon(close_when_signalled, desk.runner, signalled)
            meanwhile.start_soon(_tell_of_jobs, app, signalled)
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


async def insist(endless: Callable[[], Awaitable[None]], pause: float = AGAIN_SECONDS) -> None:
    """Do what never ends, and begin it again some seconds after a fault: one must not end the gateway."""
    while True:
        try:
            await endless()
        except Exception:
            log.exception("background=interrupted")
            await sleep(pause)
        else:
            return


async def _tell_of_jobs(app: FastAPI, signalled: asyncio.Event) -> None:
    deliverer = Deliverer(app.state.database, app.state.webhook_settings)
    async with create_task_group() as group:
        group.start_soon(insist, app.state.watcher.run)
        group.start_soon(app.state.watcher.end_when, signalled)
        group.start_soon(insist, deliverer.run)
        group.start_soon(insist, partial(idempotency.sweep_always, app.state.idempotency_keys))


def configure_logs(settings: Settings) -> None:
    """Let the log be as the settings have it."""
    configure_logging(settings.log_level, settings.log_dir, settings.log_format, console=settings.log_console)
