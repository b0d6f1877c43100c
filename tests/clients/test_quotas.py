"""Quotas of keys: their own, and apart from one another's."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.clients.conftest import MakeKey, bearer
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST


@pytest.fixture
def gateway(make_app: MakeApp) -> Iterator[TestClient]:
    """One that counts quotas, each caller having two inferences a minute."""
    app = make_app(rate_limit_enabled=True, rate_limit_inference_per_minute=2, rate_limit_per_minute=1000)
    with TestClient(app, headers=AUTHORIZED) as client:
        client.post(f"{PREFIX}/initialization", json={})
        yield client


def infer(gateway: TestClient, key: str, times: int) -> list[int]:
    answers = [gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(key)) for _ in range(times)]
    return [answer.status_code for answer in answers]


def test_each_key_has_a_quota_of_its_own_also_of_one_client(gateway: TestClient, make_key: MakeKey) -> None:
    first, second = make_key()["key"], make_key()["key"]
    assert infer(gateway, first, 3) == [200, 200, 429]
    assert infer(gateway, second, 3) == [200, 200, 429]
    assert gateway.post(f"{PREFIX}/inference", json=REQUEST).status_code == 200


def test_a_keys_own_quota_a_minute_takes_the_place_of_the_gateways(
    gateway: TestClient, make_key: MakeKey
) -> None:
    assert infer(gateway, make_key(inferences_per_minute=4)["key"], 5) == [200, 200, 200, 200, 429]
    assert infer(gateway, make_key(inferences_per_minute=1)["key"], 2) == [200, 429]


def test_a_quota_a_day_is_counted_beside_that_of_a_minute(gateway: TestClient, make_key: MakeKey) -> None:
    key = make_key(inferences_per_minute=5, inferences_per_day=3)["key"]
    answered = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(key))
    assert (answered.headers["X-RateLimit-Limit"], answered.headers["X-RateLimit-Remaining"]) == ("5", "4")
    assert infer(gateway, key, 2) == [200, 200]

    refused = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(key))
    assert (refused.status_code, refused.json()["error"]) == (429, "RATE_LIMITED")
    assert refused.json()["details"] == {"quota": "inference per day", "limit": 3}
    assert refused.json()["detail"].startswith("You may make 3 inference calls a day; try again in 8")
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert (refused.headers["X-RateLimit-Limit"], refused.headers["X-RateLimit-Remaining"]) == ("3", "0")
    assert gateway.get("/api/v1/me", headers=bearer(key)).status_code == 200


def test_a_refused_minute_uses_up_nothing_of_the_day(gateway: TestClient, make_key: MakeKey) -> None:
    key = make_key(inferences_per_minute=1, inferences_per_day=2)["key"]
    assert infer(gateway, key, 4) == [200, 429, 429, 429]
    refused = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=bearer(key))
    assert refused.json()["details"] == {"quota": "inference per minute", "limit": 1}


def test_wrong_keys_use_up_the_quota_of_their_address(gateway: TestClient, make_key: MakeKey) -> None:
    guesses = [f"sph_{number:043d}" for number in range(3)]
    assert [infer(gateway, guess, 1) for guess in guesses] == [[401], [401], [429]]
    assert infer(gateway, make_key()["key"], 1) == [200]


def test_a_gateway_that_passes_on_a_client_is_counted_once(gateway: TestClient) -> None:
    headers = AUTHORIZED | {"X-Client-ID": "acme"}
    for _ in range(5):
        answered = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=headers)
        assert answered.status_code == 200
        assert "X-RateLimit-Limit" not in answered.headers
