from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.principal import Principal
from forecast.core.security import require_key
from forecast.database.connection import Database
from tests.runs.conftest import ask, demand, put


@pytest.fixture
def become(client: TestClient) -> Iterator[Any]:
    """Makes the calls that follow those of a client by a key of its own."""
    app: Any = client.app

    def change(client_id: str) -> None:
        app.dependency_overrides[require_key] = lambda: Principal(client_id, f"{client_id}-key", "forecast")

    yield change
    app.dependency_overrides.clear()


def test_a_run_tells_what_was_asked_by_whom_and_of_which_model(
    client: TestClient, become: Any, database: Database
) -> None:
    put(database, demand("A"), client_id="acme")
    become("acme")
    told = ask(client, start_date="2024-01-20", parameters={"season_length": 7})

    run = client.get(f"/api/v1/forecasts/{told['forecast_run_id']}").json()

    assert run["user"] == "acme-key"
    assert (run["kind"], run["model"], run["dataset"]) == ("forecast", "fake", "default")
    assert run["model_version"] == told["model_version"]
    assert (run["start_date"], run["prediction_length"]) == ("2024-01-20", 4)
    assert run["quantile_levels"] == [0.1, 0.5, 0.9]
    assert run["request"]["parameters"] == {"season_length": 7}
    assert (run["status"], run["items_total"], run["items_done"], run["items_failed"]) == (
        "succeeded",
        1,
        1,
        0,
    )
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    assert 0 <= run["seconds"] < 60
    assert run["forecasts"] == told["forecasts"]
    assert run["next_cursor"] is None


def test_no_client_finds_what_is_another_s(client: TestClient, become: Any, database: Database) -> None:
    put(database, demand("A"), client_id="acme")
    become("acme")
    told = ask(client)
    run_id = told["forecast_run_id"]
    become("other")

    for forecast_id in (run_id, told["forecasts"][0]["forecast_id"]):
        for call in (client.get, client.delete):
            answer = call(f"/api/v1/forecasts/{forecast_id}")
            assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
    assert client.get("/api/v1/forecasts").json() == {"forecasts": [], "next_cursor": None}
    answer = client.post("/api/v1/forecast", json={"model": "fake"})
    assert answer.json()["detail"] == "There is no dataset 'default'."
    become("acme")
    assert client.get(f"/api/v1/forecasts/{run_id}").status_code == 200


def test_runs_are_listed_page_by_page_the_newest_first(client: TestClient, items: pd.DataFrame) -> None:
    made = [ask(client, item_ids=["A"])["forecast_run_id"] for _ in range(5)]
    found, cursor = [], None
    while True:
        page = client.get("/api/v1/forecasts", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found.append([run["forecast_run_id"] for run in page.json()["forecasts"]])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break

    assert found == [made[4:2:-1], made[2:0:-1], made[:1]]


def test_runs_are_found_by_what_they_are_of(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    put(database, demand("short", 3), "small")
    first = ask(client, item_ids=["A"])["forecast_run_id"]
    second = ask(client, item_ids=["B", "C"])["forecast_run_id"]
    third = ask(client, dataset="small")["forecast_run_id"]
    created = client.get(f"/api/v1/forecasts/{second}").json()["created_at"]

    def find(**wanted: str) -> list[str]:
        answer = client.get("/api/v1/forecasts", params=wanted)
        assert answer.status_code == 200, answer.text
        return [run["forecast_run_id"] for run in answer.json()["forecasts"]]

    assert find(model="fake") == [third, second, first]
    assert find(model="prophet") == []
    assert find(dataset="small") == [third]
    assert find(item_id="B") == [second]
    assert find(status="failed") == [third]
    assert find(kind="inference") == []
    assert find(created_after=created) == [third, second]
    assert find(created_before=created) == [first]
    assert find(created_before=created, item_id="B") == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "cursor=x", "cursor=W10=", "created_after=2024-01-01", "status=done", "item_id=%00"],
)
def test_what_no_list_can_be_asked_for_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/forecasts?{query}")

    assert (answer.status_code, answer.json()["error"]) == (422, "REQUEST_INVALID")


def test_a_run_is_read_item_by_item_or_page_by_page(client: TestClient, items: pd.DataFrame) -> None:
    told = ask(client)
    path = f"/api/v1/forecasts/{told['forecast_run_id']}"

    first = client.get(path, params={"limit": 2}).json()
    rest = client.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    one = client.get(path, params={"item_id": "B"}).json()
    alone = client.get(f"/api/v1/forecasts/{told['forecasts'][2]['forecast_id']}").json()

    assert first["forecasts"] + rest["forecasts"] == told["forecasts"]
    assert rest["next_cursor"] is None
    assert one["forecasts"] == told["forecasts"][1:2]
    assert alone["forecasts"] == told["forecasts"][2:]


def test_a_forecast_or_a_run_can_be_deleted(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    told = ask(client)
    path = f"/api/v1/forecasts/{told['forecast_run_id']}"

    assert client.delete(f"/api/v1/forecasts/{told['forecasts'][0]['forecast_id']}").status_code == 204
    assert client.get(path).json()["forecasts"] == told["forecasts"][1:]
    assert client.delete(path).status_code == 204

    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    with database.read() as connection:
        for table in ("forecast_runs", "forecast_items", "forecast_results"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


@pytest.mark.parametrize(
    "forecast_id", ["x", "0" * 32, f"{'0' * 32}-000001", f"{'0' * 31}%00", "0" * 32 + "-"]
)
def test_what_is_no_forecast_is_not_found(client: TestClient, forecast_id: str) -> None:
    answer = client.get(f"/api/v1/forecasts/{forecast_id}")

    assert (answer.status_code, answer.json()["error"]) == (404, "NOT_FOUND")
