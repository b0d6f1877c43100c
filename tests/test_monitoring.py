"""What deploy/ tells Prometheus and Grafana, judged by a real Prometheus that scrapes a real gateway."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.testclient import TestClient

from forecast.models import MODEL_REGISTRY, get_available_models
from tests.conftest import ROOT
from tests.core.conftest import PREFIX, REQUEST
from tests.ports import free_port
from tests.server import PATIENCE_SECONDS, answers, run_server, until
from tests.test_metrics import families

CONFIGURATION = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "deploy/grafana"
BOARD = json.loads((GRAFANA / "dashboards/sapheneia.json").read_text())
PANELS = BOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES = yaml.safe_load((CONFIGURATION / "alerts.yml").read_text())["groups"][0]["rules"]
SCRAPE_SECONDS = 1


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has no {name}; .ci/run installs it")
        pytest.skip(f"there is no {name}; install Debian's package prometheus to run this test")
    return found


def plain(expression: str) -> str:
    """Return an expression of the dashboard with its variables as Grafana fills them in for all."""
    ready = expression.replace("$__rate_interval", f"{30 * SCRAPE_SECONDS}s")
    return re.sub(r"\$(instance|model)", ".+", ready)


def metrics_of(expression: str) -> set[str]:
    """Return the metrics that an expression reads, without what histograms add to their names."""
    found = re.findall(r"\b(?:sapheneia|process)_\w+", expression)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


@pytest.fixture
def known(client: TestClient) -> set[str]:
    """The metrics that a gateway has."""
    client.post(f"{PREFIX}/initialization", json={})
    client.post(f"{PREFIX}/inference", json=REQUEST)
    return {name for name, *_ in families(client.get("/metrics").text)}


def test_panels_and_alerts_read_metrics_that_there_are(known: set[str]) -> None:
    for expression in (*EXPRESSIONS, *(rule["expr"] for rule in RULES)):
        named = metrics_of(expression)
        assert named <= known, expression
        assert named or "up{" in expression


def test_the_dashboard_shows_every_metric_of_the_gateway(known: set[str]) -> None:
    shown = set().union(*map(metrics_of, EXPRESSIONS))
    assert {name for name in known if name.startswith("sapheneia")} <= shown


def test_no_panel_is_empty_or_lies_on_another() -> None:
    places = [panel["gridPos"] for panel in PANELS]
    covered = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) < 24
    assert all(panel["targets"] and panel["title"] and panel["description"] for panel in PANELS)
    assert len({panel["title"] for panel in PANELS}) == len({panel["id"] for panel in PANELS}) == 17


def test_the_dashboard_is_where_grafana_looks_and_asks_the_source_that_there_is() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/sapheneia.yml").read_text())["providers"]
    used = {target["datasource"]["uid"] for panel in PANELS for target in panel["targets"]}
    assert used == {source["uid"]} == {"prometheus"}
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"


def test_the_gateway_and_every_model_service_are_scraped() -> None:
    jobs = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["job_name"]: set(job["static_configs"][0]["targets"]) for job in jobs}
    assert targets == {
        "sapheneia": {"forecast:8000"},
        "sapheneia-models": {
            f"forecast-{model_id}:{MODEL_REGISTRY[model_id]['default_port']}"
            for model_id in get_available_models()
        },
    }


def test_every_alert_is_documented_and_tested() -> None:
    names = [rule["alert"] for rule in RULES]
    documented = re.findall(r"^\| `(Sapheneia\w+)` \|", (ROOT / "docs/monitoring.md").read_text(), re.M)
    cases = yaml.safe_load((CONFIGURATION / "alerts_test.yml").read_text())["tests"]
    comes = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}
    assert documented == names
    assert comes == set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_prometheus_finds_the_configuration_right(arguments: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [tool("promtool"), *arguments], cwd=CONFIGURATION, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS" in ran.stdout + ran.stderr


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs."""

    url: str
    check: Callable[[Callable[[], bool]], None]

    def ask(self, expression: str) -> list[Any]:
        """Return the series that an expression has now."""
        series: list[Any] = self.get("query", query=expression)["result"]
        return series

    def health(self) -> list[str]:
        """Return the health of each rule."""
        return [rule["health"] for rule in self.get("rules")["groups"][0]["rules"]]

    def get(self, path: str, **asked: str) -> dict[str, Any]:
        """Return the data of an answer."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=asked, trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def await_values(self, expression: str, *values: float) -> None:
        """Wait until an expression has these numbers; after a scrape that took too long it has none."""
        self.check(lambda: [float(one["value"][1]) for one in self.ask(expression)] == [*values])

    def await_any(self, expression: str) -> None:
        """Wait until an expression has a series."""
        self.check(lambda: self.ask(expression) != [])


@contextmanager
def run_prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """Scrape a port of this host as deploy/prometheus says, only faster."""
    configuration = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())
    configuration["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SCRAPE_SECONDS}s")
    configuration["scrape_configs"] = configuration["scrape_configs"][:1]
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    shutil.copy(CONFIGURATION / "alerts.yml", folder)
    port = free_port()
    output = folder / "prometheus.log"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(f"{url}/-/ready"), process, output)
        yield Prometheus(url, lambda true: until(true, process, output))
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@pytest.mark.timeout(300)
def test_a_prometheus_that_scrapes_a_gateway_fills_every_panel(tmp_path: Path) -> None:
    tool("prometheus")
    with (
        run_server(tmp_path, free_port(), RESULT_CACHE_BYTES="1000000") as server,
        run_prometheus(tmp_path, server.port) as prometheus,
    ):
        count = 'sapheneia_request_seconds_count{status="200", route=~".*/inference"}'
        assert server.forecast().status_code == 200
        prometheus.await_values(count, 1)
        refused = httpx.post(f"{server.url}{PREFIX}/inference", trust_env=False, timeout=60)
        assert refused.status_code == 401
        for _ in range(4):
            assert server.forecast().status_code == 200

        prometheus.await_values(count, 5)
        prometheus.await_values("sapheneia_ready", 1)
        prometheus.await_values('sapheneia_model_series_cached_total{model="fake"}', 4)
        prometheus.await_values('sapheneia_model_series_forecast_total{model="fake"}', 3)
        for expression in EXPRESSIONS:
            prometheus.await_any(plain(expression))
        prometheus.check(lambda: prometheus.health() == ["ok"] * 8)
        prometheus.await_values("ALERTS")
