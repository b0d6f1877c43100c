import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.conftest import AUTHORIZED
from tests.fakes import FakeAdapter, Gate
from tests.runs.conftest import ask, demand, put


def test_items_are_forecast_by_name(client: TestClient, items: pd.DataFrame) -> None:
    told = ask(client, item_ids=["C", "A"])

    assert told["status"] == "succeeded"
    assert [one["item_id"] for one in told["forecasts"]] == ["C", "A"]
    last = items[items["item_id"] == "C"]["value"].iloc[-1]
    first = told["forecasts"][0]
    assert first["predictions"][0] == {
        "date": "2024-01-31",
        "value": last,
        "quantiles": {"0.1": last - 0.4, "0.5": last, "0.9": last + 0.4},
    }
    assert first["metadata"]["cutoff"] == "2024-01-30"
    assert first["metadata"]["context_length"] == 30
    assert first["metadata"]["frequency"] == "D"
    assert told["model_version"].startswith("built-in (numpy ")


def test_all_items_are_forecast_where_none_is_named(client: TestClient, items: pd.DataFrame) -> None:
    told = ask(client)

    assert [one["item_id"] for one in told["forecasts"]] == ["A", "B", "C"]
    assert (told["items_total"], told["items_failed"]) == (3, 0)


def test_the_numbers_are_those_of_an_inference_on_the_same_table(
    statistics: TestClient, database: Database
) -> None:
    frame = pd.concat([demand("A", 60), demand("B", 40)])
    frame["promo"] = np.random.default_rng(1).integers(0, 2, len(frame)).astype(float)
    planned = frame.groupby("item_id").tail(1).drop(columns="value")
    ahead = [planned.assign(timestamp=planned["timestamp"] + pd.Timedelta(days=d)) for d in range(1, 8)]
    frame = pd.concat([frame, *ahead]).sort_values(["item_id", "timestamp"])
    put(database, frame)
    parameters = {"horizon_len": 7, "quantile_levels": [0.1, 0.25, 0.5, 0.9]}
    table = frame.assign(timestamp=frame["timestamp"].dt.strftime("%Y-%m-%d")).to_dict("list")
    table = {
        name: [None if isinstance(v, float) and np.isnan(v) else v for v in column]
        for name, column in table.items()
    }
    roles = {
        "item_id": "id",
        "timestamp": "timestamp",
        "value": "target",
        "promo": "dynamic_numerical",
    }
    body = {"data": table, "data_definition": roles, "parameters": parameters}
    wanted = statistics.post("/forecast/v1/statsforecast/inference", json=body).json()["prediction"]

    told = ask(
        statistics,
        model=None,
        prediction_length=7,
        quantile_levels=[0.1, 0.25, 0.5, 0.9],
    )

    assert told["model"] == "statsforecast"
    points = [[step["value"] for step in one["predictions"]] for one in told["forecasts"]]
    quantiles = [[list(s["quantiles"].values()) for s in one["predictions"]] for one in told["forecasts"]]
    assert points == wanted["point_forecast"]
    assert quantiles == wanted["quantile_forecast"]
    assert [one["metadata"]["method"] for one in told["forecasts"]] == wanted["metadata"]["model_methods"]
    assert all(one["metadata"]["covariates_used"] for one in told["forecasts"])
    again = statistics.get(f"/api/v1/forecasts/{told['forecast_run_id']}").json()
    assert again["forecasts"] == told["forecasts"]


