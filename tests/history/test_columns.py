from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.media import CSV


@pytest.mark.parametrize(
    ("record", "query", "told"),
    [
        ({"id": "a", "date": "2024-01-01", "sales": 1, "demand": 2}, {}, "values: sales, demand"),
        ({"sku": "a", "item": "b", "date": "2024-01-01", "y": 2}, {}, "items: sku, item"),
        ({"item_id": "a", "date": "2024-01-01", "ds": "2024-01-01", "y": 1}, {}, "stamps: date, ds"),
        ({"date": "2024-01-01", "y": 1}, {}, "No column holds the items"),
        ({"item_id": "a", "y": 1}, {}, "No column holds the stamps"),
        ({"item_id": "a", "date": "2024-01-01", "many": 1}, {}, "No column holds the values"),
        ({"item_id": "a", "date": "2024-01-01", "y": 1}, {"value_column": "z"}, "has no column 'z'"),
        (
            {"item_id": "a", "date": "2024-01-01", "y": 1},
            {"value_column": "y", "item_column": "y"},
            "One column cannot hold",
        ),
        (
            {"item_id": "a", "date": "2024-01-01", "y": 1, "value": 2},
            {"value_column": "y"},
            "The column 'value' would be a covariate",
        ),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(
    call: TestClient, record: dict[str, Any], query: dict[str, str], told: str
) -> None:
    answer = call.put("/api/v1/series", json=[record], params=query)
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


@pytest.mark.parametrize(
    ("column", "meant", "told"),
    [
        (
            "itm_id",
            "item_id",
            "No column holds the items; did you mean 'item_id' by 'itm_id'? Call it 'item_id'",
        ),
        ("Timestmp", "timestamp", "the stamps; did you mean 'timestamp' by 'Timestmp'? Call it 'timestamp'"),
        ("units_sld", "value", "the values; did you mean 'units_sold' by 'units_sld'? Call it 'value'"),
    ],
)
def test_a_column_whose_name_is_misspelt_is_offered(
    call: TestClient, column: str, meant: str, told: str
) -> None:
    record = {"item_id": "a", "timestamp": "2024-01-01", "value": 1.0}
    record[column] = record.pop(meant)
    answer = call.put("/api/v1/series", json=[record])
    assert answer.status_code == 400
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("in_body", [True, False])
def test_a_table_of_one_item_needs_no_column_of_items(call: TestClient, in_body: bool) -> None:
    rows = [{"date": "2024-01-01", "value": 1, "price": 2}, {"date": "2024-01-02", "value": 3, "price": 2}]
    sent = {"json": {"data": rows, "item_id": "Köln 1"}} if in_body else {"json": rows}
    answer = call.put("/api/v1/series", **sent, params={} if in_body else {"item_id": "Köln 1"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["rows"], answer.json()["items"]) == (2, 1)
    assert answer.json()["covariates"] == {"price": "dynamic_numerical"}
    again = "date,value\n2024-01-02,3\n2024-01-03,5\n"
    query = {"item_id": "Köln 1"}
    done = call.put("/api/v1/series", content=again, headers={"Content-Type": CSV}, params=query).json()
    assert (done["inserted"], done["unchanged"], done["new_items"]) == (1, 1, 0)
    told = call.get("/api/v1/series", params=query).json()["data"]
    assert (told["item_id"], told["value"]) == (["Köln 1"] * 3, [1, 3, 5])


@pytest.mark.parametrize(
    ("column", "item_id", "status", "told"),
    [
        ("sku", "a", 400, "The column 'sku' names the items; leave 'item_id' out, or that column."),
        ("price", "", 400, "Column 'item_id', row 1: the item has an empty id."),
        ("price", "x" * 201, 400, "Column 'item_id', row 1: the item has an id of more than 200 characters."),
        ("price", "a\0b", 400, "has a NUL character"),
        ("price", None, 400, "name it as 'item_column'; of a table of one item, name that as 'item_id'."),
    ],
)
def test_an_item_that_cannot_be_that_of_all_rows_is_refused(
    call: TestClient, column: str, item_id: str | None, status: int, told: str
) -> None:
    row = {"date": "2024-01-01", "value": 1, column: 2}
    answer = call.put("/api/v1/series", json={"data": [row], "item_id": item_id})
    assert answer.status_code == status
    assert told in answer.json()["detail"]


def test_an_item_is_given_once(call: TestClient) -> None:
    body = {"data": [{"date": "2024-01-01", "value": 1}], "item_id": "a"}
    answer = call.put("/api/v1/series", json=body, params={"item_id": "b"})
    assert answer.status_code == 422
    assert "The address and the body differ in 'item_id'" in answer.json()["detail"]
