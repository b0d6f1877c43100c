"""The profile `models`: each model a service of its own, and the gateway in front of them."""

from collections.abc import Iterator

import httpx
import pytest

from forecast.models.chronos.tests import tiny
from tests.containers.stack import Stack, docker, forecast, points, until
from tests.containers.visit import forecast_table, take_sample

MODELS = ("forecast-statsforecast", "forecast-chronos")


@pytest.fixture(scope="module")
def models(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two of the models and the gateway; Chronos finds a tiny checkpoint in the volume of the weights."""
    folder = tmp_path_factory.mktemp("models")
    tiny.write(folder)
    stack = Stack(folder, profile="models", settings={"INITIALIZE_ON_START": "statsforecast"})
    try:
        stack.compose("build", *MODELS, "gateway", "ui")
        stack.start("--no-deps", *MODELS, "gateway", "ui")
        stack.put(folder / "tiny", "forecast-chronos", "weights/chronos")
        stack.await_model("statsforecast", port="STATSFORECAST_MODEL_PORT")
        yield stack
    finally:
        stack.end()


def test_a_model_on_its_own_port_is_all_that_its_service_has(models: Stack) -> None:
    with models.client("STATSFORECAST_MODEL_PORT") as client:
        assert [*client.get("/health").json()["models"]] == ["statsforecast"]
        assert len(points(forecast(client, "statsforecast"))) == 12
    listed = docker(
        "run",
        "--rm",
        "--entrypoint",
        "ls",
        "sapheneia-statsforecast",
        "/opt/venv/lib/python3.11/site-packages",
    )
    assert "statsforecast" in listed.split()
    assert {"torch", "prophet", "transformers"} & set(listed.split()) == set()


def test_a_model_loads_the_weights_of_its_volume(models: Stack) -> None:
    with models.client("CHRONOS_MODEL_PORT") as client:
        body = {"source_type": "local", "local_model_path": "tiny", "context_len": 64, "horizon_len": 24}
        loaded = client.post("/forecast/v1/chronos/initialization", json=body)
        assert loaded.status_code == 200, loaded.text
        assert loaded.json()["model_info"]["source"] == "local:tiny"
        assert len(points(forecast(client, "chronos"))) == 12


@pytest.mark.parametrize("model_id", ["statsforecast", "chronos"])
def test_the_gateway_answers_what_the_model_answers(models: Stack, model_id: str) -> None:
    with models.client() as gateway, models.client(f"{model_id.upper()}_MODEL_PORT") as service:
        assert points(forecast(gateway, model_id)) == points(forecast(service, model_id))


def test_somebody_on_the_page_forecasts_by_a_model_behind_the_gateway(models: Stack) -> None:
    with httpx.Client(base_url=models.url("UI_PORT"), timeout=60, trust_env=False) as page:
        run = forecast_table(page, take_sample(page), "statsforecast")
        assert "Take it away" in page.get(run).text


def test_a_model_that_is_killed_is_told_and_comes_back(models: Stack) -> None:
    with models.client() as gateway:
        models.compose("kill", "forecast-statsforecast")
        refused = forecast(gateway, "statsforecast")
        assert refused.status_code in {502, 503}, refused.text
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert gateway.get("/health/live").status_code == 200
        assert len(points(forecast(gateway, "chronos"))) == 12

        models.start("--no-deps", "forecast-statsforecast")
        models.await_model("statsforecast", port="STATSFORECAST_MODEL_PORT")
        until(lambda: forecast(gateway, "statsforecast").status_code == 200)
