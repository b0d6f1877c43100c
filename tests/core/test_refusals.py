import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import MakeApp
from tests.core.conftest import DAYS, PREFIX, REQUEST, forecast


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        (
            {"parameters": {"horizn_len": 3}},
            "parameters",
            "Unknown field 'horizn_len' (did you mean 'horizon_len'?)",
        ),
        ({"paramters": {}}, None, "Unknown field 'paramters' (did you mean 'parameters'?)"),
        ({"parameters": {"context_len": True}}, "parameters.context_len", "Input should be a valid integer"),
        ({"parameters": {"context_len": "64"}}, "parameters.context_len", "Input should be a valid integer"),
        ({"parameters": {"horizon_len": 0}}, "parameters.horizon_len", "greater than or equal to 1"),
        (
            {"parameters": {"quantile_indices": [0, 9]}},
            "parameters.quantile_indices.0",
            "greater than or equal to 1",
        ),
        ({"parameters": {"quantile_levels": [1.0]}}, "parameters.quantile_levels.0", "less than 1"),
        (
            {"parameters": {"quantile_levels": [0.5], "quantile_indices": [5]}},
            "parameters",
            "exclude each other",
        ),
        (
            {"parameters": {"quantile_levels": [0.5], "level": [80]}},
            "parameters",
            "quantile_levels and level exclude each other; give one of them",
        ),
        (
            {"parameters": {"level": [80], "use_quantiles": False}},
            "parameters",
            "level and 'use_quantiles': false exclude each other",
        ),
        ({"parameters": {"level": [80, 100]}}, "parameters.level.1", "less than 100"),
        ({"parameters": {"level": [0]}}, "parameters.level.0", "greater than 0"),
        ({"parameters": {"level": [80, 80.0]}}, "parameters", "level names a value twice"),
        ({"parameters": {"add_calendar": ["mont"]}}, "parameters.add_calendar", "did you mean 'month'?"),
        ({"parameters": {"add_calendar": ["x" * 61]}}, "parameters.add_calendar.0", "at most 60 characters"),
        (
            {"parameters": {"add_calendar": ["month", "month"]}},
            "parameters",
            "add_calendar names a value twice",
        ),
        ({"data_definition": {"y": "tagret"}}, "data_definition.y", "Input should be 'target'"),
        ({"data": [{"y": 1}, 2, 3]}, "data", "Item 2 is not an object; send columns"),
        ({"data": {"date": DAYS, "y": 1, "z": 2}}, "data", "Column 'y' is not a list; send columns"),
        ({"data": 1}, "data", "The table is not an object or a list"),
        ({"data_definition": dict.fromkeys(map(str, range(10_001)), 1)}, "data_definition", "10001 columns"),
        ({"parameters": {"timezone": ""}}, "parameters.timezone", "at least 1 character"),
        ({"parameters": {"horizon_len": 10**30}}, "parameters.horizon_len", "or equal to 1000000"),
        ({"parameters": {"context_len": 1_000_001}}, "parameters.context_len", "or equal to 1000000"),
        ({"data": None}, None, "Give either data_source_url_or_path or data"),
        ({"data_source_url_or_path": "x.csv"}, None, "Give either data_source_url_or_path or data"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_field(
    ready: TestClient, changes: dict[str, Any], field: str | None, told: str
) -> None:
    refused = forecast(ready, **changes)
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["field"] == field
    assert told in fault["message"]
    assert told in refused.json()["detail"]


def test_faults_in_the_table_are_addressed_by_column_and_row(ready: TestClient) -> None:
    refused = forecast(ready, data={"date": DAYS, "y": [1, 2, "three", *range(7)]})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"message": "'three' is not a number", "column": "y", "row": 3, "field": None}
    ]


