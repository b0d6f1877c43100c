"""Calls of a model's service that nobody waits for any more, and a service that notices."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import orjson
import pandas as pd
import pytest
from fastapi import FastAPI, Request, Response
from starlette.testclient import TestClient

from forecast.core.errors import AbandonedError, SapheneiaError, ServiceLostError
from forecast.remote.circuit import FAILURES, Circuit
from forecast.remote.place import Place
from forecast.runs.calls import ServiceCalls
from tests import fake_model
from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, Gate
from tests.jobs.test_routes import JOBS, until
from tests.ports import free_port
from tests.remote.conftest import Scripted, Serve, hanging

INFO = {"source": "built-in", "precision": "float32", "backend": "cpu", "context_len": None, "horizon_len": 4}
READY = {"model_status": "ready", "model_info": INFO, "model_version": "built-in (numpy 2)", "weights": None}
PATIENCE_SECONDS = 30


class Silent:
    """A service whose model is ready and never forecasts: `asked` and `dropped` tell of the forecast."""

    def __init__(self, serve: Serve) -> None:
        self.asked, self.dropped = threading.Event(), threading.Event()
        hang = hanging(self.asked, self.dropped).answer

        async def answer(request: Request) -> Response:
            if request.url.path.endswith("/status"):
                return Response(orjson.dumps(READY), media_type="application/json")
            return await hang(request)

        self.url = serve(Scripted(answer).app())


@pytest.fixture
def silent(serve: Serve) -> Silent:
    return Silent(serve)


def at(url: str, cancelled: Callable[[], bool] = lambda: False) -> ServiceCalls:
    return ServiceCalls("fake", Place(url, Circuit("fake")), KEY, cancelled)


def begin(silent: Silent, client: TestClient) -> str:
    """Return the address of a job whose only part the service is asked for."""
    job = client.post(JOBS, json={"model": "fake", "prediction_length": 4})
    assert job.status_code == 202, job.text
    assert silent.asked.wait(PATIENCE_SECONDS)
    return str(job.headers["Location"])


def busy() -> bool:
    return any(thread.name.startswith("job-") for thread in threading.enumerate())


def test_a_call_that_is_given_up_closes_its_connection_and_leaves_no_thread(silent: Silent) -> None:
    given_up = threading.Event()
    before = set(threading.enumerate())
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(at(silent.url, given_up.is_set).call, "inference", 600.0, None, b"{}")
        assert silent.asked.wait(PATIENCE_SECONDS)
        assert not silent.dropped.is_set()
        given_up.set()
        with pytest.raises(AbandonedError, match="was cancelled"):
            calling.result(PATIENCE_SECONDS)
    assert silent.dropped.wait(PATIENCE_SECONDS)
    assert set(threading.enumerate()) <= before


def test_a_call_that_is_given_up_before_it_begins_asks_nobody(serve: Serve) -> None:
    service = Scripted(lambda _: pytest.fail("it was asked"))
    with pytest.raises(AbandonedError):
        at(serve(service.app()), lambda: True).call("status", 600.0)
    assert service.seen == []


def test_a_service_that_says_nothing_for_so_many_seconds_is_unavailable(silent: Silent) -> None:
    with pytest.raises(SapheneiaError, match="does not answer") as told:
        at(silent.url).call("inference", 0.5, None, b"{}")
    assert (told.value.code, told.value.status) == ("MODEL_SERVICE_UNAVAILABLE", 503)
    assert silent.dropped.wait(PATIENCE_SECONDS)


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(SapheneiaError, match="cannot be reached; nothing was done") as told:
        at(f"http://127.0.0.1:{free_port()}").call("status", 5.0)
    assert told.value.code == "MODEL_SERVICE_UNAVAILABLE"


def test_a_service_with_another_key_is_no_fault_of_the_caller(serve: Serve) -> None:
    async def refuse(_: Request) -> Response:
        return Response(orjson.dumps({"error": "UNAUTHORIZED", "detail": "The key is wrong."}), 401)

    with pytest.raises(SapheneiaError, match="refuses API_SECRET_KEY; both need the same one") as told:
        at(serve(Scripted(refuse).app())).call("status", 5.0)
    assert (told.value.status, told.value.code) == (503, "MODEL_SERVICE_UNAVAILABLE")


def test_a_job_that_is_cancelled_ends_what_its_service_computes(
    make_app: MakeApp, database_url: str, items: pd.DataFrame, silent: Silent
) -> None:
    app = make_app(database_url=database_url, model_service_urls={"fake": silent.url})
    with TestClient(app, headers=AUTHORIZED) as client:
        place = begin(silent, client)
        assert not silent.dropped.is_set()
        assert client.delete(place).status_code == 200
        assert silent.dropped.wait(PATIENCE_SECONDS)
        assert client.get(place).json()["status"] == "cancelled"


def test_a_gateway_that_ends_gives_its_parts_back_and_waits_for_no_service(
    make_app: MakeApp, database_url: str, items: pd.DataFrame, silent: Silent
) -> None:
    app: FastAPI = make_app(database_url=database_url, model_service_urls={"fake": silent.url})
    with TestClient(app, headers=AUTHORIZED) as client:
        place = begin(silent, client)
        assert busy()
    assert silent.dropped.wait(PATIENCE_SECONDS)
    until(lambda: not busy())
    app = make_app(database_url=database_url)  # which has the model itself
    with TestClient(app, headers=AUTHORIZED) as client:
        until(lambda: client.get(place).json()["status"] == "succeeded")


def test_a_forecast_whose_deadline_passed_is_computed_no_more(
    make_app: MakeApp,
    database_url: str,
    items: pd.DataFrame,
    silent: Silent,
    heed_deadlines_after: Callable[[threading.Event], None],
) -> None:
    heed_deadlines_after(silent.asked)
    app = make_app(database_url=database_url, model_service_urls={"fake": silent.url})
    with TestClient(app, headers=AUTHORIZED) as client:
        late = client.post("/api/v1/forecast", json={"model": "fake"}, headers={"X-Deadline-Ms": "1500"})
        assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
        assert silent.asked.is_set()
        assert silent.dropped.wait(PATIENCE_SECONDS)


def test_calls_that_fail_open_the_circuit_for_forecasts_jobs_and_inferences_alike(
    make_app: MakeApp, database_url: str, items: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    app = make_app(database_url=database_url, model_service_urls={"fake": url})
    monkeypatch.setattr(app.state.places["fake"].circuit, "_clock", lambda: 0.0)
    asked = {"model": "fake", "prediction_length": 4}
    with TestClient(app, headers=AUTHORIZED) as client:
        for path in ("/api/v1/forecast", JOBS, "/api/v1/forecast"):
            lost = client.post(path, json=asked)
            assert (lost.status_code, lost.headers["Retry-After"]) == (503, "1")
            assert "cannot be reached; nothing was done" in lost.json()["detail"]
        for path, body in (("/api/v1/forecast", asked), (JOBS, asked), (f"{PREFIX}/inference", REQUEST)):
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
            assert refused.json()["error"] == "MODEL_SERVICE_UNAVAILABLE"
            assert "tried again shortly" in refused.json()["detail"]


def test_a_circuit_that_inferences_opened_refuses_jobs_until_a_part_is_answered(
    make_app: MakeApp, database_url: str, items: pd.DataFrame, serve: Serve, fake: FakeAdapter
) -> None:
    url = serve(make_app(model_name="fake"))
    fake_model.service.initialize()
    gate = fake.on_predict = Gate()
    app = make_app(database_url=database_url, model_service_urls={"fake": url})
    with TestClient(app, headers=AUTHORIZED) as client:
        circuit: Circuit = app.state.places["fake"].circuit
        job = client.post(JOBS, json={"model": "fake", "prediction_length": 4})
        assert gate.entered.wait(PATIENCE_SECONDS)
        for _ in range(FAILURES):
            with pytest.raises(ServiceLostError), circuit.attempt():
                raise ServiceLostError("gone")
        assert client.post(JOBS, json={"model": "fake"}).status_code == 503
        gate.opened.set()
        until(lambda: client.get(job.headers["Location"]).json()["status"] == "succeeded")
        assert client.post("/api/v1/forecast", json={"model": "fake"}).status_code == 200
