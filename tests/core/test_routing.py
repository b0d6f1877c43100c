import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core.schemas import InferenceResponse
from tests.conftest import AUTHORIZED, MakeApp
from tests.fakes import FakeAdapter, Gate

PREFIX = "/forecast/v1/fake"
DAYS = [f"2024-01-{day:02d}" for day in range(1, 11)]
TABLE = {"date": DAYS, "y": list(range(10))}
REQUEST: dict[str, Any] = {
    "data": TABLE,
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 3},
}


def forecast(client: TestClient, **changes: Any) -> Any:
    return client.post(f"{PREFIX}/inference", json=REQUEST | changes)


@pytest.fixture
def ready(client: TestClient) -> TestClient:
    assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
    return client


def test_the_whole_life_of_a_model_over_http(client: TestClient) -> None:
    status = client.get(f"{PREFIX}/status")
    assert (status.status_code, status.json()) == (200, {"model_status": "uninitialized", "details": None})
    made = client.post(f"{PREFIX}/initialization", json={"context_len": 64, "horizon_len": 24})
    assert made.status_code == 200
    assert made.json() == {
        "message": "The model is ready.",
        "model_status": "ready",
        "model_info": {
            "backend": "cpu",
            "context_len": 64,
            "horizon_len": 24,
            "source": "built-in",
            "checkpoint": None,
            "revision": None,
        },
    }
    assert client.get(f"{PREFIX}/status").json() == {"model_status": "ready", "details": "Source: built-in"}
    assert forecast(client).status_code == 200
    ended = client.post(f"{PREFIX}/shutdown")
    assert ended.json() == {"message": "The model was shut down.", "model_status": "uninitialized"}
    assert client.post(f"{PREFIX}/shutdown").json()["message"] == "The model was not initialized."
    refused = forecast(client)
    assert (refused.status_code, refused.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")


def test_a_forecast_has_the_documented_shape(ready: TestClient) -> None:
    response = forecast(ready)
    InferenceResponse.model_validate(response.json(), strict=True)
    body = response.json()
    prediction = body["prediction"]
    assert prediction["point_forecast"] == [[9.0, 9.0, 9.0]]
    assert prediction["method"] == "basic"
    assert prediction["series_ids"] == ["series_0"]
    assert prediction["quantile_levels"] == [None, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert prediction["quantile_forecast"][0][0] == pytest.approx([9.0, *(8.6 + 0.1 * i for i in range(9))])
    assert prediction["metadata"] == {
        "input_series_count": 1,
        "forecast_length": 3,
        "context_lengths": [10],
        "covariates_used": False,
        "quantiles_available": True,
        "frequency": "D",
        "model_methods": [None],
    }
    assert prediction["quantile_bands"] == {
        "quantile_band_0_lower": pytest.approx([8.6] * 3),
        "quantile_band_0_upper": pytest.approx([9.4] * 3),
        "quantile_band_0_label": "Q10–Q90",
    }
    assert body["visualization_data"] == {
        "historical_data": [float(value) for value in range(10)],
        "dates_historical": DAYS,
        "dates_future": ["2024-01-11", "2024-01-12", "2024-01-13"],
        "target_name": "y",
        "actual_future": [],
    }
    times = body["execution_metadata"]
    assert times["total_time_seconds"] >= times["execution_time_seconds"] >= 0
    assert times["model_version"].startswith("built-in (numpy ")
    assert body["warnings"] == []


def test_several_series_have_one_element_each(ready: TestClient) -> None:
    table = {"date": DAYS * 2, "shop": ["a"] * 10 + ["b"] * 10, "y": list(range(20))}
    body = forecast(ready, data=table, data_definition={"y": "target", "shop": "id"}).json()
    assert body["prediction"]["point_forecast"] == [[9.0] * 3, [19.0] * 3]
    assert body["prediction"]["series_ids"] == ["a", "b"]
    assert [len(one) for one in body["visualization_data"]["dates_future"]] == [3, 3]
    assert [one[0] for one in body["prediction"]["quantile_bands"]["quantile_band_0_lower"]] == pytest.approx(
        [8.6, 18.6]
    )


def test_levels_asked_for_are_the_columns_in_their_order(ready: TestClient) -> None:
    prediction = forecast(ready, parameters={"horizon_len": 1, "quantile_levels": [0.9, 0.05]}).json()[
        "prediction"
    ]
    assert prediction["quantile_levels"] == [0.9, 0.05]
    assert prediction["quantile_forecast"] == [[pytest.approx([9.4, 8.55])]]
    assert prediction["quantile_bands"]["quantile_band_0_label"] == "Q5–Q90"


def test_quantiles_can_be_left_out(ready: TestClient) -> None:
    prediction = forecast(ready, parameters={"use_quantiles": False}).json()["prediction"]
    assert (prediction["quantile_forecast"], prediction["quantile_levels"]) == (None, None)
    assert prediction["quantile_bands"] == {}


def test_covariates_are_used_by_regression(ready: TestClient) -> None:
    promo = [0, 1] * 5 + [1, 0, 1]
    table = {
        "date": [*DAYS, "2024-01-11", "2024-01-12", "2024-01-13"],
        "y": [10 + 100 * value for value in promo[:10]] + [None] * 3,
        "promo": promo,
    }
    definition = {"y": "target", "promo": "dynamic_numerical"}
    prediction = forecast(ready, data=table, data_definition=definition).json()["prediction"]
    assert prediction["point_forecast"][0] == pytest.approx([110, 10, 110])
    assert prediction["method"] == "covariates_enhanced"
    assert prediction["metadata"]["covariates_used"] is True
    bands = prediction["quantile_bands"]
    assert bands["quantile_band_0_lower"][1] < 10 < bands["quantile_band_0_upper"][1]


def test_the_horizon_asked_for_is_returned_or_refused_with_the_limit(ready: TestClient) -> None:
    whole = forecast(ready, parameters={"horizon_len": 100}).json()["prediction"]
    assert len(whole["point_forecast"][0]) == 100
    refused = forecast(ready, parameters={"horizon_len": 101})
    assert refused.status_code == 422
    assert refused.json()["error"] == "HORIZON_TOO_LONG"
    assert refused.json()["detail"] == "A horizon of 101 is above this model's limit of 100."


def test_a_context_beyond_the_models_limit_is_refused(ready: TestClient) -> None:
    refused = forecast(ready, parameters={"context_len": 513})
    assert (refused.status_code, refused.json()["details"]["max_context"]) == (422, 512)


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


def test_every_route_of_a_model_asks_for_the_key_in_the_documentation(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    guarded = {
        f"{method} {path}": operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path.startswith(("/forecast/", "/api/"))
    }
    assert f"post {PREFIX}/inference" in guarded
    assert {route for route, security in guarded.items() if security != [{"HTTPBearer": []}]} == set()


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
    assert "statsforecast" in missing.json()["detail"]


def test_a_wrong_method_is_told(client: TestClient) -> None:
    refused = client.get(f"{PREFIX}/inference")
    assert (refused.status_code, refused.json()["error"]) == (405, "METHOD_NOT_ALLOWED")


def test_loading_behind_answers_202(client: TestClient, fake: FakeAdapter) -> None:
    gate = Gate()
    fake.on_load = gate
    behind = client.post(f"{PREFIX}/initialization", json={"wait": False})
    assert (behind.status_code, behind.json()["model_status"]) == (202, "initializing")
    assert client.get(f"{PREFIX}/status").json()["model_status"] == "initializing"
    again = client.post(f"{PREFIX}/initialization", json={})
    assert (again.status_code, again.json()["error"]) == (409, "MODEL_INITIALIZING")
    gate.opened.set()


def test_another_configuration_is_a_conflict(ready: TestClient) -> None:
    refused = ready.post(f"{PREFIX}/initialization", json={"context_len": 99})
    assert (refused.status_code, refused.json()["error"]) == (409, "MODEL_CONFIG_CONFLICT")
    assert refused.json()["details"]["requested"]["context_len"] == 99


def test_a_deadline_that_passes_is_a_504(ready: TestClient, fake: FakeAdapter) -> None:
    gate = Gate()
    fake.on_predict = gate
    late = ready.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Deadline-Ms": "200"})
    assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
    gate.opened.set()


def test_a_deadline_that_never_passes_is_the_models_own(ready: TestClient) -> None:
    headers = {"X-Deadline-Ms": "9" * 400}
    assert ready.post(f"{PREFIX}/inference", json=REQUEST, headers=headers).status_code == 200


def test_a_deadline_that_is_none_is_refused(ready: TestClient) -> None:
    refused = ready.post(f"{PREFIX}/inference", json=REQUEST, headers={"X-Deadline-Ms": "0"})
    assert refused.status_code == 422


def test_a_model_that_fails_is_a_500_without_internals(ready: TestClient, fake: FakeAdapter) -> None:
    def crash(_: object) -> None:
        raise ZeroDivisionError("/root/secret")

    fake.on_predict = crash
    failed = forecast(ready)
    assert (failed.status_code, failed.json()["error"]) == (500, "MODEL_FAILED")
    assert "/root" not in failed.text


@pytest.mark.parametrize("path", ["initialization", "inference", "shutdown"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}],
)
def test_without_the_key_nothing_is_done(make_app: MakeApp, path: str, headers: dict[str, str]) -> None:
    with TestClient(make_app()) as client:
        refused = client.post(f"{PREFIX}/{path}", json={}, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (401, "UNAUTHORIZED")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_the_key_is_asked_for_before_the_body_is_judged(make_app: MakeApp) -> None:
    with TestClient(make_app()) as client:
        assert client.post(f"{PREFIX}/inference", json={"nonsense": 1}).status_code == 401
        assert client.post(f"{PREFIX}/inference", json={}, headers=AUTHORIZED).status_code == 422
