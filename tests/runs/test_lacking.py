"""Covariates that some items of a dataset have no value of."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.core.regressed import Native
from tests.fakes import FakeAdapter
from tests.runs.conftest import ask, demand, put


def left_out(*names: str) -> list[str]:
    return [
        f"Covariate '{name}' has no value for this item up to its cutoff and was left out." for name in names
    ]


def priced(item: str, days: int = 40) -> pd.DataFrame:
    """Return the sales of an item that rise and fall with its price, planned four days ahead."""
    frame = demand(item, days).assign(price=np.where(np.arange(days) % 5 < 2, 3.0, 9.0))
    value = frame["value"] - 2 * frame["price"]
    return frame.assign(value=value.where(np.arange(days) < days - 4))


def metadata(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["metadata"] for one in told["forecasts"]]


def steps(told: dict[str, Any]) -> list[Any]:
    return [one["predictions"] for one in told["forecasts"]]


def use_natively(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeAdapter, "covariate_mode", Native.covariate_mode)


def test_a_column_put_for_one_item_leaves_the_others_their_forecasts(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    plain = ask(client)
    misspelt = demand("C", 30).assign(promo_flgg=0.0)
    put(database, misspelt)

    told = ask(client)

    assert steps(told) == steps(plain)
    assert [one["warnings"] for one in metadata(told)[:2]] == [left_out("promo_flgg")] * 2
    assert left_out("promo_flgg")[0] not in metadata(told)[2]["warnings"]
    assert [one["covariates_used"] for one in metadata(told)[:2]] == [False, False]


def test_a_column_that_is_given_no_role_is_as_if_it_had_not_been_put(
    client: TestClient, database: Database, items: pd.DataFrame
) -> None:
    plain = ask(client)
    put(database, demand("C", 1).assign(promo_flgg=0.0))
    assert ask(client)["forecasts"][2]["error"]["error"] == "DATA_INVALID"

    told = client.put("/api/v1/datasets/default", json={"roles": {"promo_flgg": None}})

    assert (told.status_code, told.json()["covariates"]) == (200, {"promo_flgg": None})
    assert told.json()["roles"] == {"promo_flgg": None}
    assert steps(ask(client)) == steps(plain)
    assert [one["warnings"] for one in metadata(ask(client))] == [[], [], []]
    put(database, demand("C", 2).assign(promo_flgg=1.0))
    assert steps(ask(client)) == steps(plain)
    client.put("/api/v1/datasets/default", json={}).raise_for_status()
    assert ask(client)["forecasts"][2]["error"]["error"] == "DATA_INVALID"


@pytest.mark.parametrize("native", [False, True])
def test_an_item_without_prices_is_forecast_as_if_there_were_none(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    if native:
        use_natively(monkeypatch)
    bare = demand("B", 40)
    put(database, pd.concat([priced("A"), bare]))
    put(database, bare, "bare")
    put(database, priced("A"), "priced")

    told = ask(client)

    assert steps(told)[1] == steps(ask(client, dataset="bare"))[0]
    assert steps(told)[0] == steps(ask(client, dataset="priced"))[0]
    assert metadata(told)[1]["warnings"] == left_out("price")
    assert [one["covariates_used"] for one in metadata(told)] == [True, False]
    assert metadata(told)[0]["warnings"] == []


def test_batches_of_a_model_with_covariates_of_its_own_have_those_that_items_have(
    client: TestClient, database: Database, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_natively(monkeypatch)
    promoted = demand("C").assign(promo=np.arange(30) % 3.0, price=4.0)
    put(database, pd.concat([priced("A"), demand("B").assign(promo=1.0), promoted, demand("D")]))
    seen: dict[str, list[str]] = {}
    fake.on_predict = lambda tasks: seen.update(
        {task.series.unique_id: [name for name, _, _ in task.covariate_schema] for task in tasks}
    )

    told = ask(client)

    assert seen == {"A": ["price"], "B": ["promo"], "C": ["price", "promo"], "D": []}
    assert metadata(told)[3]["warnings"] == left_out("price", "promo")


def test_a_price_that_is_only_planned_or_of_before_the_history_is_left_out(
    client: TestClient, database: Database
) -> None:
    frame = demand("A", 40).assign(price=5.0)
    planned = frame.assign(
        value=frame["value"].mask(frame.index >= 36), price=frame["price"].where(frame.index >= 36)
    )
    before = frame.assign(
        item_id="B", value=frame["value"].mask(frame.index < 5), price=frame["price"].where(frame.index < 5)
    )
    put(database, pd.concat([planned, before]))

    told = ask(client)

    assert [one["warnings"] for one in metadata(told)] == [left_out("price")] * 2
    assert [one["covariates_used"] for one in metadata(told)] == [False, False]


def test_a_static_covariate_that_an_item_has_nowhere_is_left_out(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_natively(monkeypatch)
    roles = {"roles": {"region": "static_categorical"}}
    client.put("/api/v1/datasets/default", json=roles).raise_for_status()
    known = demand("A")
    known["region"] = ["north", *[None] * 29]
    put(database, pd.concat([known, demand("B")]))

    told = ask(client)

    assert [one["warnings"] for one in metadata(told)] == [[], left_out("region")]
    assert [one["covariates_used"] for one in metadata(told)] == [True, False]


@pytest.mark.parametrize("parameters", [{"covariates_mode": "strict"}, {"xreg_scope": "pooled"}])
def test_where_every_covariate_is_needed_its_absence_is_an_error(
    client: TestClient, database: Database, parameters: dict[str, str]
) -> None:
    put(database, pd.concat([priced("A"), demand("B")]))

    told = ask(client, parameters={"missing": "ffill", **parameters})

    assert told["forecasts"][0]["error"] is None
    assert told["forecasts"][1]["error"] == {
        "error": "DATA_INVALID",
        "detail": "Data error: Covariate 'price' of series 'B' has no value in the context.",
    }


def test_a_covariate_with_a_gap_is_a_gap(client: TestClient, database: Database) -> None:
    frame = demand("A")
    put(database, frame.assign(price=np.where(frame.index == 3, 5.0, np.nan)))

    (told,) = ask(client)["forecasts"]

    assert told["error"]["error"] == "DATA_INVALID"
    assert "Item 'A' has no 'price' at 2024-01-01, " in told["error"]["detail"]


def test_without_covariates_none_is_missed(client: TestClient, database: Database) -> None:
    put(database, pd.concat([priced("A"), demand("B")]))
    told = ask(client, use_covariates=False)
    assert [one["warnings"] for one in metadata(told)] == [[], []]


def test_autoarima_uses_the_prices_of_the_items_that_have_them(
    statistics: TestClient, database: Database
) -> None:
    put(database, pd.concat([priced("A"), demand("B")]))

    told = ask(statistics, model="statsforecast", parameters={"method": "AutoARIMA"})

    assert [one["method"] for one in metadata(told)] == ["AutoARIMA", "AutoARIMA"]
    assert [one["covariates_used"] for one in metadata(told)] == [True, False]
    assert metadata(told)[1]["warnings"] == left_out("price")


def test_a_model_in_a_service_of_its_own_leaves_the_same_out(
    through_service: TestClient, database: Database
) -> None:
    put(database, pd.concat([priced("A"), demand("B")]))
    told = ask(through_service)

    assert [one["covariates_used"] for one in metadata(told)] == [True, False]
    assert [one["warnings"] for one in metadata(told)] == [[], left_out("price")]
