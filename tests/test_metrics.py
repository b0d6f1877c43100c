"""What /metrics tells, and that docs/monitoring.md tells of it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from forecast.core.weights import Weights
from forecast.metrics.sharing import SharedFigures, add_up, is_alive
from tests.conftest import AUTHORIZED, ROOT, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter
from tests.ports import free_port
from tests.server import Server, run_server, until

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def read(text: str) -> dict[tuple[str, ...], float]:
    """Return the samples of an exposition by their names and their labels' values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def families(text: str) -> set[tuple[str, str, frozenset[str]]]:
    """Return name, type and labels of the metrics of an exposition."""
    return {
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_is_documented_and_every_documented_one_exists(client: TestClient) -> None:
    client.post(f"{PREFIX}/initialization", json={})
    client.post(f"{PREFIX}/inference", json=REQUEST)
    client.get("/health")
    rows = ROW.findall((ROOT / "docs/monitoring.md").read_text())
    documented = {(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert documented == families(client.get("/metrics").text)


def test_a_models_figures_are_told(client: TestClient, fake: FakeAdapter) -> None:
    cold = read(client.get("/metrics").text)
    assert cold["sapheneia_model_ready", "fake"] == 0
    assert cold["sapheneia_model_series_forecast_total", "fake"] == 0
    assert ("sapheneia_model_series_waiting", "fake") not in cold
    client.post(f"{PREFIX}/initialization", json={})
    shops: dict[str, list[Any]] = {"shop": list("abc"), "date": ["2024-01-01"] * 3, "y": [1, 2, 3]}
    later: dict[str, list[Any]] = {"shop": list("abc"), "date": ["2024-01-02"] * 3, "y": [1, 2, 3]}
    table = {name: shops[name] + later[name] for name in shops}
    roles = {"shop": "id", "date": "timestamp", "y": "target"}
    asked = {"data": table, "data_definition": roles, "parameters": {"horizon_len": 3, "freq": "D"}}
    assert client.post(f"{PREFIX}/inference", json=asked).status_code == 200
    told = read(client.get("/metrics").text)
    # Two forecasts of a load warm it up.
    wanted = {
        ("ready", "fake"): 1,
        ("series_waiting", "fake"): 0,
        ("series_running", "fake"): 0,
        ("queue_size", "fake"): 10_000,
        ("memory_bytes", "fake"): 0,
        ("batches_total", "fake"): 3,
        ("series_forecast_total", "fake"): 5,
        ("series_cached_total", "fake"): 0,
        ("series_rejected_total", "fake", "queue_full"): 0,
        ("series_rejected_total", "fake", "too_late"): 0,
        ("series_dropped_total", "fake", "deadline"): 0,
        ("series_dropped_total", "fake", "caller_gone"): 0,
        ("series_dropped_total", "fake", "failed"): 0,
        ("queue_seconds_count", "fake"): 3,
        ("batch_seconds_count", "fake"): 3,
        ("batch_series_bucket", "1.0", "fake"): 2,
        ("batch_series_bucket", "4.0", "fake"): 3,
        ("batch_series_bucket", "+Inf", "fake"): 3,
        ("batch_series_sum", "fake"): 5,
    }
    for (name, *labels), value in wanted.items():
        assert told[f"sapheneia_model_{name}", *labels] == value, (name, labels)
    assert (
        told["sapheneia_model_batch_seconds_sum", "fake"]
        == (told["sapheneia_model_inference_seconds_total", "fake"])
    )
    assert told["sapheneia_model_load_seconds", "fake"] > 0
    assert told["sapheneia_memory_limit_bytes",] >= told["process_resident_memory_bytes",] > 0
    assert (told["sapheneia_ready",], told["sapheneia_processes",]) == (1, 1)


def test_the_weights_of_a_model_are_told_in_bytes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Weights(parameters=10, bytes=40, device="cpu", fingerprint="")
    monkeypatch.setattr("forecast.core.loading.weigh", lambda module, fingerprint: weights)
    monkeypatch.setattr("forecast.core.loading.fingerprint", lambda module: "")
    monkeypatch.setattr(FakeAdapter, "module", lambda self, loaded: object())
    monkeypatch.setattr(FakeAdapter, "blocks", lambda self, loaded: [])
    monkeypatch.setattr("forecast.core.loading.empty_weights", lambda module: None)
    client.post(f"{PREFIX}/initialization", json={})
    assert read(client.get("/metrics").text)["sapheneia_model_memory_bytes", "fake"] == 40


def test_counts_go_on_over_loads(client: TestClient) -> None:
    for _ in range(2):
        client.post(f"{PREFIX}/initialization", json={})
        client.post(f"{PREFIX}/shutdown")
    told = read(client.get("/metrics").text)
    assert told["sapheneia_model_series_forecast_total", "fake"] == 4
    assert told["sapheneia_model_ready", "fake"] == 0


def test_a_gateway_that_is_not_ready_says_so(make_app: MakeApp) -> None:
    with TestClient(make_app(initialize_on_start=("fake",)), headers=AUTHORIZED) as client:
        while client.get("/health/ready").status_code == 503:
            pass
        assert read(client.get("/metrics").text)["sapheneia_ready",] == 1
        client.post(f"{PREFIX}/shutdown")
        assert read(client.get("/metrics").text)["sapheneia_ready",] == 0


def registry_of(count: float, level: float, seconds: float) -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("done", "Things done.", ["kind"], registry=registry).labels("a").inc(count)
    Gauge("level", "What there is.", registry=registry).set(level)
    Gauge("process_start_time_seconds", "When.", registry=registry).set(seconds)
    Histogram("took_seconds", "How long.", buckets=(1, 2), registry=registry).observe(seconds)
    return registry


def ended_process() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_has_ended_stays_in_the_counts_and_leaves_the_gauges(tmp_path: Path) -> None:
    other = SharedFigures(registry_of(5, 7, 0.5), tmp_path)
    other.leave()
    (left,) = tmp_path.glob("*.json")
    left.rename(tmp_path / f"{os.getppid()}.json")
    mine = SharedFigures(registry_of(2, 3, 1.5), tmp_path)

    together = read(generate_latest(mine).decode())
    (tmp_path / f"{os.getppid()}.json").rename(tmp_path / f"{ended_process()}.json")
    alone = read(generate_latest(mine).decode())

    counts: dict[tuple[str, ...], float] = {
        ("done_total", "a"): 7,
        ("took_seconds_bucket", "1.0"): 1,
        ("took_seconds_bucket", "2.0"): 2,
    }
    counts |= {("took_seconds_sum",): 2.0, ("took_seconds_count",): 2}
    gauges: dict[tuple[str, ...], float] = {("level",): 10, ("process_start_time_seconds",): 0.5}
    assert together == counts | gauges | {("took_seconds_bucket", "+Inf"): 2}
    assert alone == counts | {("took_seconds_bucket", "+Inf"): 2, ("level",): 3} | {
        ("process_start_time_seconds",): 1.5
    }


def test_without_a_folder_nothing_is_written_and_nothing_added(tmp_path: Path) -> None:
    figures = SharedFigures(registry_of(2, 3, 1.5), None)
    figures.leave()
    assert read(generate_latest(figures).decode())["done_total", "a"] == 2
    assert list(tmp_path.iterdir()) == []
    assert add_up([]) == []


def test_this_process_is_alive_and_one_that_ended_is_not() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(ended_process())


def told(server: Server) -> dict[tuple[str, ...], float]:
    return read(server.get("/metrics").text)


@pytest.mark.timeout(300)
def test_a_scrape_of_two_processes_tells_the_sum_of_both(tmp_path: Path) -> None:
    forecast = "sapheneia_model_series_forecast_total", "fake"
    asked = "sapheneia_request_seconds_count", "POST", f"{PREFIX}/inference", "200"
    with run_server(tmp_path, free_port(), workers=2) as server:
        until(lambda: told(server)["sapheneia_ready",] == 2, server.process, server.output)
        assert told(server)["sapheneia_processes",] == 2
        assert told(server)["sapheneia_model_ready", "fake"] == 2
        for _ in range(20):
            assert server.forecast().status_code == 200

        until(lambda: told(server).get(asked) == 20, server.process, server.output)

        # Two forecasts in each process warmed it up. Whoever answers, nothing ever becomes less.
        assert told(server)[forecast] == 24
        assert told(server)["process_resident_memory_bytes",] > 100_000_000
        seen = [told(server)[asked] for _ in range(20)]
        assert seen == [20] * 20
    assert list(tmp_path.glob("sapheneia-metrics-*")) == []
