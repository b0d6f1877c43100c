import subprocess
import sys
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from forecast.core.config import TEMPLATE_KEY, Settings
from forecast.core.rate_limit import Quota
from tests.conftest import AUTHORIZED, KEY, ROOT, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter


def test_every_response_tells_its_id_and_time(client: TestClient) -> None:
    response = client.get("/health")
    assert len(response.headers["X-Request-ID"]) == 32
    assert 0 <= float(response.headers["X-Process-Time"]) < 60
    assert client.get("/health", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    assert client.get("/health", headers={"X-Request-ID": "a b\x7f"}).headers["X-Request-ID"] != "a b\x7f"
    missing = client.get("/nothing")
    assert missing.status_code == 404
    assert missing.json()["instance"] == missing.headers["X-Request-ID"]
    assert missing.headers["Content-Type"] == "application/problem+json"


def test_quotas_are_counted_and_told(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True, rate_limit_inference_per_minute=2)
    with TestClient(app, headers=AUTHORIZED) as client:
        answers = [client.post(f"{PREFIX}/inference", json=REQUEST) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [409, 409, 429]
        assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert answers[2].headers["X-RateLimit-Limit"] == "2"
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
        assert answers[2].json()["error"] == "RATE_LIMITED"
        assert client.get(f"{PREFIX}/status").status_code == 200
        assert (
            client.post(f"{PREFIX}/inference", json=REQUEST, headers={"Authorization": "x"}).status_code
            == 401
        )
        assert {client.get("/health/live").status_code for _ in range(100)} == {200}


def test_wrong_keys_are_counted_by_address(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True, rate_limit_inference_per_minute=2)
    with TestClient(app) as client:
        guesses = [
            client.post(f"{PREFIX}/inference", json={}, headers={"Authorization": f"Bearer {guess}"})
            for guess in "abc"
        ]
        assert [guess.status_code for guess in guesses] == [401, 401, 429]
        assert client.post(f"{PREFIX}/inference", json=REQUEST, headers=AUTHORIZED).status_code == 409


def test_the_limits_by_default() -> None:
    settings = Settings(api_secret_key=KEY)
    assert settings.rate_limit_initialization_per_minute == 20
    assert settings.rate_limit_inference_per_minute == 10
    assert settings.rate_limit_data_per_minute == 600
    assert settings.rate_limit_per_minute == 60
    assert settings.max_request_size == 10_485_760


def test_a_body_above_the_limit_is_refused_also_in_chunks(make_app: MakeApp) -> None:
    def chunks() -> Any:
        yield b'{"data": "'
        for _ in range(20):
            yield b"x" * 1000
        yield b'"}'

    with TestClient(make_app(max_request_size=10_000), headers=AUTHORIZED) as client:
        json = {"Content-Type": "application/json"}
        whole = client.post(f"{PREFIX}/inference", content=b"x" * 11_000, headers=json)
        chunked = client.post(f"{PREFIX}/inference", content=chunks(), headers=json)
        for refused in (whole, chunked):
            assert (refused.status_code, refused.json()["error"]) == (413, "TOO_LARGE")


def test_an_error_nobody_foresaw_is_a_problem_with_an_id(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/crash")
    def crash() -> None:
        raise ZeroDivisionError("/root/secret")

    with TestClient(app) as client:
        failed = client.get("/crash")
    assert (failed.status_code, failed.json()["error"]) == (500, "INTERNAL_ERROR")
    assert failed.headers["X-Request-ID"] == failed.json()["instance"]
    assert "/root" not in failed.text
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    assert f"request_id={failed.json()['instance']}" in log
    assert "ZeroDivisionError: /root/secret" in log


def test_a_request_leaves_one_line_without_its_key(make_app: MakeApp) -> None:
    app = make_app()
    with TestClient(app, headers=AUTHORIZED) as client:
        client.get(f"{PREFIX}/status", headers={"X-Request-ID": "line-1"})
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    (line,) = [line for line in log.splitlines() if "request_id=line-1" in line]
    assert f"method=GET path={PREFIX}/status status=200 ms=" in line
    assert KEY not in log


def test_a_path_cannot_forge_a_log_line(make_app: MakeApp) -> None:
    app = make_app()
    with TestClient(app) as client:
        client.get("/x%0Atime=now%20level=INFO%0D forged=1", headers={"X-Request-ID": "line-2"})
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    (line,) = [line for line in log.splitlines() if "request_id=line-2" in line]
    assert " path=/x%0Atime%3Dnow%20level%3DINFO%0D%20forged%3D1 status=404 ms=" in line
    assert not any(line.startswith("time=now") for line in log.splitlines())


def test_browsers_of_allowed_origins_may_call(client: TestClient) -> None:
    asked = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": "POST"}
    allowed = client.options(f"{PREFIX}/inference", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:8080"
    refused = client.options(f"{PREFIX}/inference", headers=asked | {"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_browsers_may_use_every_method_that_a_route_has(client: TestClient) -> None:
    used = {
        method.upper() for route in client.get("/openapi.json").json()["paths"].values() for method in route
    }
    assert used == {"GET", "POST", "PUT", "DELETE"}
    for method in used:
        asked = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": method}
        answer = client.options(f"{PREFIX}/inference", headers=asked)
        assert (answer.status_code, method in answer.headers["access-control-allow-methods"]) == (200, True)
    refused = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": "PATCH"}
    assert client.options(f"{PREFIX}/inference", headers=refused).status_code == 400


def test_browsers_can_read_every_answer_and_its_headers(make_app: MakeApp) -> None:
    app = make_app(max_request_size=10)

    @app.get("/crash")
    def crash() -> None:
        raise ZeroDivisionError

    origin = {"Origin": "http://localhost:8080"}
    asked = origin | {"Access-Control-Request-Method": "POST"}
    with TestClient(app, headers=origin) as client:
        answers = [
            client.get("/health"),
            client.get("/nothing"),
            client.post(f"{PREFIX}/inference", json=REQUEST),
            client.get("/crash"),
            client.options(f"{PREFIX}/inference", headers=asked),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 413, 500, 200]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "http://localhost:8080"
        assert len(answer.headers["X-Request-ID"]) == 32
        assert float(answer.headers["X-Process-Time"]) >= 0
    exposed = answers[0].headers["access-control-expose-headers"].split(", ")
    assert set(exposed) >= {"X-Request-ID", "Retry-After", *Quota(1, 1, 1).headers()}


def test_the_gateway_answers_while_every_thread_is_busy(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True)

    async def scene() -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(limiter.total_tokens)):
            limiter.acquire_on_behalf_of_nowait(object())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=AUTHORIZED
        ) as client:
            with anyio.fail_after(60):
                for path in ("/", "/health", "/health/ready", "/metrics", f"{PREFIX}/status"):
                    assert (await client.get(path)).status_code == 200
                refused = await client.post(f"{PREFIX}/inference", json=REQUEST)
                assert refused.status_code == 409

    anyio.run(scene)


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip", "gzip"), ("gzip;q=0", None), ("identity, gzip;q=0.5", None)]
)
def test_long_answers_are_compressed_where_that_is_preferred(
    client: TestClient, accepted: str, coding: str | None
) -> None:
    answer = client.get("/openapi.json", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_discovery_tells_the_models(client: TestClient) -> None:
    assert client.get("/").json()["models"]["fake"] == "/forecast/v1/fake"
    (listed,) = [model for model in client.get("/models").json()["models"] if model["id"] == "fake"]
    assert listed["capabilities"]["max_horizon"] == 100
    assert listed["model_status"] == "uninitialized"
    assert client.get("/info").json()["limits"]["max_request_size"] == 10_485_760
    assert client.get("/health").json()["models"]["fake"] == {"status": "uninitialized", "error": None}


def test_discovery_needs_no_key(make_app: MakeApp) -> None:
    with TestClient(make_app()) as client:
        for path in ("/", "/health", "/health/live", "/health/ready", "/info", "/models", "/docs", "/redoc"):
            assert client.get(path).status_code == 200, path


def test_ready_means_the_models_of_the_start_are_loaded(make_app: MakeApp) -> None:
    with TestClient(make_app(initialize_on_start=("fake",))) as client:
        while client.get("/health/ready").status_code == 503:
            assert client.get("/health").json()["models"]["fake"]["status"] != "error"
        assert client.get("/health/ready").json() == {
            "status": "ready",
            "models": {"fake": {"status": "ready", "error": None}},
        }


def test_a_default_that_cannot_be_loaded_leaves_the_gateway_to_the_others(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DEFAULT_BACKEND", "gpu")
    with TestClient(make_app(model_name="all", initialize_on_start=("fake",)), headers=AUTHORIZED) as client:
        while client.get("/health").json()["models"]["fake"]["status"] == "uninitialized":
            pass
        ready = client.get("/health/ready")
        told = {"status": "error", "error": "BACKEND_UNAVAILABLE"}
        assert (ready.status_code, ready.json()["models"]["fake"]) == (503, told)
        assert "not available" not in client.get("/health").text
        assert "Backend 'gpu' is not available" in client.get(f"{PREFIX}/status").json()["details"]
        assert client.get("/forecast/v1/statsforecast/status").status_code == 200


def test_the_end_of_the_gateway_lets_every_model_go(make_app: MakeApp, fake: FakeAdapter) -> None:
    with TestClient(make_app(), headers=AUTHORIZED) as client:
        assert client.post(f"{PREFIX}/initialization", json={}).status_code == 200
    assert fake.unloaded == 1


def test_one_model_can_have_a_process_of_its_own(make_app: MakeApp) -> None:
    with TestClient(make_app(model_name="fake"), headers=AUTHORIZED) as client:
        assert client.get("/info").json()["models"] == ["fake"]
        assert client.get("/forecast/v1/statsforecast/status").status_code == 404


@pytest.mark.parametrize("changes", [{"model_name": "fak"}, {"initialize_on_start": ("nothing",)}])
def test_a_setting_that_names_no_model_refuses_to_start(make_app: MakeApp, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="names no model"):
        make_app(**changes)


def test_the_metrics_count_requests_by_route(client: TestClient) -> None:
    client.post(f"{PREFIX}/initialization", json={})
    client.post(f"{PREFIX}/inference", json=REQUEST)
    text = client.get("/metrics").text
    assert 'sapheneia_model_ready{model="fake"} 1.0' in text
    assert 'sapheneia_model_series_forecast_total{model="fake"} 3.0' in text
    assert f'method="POST",route="{PREFIX}/inference",status="200"' in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_secret_key": ""}, "API_SECRET_KEY is empty"),
        ({"environment": "production", "api_secret_key": "short"}, "at least 32 characters"),
        ({"environment": "production", "api_secret_key": TEMPLATE_KEY}, "not be the template's"),
        ({"cors_allowed_origins": ("*",), "cors_allow_credentials": True}, "CORS_ALLOWED_ORIGINS"),
        ({"uvicorn_workers": 2}, "RATE_LIMIT_STORAGE_URI"),
        ({"data_url_allowed_networks": ("10.0.0.0/99",)}, "10.0.0.0/99"),
    ],
)
def test_unsafe_settings_refuse_to_start(changes: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"api_secret_key": KEY}
    with pytest.raises(ValidationError, match=told):
        Settings(**(given | changes))


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET_KEY", KEY)
    monkeypatch.setenv("INITIALIZE_ON_START", "statsforecast, chronos")
    monkeypatch.setenv("INITIALIZE_ON_START", "none")
    assert Settings().initialize_on_start == ()
    monkeypatch.setenv("INITIALIZE_ON_START", "statsforecast, chronos")
    assert Settings().initialize_on_start == ("statsforecast", "chronos")


def test_importing_the_gateway_reads_no_settings_and_loads_no_heavy_library() -> None:
    code = (
        "import sys, forecast.main;"
        "heavy = {'torch', 'transformers', 'chronos', 'prophet', 'statsforecast', 'httpx'};"
        "heavy &= set(sys.modules);"
        "assert not heavy, heavy; assert 'app' not in vars(forecast.main)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"PATH": ""})
