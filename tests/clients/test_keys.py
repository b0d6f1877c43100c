"""Clients and keys by the API."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from forecast.clients import service
from forecast.clients.schemas import NewKey
from forecast.clients.tables import api_keys
from forecast.database.connection import Database
from tests.clients.conftest import MakeKey, bearer
from tests.core.conftest import PREFIX, REQUEST

NOBODYS = "sph_" + "A" * 43


def test_a_key_is_shown_once_and_kept_as_its_hash(
    gateway: TestClient, make_key: MakeKey, database: Database
) -> None:
    made = make_key(role="operator", inferences_per_minute=5, inferences_per_day=50, expires_in_days=2)

    key = made.pop("key")
    assert re.fullmatch(r"sph_[\w-]{43}", key)
    listed = gateway.get("/api/v1/clients/acme/keys")
    assert listed.json() == {"keys": [made]}
    assert key not in listed.text
    with database.read() as connection:
        (row,) = connection.execute(select(api_keys)).mappings()
    assert row["key_hash"] == hashlib.sha256(key.encode()).hexdigest()
    assert key not in str(dict(row))
    assert row["expires_at"] - row["created_at"] == timedelta(days=2)


def test_the_answer_with_a_key_is_kept_by_no_cache(gateway: TestClient) -> None:
    gateway.post("/api/v1/clients", json={"client_id": "acme"})
    made = gateway.post("/api/v1/clients/acme/keys", json={"name": "laptop"})
    assert made.headers["Cache-Control"] == "no-store"


def test_two_keys_are_never_the_same(make_key: MakeKey) -> None:
    first, second = make_key(), make_key()
    assert first["key"] != second["key"]
    assert first["key_id"] != second["key_id"]


def test_a_key_tells_its_client_name_role_and_quotas(gateway: TestClient, make_key: MakeKey) -> None:
    key = make_key(name="night run", inferences_per_minute=7, inferences_per_day=70)["key"]
    assert gateway.get("/api/v1/me", headers=bearer(key)).json() == {
        "client_id": "acme",
        "name": "night run",
        "role": "forecast",
        "inferences_per_minute": 7,
        "inferences_per_day": 70,
    }
    assert gateway.get("/api/v1/me").json() == {
        "client_id": "default",
        "name": "default",
        "role": "admin",
        "inferences_per_minute": 10,
        "inferences_per_day": None,
    }


def test_clients_are_made_read_and_listed(gateway: TestClient) -> None:
    made = gateway.post("/api/v1/clients", json={"client_id": "acme-eu.1", "name": "Acme, Europe"})
    assert (made.status_code, made.json()["name"]) == (201, "Acme, Europe")
    assert datetime.fromisoformat(made.json()["created_at"]).tzinfo is not None
    assert gateway.get("/api/v1/clients/acme-eu.1").json() == made.json()
    ids = [client["client_id"] for client in gateway.get("/api/v1/clients").json()["clients"]]
    assert ids == ["acme-eu.1", "default"]


@pytest.mark.parametrize("client_id", ["acme", "default"])
def test_a_client_is_made_once(gateway: TestClient, client_id: str) -> None:
    gateway.post("/api/v1/clients", json={"client_id": client_id})
    again = gateway.post("/api/v1/clients", json={"client_id": client_id})
    assert (again.status_code, again.json()["error"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize(
    "client_id", ["", "Acme", "-acme", ".acme", "a b", "../acme", "ä", "acme\n", "a" * 65, "a/b", None, 3]
)
def test_an_id_that_no_client_can_have_is_refused(gateway: TestClient, client_id: Any) -> None:
    refused = gateway.post("/api/v1/clients", json={"client_id": client_id})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "client_id"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"role": "root"}, "role"),
        ({"name": "a\nb"}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"inferences_per_minute": 0}, "inferences_per_minute"),
        ({"inferences_per_day": 1.5}, "inferences_per_day"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_at": "2030-01-01"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, None),
        ({"expires_at": "2050-01-01T00:00:00Z", "expires_in_days": 3}, None),
        ({"rolle": "admin"}, None),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    gateway: TestClient, wanted: dict[str, Any], field: str | None
) -> None:
    refused = gateway.post("/api/v1/clients/default/keys", json={"name": "laptop"} | wanted)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
    assert gateway.get("/api/v1/clients/default/keys").json() == {"keys": []}


def test_a_key_ends_at_the_time_that_was_given(make_key: MakeKey) -> None:
    made = make_key(expires_at="2050-01-01T01:00:00+01:00")
    assert datetime.fromisoformat(made["expires_at"]) == datetime(2050, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/clients/nobody", None),
        ("GET", "/api/v1/clients/nobody/keys", None),
        ("POST", "/api/v1/clients/nobody/keys", {"name": "laptop"}),
        ("DELETE", "/api/v1/keys/nothing", None),
        ("DELETE", "/api/v1/keys/0123456789abcdef", None),
        ("DELETE", "/api/v1/keys/%00", None),
        ("GET", "/api/v1/clients/%00", None),
        ("GET", "/api/v1/clients/%ED%A0%80/keys", None),
        ("POST", "/api/v1/clients/a'--/keys", {"name": "laptop"}),
    ],
)
def test_what_is_not_there_is_not_found(gateway: TestClient, method: str, path: str, body: Any) -> None:
    missing = gateway.request(method, path, json=body)
    assert (missing.status_code, missing.json()["error"]) == (404, "NOT_FOUND")


def test_a_revoked_key_is_refused_at_once(gateway: TestClient, make_key: MakeKey) -> None:
    made, other = make_key(), make_key()
    used = bearer(made["key"])
    assert gateway.get("/api/v1/me", headers=used).status_code == 200

    for _ in range(2):  # the second time changes nothing
        assert gateway.delete(f"/api/v1/keys/{made['key_id']}").status_code == 204
        refused = gateway.get("/api/v1/me", headers=used)
        assert (refused.status_code, refused.json()["error"]) == (401, "UNAUTHORIZED")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert gateway.get("/api/v1/me", headers=bearer(other["key"])).status_code == 200
    states = {
        key["key_id"]: key["revoked_at"] for key in gateway.get("/api/v1/clients/acme/keys").json()["keys"]
    }
    assert states[other["key_id"]] is None
    assert states[made["key_id"]] is not None


def test_an_expired_key_is_refused(gateway: TestClient, database: Database) -> None:
    earlier = datetime.now(UTC) - timedelta(days=2)
    with database.write() as connection:
        keys = [
            service.create_key(connection, "default", NewKey(name="x", expires_in_days=days), earlier).key
            for days in (1, 3)
        ]
    answers = [gateway.get("/api/v1/me", headers=bearer(key)).status_code for key in keys]
    assert answers == [401, 200]


@pytest.mark.parametrize(
    "given", [NOBODYS, NOBODYS[:-1], "sph_", "a.b.c", "wrong", "ä", "x" * 9000, "sph_'--"]
)
def test_what_is_no_key_is_refused(gateway: TestClient, given: str) -> None:
    headers = {b"Authorization": b"Bearer " + given.encode()}
    refused = gateway.get("/api/v1/me", headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("role", "may"),
    [("forecast", (200, 403, 403)), ("operator", (200, 200, 403)), ("admin", (200, 200, 200))],
)
def test_a_role_may_do_what_the_lesser_ones_may(
    gateway: TestClient, make_key: MakeKey, role: str, may: tuple[int, ...]
) -> None:
    key = bearer(make_key(role=role)["key"])
    forecast = gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=key)
    loading = gateway.post(f"{PREFIX}/initialization", json={}, headers=key)
    clients = gateway.get("/api/v1/clients", headers=key)
    assert (forecast.status_code, loading.status_code, clients.status_code) == may
    assert gateway.get(f"{PREFIX}/status", headers=key).json()["model_status"] == "ready"
    stopped = gateway.post(f"{PREFIX}/shutdown", headers=key)
    assert stopped.status_code == may[1]
    if stopped.status_code == 403:
        assert stopped.json()["detail"] == "This needs a key of the role 'operator'; yours has 'forecast'."


@pytest.mark.parametrize("role", ["forecast", "operator"])
def test_no_key_makes_itself_an_administrator(gateway: TestClient, make_key: MakeKey, role: str) -> None:
    made = make_key(role=role)
    key = bearer(made["key"])
    tries = [
        gateway.post("/api/v1/clients", json={"client_id": "mine"}, headers=key),
        gateway.get("/api/v1/clients", headers=key),
        gateway.get("/api/v1/clients/acme", headers=key),
        gateway.post("/api/v1/clients/acme/keys", json={"name": "x", "role": "admin"}, headers=key),
        gateway.get("/api/v1/clients/acme/keys", headers=key),
        gateway.delete(f"/api/v1/keys/{made['key_id']}", headers=key),
    ]
    assert [(one.status_code, one.json()["error"]) for one in tries] == [(403, "FORBIDDEN")] * len(tries)
    assert len(gateway.get("/api/v1/clients/acme/keys").json()["keys"]) == 1


def test_the_database_is_asked_by_no_call_with_the_administrators_key(
    gateway: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Database, "read")
    assert gateway.get("/api/v1/me").status_code == 200
    assert gateway.get("/api/v1/me", headers=bearer("wrong")).status_code == 401


def test_a_key_is_looked_up_once_a_request(
    gateway: TestClient, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bearer(make_key()["key"])
    asked = []
    ring = gateway.app.state.authenticator.ring  # type: ignore[attr-defined]
    find = ring.find

    async def count(given: str) -> Any:
        asked.append(given)
        return await find(given)

    monkeypatch.setattr(ring, "find", count)
    assert gateway.post(f"{PREFIX}/inference", json=REQUEST, headers=key).status_code == 200
    assert len(asked) == 1
    gateway.get("/health", headers=key)
    assert len(asked) == 1
