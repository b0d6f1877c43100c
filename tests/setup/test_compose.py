"""docker-compose.yml agrees with the registry and keeps its services in bounds."""

import re
from typing import Any

import pytest
import yaml

from forecast.models import get_available_models, get_model_info
from tests.setup.clone import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]
OWN = {name: service for name, service in SERVICES.items() if "build" in service}


@pytest.mark.parametrize("model_id", get_available_models())
def test_every_model_is_a_service_on_its_port_that_the_gateway_knows(model_id: str) -> None:
    service, port = SERVICES[f"forecast-{model_id}"], get_model_info(model_id)["default_port"]

    assert service["profiles"] == ["models"]
    assert service["build"]["args"]["MODEL_NAME"] == service["environment"]["MODEL_NAME"] == model_id
    assert service["build"]["args"]["MODEL_PORT"] == port
    assert service["ports"] == [f"${{API_HOST:-127.0.0.1}}:${{{model_id.upper()}_MODEL_PORT:-{port}}}:{port}"]
    urls = SERVICES["gateway"]["environment"]["MODEL_SERVICE_URLS"].split(",")
    assert f"{model_id}=http://forecast-{model_id}:{port}" in urls
    assert f"forecast-{model_id}" in SERVICES["gateway"]["depends_on"]


@pytest.mark.parametrize("model_id", get_available_models())
def test_a_model_on_its_own_leaves_jobs_to_the_gateway(model_id: str) -> None:
    environment = SERVICES[f"forecast-{model_id}"]["environment"]

    assert (environment["JOB_RUNNER"], environment["JOB_WORKERS"]) == ("embedded", 0)
    assert "JOB_WORKERS" not in SERVICES["gateway"]["environment"]


@pytest.mark.parametrize("name", sorted(set(OWN) - {"ui"}))
def test_what_the_api_keeps_is_in_volumes(name: str) -> None:
    mounted = dict(volume.split(":") for volume in OWN[name]["volumes"])

    assert mounted["database"] == "/app/database"
    assert mounted["uploads"] == "/app/data/uploads"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_kept_in_bounds(name: str) -> None:
    service = SERVICES[name]

    assert (service["read_only"], service["init"], service["cap_drop"]) == (True, True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(
        re.match(r"(127\.0\.0\.1|\$\{(API|UI)_HOST:-127\.0\.0\.1\}):", port)
        for port in service.get("ports", ())
    )


@pytest.mark.parametrize("name", OWN)
def test_no_service_of_ours_starts_without_a_key(name: str) -> None:
    assert OWN[name]["environment"]["API_SECRET_KEY"].startswith("${API_SECRET_KEY:?")


@pytest.mark.parametrize("name", SERVICES)
def test_a_start_can_wait_for_every_service(name: str) -> None:
    # `up --wait` fails on one whose check is disabled.
    assert "disable" not in SERVICES[name].get("healthcheck", {})


@pytest.mark.parametrize("name", OWN)
def test_every_service_of_ours_has_time_to_end(name: str) -> None:
    assert OWN[name]["stop_grace_period"] == "30s"


@pytest.mark.parametrize("name", ["forecast-celery", "worker"])
def test_jobs_of_the_celery_profile_go_through_its_redis_and_its_postgres(name: str) -> None:
    service = SERVICES[name]
    environment = service["environment"]

    assert (
        service["profiles"] == SERVICES["redis"]["profiles"] == SERVICES["postgres"]["profiles"] == ["celery"]
    )
    assert environment["JOB_RUNNER"] == "celery"
    assert environment["CELERY_BROKER_URL"] == "redis://redis:6379/0"
    user, database = (SERVICES["postgres"]["environment"][f"POSTGRES_{part}"] for part in ("USER", "DB"))
    address = f"{user}:${{POSTGRES_PASSWORD:-}}@postgres:5432/{database}"
    assert environment["DATABASE_URL"] == f"postgresql+psycopg://{address}"
    assert set(service["depends_on"]) == {"redis", "postgres"}


def test_volumes_are_all_declared() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith(".")
    }
    assert used == set(yaml.safe_load(TEXT)["volumes"])
