"""Where quotas are counted."""

import socket

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from forecast.core.config import Settings, describe_fault
from forecast.core.rate_limit import RateLimiter
from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX, REQUEST


def test_a_store_of_quotas_that_cannot_be_reached_is_told(make_app: MakeApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    uri = f"redis://:hidden-password@127.0.0.1:{port}/0"
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
