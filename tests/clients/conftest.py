"""A gateway with a database, and keys of its clients."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.conftest import AUTHORIZED, MakeApp

NOW = datetime.now(UTC)


def bearer(key: str) -> dict[str, str]:
    """Return the header that sends a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway(make_app: MakeApp, database_url: str) -> Iterator[TestClient]:
    """The administrator's client of a gateway, whose model is loaded."""
    with TestClient(make_app(database_url=database_url), headers=AUTHORIZED) as client:
        assert client.post("/forecast/v1/fake/initialization", json={}).status_code == 200
        yield client


MakeKey = Callable[..., dict[str, Any]]


@pytest.fixture
def make_key(gateway: TestClient) -> MakeKey:
    """Makes a key of a client by the API, and the client where there is none; returns the answer."""

    def make(client_id: str = "acme", **wanted: Any) -> dict[str, Any]:
        gateway.post("/api/v1/clients", json={"client_id": client_id})
        made = gateway.post(f"/api/v1/clients/{client_id}/keys", json={"name": "laptop"} | wanted)
        assert made.status_code == 201, made.text
        answer: dict[str, Any] = made.json()
        return answer

    return make
