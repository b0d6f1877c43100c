import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.errors import DatabaseUnavailableError
from forecast.database.connection import Database
from forecast.idempotency.keys import Keys
from tests.idempotency.conftest import end_leases
from tests.runs.conftest import app, client, items

__all__ = ["app", "client", "items"]

KEYED = {"Idempotency-Key": "one"}
BODY = {"model": "fake", "prediction_length": 4, "item_ids": ["A"]}


def test_a_forecast_by_name_is_made_and_stored_once(client: TestClient, items: pd.DataFrame) -> None:
    first = client.post("/api/v1/forecast", json=BODY, headers=KEYED)
    second = client.post("/api/v1/forecast", json=BODY, headers=KEYED)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"
    listed = client.get("/api/v1/forecasts", headers=KEYED)
    assert listed.status_code == 200
    assert "Idempotency-Replayed" not in listed.headers
    assert listed.text.count(first.json()["forecast_run_id"]) == 1


def test_a_key_of_a_forecast_is_no_key_of_a_job(client: TestClient, items: pd.DataFrame) -> None:
    assert client.post("/api/v1/forecast", json=BODY, headers=KEYED).status_code == 200
    answer = client.post("/api/v1/forecast-jobs", json=BODY, headers=KEYED)
    assert (answer.status_code, answer.json()["error"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_model_that_is_not_loaded_leaves_the_key_free(client: TestClient, items: pd.DataFrame) -> None:
    client.post("/forecast/v1/fake/shutdown")
    assert client.post("/api/v1/forecast", json=BODY, headers=KEYED).status_code == 409
    client.post("/forecast/v1/fake/initialization", json={})
    assert client.post("/api/v1/forecast", json=BODY, headers=KEYED).status_code == 200


def _forget(*_: object) -> None:
    raise DatabaseUnavailableError("away")


def test_a_forecast_that_was_kept_without_its_answer_is_told_again_byte_for_byte(
    client: TestClient, items: pd.DataFrame, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = BODY | {"item_ids": ["A", "nobody"], "quantile_levels": [0.05, 0.5, 0.95]}
    with monkeypatch.context() as away:
        away.setattr(Keys, "keep", _forget)
        first = client.post("/api/v1/forecast", json=body, headers=KEYED)
    end_leases(database)
    again = client.post("/api/v1/forecast", json=body, headers=KEYED)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["items_failed"] == 1
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert len(client.get("/api/v1/forecasts").json()["forecasts"]) == 1


def test_a_forecast_that_was_removed_meanwhile_is_not_made_again(
    client: TestClient, items: pd.DataFrame, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(Keys, "keep", _forget)
        run_id = client.post("/api/v1/forecast", json=BODY, headers=KEYED).json()["forecast_run_id"]
    assert client.delete(f"/api/v1/forecasts/{run_id}").status_code == 204
    end_leases(database)
    again = client.post("/api/v1/forecast", json=BODY, headers=KEYED)
    assert (again.status_code, again.json()["error"]) == (404, "NOT_FOUND")
    assert client.get("/api/v1/forecasts").json()["forecasts"] == []
