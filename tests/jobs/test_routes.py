import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pyarrow as pa
import pytest
from fastapi import FastAPI, Header
from starlette.testclient import TestClient

from forecast.core.principal import Principal
from forecast.core.security import require_key
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import DAYS, PREFIX, TABLE
from tests.fakes import FakeAdapter, Gate

JOBS = "/api/v1/forecast-jobs"
PATIENCE_SECONDS = 60
ISO_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
INFERENCE: dict[str, Any] = {
    "model": "fake",
    "data": TABLE,
    "data_definition": {"y": "target"},
    "parameters": {"horizon_len": 3},
}


def many(count: int) -> dict[str, Any]:
    """Return the body of an inference on so many series."""
    table = {
        "date": DAYS * count,
        "name": [f"s{number}" for number in range(count) for _ in DAYS],
        "y": [float(number) for number in range(count) for _ in DAYS],
    }
    return INFERENCE | {"data": table, "data_definition": {"y": "target", "name": "id"}}


async def as_client(x_client: Annotated[str, Header()] = "default") -> Principal:
    return Principal(x_client, f"key-of-{x_client}", "operator")


@pytest.fixture
def app(make_app: MakeApp, database_url: str, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("JOB_CHUNK_ITEMS", "10")
    app = make_app(database_url=database_url)
    app.dependency_overrides[require_key] = as_client
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers=AUTHORIZED) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
        yield client


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


def hand_over(client: TestClient, body: dict[str, Any], name: str = "default") -> str:
    response = client.post(JOBS, json=body, headers={"X-Client": name})
    assert response.status_code == 202, response.text
    job_id: str = response.json()["job_id"]
    return job_id


def ended(client: TestClient, job_id: str, name: str = "default") -> Any:
    """Return a job once it has ended."""

    def read() -> Any:
        return client.get(f"{JOBS}/{job_id}", headers={"X-Client": name}).json()

    until(lambda: read()["finished_at"] is not None)
    return read()


def test_a_job_is_accepted_and_leads_to_its_result(client: TestClient) -> None:
    response = client.post(JOBS, json=many(25))
    job = response.json()
    assert response.status_code == 202
    assert response.headers["Location"] == f"{JOBS}/{job['job_id']}"
    assert (job["kind"], job["model"], job["items_total"]) == ("inference", "fake", 25)

    done = ended(client, job["job_id"])
    assert (done["status"], done["items_done"], done["items_failed"]) == ("succeeded", 25, 0)
    assert (done["progress"], done["estimated_end"], done["error"]) == (1.0, None, None)
    assert done["result"] == f"/api/v1/forecasts/{done['forecast_run_id']}"
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


def test_all_answers_write_times_alike(client: TestClient) -> None:
    job = ended(client, hand_over(client, INFERENCE))
    run = client.get(job["result"]).json()
    (listed,) = client.get("/api/v1/forecasts").json()["forecasts"]
    health = client.get("/health").json()

    times = [one[name] for one in (job, run, listed) for name in ("created_at", "started_at", "finished_at")]
    assert all(ISO_UTC.fullmatch(time) for time in [*times, health["timestamp"]])


