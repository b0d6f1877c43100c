from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from forecast.core.responses import InferenceResponse
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import DAYS, PREFIX, REQUEST, forecast
from tests.fakes import FakeAdapter, Gate


def test_the_whole_life_of_a_model_over_http(client: TestClient) -> None:
    status = client.get(f"{PREFIX}/status")
    none = {"details": None, "progress": None, "model_info": None, "model_version": None, "weights": None}
    assert (status.status_code, status.json()) == (200, {"model_status": "uninitialized"} | none)
    made = client.post(f"{PREFIX}/initialization", json={"context_len": 64, "horizon_len": 24})
    assert made.status_code == 200
    assert made.json() == {
        "message": "The model is ready.",
        "model_status": "ready",
        "model_info": {
            "backend": "cpu",
            "precision": "float32",
            "context_len": 64,
            "horizon_len": 24,
            "source": "built-in",
            "checkpoint": None,
            "revision": None,
            "accepted_licence": None,
        },
    }
    assert client.get(f"{PREFIX}/status").json() == {
        "model_status": "ready",
        "details": "Source: built-in",
        "progress": None,
        "model_info": made.json()["model_info"],
        "model_version": f"built-in (numpy {np.__version__})",
        "weights": None,
    }
    assert forecast(client).status_code == 200
    ended = client.post(f"{PREFIX}/shutdown")
    assert ended.json() == {"message": "The model was shut down.", "model_status": "uninitialized"}
    assert client.post(f"{PREFIX}/shutdown").json()["message"] == "The model was not initialized."
    refused = forecast(client)
    assert (refused.status_code, refused.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")


def test_a_shutdown_of_a_model_that_loads_does_not_claim_that_it_has_ended(
    client: TestClient, fake: FakeAdapter
) -> None:
    fake.on_load = gate = Gate()
    client.post(f"{PREFIX}/initialization", json={"wait": False})
    assert gate.entered.wait(60)
    told = {
        "message": "The model is being shut down; what it was doing has not ended yet.",
        "model_status": "uninitialized",
    }
    assert client.post(f"{PREFIX}/shutdown").json() == told
    gate.opened.set()


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


@pytest.mark.anyio
@pytest.mark.parametrize("path", [f"{PREFIX}/inference", f"{PREFIX}/initialization", "/api/v1/uploads"])
async def test_the_body_of_a_caller_without_the_key_is_not_read(make_app: MakeApp, path: str) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        pytest.fail("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"5000000"),
        (b"authorization", b"Bearer wrong"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": headers,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    await make_app()(scope, receive, send)
    assert sent[0]["status"] == 401


def test_the_key_is_asked_for_before_the_body_is_judged(make_app: MakeApp) -> None:
    with TestClient(make_app()) as client:
        assert client.post(f"{PREFIX}/inference", json={"nonsense": 1}).status_code == 401
        assert client.post(f"{PREFIX}/inference", json={}, headers=AUTHORIZED).status_code == 422
