"""What each model has to do, has done and takes, and whether the gateway can serve."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from forecast.core.figures import Distribution
from forecast.core.lifecycle import ModelService
from forecast.core.memory import memory_limit
from forecast.core.readiness import Readiness

_GAUGES = {
    "ready": "1 when the model is ready.",
    "series_waiting": "Series that wait.",
    "series_running": "Series being computed.",
    "queue_size": "The most series that may wait.",
    "memory_bytes": "Bytes that the weights take; 0 for a model that has none.",
    "load_seconds": "Seconds that the load of the model took that is ready.",
}
_COUNTERS = {
    "batches": "Batches computed.",
    "series_forecast": "Series computed.",
    "inference_seconds": "Seconds spent in the model.",
    "series_cached": "Series answered from memory.",
}
_REASONS = {
    "series_rejected": "Series that were not taken: queue_full, or too_late to be forecast in time.",
    "series_dropped": "Series that waited in vain: deadline, caller_gone, or failed with others of theirs.",
}
_HISTOGRAMS = {
    "queue_seconds": "Seconds that a request waited for its first batch.",
    "batch_seconds": "Seconds that the model took for a batch.",
    "batch_series": "Series in a batch.",
}
Values = dict[str, float]


class ModelCollector(Collector):
    """Reads the models' figures at the moment they are asked for."""

    def __init__(self, services: Mapping[str, ModelService[Any]], readiness: Readiness) -> None:
        self._services = services
        self._readiness = readiness

    def collect(self) -> Iterable[Metric]:
        """Yield one metric family per figure, labelled with the model."""
        ready = float(self._readiness.read() == "ready")
        yield GaugeMetricFamily("sapheneia_ready", "1 when /health/ready answers 200.", ready)
        yield GaugeMetricFamily("sapheneia_processes", "Server processes that answer.", 1)
        limit = "Bytes that all processes may take: the container's limit, or the host's memory."
        yield GaugeMetricFamily("sapheneia_memory_limit_bytes", limit, memory_limit())
        gauges = _families(GaugeMetricFamily, _GAUGES)
        counters = _families(CounterMetricFamily, _COUNTERS)
        reasons = _families(CounterMetricFamily, _REASONS, "reason")
        histograms = _families(HistogramMetricFamily, _HISTOGRAMS)
        for model_id, service in self._services.items():
            tally = service.figures.read()
            for name, value in _now(service).items():
                gauges[name].add_metric([model_id], value)
            done = {
                "batches": tally.batch_series.count,
                "series_forecast": tally.batch_series.sum,
                "inference_seconds": tally.batch_seconds.sum,
                "series_cached": tally.cached,
            }
            for name, value in done.items():
                counters[name].add_metric([model_id], value)
            for name, counted in (("series_rejected", tally.rejected), ("series_dropped", tally.dropped)):
                for reason, series in counted.items():
                    reasons[name].add_metric([model_id, reason], series)
            for name, family in histograms.items():
                _add(family, model_id, getattr(tally, name))
        for families in (gauges, counters, reasons, histograms):
            yield from families.values()


def _families(kind: Any, told: Mapping[str, str], *labels: str) -> dict[str, Any]:
    return {
        name: kind(f"sapheneia_model_{name}", text, labels=["model", *labels]) for name, text in told.items()
    }


def _now(service: ModelService[Any]) -> Values:
    now = service.snapshot
    if now.ready is None:
        return {"ready": 0}
    load = now.ready.worker.load()
    weights = now.ready.weights
    return {
        "ready": 1,
        "series_waiting": load.waiting,
        "series_running": load.running,
        "queue_size": load.queue_size,
        "memory_bytes": weights.bytes if weights else 0,
        "load_seconds": max(0.0, now.load.ended_at - now.load.started),
    }


def _add(family: HistogramMetricFamily, model_id: str, values: Distribution) -> None:
    go: Callable[[float], str] = floatToGoString  # as Prometheus writes bounds
    buckets = [(go(bound), count) for bound, count in values.cumulated()]
    family.add_metric([model_id], buckets, values.sum)
