"""What the gateway itself does for models in services: keys, quotas, discovery, documentation, counts."""

from collections.abc import Iterator

import httpx

from tests.core.conftest import PREFIX
from tests.remote.conftest import JSON, MakeGateway, Scripted, Serve, fine


def test_the_gateway_itself_refuses_a_wrong_key_a_large_body_and_what_is_beyond_the_quota(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    service = Scripted(fine)
    limits = {"rate_limit_enabled": True, "rate_limit_inference_per_minute": 3, "max_request_size": 1000}
    gateway = make_gateway(serve(service.app()), **limits)
    path = f"{PREFIX}/inference"
    wrong = gateway.post(path, json={}, headers={"Authorization": "Bearer x"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "UNAUTHORIZED")
    assert gateway.get(f"{PREFIX}/status", headers={"Authorization": ""}).status_code == 401
    large = gateway.post(path, content=b"x" * 1001, headers=JSON)
    assert (large.status_code, large.json()["error"]) == (413, "TOO_LARGE")
    assert service.seen == []

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    chunked = gateway.post(path, content=parts(), headers=JSON)
    assert (chunked.status_code, chunked.json()["error"]) == (413, "TOO_LARGE")
    answers = [gateway.post(path, json={}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert [body for *_, body in service.seen] == [b"{}", b"{}"]


def test_discovery_tells_remote_models_as_it_tells_those_here(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    gateway = make_gateway(str(service.base_url), initialize_on_start=("fake",))
    ready = {"status": "ready", "error": None}
    assert gateway.get("/health").json()["models"]["fake"] == ready
    assert gateway.get("/health/ready").json() == {"status": "ready", "models": {"fake": ready}}
    (listed,) = [model for model in gateway.get("/models").json()["models"] if model["id"] == "fake"]
    (direct,) = [model for model in service.get("/models").json()["models"] if model["id"] == "fake"]
    assert listed == direct
    assert (listed["model_status"], listed["path"]) == ("ready", PREFIX)
    assert gateway.get("/").json()["models"]["fake"] == PREFIX
    assert "fake" in gateway.get("/info").json()["models"]
    assert list(gateway.get("/health").json()["models"]) == gateway.get("/info").json()["models"]


def test_the_documentation_of_a_remote_model_is_that_of_one_here(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    gateway = make_gateway(str(service.base_url))
    there = service.get("/openapi.json").json()["paths"]
    here = gateway.get("/openapi.json").json()["paths"]
    own = {path: told for path, told in there.items() if path.startswith(PREFIX)}
    assert len(own) == 4
    assert {path: here[path] for path in own} == own


def test_requests_that_are_passed_on_are_counted_by_their_route(
    make_gateway: MakeGateway, service: httpx.Client
) -> None:
    gateway = make_gateway(str(service.base_url))
    gateway.get(f"{PREFIX}/status").raise_for_status()
    counted = f'method="GET",route="{PREFIX}/status",status="200"'
    while counted not in (text := gateway.get("/metrics").text):
        pass  # a request is counted when its answer has gone
    assert 'sapheneia_model_ready{model="fake"}' not in text
