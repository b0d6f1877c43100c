"""What Prometheus reads: requests by route, and each model's queue and work."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecast.core.lifecycle import ModelService

router = APIRouter(tags=["discovery"])
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class ModelCollector(Collector):
    """Reads the models' figures at the moment they are asked for."""

    def __init__(self, services: Mapping[str, ModelService[Any]]) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Yield one metric family per figure, labelled with the model."""
        ready = GaugeMetricFamily("sapheneia_model_ready", "1 when the model is ready.", labels=["model"])
        gauges = {
            name: GaugeMetricFamily(f"sapheneia_model_series_{name}", text, labels=["model"])
            for name, text in (("waiting", "Series that wait."), ("running", "Series being computed."))
        }
        counters = {
            name: CounterMetricFamily(f"sapheneia_model_{metric}", text, labels=["model"])
            for name, metric, text in (
                ("batches", "batches", "Batches computed."),
                ("forecast", "series_forecast", "Series forecast."),
                ("refused", "series_refused", "Series refused because the queue was full or too long."),
                ("dropped", "series_dropped", "Series dropped because the deadline passed or nobody waits."),
                ("model_seconds", "inference_seconds", "Seconds spent in the model."),
            )
        }
        cached = CounterMetricFamily(
            "sapheneia_model_series_cached", "Series answered from memory.", labels=["model"]
        )
        for model_id, service in self._services.items():
            figures = service.load_figures()
            ready.add_metric([model_id], float(figures is not None))
            if (loaded := service.snapshot.ready) is not None:
                cached.add_metric([model_id], loaded.cache.hits)
            if figures is not None:
                for name, family in (gauges | counters).items():
                    family.add_metric([model_id], getattr(figures, name))
        return [ready, *gauges.values(), *counters.values(), cached]


class RequestMetrics:
    """Middleware that times requests by method, route and status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self._seconds = Histogram(
            "sapheneia_request_seconds",
            "Seconds from request to response.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note how long it took."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = time.monotonic()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            # The route's pattern, not the path: callers must not be able to make up labels.
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.monotonic() - started
            self._seconds.labels(scope["method"], route, str(status)).observe(seconds)


@router.get("/metrics", response_class=Response)
async def read_metrics(request: Request) -> Response:
    """Tell the figures in Prometheus' text format."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)
