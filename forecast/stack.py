"""The middleware around every request."""

from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CollectorRegistry

from forecast.core.compression import GZipMiddleware
from forecast.core.config import Settings
from forecast.core.decompression import Decompression
from forecast.core.media import ARROW, EVENT_STREAM, PARQUET
from forecast.core.middleware import BodyLimits, KeyBeforeBody, RequestContext, Safeguard
from forecast.core.routing import PREFIX
from forecast.core.tracing import TraceRequests
from forecast.metrics.requests import RequestMetrics
from forecast.remote.middleware import Except

_EXPOSED_HEADERS = (
    "X-Request-ID",
    "X-Process-Time",
    "Retry-After",
    "Location",
    "Idempotency-Replayed",
    "Preference-Applied",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_AS_THEY_ARE = (ARROW, PARQUET, EVENT_STREAM)


def add_middleware(app: FastAPI, settings: Settings, limits: BodyLimits, registry: CollectorRegistry) -> None:
    """Put the middleware around the app: the last one added sees a request first, and its response last."""
    passed_on = tuple(f"{PREFIX}/{model_id}/" for model_id in app.state.places)
    app.add_middleware(Except, prefixes=passed_on, middleware=partial(Decompression, limits=limits))
    app.add_middleware(KeyBeforeBody)
    packing = partial(GZipMiddleware, minimum_size=1024, compresslevel=1, exclude_content_types=_AS_THEY_ARE)
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