def test_a_table_may_come_as_arrow(client: TestClient) -> None:
    notes = {name: value for name, value in INFERENCE.items() if name != "data"}
    table = pa.table(TABLE).replace_schema_metadata({"sapheneia": json.dumps(notes)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    response = client.post(JOBS, content=sink.getvalue().to_pybytes(), headers=headers)
    assert response.status_code == 202, response.text
    assert ended(client, response.json()["job_id"])["status"] == "succeeded"


def test_jobs_are_listed_page_by_page_the_newest_first(client: TestClient) -> None:
    handed = [hand_over(client, INFERENCE) for _ in range(5)]
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(JOBS, params={"limit": "2", **cursor}).json()
        pages.append([job["job_id"] for job in page["jobs"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [job_id for page in pages for job_id in page] == handed[::-1]


def test_jobs_are_found_by_what_they_are(client: TestClient) -> None:
    first, second = hand_over(client, INFERENCE), hand_over(client, INFERENCE)
    made = [ended(client, job_id)["created_at"] for job_id in (first, second)]

    def find(**filters: str) -> list[str]:
        response = client.get(JOBS, params=filters)
        assert response.status_code == 200, response.text
        return [job["job_id"] for job in response.json()["jobs"]]

    assert find(status="succeeded", model="fake") == [second, first]
    assert find(status="cancelled") == find(model="other") == find(dataset="default") == []
    assert find(created_after=made[1]) == [second]
    assert find(created_before=made[1]) == [first]


def test_filters_that_make_no_sense_are_refused(client: TestClient) -> None:
    for filters in (
        {"status": "odd"},
        {"cursor": "nonsense"},
        {"cursor": "OTk5OQ=="},
        {"limit": "0"},
        {"limit": "501"},
        {"model": "a\0"},
        {"created_after": "0001-01-01T00:00:00+14:00"},
        {"colour": "red"},
    ):
        assert client.get(JOBS, params=filters).status_code == 422, filters


def test_a_job_of_no_dataset_of_the_client_is_refused_as_the_documentation_tells(client: TestClient) -> None:
    refused = client.post(JOBS, json={"model": "fake", "item_ids": ["A"], "dataset": "none"})
    assert (refused.status_code, refused.json()["error"]) == (404, "NOT_FOUND")
    told = client.get("/openapi.json").json()["paths"][JOBS]["post"]["responses"]
    assert told["404"]["description"] == "You have no such dataset."


def test_a_client_never_sees_the_jobs_of_another(client: TestClient) -> None:
    job_id = hand_over(client, INFERENCE, "one")
    other = {"X-Client": "other"}
    for method in ("GET", "DELETE"):
        hidden = client.request(method, f"{JOBS}/{job_id}", headers=other)
        unknown = client.request(method, f"{JOBS}/{'0' * 36}", headers=other)
        assert (hidden.status_code, hidden.json()["error"]) == (404, "NOT_FOUND")
        assert hidden.json()["detail"].replace(job_id, "") == unknown.json()["detail"].replace("0" * 36, "")
    assert client.get(JOBS, headers=other).json() == {"jobs": [], "next_cursor": None}
    assert ended(client, job_id, "one")["status"] == "succeeded"
    assert client.get(f"{JOBS}/%00").status_code == 404


def test_a_job_is_cancelled_while_it_runs(client: TestClient, fake: FakeAdapter) -> None:
    fake.on_predict = gate = Gate()
    job_id = hand_over(client, many(30))
    assert gate.entered.wait(PATIENCE_SECONDS)
    response = client.delete(f"{JOBS}/{job_id}")
    assert response.status_code == 200
    job = response.json()
    assert (job["status"], job["items_done"]) == ("cancelled", 0)
    assert job["result"] == f"/api/v1/forecasts/{job['forecast_run_id']}"
    again = client.delete(f"{JOBS}/{job_id}")
    assert (again.status_code, again.json()["error"]) == (409, "STATE_CONFLICT")
    gate.opened.set()
    fake.on_predict = lambda _: None
    assert ended(client, hand_over(client, INFERENCE))["status"] == "succeeded"
    assert client.get(f"{JOBS}/{job_id}").json()["items_done"] == 0


def test_what_an_inference_would_refuse_makes_no_job(client: TestClient) -> None:
    cases: list[tuple[dict[str, Any], int, str | None]] = [
        ({"model": "nothing"}, 422, None),
        ({"model": None}, 422, "model"),
        ({"horizon": 3}, 422, None),
        ({"data_definition": {"nothing": "target"}}, 400, None),
        ({"parameters": {"horizon_len": "3"}}, 422, "parameters.horizon_len"),
        ({"webhook": {"url": "https://example.org"}}, 422, "webhook.secret"),
        ({"data": "x"}, 422, "data"),
    ]
    for changes, status, field in cases:
        response = client.post(JOBS, json=INFERENCE | changes)
        assert response.status_code == status, response.text
        if field is not None:
            assert response.json()["errors"][0]["field"] == field
    assert client.get(JOBS).json()["jobs"] == []


def test_a_body_that_is_neither_is_taken_for_a_forecast_by_name(client: TestClient) -> None:
    response = client.post(JOBS, json={"prediction_length": 0})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "prediction_length"
    assert client.post(JOBS, content="[]", headers={"Content-Type": "application/json"}).status_code == 422
    assert client.post(JOBS, content="x").status_code == 415


def test_a_model_that_is_not_loaded_takes_no_job(app: FastAPI) -> None:
    with TestClient(app, headers=AUTHORIZED) as client:
        response = client.post(JOBS, json=INFERENCE)
    assert (response.status_code, response.json()["error"]) == (409, "MODEL_NOT_INITIALIZED")


def test_a_job_counts_as_an_inference(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True, rate_limit_inference_per_minute=1)
    with TestClient(app, headers=AUTHORIZED) as client:
        answers = [client.post(JOBS, json=INFERENCE) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [409, 429]
        assert client.get(JOBS).status_code == 200


def test_a_client_with_too_many_jobs_is_told_when_to_come_back(
    make_app: MakeApp, fake: FakeAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_MAX_PER_CLIENT", "1")
    with TestClient(make_app(), headers=AUTHORIZED) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
        fake.on_predict = gate = Gate()
        job_id = hand_over(client, INFERENCE)
        response = client.post(JOBS, json=INFERENCE)
        gate.opened.set()
        assert (response.status_code, response.json()["error"]) == (429, "RATE_LIMITED")
        assert response.headers["Retry-After"] == "5"
        ended(client, job_id)
        hand_over(client, INFERENCE)


def test_without_a_key_there_are_no_jobs(make_app: MakeApp) -> None:
    with TestClient(make_app()) as client:
        for method, path in (("POST", JOBS), ("GET", JOBS), ("GET", f"{JOBS}/x"), ("DELETE", f"{JOBS}/x")):
            assert client.request(method, path).status_code == 401


def test_while_the_database_is_away_jobs_are_503_and_inferences_go_on(make_app: MakeApp) -> None:
    app = make_app(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    with TestClient(app, headers=AUTHORIZED) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
        answers = [
            client.post(JOBS, json=INFERENCE),
            client.get(JOBS),
            client.get(f"{JOBS}/x"),
            client.delete(f"{JOBS}/x"),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]) == (503, "DATABASE_UNAVAILABLE")
            assert answer.headers["Retry-After"] == "5"
        inference = {name: value for name, value in INFERENCE.items() if name != "model"}
        assert client.post(f"{PREFIX}/inference", json=inference).status_code == 200
