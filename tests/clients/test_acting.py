"""The administrator acts for a client, and nobody else does."""

import pytest
from starlette.testclient import TestClient

from tests.clients.conftest import MakeKey, bearer
from tests.conftest import AUTHORIZED


def test_the_administrator_names_the_client_that_it_acts_for(gateway: TestClient) -> None:
    told = gateway.get("/api/v1/me", headers={"X-Client-ID": "acme"}).json()
    assert (told["client_id"], told["role"]) == ("acme", "admin")


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
