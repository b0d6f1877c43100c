import pandas as pd
from starlette.testclient import TestClient

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
