import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from starlette.testclient import TestClient

from forecast.core.media import ARROW, CSV, JSON, PARQUET
from tests.history.conftest import DEMAND

CSV_TABLE = "date,sku,units,promo\n2024-01-01,a,1,0\n2024-01-02,a,2,1\n2024-01-05,a,,1\n"
CSV_HEADERS = {"Content-Type": CSV}


def put_demand(call: TestClient, **query: str) -> dict[str, Any]:
    answer = call.put("/api/v1/series", json={"data": DEMAND}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def as_frame(content: bytes, media: str) -> pd.DataFrame:
    if media == CSV:
        return pd.read_csv(io.BytesIO(content))
    if media == PARQUET:
        return pd.read_parquet(io.BytesIO(content))
    import pyarrow as pa

    return pa.ipc.open_stream(content).read_pandas()  # type: ignore[no-any-return]


def test_what_a_table_did_is_told(call: TestClient) -> None:
    assert put_demand(call) == {
        "dataset": "default",
        "rows": 5,
        "inserted": 5,
        "updated": 0,
        "unchanged": 0,
        "items": 2,
        "new_items": 2,
        "first": "2024-03-01",
        "last": "2024-03-04",
        "covariates": dict.fromkeys(list(DEMAND)[3:], "dynamic_numerical"),
        "warnings": [
            "'holiday_flag' is known only for the rows that have it: give the dataset its 'country', and it"
            " is made for the days ahead."
        ],
    }


@pytest.mark.parametrize("shape", ["records", "columns", "body"])
def test_json_may_be_bare_records_columns_or_a_body_that_names_more(call: TestClient, shape: str) -> None:
    columns = {"day": ["2024-01-01"], "sku": ["a"], "sold": [1]}
    records = [{"day": "2024-01-01", "sku": "a", "sold": 1}]
    bodies: dict[str, Any] = {
        "records": records,
        "columns": columns,
        "body": {"data": records, "dataset": "shop", "value_column": "sold"},
    }
    query = {} if shape == "body" else {"dataset": "shop"}
    answer = call.post("/api/v1/series", json=bodies[shape], params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["dataset"] == "shop"


@pytest.mark.parametrize("media", [CSV, PARQUET, ARROW])
def test_what_is_read_in_a_format_can_be_put_in_it(call: TestClient, media: str) -> None:
    put_demand(call)
    name = {CSV: "csv", PARQUET: "parquet", ARROW: "arrow"}[media]
    answer = call.get("/api/v1/series", params={"format": name})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    assert list(as_frame(answer.content, media)["value"])[:4] == [12, 7, 9, 3]
    again = call.put("/api/v1/series", content=answer.content, headers={"Content-Type": media})
    assert again.status_code == 200, again.text
    assert again.json()["unchanged"] == 5
    assert call.get("/api/v1/series", headers={"Accept": media}).content == answer.content


def test_json_is_answered_by_columns_and_can_be_put_again(call: TestClient) -> None:
    put_demand(call)
    told = call.get("/api/v1/series").json()
    assert told["rows"] == 5
    assert told["data"]["timestamp"][:3] == list(DEMAND["date"])[:3]
    assert told["data"]["value"] == DEMAND["units_sold"]
    assert call.put("/api/v1/series", json={"data": told["data"]}).json()["unchanged"] == 5


def test_items_and_dates_narrow_what_is_read(call: TestClient) -> None:
    put_demand(call)
    query = {"item_id": ["A-1"], "from": "2024-03-02", "to": "2024-03-02"}
    assert call.get("/api/v1/series", params=query).json()["data"]["value"] == [7]


def test_a_csv_of_other_names_is_read_as_they_are_told(call: TestClient) -> None:
    query = {"item_column": "sku", "timestamp_column": "date", "value_column": "units"}
    answer = call.put("/api/v1/series", content=CSV_TABLE, headers=CSV_HEADERS, params=query)
    assert answer.json()["covariates"] == {"promo": "dynamic_numerical"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("media", "content"), [(CSV, b""), (CSV, b" \r\n"), (PARQUET, b""), (ARROW, b"")])
def test_without_a_table_a_caller_is_told_how_one_looks(
    call: TestClient, method: str, media: str, content: bytes
) -> None:
    answer = call.request(method, "/api/v1/series", content=content, headers={"Content-Type": media})
    assert (answer.status_code, answer.json()["error"]) == (400, "DATA_INVALID")
    assert "The body is empty; send a table" in answer.json()["detail"]
    assert "first line is 'item_id,timestamp,value'" in answer.json()["detail"]


def test_a_dataset_is_set_listed_and_deleted(call: TestClient) -> None:
    settings = {"missing": "zero", "freq": "D", "country": "DE", "roles": {"price": "static_numerical"}}
    assert call.put("/api/v1/datasets/shop", json=settings).status_code == 201
    put_demand(call, dataset="shop")
    again = call.put("/api/v1/datasets/shop", json={"missing": "ffill"})
    assert again.status_code == 200
    told = again.json()
    assert (told["missing"], told["freq"], told["country"]) == ("ffill", None, None)
    assert (told["items"], told["rows"], told["first"], told["last"]) == (2, 5, "2024-03-01", "2024-03-04")
    assert told["covariates"]["price"] == "dynamic_numerical"
    assert [one["name"] for one in call.get("/api/v1/datasets").json()["datasets"]] == ["shop"]
    assert call.get("/api/v1/datasets/shop").json() == told
    assert call.delete("/api/v1/datasets/shop").status_code == 204
    assert call.get("/api/v1/datasets/shop").status_code == 404
    assert call.get("/api/v1/series", params={"dataset": "shop"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"missing": "guess"}, "missing"),
        ({"freq": "@@"}, "'@@' is no frequency"),
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
        ({"country": "ZZ"}, "There are no holidays of a country 'ZZ'"),
        ({"calendar": ["weekday"]}, "The calendar has no 'weekday'"),
        ({"calendar": ["month", "month"]}, "names a covariate twice"),
        ({"roles": {"value": "static_numerical"}}, "'value' is no covariate"),
        ({"roles": {"price": "target"}}, "price"),
        ({"kind": 1}, "Unknown field 'kind'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(call: TestClient, body: Any, told: str) -> None:
    answer = call.put("/api/v1/datasets/shop", json=body)
    assert answer.status_code == 422
    assert told in answer.text
    assert call.get("/api/v1/datasets").json() == {"datasets": []}


def test_text_is_not_made_numerical(call: TestClient) -> None:
    call.put("/api/v1/series", json=[{"item_id": "a", "date": "2024-01-01", "y": 1, "kind": "x"}])
    answer = call.put("/api/v1/datasets/default", json={"roles": {"kind": "static_numerical"}})
    assert answer.status_code == 422
    assert "'kind' has text" in answer.json()["detail"]


def test_a_wrong_cell_is_told_by_column_and_row(call: TestClient) -> None:
    answer = call.put("/api/v1/series", content=CSV_TABLE.replace(",2,", ",two,"), headers=CSV_HEADERS)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["column"], error["row"], error["message"]) == ("units", 2, "'two' is not a number")
    assert call.get("/api/v1/datasets").json() == {"datasets": []}


def test_a_body_of_another_kind_is_refused(call: TestClient) -> None:
    answer = call.put("/api/v1/series", content="x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize(("name", "status"), [("a%2Fb", 404), ("%00", 422), ("x" * 201, 422), ("%20", 422)])
def test_a_dataset_has_a_name_that_can_be_printed(call: TestClient, name: str, status: int) -> None:
    assert call.put(f"/api/v1/datasets/{name}", json={}).status_code == status
    assert call.put("/api/v1/series", json=[], params={"dataset": "a\nb"}).status_code == 422


def test_items_tell_their_calendar_and_gaps(call: TestClient) -> None:
    put_demand(call)
    call.put("/api/v1/series", content=CSV_TABLE, headers=CSV_HEADERS)
    told = call.get("/api/v1/series/items").json()
    assert [one["item_id"] for one in told["items"]] == ["A-1", "B-2", "a"]
    assert told["items"][0] == {
        "item_id": "A-1",
        "first": "2024-03-01",
        "last": "2024-03-04",
        "planned_until": None,
        "rows": 3,
        "frequency": "D",
        "missing": 1,
        "gaps": [{"first": "2024-03-03", "last": "2024-03-03", "steps": 1}],
    }
    assert told["next_cursor"] is None


def test_items_tell_what_was_observed_apart_from_what_is_planned(call: TestClient) -> None:
    days = [f"2024-03-{day:02d}" for day in range(1, 8)]
    values = {"a": [None, 1, 2, 3, None, None, None], "b": [1, 2, 3, 4, 5, 6, 7], "c": [None] * 7}
    for name, sold in values.items():
        call.put("/api/v1/series", json={"id": [name] * 7, "date": days, "sold": sold, "promo": [1] * 7})

    told = call.get("/api/v1/series/items").json()["items"]

    ends = [(one["first"], one["last"], one["planned_until"]) for one in told]
    assert ends == [
        ("2024-03-02", "2024-03-04", "2024-03-07"),
        ("2024-03-01", "2024-03-07", None),
        (None, None, "2024-03-07"),
    ]
    assert [one["rows"] for one in told] == [7, 7, 7]
    assert [one["missing"] for one in told] == [0, 0, 0]


def test_items_come_page_by_page_and_by_prefix(call: TestClient) -> None:
    names = [f"x{number:02d}" for number in range(7)] + ["%", "X00", "ü"]
    call.put("/api/v1/series", json=[{"item_id": name, "date": "2024-01-01", "y": 1} for name in names])
    found, cursor = [], None
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        told = call.get("/api/v1/series/items", params=query).json()
        found += [one["item_id"] for one in told["items"]]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(names)
    for prefix, known in (("x", 7), ("X", 1), ("%", 1), ("_", 0), ("ü", 1)):
        told = call.get("/api/v1/series/items", params={"prefix": prefix}).json()
        assert len(told["items"]) == known
    assert call.get("/api/v1/series/items", params={"cursor": "ü"}).status_code == 422
    assert call.get("/api/v1/series/items", params={"limit": 0}).status_code == 422


def test_deleting_is_narrowed_down_and_told(call: TestClient) -> None:
    put_demand(call)
    assert call.delete("/api/v1/series").status_code == 422
    gone = call.delete("/api/v1/series", params={"to": "2024-03-01"})
    assert gone.json() == {"dataset": "default", "deleted": 2}
    assert call.get("/api/v1/datasets/default").json()["first"] == "2024-03-02"
    assert call.delete("/api/v1/series", params={"item_id": "B-2"}).json()["deleted"] == 1
    assert [one["item_id"] for one in call.get("/api/v1/series/items").json()["items"]] == ["A-1"]
    assert call.delete("/api/v1/series", params={"item_id": "nobody"}).json()["deleted"] == 0


def test_what_is_not_there_is_not_found(call: TestClient) -> None:
    for path in ("/api/v1/series", "/api/v1/series/items", "/api/v1/datasets/default"):
        assert call.get(path).status_code == 404
    assert call.delete("/api/v1/datasets/default").status_code == 404
    put_demand(call)
    answer = call.get("/api/v1/series", params={"item_id": ["A-1", "nobody"]})
    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["detail"]


def test_a_format_that_there_is_not_is_refused(call: TestClient) -> None:
    put_demand(call)
    assert call.get("/api/v1/series", params={"format": "xml"}).status_code == 422
    assert call.get("/api/v1/series", headers={"Accept": "image/png"}).status_code == 406


def test_another_client_meets_nothing_of_it(call: TestClient, act_as: Callable[[str], None]) -> None:
    act_as("one")
    put_demand(call, dataset="shop")
    act_as("other")
    assert call.get("/api/v1/datasets").json() == {"datasets": []}
    for method, path in (
        ("GET", "/api/v1/datasets/shop"),
        ("DELETE", "/api/v1/datasets/shop"),
        ("GET", "/api/v1/series?dataset=shop"),
        ("GET", "/api/v1/series/items?dataset=shop"),
        ("DELETE", "/api/v1/series?dataset=shop&item_id=A-1"),
    ):
        assert call.request(method, path).status_code == 404
    assert put_demand(call, dataset="shop")["inserted"] == 5
    act_as("one")
    assert call.delete("/api/v1/datasets/shop").status_code == 204
    act_as("other")
    assert call.get("/api/v1/datasets/shop").json()["rows"] == 5


def test_nobody_without_a_key_gets_in(call: TestClient) -> None:
    for method, path in (("GET", "/datasets"), ("PUT", "/series"), ("GET", "/series"), ("DELETE", "/series")):
        answer = call.request(method, f"/api/v1{path}", headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401


def test_a_table_may_be_as_large_as_an_upload(call: TestClient) -> None:
    settings = call.app.state.settings  # type: ignore[attr-defined]
    assert settings.max_upload_size > settings.max_request_size
    rows = b'[{"item_id": "a", "date": "2024-01-01", "y": 1}' + b" " * settings.max_request_size + b"]"
    answer = call.put("/api/v1/series", content=rows, headers={"Content-Type": JSON})
    assert answer.status_code == 200
    too_long = {**CSV_HEADERS, "Content-Length": str(settings.max_upload_size + 1)}
    assert call.put("/api/v1/series", content=b"", headers=too_long).status_code == 413
    assert call.get("/api/v1/series", headers={"Accept": JSON}).json()["rows"] == 1
