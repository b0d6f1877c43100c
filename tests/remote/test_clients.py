"""Whom a service is asked for: the gateway's callers, by the gateway's own key."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request, Response

from tests.conftest import AUTHORIZED, KEY, MakeApp
from tests.core.conftest import PREFIX
from tests.remote.conftest import MakeGateway, Scripted, Serve

CSV = b"date,y\n" + b"".join(b"2024-01-%02d,%d\n" % (day, day) for day in range(1, 11))


async def fine(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


def make_key(gateway: httpx.Client, client_id: str, role: str = "forecast") -> dict[str, str]:
    """Return the header of a new key of a client."""
    gateway.post("/api/v1/clients", json={"client_id": client_id})
    made = gateway.post(f"/api/v1/clients/{client_id}/keys", json={"name": "k", "role": role})
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_a_service_is_asked_with_the_gateways_key_for_the_callers_client(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    key = make_key(gateway, "acme")
    for headers in (key, key | {"X-Client-ID": "acme"}, AUTHORIZED, AUTHORIZED | {"X-Client-ID": "beta"}):
        assert gateway.post(f"{PREFIX}/inference", json={}, headers=headers).status_code == 200
    told = [(seen["x-client-id"], seen["authorization"]) for _, _, seen, _ in service.seen]
    assert told == [(name, f"Bearer {KEY}") for name in ("acme", "acme", "default", "beta")]
    assert key["Authorization"] not in str(service.seen)


def test_the_gateway_lets_nobody_act_for_another_or_beyond_its_role(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    key = make_key(gateway, "acme")
    tries = [
        gateway.post(f"{PREFIX}/inference", json={}, headers=key | {"X-Client-ID": "beta"}),
        gateway.post(f"{PREFIX}/initialization", json={}, headers=key),
        gateway.post(f"{PREFIX}/shutdown", headers=key),
    ]
    assert [one.status_code for one in tries] == [403, 403, 403]
    assert service.seen == []


def test_a_service_with_another_key_is_no_fault_of_the_caller(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    async def refuse(_: Request) -> Response:
        return Response(b"{}", 401)

    gateway = make_gateway(serve(Scripted(refuse).app()))
    refused = gateway.post(f"{PREFIX}/inference", json={})
    assert (refused.status_code, refused.json()["error"]) == (503, "MODEL_SERVICE_UNAVAILABLE")
    assert refused.json()["detail"].endswith("refuses API_SECRET_KEY; both need the same one.")
    assert "Retry-After" in refused.headers


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, Any]:
    """The settings that a gateway and its service share."""
    (tmp_path / "data").mkdir()
    return {"data_dir": tmp_path / "data", "rate_limit_enabled": True, "rate_limit_inference_per_minute": 3}


def test_a_service_reads_the_files_of_the_callers_client_and_counts_no_quota(
    make_app: MakeApp, make_gateway: MakeGateway, serve: Serve, shared: dict[str, Any]
) -> None:
    gateway = make_gateway(serve(make_app(model_name="fake", **shared)), **shared)
    assert gateway.post(f"{PREFIX}/initialization", json={}).status_code == 200
    acme, beta = make_key(gateway, "acme"), make_key(gateway, "beta")
    kept = gateway.post("/api/v1/uploads", files={"file": ("sales.csv", CSV)}, headers=acme).json()["path"]
    asked = {
        "data_source_url_or_path": kept,
        "data_definition": {"y": "target"},
        "parameters": {"horizon_len": 2},
    }
    answers = [
        [gateway.post(f"{PREFIX}/inference", json=asked, headers=key).status_code for _ in range(4)]
        for key in (acme, beta, AUTHORIZED)
    ]
    assert answers == [[200, 200, 200, 429], [400, 400, 400, 429], [400, 400, 400, 429]]
