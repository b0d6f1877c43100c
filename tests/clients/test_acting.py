"""The administrator acts for a client, and nobody else does."""

import pytest
from starlette.testclient import TestClient

from forecast.core.errors import CheckpointError
from tests.clients.conftest import MakeKey, bearer
from tests.conftest import AUTHORIZED
from tests.core.conftest import REQUEST
from tests.fakes import FakeAdapter


def test_the_administrator_names_the_client_that_it_acts_for(gateway: TestClient) -> None:
    told = gateway.get("/api/v1/me", headers={"X-Client-ID": "acme"}).json()
    assert (told["client_id"], told["role"]) == ("acme", "admin")


def test_the_administrator_may_act_with_a_lesser_role(gateway: TestClient) -> None:
    headers = {"X-Client-ID": "acme", "X-Client-Role": "forecast"}
    assert gateway.get("/api/v1/me", headers=headers).json()["role"] == "forecast"
    assert gateway.get("/api/v1/clients", headers=headers).status_code == 403
    refused = gateway.get("/api/v1/me", headers=headers | {"X-Client-Role": "root"})
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")


def test_no_key_is_given_a_greater_role(gateway: TestClient, make_key: MakeKey) -> None:
    key = bearer(make_key(role="forecast")["key"])
    headers = key | {"X-Client-ID": "acme", "X-Client-Role": "admin"}
    assert gateway.get("/api/v1/me", headers=headers).json()["role"] == "forecast"


def test_why_a_load_failed_is_told_to_operators_only(
    gateway: TestClient, make_key: MakeKey, fake: FakeAdapter
) -> None:
    def fail(_: object) -> None:
        raise CheckpointError("There is no checkpoint 'of-acme'.")

    fake.on_load = fail
    gateway.post("/forecast/v1/fake/shutdown")
    assert gateway.post("/forecast/v1/fake/initialization", json={}).status_code == 422
    told = {}
    for role in ("forecast", "operator"):
        key = bearer(make_key(role=role)["key"])
        answers = [
            gateway.get("/forecast/v1/fake/status", headers=key),
            gateway.post("/forecast/v1/fake/inference", headers=key, json=REQUEST),
        ]
        assert [one.status_code for one in answers] == [200, 409]
        told[role] = [one.json().get("details") or one.json()["detail"] for one in answers]
    assert told["operator"][0] == "There is no checkpoint 'of-acme'."
    assert not [text for text in (*told["forecast"], told["operator"][1]) if "of-acme" in text]
    assert all("CHECKPOINT_UNAVAILABLE" in text for text in (*told["forecast"], told["operator"][1]))


@pytest.mark.parametrize("client_id", ["Acme", "../acme", "", "a" * 65])
def test_a_client_that_there_cannot_be_is_refused(gateway: TestClient, client_id: str) -> None:
    refused = gateway.get("/api/v1/me", headers={"X-Client-ID": client_id})
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")


@pytest.mark.parametrize("role", ["forecast", "operator", "admin"])
def test_no_key_acts_for_another_client(gateway: TestClient, make_key: MakeKey, role: str) -> None:
    key = bearer(make_key(role=role)["key"])
    refused = gateway.get("/api/v1/me", headers=key | {"X-Client-ID": "default"})
    assert (refused.status_code, refused.json()["error"]) == (403, "FORBIDDEN")
    own = gateway.get("/api/v1/me", headers=key | {"X-Client-ID": "acme"})
    assert (own.status_code, own.json()["client_id"]) == (200, "acme")


def test_a_wrong_key_acts_for_nobody(gateway: TestClient) -> None:
    refused = gateway.get("/api/v1/me", headers={"X-Client-ID": "acme"} | bearer("wrong"))
    assert refused.status_code == 401
    assert gateway.get("/api/v1/me", headers=AUTHORIZED).json()["client_id"] == "default"
