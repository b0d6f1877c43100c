"""Where quotas are counted."""

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from forecast.core.config import Settings, describe_fault
from forecast.core.rate_limit import RateLimiter
from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX, REQUEST
from tests.ports import free_port


def test_a_store_of_quotas_that_cannot_be_reached_is_told(make_app: MakeApp) -> None:
    uri = f"redis://:hidden-password@127.0.0.1:{free_port()}/0"
    app = make_app(rate_limit_enabled=True, rate_limit_storage_uri=uri)
    with TestClient(app, headers=AUTHORIZED) as client:
        refused = client.post(f"{PREFIX}/inference", json=REQUEST)
        assert client.get("/health").status_code == 200
    assert (refused.status_code, refused.json()["error"]) == (503, "QUOTAS_UNAVAILABLE")
    assert refused.headers["Retry-After"] == "5"
    log = (app.state.settings.log_dir / "forecast.log").read_text()
    assert "quota_store=unreachable cause=ConnectionError" in log
    assert "hidden-password" not in refused.text + log + repr(app.state.settings)


@pytest.mark.parametrize(
    "uri", ["rediss://:hidden@[::1]:6379", "redis+unix:///run/redis.sock", "redis://user:hidden@cache:6379/1"]
)
def test_the_ways_to_write_a_store_of_quotas(uri: str) -> None:
    settings = Settings(api_secret_key=KEY, rate_limit_storage_uri=uri)
    RateLimiter(settings)
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    "uri",
    [
        *("http://hidden", "hidden", "redis://", "redis://:pass/hidden@host:1", "redis://hidden"),
        *("redis://host:x/hidden", "redis://host:1/hidden", "redis+unix://", "memory://hidden"),
    ],
)
def test_a_store_of_quotas_that_is_none_is_told_without_its_value(uri: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(api_secret_key=KEY, rate_limit_storage_uri=uri)
    told = describe_fault(refused.value)
    assert "  RATE_LIMIT_STORAGE_URI: Value error, is neither memory:// nor" in told
    assert "hidden" not in told


def test_history_forecasts_and_jobs_have_a_quota_of_their_own(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True, rate_limit_per_minute=2, rate_limit_data_per_minute=5)
    rows = {"item_id": ["A"], "timestamp": ["2025-01-01"], "value": [1.0]}
    with TestClient(app, headers=AUTHORIZED) as client:
        paths = {
            "series/items": 404,
            "forecasts": 200,
            "forecast-jobs": 200,
            "forecast-jobs/none/events": 404,
        }
        assert {path: client.get(f"/api/v1/{path}").status_code for path in paths} == paths
        put = client.put("/api/v1/series", json={"data": rows})
        assert (put.status_code, put.headers["X-RateLimit-Remaining"]) == (200, "0")
        refused = client.put("/api/v1/series", json={"data": rows})
        assert client.get(f"{PREFIX}/status").headers["X-RateLimit-Remaining"] == "1"
    assert (refused.status_code, refused.json()["error"]) == (429, "RATE_LIMITED")
    assert refused.json()["details"] == {"quota": "data per minute", "limit": 5}
    assert refused.json()["detail"].startswith("You may make 5 data calls a minute; try again in ")


def test_keys_are_guessed_no_faster_by_the_routes_of_the_larger_quota(make_app: MakeApp) -> None:
    app = make_app(rate_limit_enabled=True, rate_limit_per_minute=2, rate_limit_data_per_minute=5)
    with TestClient(app) as client:
        guesses = [
            client.get("/api/v1/forecasts", headers={"Authorization": f"Bearer {guess}"}).status_code
            for guess in "abc"
        ]
    assert guesses == [401, 401, 429]