def test_an_item_that_fails_says_why_and_costs_the_others_nothing(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    put(database, demand("short", 6))
    put(database, demand("gappy", 30).drop(index=[11, 12]))

    told = ask(client, item_ids=["A", "short", "gone", "gappy", "C"])

    errors = {one["item_id"]: one["error"] for one in told["forecasts"]}
    assert errors["A"] is None
    assert errors["C"] is None
    assert errors["short"] == {
        "error": "HISTORY_TOO_SHORT",
        "detail": "Data error: Item 'short' has 6 known values; a forecast needs at least 7"
        " (setting MIN_HISTORICAL_DATA).",
    }
    assert errors["gone"] == {"error": "NOT_FOUND", "detail": "The dataset 'default' has no item 'gone'."}
    assert errors["gappy"]["error"] == "DATA_INVALID"
    assert "2024-01-12" in errors["gappy"]["detail"]
    alone = ask(client, item_ids=["C"])
    assert told["forecasts"][4]["predictions"] == alone["forecasts"][0]["predictions"]
    assert told["forecasts"][4]["metadata"] == alone["forecasts"][0]["metadata"]
    assert told["status"] == "succeeded"


NAMES = [f"item {number}" for number in range(8)]


@pytest.fixture
def eight(database: Database) -> None:
    put(database, pd.concat([demand(name, 20) for name in NAMES]))
    put(database, pd.concat([demand(name, 20).drop(index=5) for name in NAMES]), "gappy")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.sets(st.sampled_from(NAMES)))
def test_whichever_items_fail_the_others_have_their_own_forecast(
    client: TestClient, database: Database, eight: None, fake: FakeAdapter, bad: set[str]
) -> None:
    frames = [demand(name, 20).drop(index=[5] if name in bad else []) for name in NAMES]
    dataset = f"some {sorted(bad)}"
    put(database, pd.concat(frames), dataset)

    told = ask(client, dataset=dataset)

    assert {one["item_id"] for one in told["forecasts"] if one["status"] == "failed"} == bad
    whole = ask(client)
    for one, own in zip(told["forecasts"], whole["forecasts"], strict=True):
        if one["item_id"] not in bad:
            assert one["predictions"] == own["predictions"]
            assert one["metadata"] == own["metadata"]
    assert told["status"] == ("failed" if len(bad) == len(NAMES) else "succeeded")


def test_a_model_that_fails_on_one_item_fails_that_item_alone(
    client: TestClient, items: pd.DataFrame, fake: FakeAdapter
) -> None:
    def refuse(tasks: Any) -> None:
        if any(task.series.unique_id == "B" for task in tasks):
            raise ValueError("no")

    fake.on_predict = refuse

    told = ask(client)

    assert [one["status"] for one in told["forecasts"]] == ["succeeded", "failed", "succeeded"]
    assert told["forecasts"][1]["error"]["error"] == "MODEL_FAILED"


def test_nothing_after_the_cutoff_has_any_part_in_a_forecast(
    statistics: TestClient, database: Database
) -> None:
    frame = demand("A", 60).assign(promo=np.tile([0.0, 0.0, 1.0], 20))
    put(database, frame[frame["timestamp"] <= "2024-02-10"])
    wanted = ask(statistics, model="statsforecast", start_date="2024-02-10")
    put(database, frame)
    put(database, pd.concat([demand("B", 400), demand("A", 70, seed=9).tail(20)]))

    told = ask(statistics, model="statsforecast", start_date="2024-02-10", item_ids=["A"])

    assert told["forecasts"][0]["predictions"][0]["date"] == "2024-02-11"
    for name in ("predictions", "item_id", "status", "error"):
        assert told["forecasts"][0][name] == wanted["forecasts"][0][name]
    assert told["forecasts"][0]["metadata"] == wanted["forecasts"][0]["metadata"]


def test_other_data_has_another_hash(client: TestClient, database: Database, items: pd.DataFrame) -> None:
    before = ask(client, item_ids=["A"])["forecasts"][0]["metadata"]["data_hash"]
    assert ask(client, item_ids=["A", "B"])["forecasts"][0]["metadata"]["data_hash"] == before
    put(database, items[items["item_id"] == "A"].head(1).assign(value=1.0))

    assert ask(client, item_ids=["A"])["forecasts"][0]["metadata"]["data_hash"] != before


