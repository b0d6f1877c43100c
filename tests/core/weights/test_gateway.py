"""Checkpoints from MLflow through the whole gateway, as a caller loads them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.config import Settings
from forecast.main import create_app
from forecast.models import get_service
from forecast.models.timesfm20.tests import tiny
from tests.conftest import AUTHORIZED
from tests.core.weights.registry import Registry

PREFIX = "/forecast/v1/timesfm20"
REQUEST = {
    "data_source_url_or_path": "data/samples/airline-passengers.csv",
    "data_definition": {"Passengers": "target"},
    "parameters": {"horizon_len": 12},
}


@pytest.fixture(scope="module")
def published(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> tuple[Registry, Path]:
    """The tiny TimesFM as version 1 in transformers' format and 2 in the original one; and their folder."""
    folder = tmp_path_factory.mktemp("local")
    tiny.write(folder)
    tiny.write_original(folder)
    registry.publish("timesfm", folder / "tiny", alias="champion")
    registry.publish("timesfm", folder / "original", stage="Staging")
    return registry, folder


@pytest.fixture
def gateway(
    published: tuple[Registry, Path],
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[TestClient]:
    registry, folder = published
    monkeypatch.setenv("TIMESFM20_LOCAL_DIR", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("MLFLOW_CACHE_DIR", str(tmp_path / "cache"))
    service = get_service("timesfm20")
    service.__dict__.pop("settings", None)
    with TestClient(create_app(make_settings()), headers=AUTHORIZED) as client:
        yield client
    service.__dict__.pop("settings", None)


def initialize(gateway: TestClient, **body: Any) -> Any:
    return gateway.post(f"{PREFIX}/initialization", json={"context_len": 64, "horizon_len": 24} | body)


def forecast(gateway: TestClient) -> Any:
    answer = gateway.post(f"{PREFIX}/inference", json=REQUEST)
    assert answer.status_code == 200, answer.text
    return answer.json()["prediction"]["quantile_forecast"]


def test_a_registered_model_forecasts_as_the_same_weights_from_a_folder(gateway: TestClient) -> None:
    assert initialize(gateway, local_model_path="tiny").status_code == 200
    expected = forecast(gateway)
    gateway.post(f"{PREFIX}/shutdown")
    made = initialize(gateway, mlflow_model_name="timesfm", mlflow_model_alias="champion")
    assert made.status_code == 200, made.text
    assert made.json()["model_info"]["source"] == "mlflow:timesfm/1"
    status = gateway.get(f"{PREFIX}/status").json()
    assert (status["model_status"], status["details"]) == ("ready", "Source: mlflow:timesfm/1")
    assert forecast(gateway) == expected


def test_original_weights_are_loaded_from_a_registered_model_too(gateway: TestClient) -> None:
    assert initialize(gateway, local_model_path="original").status_code == 200
    expected = forecast(gateway)
    gateway.post(f"{PREFIX}/shutdown")
    made = initialize(gateway, mlflow_model_name="timesfm", mlflow_model_stage="Staging")
    assert made.json()["model_info"]["source"] == "mlflow:timesfm/2"
    assert forecast(gateway) == expected


def test_an_alias_is_the_same_model_as_its_version_and_another_one_once_it_has_moved(
    gateway: TestClient, published: tuple[Registry, Path]
) -> None:
    registry, _ = published
    assert initialize(gateway, mlflow_model_name="timesfm", mlflow_model_version=1).status_code == 200
    asked = {"mlflow_model_name": "timesfm", "mlflow_model_alias": "moving"}
    registry.client.set_registered_model_alias("timesfm", "moving", "1")
    assert initialize(gateway, **asked).status_code == 200
    registry.client.set_registered_model_alias("timesfm", "moving", "2")
    refused = initialize(gateway, **asked)
    assert (refused.status_code, refused.json()["error"]) == (409, "MODEL_CONFIG_CONFLICT")
    assert "another mlflow_model_version" in refused.json()["detail"]
    assert registry.uri not in refused.text


def test_without_a_server_the_setting_is_named(gateway: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    get_service("timesfm20").__dict__.pop("settings", None)
    refused = initialize(gateway, mlflow_model_name="timesfm")
    assert (refused.status_code, refused.json()["error"]) == (422, "CHECKPOINT_UNAVAILABLE")
    assert "MLFLOW_TRACKING_URI" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"source_type": "mlflow"}, "source_type 'mlflow' needs mlflow_model_name"),
        ({"source_type": "local"}, "source_type 'local' needs local_model_path"),
        ({"mlflow_model_name": "a", "source_type": "hf"}, "mlflow_model_name needs source_type 'mlflow'"),
        ({"mlflow_model_name": "a", "checkpoint": "b/c"}, "checkpoint and mlflow_model_name exclude"),
        ({"mlflow_model_name": "a", "local_model_path": "b"}, "local_model_path and mlflow_model_name"),
        ({"mlflow_model_name": "a", "revision": "b"}, "revision is one of a Hub repository"),
        ({"mlflow_model_alias": "a"}, "mlflow_model_alias needs mlflow_model_name"),
        (
            {"mlflow_model_name": "a", "mlflow_model_alias": "b", "mlflow_model_stage": "c"},
            "mlflow_model_alias and mlflow_model_stage exclude each other",
        ),
        (
            {"mlflow_model_name": "a", "mlflow_model_alias": "b", "mlflow_model_version": "3"},
            "mlflow_model_version and mlflow_model_alias exclude each other",
        ),
        ({"mlflow_model_name": ""}, "at least 1 character"),
        ({"mlflow_model_name": "a", "mlflow_model_version": 0}, "should be a number from 1"),
        ({"mlflow_model_name": "a", "mlflow_model_version": True}, "valid integer"),
        ({"mlflow_model_name": "a", "mlflow_model_version": "latest"}, "should be a number from 1"),
    ],
)
def test_a_request_for_weights_that_makes_no_sense_is_refused(
    gateway: TestClient, body: dict[str, Any], told: str
) -> None:
    refused = initialize(gateway, **body)
    assert refused.status_code == 422
    assert told in refused.json()["detail"]
