from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.conftest import AUTHORIZED, MakeApp
from tests.postgres import PostgresServer
from tests.runs.conftest import ask, demand, put

BODY = {
    "data": {"date": [f"2024-01-{day:02}" for day in range(1, 11)], "y": list(range(10))},
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 2},
}


def test_while_the_database_is_down_an_inference_answers_and_a_forecast_says_when_to_try_again(
    make_app: MakeApp, own_postgres: PostgresServer
) -> None:
    database = Database(own_postgres.url())
    put(database, demand("A"))
    database.close()
    with TestClient(make_app(database_url=own_postgres.url()), headers=AUTHORIZED) as client:
        client.post("/forecast/v1/fake/initialization", json={}).raise_for_status()
        run_id = ask(client)["forecast_run_id"]
        own_postgres.kill()

        answers = [
            client.post("/api/v1/forecast", json={"model": "fake"}),
            client.get("/api/v1/forecasts"),
            client.get(f"/api/v1/forecasts/{run_id}", params={"format": "csv"}),
        ]
        inference = client.post("/forecast/v1/fake/inference", json=BODY)

        assert [answer.status_code for answer in answers] == [503] * 3
        assert {answer.json()["error"] for answer in answers} == {"DATABASE_UNAVAILABLE"}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert inference.status_code == 200
        own_postgres.start()
        assert client.get(f"/api/v1/forecasts/{run_id}").status_code == 200
