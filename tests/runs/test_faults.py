"""What is wrong with the history of an item, told as its client knows it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.database.connection import Database
from tests.runs.conftest import ask, demand, put

REMEDY = (
    "Put it into the history, or say what a gap means: 'missing' of the dataset, or in 'parameters', is"
    " 'interpolate', 'ffill' or 'zero'."
)


def sales(item: str, days: int = 30) -> pd.DataFrame:
    """Return sales in the columns of a client's own."""
    return demand(item, days).set_axis(["sku", "date", "units_sold"], axis=1).assign(price=2.0)


def fault(client: TestClient, **body: Any) -> Any:
    """Return the detail of the last item's error."""
    error = ask(client, **body)["forecasts"][-1]["error"]
    assert error["error"] == "DATA_INVALID"
    return error["detail"]


def put_faults(database: Database) -> None:
    """Write items that have a gap, an empty value, a gap of the price and a row off the calendar."""
    gap, empty, price, odd = (sales(item) for item in ("gap", "empty", "price", "odd"))
    empty.loc[[3, *range(7, 14)], "units_sold"] = np.nan
    price.loc[9, "price"] = np.nan
    odd["date"] = odd["date"].where(odd.index != 20, pd.Timestamp("2024-01-21 08:00"))
    put(database, pd.concat([sales("A", 40), gap.drop(index=[11, 12]), empty, price, odd]))


FAULTS = [
    ("gap", f"Item 'gap' has no 'units_sold' at 2024-01-12, 2024-01-13. {REMEDY}"),
    (
        "empty",
        "Item 'empty' has no 'units_sold' at 2024-01-04, 2024-01-08, 2024-01-09, 2024-01-10, 2024-01-11 and 3"
        f" more steps. {REMEDY}",
    ),
    ("price", f"Item 'price' has no 'price' at 2024-01-10. {REMEDY}"),
    (
        "odd",
        "Item 'odd' has rows at 2024-01-21T08:00:00, which are not on the calendar 'D' that begins at"
        " 2024-01-01; give the right 'freq' to the dataset or in 'parameters', or correct the dates.",
    ),
]


def test_faults_are_told_by_item_date_and_the_clients_own_column(
    client: TestClient, database: Database
) -> None:
    put_faults(database)
    for item, told in FAULTS:
        assert fault(client, item_ids=["A", item]) == f"Data error: {told}"


def test_a_model_in_a_service_of_its_own_tells_the_same(
    through_service: TestClient, database: Database
) -> None:
    put_faults(database)
    for item, told in FAULTS:
        assert fault(through_service, item_ids=["A", item]) == f"Data error: {told}"


def test_a_static_covariate_with_two_values_is_told_by_its_item(
    client: TestClient, database: Database
) -> None:
    roles = {"roles": {"region": "static_categorical"}}
    client.put("/api/v1/datasets/default", json=roles).raise_for_status()
    put(database, demand("A").assign(region=["north"] * 29 + ["south"]))

    assert fault(client) == (
        "Data error: Item 'A' has both 'north' and 'south' as static covariate 'region'; give the dataset a"
        " dynamic role for it, or the item one value."
    )


@pytest.mark.parametrize("name", ["units_sold", "sales"])
def test_the_column_of_values_is_called_as_it_was_sent_last(
    client: TestClient, database: Database, name: str
) -> None:
    put(database, demand("A").drop(index=5).assign(price=2.0))
    put(database, demand("A").head(2).rename(columns={"value": name}))
    put(database, demand("A").head(2).drop(columns="value").assign(price=1.0))

    assert fault(client, use_covariates=False).startswith(
        f"Data error: Item 'A' has no '{name}' at 2024-01-06"
    )
