"""`docker compose up`: the gateway and the page."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.containers.stack import ROOT, Stack, forecast, points, until
from tests.containers.visit import forecast_table, take_sample

SERVICES = ("forecast", "ui")


def page_of(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.url("UI_PORT"), timeout=60, trust_env=False)


def test_the_api_forecasts(stack: Stack) -> None:
    with stack.client() as client:
        assert len(points(forecast(client, "statsforecast"))) == 12


def test_somebody_on_the_page_forecasts(stack: Stack) -> None:
    with page_of(stack) as page:
        run = forecast_table(page, take_sample(page), "statsforecast")
        result, csv = page.get(run), page.get(f"{run}/forecast.csv")

    assert "Take it away" in result.text
    assert [line.partition(",")[0] for line in csv.text.splitlines()].count("statsforecast") in {0, 12}
    assert len(csv.text.splitlines()) > 12


def test_the_page_answers_under_the_names_of_this_host_only(stack: Stack) -> None:
    with page_of(stack) as page:
        assert page.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_without_rights_on_a_root_that_is_read_only(stack: Stack, service: str) -> None:
    told = stack.inspect(service)

    assert stack.run(service, "id", "-u").strip() == "10001"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in told["HostConfig"]["SecurityOpt"]
    with pytest.raises(AssertionError, match="Read-only file system"):
        stack.run(service, "touch", "/home/sapheneia/x")


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_this_host_only(stack: Stack, service: str) -> None:
    (published,) = stack.inspect(service)["NetworkSettings"]["Ports"].values()

    assert {each["HostIp"] for each in published} == {"127.0.0.1"}


def test_new_containers_find_what_the_old_ones_kept(stack: Stack) -> None:
    sample = (ROOT / "data/samples/airline-passengers.csv").read_bytes()
    with stack.client() as client, page_of(stack) as page:
        kept = client.post("/api/v1/uploads", files={"file": ("mine.csv", sample)}).json()["path"]
        run = forecast_table(page, take_sample(page), "statsforecast")
        shown = page.get(f"{run}/forecast.csv").text
        stack.run("forecast", "touch", "weights/chronos/mine", "/home/sapheneia/.cache/mine")

        stack.compose("down")
        stack.start()
        stack.await_model("statsforecast")

        assert page.get(f"{run}/forecast.csv").text == shown
        assert "airline-passengers" in page.get("/").text  # the session and what it brought
        body = {"data_source_url_or_path": kept, "data_definition": {"Passengers": "target"}}
        again = client.post(
            "/forecast/v1/statsforecast/inference", json=body | {"parameters": {"horizon_len": 12}}
        )
    assert len(points(again)) == 12
    stack.run("forecast", "ls", "forecast/models/chronos/local/mine", "/home/sapheneia/.cache/mine")
    assert int(stack.run("forecast", "grep", "-c", "Application startup complete", "logs/forecast.log")) > 1


def slow_request() -> dict[str, Any]:
    """Return a request whose series take some seconds."""
    values = np.random.default_rng(0).normal(size=(12, 400)).cumsum(axis=1).round(3)
    rows = [
        {"id": f"s{number}", "date": str(np.datetime64("2024-01-01") + step), "y": value}
        for number, series in enumerate(values.tolist())
        for step, value in enumerate(series)
    ]
    return {
        "data": rows,
        "data_definition": {"id": "id", "date": "timestamp", "y": "target"},
        "parameters": {"horizon_len": 14, "method": "AutoARIMA"},
    }


def is_computing(client: httpx.Client) -> bool:
    told = client.get("/metrics").text.splitlines()
    (running,) = (
        line
        for line in told
        if line.startswith("sapheneia_model_series_running{") and "statsforecast" in line
    )
    return float(running.rpartition(" ")[2]) > 0


def test_a_stop_lets_a_request_in_flight_be_answered(stack: Stack) -> None:
    with stack.client() as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/forecast/v1/statsforecast/inference", json=slow_request())
        with stack.client() as watcher:
            until(lambda: asked.done() or is_computing(watcher))
        assert not asked.done(), "it was answered before the stop"
        stack.compose("stop", "forecast")
        answer = asked.result()
    state = stack.inspect("forecast")["State"]
    stack.start()

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["prediction"]["point_forecast"]) == 12
    assert (state["ExitCode"], state["OOMKilled"]) in {(0, False), (143, False)}


def test_the_page_comes_back_when_the_gateway_does(stack: Stack) -> None:
    with page_of(stack) as page:
        stack.compose("kill", "forecast")
        assert page.get("/health").json()["gateway"]["status"] == "unreachable"
        stack.start()
        stack.await_model("statsforecast")
        assert page.get("/health").json()["gateway"]["status"] == "healthy"
        forecast_table(page, take_sample(page), "statsforecast")


def test_without_a_key_nothing_starts_and_the_reason_is_told(engine: None, tmp_path: Path) -> None:
    empty = tmp_path / "empty.env"
    empty.write_text("API_SECRET_KEY=\n")
    refused = subprocess.run(
        ["docker", "compose", "--env-file", str(empty), "up", "--no-build"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "API_SECRET_KEY"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "API_SECRET_KEY" in refused.stderr
    assert "./setup.sh run-docker" in refused.stderr
