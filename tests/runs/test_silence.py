import numpy as np
import pandas as pd
from starlette.testclient import TestClient

from forecast.core.adapter import Task
from forecast.database.connection import Database
from tests.conftest import AUTHORIZED
from tests.fakes import FakeAdapter
from tests.runs.conftest import ask, demand, put


def mean_as(client: TestClient, **settings: object) -> None:
    client.put("/api/v1/datasets/default", json=settings, headers=AUTHORIZED).raise_for_status()


def seen(fake: FakeAdapter) -> dict[str, Task]:
    """Collect the tasks that the model is asked from now on, by item."""
    tasks: dict[str, Task] = {}
    fake.on_predict = lambda some: tasks.update({task.series.unique_id: task for task in some})
    return tasks


def test_an_item_that_sells_nothing_before_the_cutoff_has_zeros_up_to_it(
    client: TestClient, database: Database, fake: FakeAdapter
) -> None:
    mean_as(client, missing="zero")
    put(database, pd.concat([demand("A", 30), demand("B", 20), demand("C", 40)]))
    tasks = seen(fake)

    told = ask(client, start_date="2024-01-30")

    assert [one["predictions"][0]["date"] for one in told["forecasts"]] == ["2024-01-31"] * 3
    assert tasks["B"].series.target.tolist()[20:] == [0.0] * 10
    assert len(tasks["A"].series.target) == len(tasks["C"].series.target) == 30
    assert np.all(tasks["A"].series.target != 0)


def test_without_zeros_or_a_cutoff_each_item_ends_with_its_last_value(
    client: TestClient, database: Database
) -> None:
    put(database, pd.concat([demand("A", 30), demand("B", 20)]))
    told = ask(client, start_date="2024-01-30")
    assert [one["predictions"][0]["date"] for one in told["forecasts"]] == ["2024-01-31", "2024-01-21"]
    mean_as(client, missing="zero")
    assert ask(client)["forecasts"][1]["predictions"][0]["date"] == "2024-01-21"


def test_flags_of_holidays_and_weekends_are_known_ahead(client: TestClient, database: Database) -> None:
    mean_as(client, country="DE", missing="zero")
    frame = demand("A", 33, start="2024-11-20")
    flagged = {"holiday_flag": 0.0, "is_weekend": (frame["timestamp"].dt.dayofweek >= 5).astype(float)}
    put(database, pd.concat([frame.assign(**flagged), demand("B", 20, start="2024-11-20")]))

    told = ask(client, prediction_length=5, start_date="2024-12-22")
    assert not [one for one in told["forecasts"] if "unknown" in " ".join(one["metadata"]["warnings"])]
    assert all(one["metadata"]["covariates_used"] for one in told["forecasts"])

    put(database, frame.assign(price=9.0))
    told = ask(client, prediction_length=5, start_date="2024-12-22")
    warned = " ".join(told["forecasts"][0]["metadata"]["warnings"])
    assert "'price' is unknown for 5 of 5" in warned
    assert "'holiday_flag' is unknown" not in warned
    assert "'is_weekend' is unknown" not in warned


def test_days_between_that_have_no_row_have_the_flags_of_their_day(
    client: TestClient, database: Database
) -> None:
    frame = demand("A", 40, start="2024-11-20")
    weekend = (frame["timestamp"].dt.dayofweek >= 5).astype(float)
    frame = frame.assign(is_weekend=weekend, holiday_flag=frame["timestamp"].eq("2024-12-25").astype(float))
    absent = frame["timestamp"].isin(pd.to_datetime(["2024-11-23", "2024-12-02", "2024-12-25"]))
    datasets = {"absent": frame[~absent], "present": frame.assign(value=frame["value"].mask(absent, 0.0))}
    told = {}
    for name, rows in datasets.items():
        client.put(f"/api/v1/datasets/{name}", json={"country": "DE", "missing": "zero"}).raise_for_status()
        put(database, rows, name)
        (told[name],) = ask(client, dataset=name, prediction_length=14)["forecasts"]

    assert told["absent"]["metadata"]["covariates_used"]
    assert told["absent"]["metadata"]["warnings"] == []
    assert told["absent"]["predictions"] == told["present"]["predictions"]


def test_where_gaps_are_errors_a_day_without_a_row_is_told_as_such(
    client: TestClient, database: Database
) -> None:
    mean_as(client, country="DE")
    frame = demand("A", 30).assign(is_weekend=0.0)
    put(database, frame.drop(index=10))
    (told,) = ask(client)["forecasts"]
    assert told["error"]["error"] == "DATA_INVALID"
    assert "Item 'A' has no 'value' at 2024-01-11." in told["error"]["detail"]


def test_items_whose_calendar_cannot_be_told_up_to_the_cutoff_end_with_their_last_value(
    client: TestClient, database: Database
) -> None:
    mean_as(client, missing="zero", freq="W")
    weeks = pd.date_range("2261-01-06", periods=40, freq="W")
    put(database, demand("A", 40).assign(timestamp=weeks))
    told = ask(client, start_date="2262-04-10")
    assert told["forecasts"][0]["predictions"][0]["date"] == "2261-10-13"


def test_a_cutoff_near_the_end_of_all_stamps_costs_only_the_items_whose_days_it_ends(
    client: TestClient, database: Database
) -> None:
    mean_as(client, missing="zero")
    put(database, pd.concat([demand("A", 20, start="2262-02-20"), demand("late", 20, start="2262-03-10")]))
    told = ask(client, start_date="2262-03-29", prediction_length=10)
    assert [one["predictions"][0]["date"] for one in told["forecasts"]] == ["2262-03-30", "2262-03-30"]
    told = ask(client, start_date="2262-03-29", prediction_length=20)
    assert ["beyond the year 2262" in one["error"]["detail"] for one in told["forecasts"]] == [True, True]