def test_a_list_of_a_million_wrong_items_is_one_fault(ready: TestClient) -> None:
    for changes in (
        {"data": [1] * 1_000_000},
        {"parameters": {"quantile_levels": [2] * 1_000_000}},
    ):
        (fault,) = forecast(ready, **changes).json()["errors"]
        assert len(fault["message"]) < 200


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"data_definition": {"\ud800": "target"}}, 422, r"The name '\ud800' is not valid Unicode"),
        ({"data_definition": {"y": "\ud800"}}, 422, "valid string"),
        ({"parameters": {"add_calendar": ["\ud800"]}}, 422, "valid string"),
        ({"\ud800": 1}, 422, r"Unknown field '\ud800'"),
        ({"parameters": {"\ud800": 1}}, 422, r"Unknown field '\ud800'"),
        ({"parameters": {"timezone": "\ud800"}}, 422, "parameters.timezone: The text is not valid Unicode"),
        ({"parameters": {"freq": "\ud800"}}, 422, "parameters.freq: The text is not valid Unicode"),
        ({"parameters": {"context_start_date": "\ud800"}}, 422, "The text is not valid Unicode"),
        ({"data": {"date": DAYS, "y": [1] * 10, "\ud800": [1] * 10}}, 400, "name of column 3"),
        ({"data": {"\ud800": 1}}, 422, r"Column '\ud800' is not a list"),
        ({"data": {"date": DAYS, "y": [1] * 10, "shop": ["\ud800"] * 10}}, 400, "not valid Unicode"),
        ({"data": None, "data_source_url_or_path": "\ud800.csv"}, 422, "The text is not valid Unicode"),
    ],
)
def test_half_a_surrogate_pair_is_a_callers_mistake_wherever_it_stands(
    ready: TestClient, changes: dict[str, Any], status: int, told: str
) -> None:
    body = json.dumps(REQUEST | changes)
    refused = ready.post(f"{PREFIX}/inference", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == status
    assert told in refused.json()["detail"]


def test_a_path_to_weights_that_is_no_text_is_refused(client: TestClient) -> None:
    body = json.dumps({"local_model_path": "\ud800"})
    refused = client.post(
        f"{PREFIX}/initialization", content=body, headers={"Content-Type": "application/json"}
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "local_model_path"


@pytest.mark.parametrize(
    "source",
    [
        "http://2130706433/x.csv",
        "http://0x7f000001/x.csv",
        "http://[::ffff:127.0.0.1]/x.csv",
        "http://[::1]/x.csv",
        "http://169.254.169.254/latest/meta-data",
        "/app/data/../forecast/main.py",
        "local://../pyproject.toml",
        "data/../../etc/passwd",
        "/etc/passwd",
    ],
)
def test_a_source_that_nobody_may_read_is_forbidden(ready: TestClient, source: str) -> None:
    refused = forecast(ready, data=None, data_source_url_or_path=source)
    assert (refused.status_code, refused.json()["error"]) == (403, "FORBIDDEN")


@pytest.fixture
def document(make_app: MakeApp) -> dict[str, Any]:
    """What the gateway tells of itself when it has every model."""
    return make_app(model_name="all").openapi()


@pytest.fixture
def operations(document: dict[str, Any]) -> dict[str, Any]:
    """What is told of each guarded route, by method and path."""
    return {
        f"{method} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith(("/forecast/", "/api/"))
    }


def test_every_guarded_route_asks_for_the_key_in_the_documentation(
    document: dict[str, Any], operations: dict[str, Any]
) -> None:
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    assert {f"post {PREFIX}/inference", "post /forecast/v1/statsforecast/inference"} <= operations.keys()
    asks = {route: told.get("security") for route, told in operations.items()}
    assert {route for route, security in asks.items() if security != [{"HTTPBearer": []}]} == set()


def test_every_guarded_route_tells_that_it_may_refuse_and_that_it_does_so_by_a_problem(
    operations: dict[str, Any],
) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for route, told in operations.items():
        refusals = {code: answer["content"] for code, answer in told["responses"].items() if code >= "400"}
        assert refusals.keys() >= {"401", "422", "429", "503"}, route
        assert [content for content in refusals.values() if content != problem] == [], route


def test_a_refusal_has_the_fields_that_the_documentation_tells(
    client: TestClient, document: dict[str, Any]
) -> None:
    schemas = document["components"]["schemas"]
    refused = client.post(f"{PREFIX}/inference", json={})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json().keys() == schemas["Problem"]["properties"].keys()
    assert refused.json()["errors"][0].keys() == schemas["ProblemCell"]["properties"].keys()


def test_weights_come_from_one_place(client: TestClient) -> None:
    both = {"checkpoint": "google/x", "local_model_path": "x"}
    refused = client.post(f"{PREFIX}/initialization", json=both)
    assert refused.status_code == 422
    assert "exclude each other" in refused.json()["detail"]


def test_a_body_that_is_no_json_is_refused(client: TestClient) -> None:
    path = f"{PREFIX}/inference"
    broken = client.post(path, content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["error"]) == (422, "REQUEST_INVALID")
    assert "not valid JSON" in broken.json()["detail"]
    form = client.post(path, content=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (form.status_code, form.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Content-Type: application/json" in form.json()["detail"]


def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(client: TestClient) -> None:
    missing = client.post("/forecast/v1/timesfm99/inference", json={})
    assert (missing.status_code, missing.json()["error"]) == (404, "NOT_FOUND")
    assert "The models here are fake;" in missing.json()["detail"]


def test_a_wrong_method_is_told(client: TestClient) -> None:
    refused = client.get(f"{PREFIX}/inference")
    assert (refused.status_code, refused.json()["error"]) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("revision", "/etc/passwd"),
        ("revision", "../../elsewhere"),
        ("revision", "refs/../../elsewhere"),
        ("revision", "main\n"),
        ("local_model_path", "a\0b"),
        ("local_model_path", "x" * 300),
        ("local_model_path", "x/" * 600),
    ],
)
def test_a_path_that_is_none_is_refused_before_anybody_looks_it_up(
    client: TestClient, field: str, value: str
) -> None:
    answer = client.post(f"{PREFIX}/initialization", json={field: value})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
