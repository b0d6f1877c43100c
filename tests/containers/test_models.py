"""The profile `models`: each model a service of its own, and the gateway in front of them."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from forecast.jobs.embedded import POLL_SECONDS
from forecast.models.chronos.tests import tiny
from tests.containers.shop import await_job, enrol, hand_over, put_history, read_forecasts, read_job
from tests.containers.stack import PATIENCE_SECONDS, SAMPLE, Stack, docker, forecast, points, until
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


def test_a_job_is_computed_by_the_gateway_with_the_model_behind_it(models: Stack) -> None:
    key = enrol(models)
    with models.client(key=key) as client, models.client("STATSFORECAST_MODEL_PORT", key) as service:
        put_history(client, 20)
        job = await_job(client, hand_over(client))
        rows = read_forecasts(client, job)
        assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", 20, 0)
        assert len(rows) == 1 + 7 * 20
        assert read_forecasts(service, job) == rows


def test_a_model_on_its_own_computes_no_job(models: Stack) -> None:
    with models.client("STATSFORECAST_MODEL_PORT", enrol(models, "direct")) as service:
        put_history(service, 3)
        models.compose("kill", "gateway")
        job_id = hand_over(service)
        threading.Event().wait(3 * POLL_SECONDS)

        assert read_job(service, job_id)["status"] == "pending"
        assert service.delete(f"/api/v1/forecast-jobs/{job_id}").status_code == 200
    models.start("--no-deps", "gateway")


def test_a_model_on_its_own_forecasts_without_a_database(models: Stack) -> None:
    name, url = f"{models.project}-alone", "http://127.0.0.1:8006"
    sample = json.dumps(SAMPLE | {"parameters": {"horizon_len": 12}})
    settings = ("API_SECRET_KEY=x", "LOG_DIR=/tmp/logs", "DATABASE_URL=sqlite:////nowhere/sapheneia.db")
    alone = ["run", "--detach", "--rm", "--name", name, "--read-only", "--tmpfs", "/tmp"]
    docker(*alone, *(f"--env={setting}" for setting in settings), "sapheneia-statsforecast")
    try:
        until(lambda: "healthy" in docker("inspect", "-f", "{{.State.Health.Status}}", name).split())
        asked = ("exec", name, "python", "-m", "scripts.gateway")
        docker(*asked, "await", url, str(PATIENCE_SECONDS))
        told = docker(*asked, "forecast", f"{url}/forecast/v1/statsforecast/inference", sample)
        assert told.count(",") == 11, told
    finally:
        docker("stop", name)


def test_somebody_on_the_page_forecasts_by_a_model_behind_the_gateway(models: Stack) -> None:
    with httpx.Client(base_url=models.url("UI_PORT"), timeout=60, trust_env=False) as page:
        run = forecast_table(page, take_sample(page), "statsforecast")
        assert "Take it away" in page.get(run).text


def test_a_model_that_is_killed_is_told_and_comes_back(models: Stack) -> None:
    with models.client() as gateway:
        models.compose("kill", "forecast-statsforecast")
        refused = forecast(gateway, "statsforecast")
        # Nothing was sent: the service's end closed its connections, and another cannot be made.
        assert (refused.status_code, refused.json()["error"]) == (503, "MODEL_SERVICE_UNAVAILABLE")
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert gateway.get("/health/live").status_code == 200
        assert len(points(forecast(gateway, "chronos"))) == 12

        models.start("--no-deps", "forecast-statsforecast")
        models.await_model("statsforecast", port="STATSFORECAST_MODEL_PORT")
        until(lambda: forecast(gateway, "statsforecast").status_code == 200)