def test_quantiles_can_be_left_out(client: TestClient, items: pd.DataFrame) -> None:
    none: tuple[list[float] | None, ...] = (None, [])
    for levels in none:
        told = ask(client, item_ids=["A"], quantile_levels=levels)
        assert told["forecasts"][0]["predictions"][0]["quantiles"] == {}
        kept = client.get(f"/api/v1/forecasts/{told['forecast_run_id']}").json()
        assert kept["forecasts"] == told["forecasts"]


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"item_ids": []}, 422, "REQUEST_INVALID", "item_ids"),
        ({"item_ids": ["A", "A"]}, 422, "REQUEST_INVALID", "item_ids names a value twice"),
        ({"item_ids": ["\0"]}, 422, "REQUEST_INVALID", "item_ids"),
        ({"prediction_length": 366}, 422, "HORIZON_TOO_LONG", "MAX_PREDICTION_LENGTH"),
        ({"prediction_length": 101}, 422, "HORIZON_TOO_LONG", "limit of 100"),
        ({"prediction_length": 0}, 422, "REQUEST_INVALID", "prediction_length"),
        ({"quantile_levels": [1.5]}, 422, "REQUEST_INVALID", "quantile_levels"),
        ({"parameters": {"methd": 1}}, 422, "REQUEST_INVALID", "Unknown field 'methd'"),
        ({"parameters": {"horizon_len": 3}}, 422, "REQUEST_INVALID", "prediction_length"),
        ({"parameters": {"freq": "every day"}}, 422, "REQUEST_INVALID", "is no frequency"),
        ({"parameters": {"multivariate": True}}, 422, "NOT_SUPPORTED", "one target at a time"),
        ({"start_date": "2025-13-01"}, 422, "REQUEST_INVALID", "start_date '2025-13-01' is not a date."),
        ({"model": "fakes"}, 422, "REQUEST_INVALID", "did you mean 'fake'?"),
        ({"dataset": "none"}, 404, "NOT_FOUND", "There is no dataset 'none'."),
    ],
)
def test_what_is_wrong_for_all_items_is_told_at_once(
    client: TestClient, items: pd.DataFrame, body: dict[str, Any], status: int, code: str, says: str
) -> None:
    answer = client.post("/api/v1/forecast", json={"model": "fake", "prediction_length": 4} | body)

    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert says in answer.json()["detail"]
    assert client.get("/api/v1/forecasts").json()["forecasts"] == []


def test_a_model_that_is_not_loaded_is_told_with_what_loads_it(
    make_app: Any, database_url: str, items: pd.DataFrame
) -> None:
    with TestClient(make_app(database_url=database_url), headers=AUTHORIZED) as client:
        answer = client.post("/api/v1/forecast", json={"model": "fake"})

    assert (answer.status_code, answer.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")
    assert "/forecast/v1/fake/initialization" in answer.json()["detail"]


def test_too_many_items_are_for_a_job(make_app: Any, client: TestClient, items: pd.DataFrame) -> None:
    app: Any = client.app
    app.state.settings.max_series_per_request = 2

    answer = client.post("/api/v1/forecast", json={"model": "fake", "prediction_length": 4})

    assert answer.status_code == 413
    assert "/api/v1/forecast-jobs" in answer.json()["detail"]


def test_a_deadline_ends_a_forecast_that_is_not_kept(
    client: TestClient,
    items: pd.DataFrame,
    fake: FakeAdapter,
    heed_deadlines_after: Callable[[threading.Event], None],
) -> None:
    fake.on_predict = gate = Gate()
    heed_deadlines_after(gate.entered)
    answer = client.post("/api/v1/forecast", json={"model": "fake"}, headers={"X-Deadline-Ms": "3000"})
    gate.opened.set()

    assert gate.entered.is_set()
    assert (answer.status_code, answer.json()["error"]) == (504, "DEADLINE_EXCEEDED")
    assert client.get("/api/v1/forecasts").json()["forecasts"] == []


def test_a_model_is_loaded_by_the_first_forecast_where_that_is_allowed(
    make_app: Any, database_url: str, items: pd.DataFrame
) -> None:
    app = make_app(database_url=database_url, lazy_initialization=True)
    with TestClient(app, headers=AUTHORIZED) as client:
        assert ask(client, item_ids=["A"])["status"] == "succeeded"
