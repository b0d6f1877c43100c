"""Celery as the gateway and its workers set it up."""

from typing import Any

from forecast.jobs.settings import JobSettings

TASK = "forecast.run_chunk"
CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 2.0
"""How long the broker has to take a connection, and to answer."""


def queue_of(model_id: str) -> str:
    """Return the queue that the parts of a model's jobs wait in."""
    return f"forecast.{model_id}"


def make_celery(settings: JobSettings) -> Any:
    """Return the Celery app of these settings, which connects to nothing yet."""
    from celery import Celery  # takes a while, and is an extra

    broker, backend = settings.celery_broker_url, settings.celery_result_backend
    app = Celery(
        "sapheneia",
        broker=broker and broker.get_secret_value(),
        backend=(backend and backend.get_secret_value()) or "disabled://",
        set_as_current=False,
        # Made alone, without what else happens to be installed.
        fixups=[],
    )
    app.conf.update(_delivery(settings), **_formats(stored=backend is not None))
    return app


def _delivery(settings: JobSettings) -> dict[str, Any]:
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        # Whoever asks a broker that is silent must not wait for those who do so, too.
        "broker_pool_limit": 50,
        "broker_connection_timeout": CONNECT_SECONDS,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # A part that is delivered again before its lease ran out is left alone by whoever gets it.
            "visibility_timeout": max(60.0, 2 * settings.job_lease_seconds),
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "socket_keepalive": True,
        },
    }


def _formats(*, stored: bool) -> dict[str, Any]:
    return {
        "task_ignore_result": not stored,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": True,
        "worker_send_task_events": False,
    }
