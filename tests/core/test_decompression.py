"""A packed body is unpacked only where it is read."""

import gzip
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from forecast.core import decompression
from forecast.core.coding import unpack
from forecast.core.media import JSON
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX, REQUEST

BODY = json.dumps(REQUEST).encode()
PATHS = [f"{PREFIX}/inference", f"{PREFIX}/initialization", "/api/v1/tables", "/api/v1/uploads"]


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the sizes of the bodies that were unpacked."""
    sizes: list[int] = []

    def counted(content: bytes, coding: str, limit: int) -> bytes:
        sizes.append(len(content))
        return unpack(content, coding, limit)

    monkeypatch.setattr(decompression, "unpack", counted)
    return sizes


def post(client: TestClient, path: str, content: bytes, *codings: str) -> Any:
    media = "multipart/form-data; boundary=x" if path.endswith("uploads") else JSON
    headers = [("Content-Type", media), *(("Content-Encoding", coding) for coding in codings)]
    return client.post(path, content=content, headers=headers)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("content", [b"damaged", gzip.compress(bytes(20_000_000))])
def test_a_caller_without_the_key_is_told_just_that(
    make_app: MakeApp, unpacked: list[int], path: str, coding: str, content: bytes
) -> None:
    with TestClient(make_app()) as client:
        assert post(client, path, content, coding).status_code == 401
    assert unpacked == []


@pytest.mark.parametrize("path", [PATHS[0], *PATHS[2:]])
def test_a_call_beyond_the_quota_unpacks_nothing(make_app: MakeApp, unpacked: list[int], path: str) -> None:
    quotas = {
        "rate_limit_inference_per_minute": 1,
        "rate_limit_per_minute": 1,
        "rate_limit_data_per_minute": 1,
    }
    with TestClient(make_app(rate_limit_enabled=True, **quotas), headers=AUTHORIZED) as client:
        content = gzip.compress(BODY)
        assert post(client, path, content, "gzip").status_code != 429
        assert len(unpacked) == 1
        for coding in ("gzip", "br"):
            assert post(client, path, content, coding).status_code == 429
    assert len(unpacked) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("content", "codings", "status"),
    [
        (gzip.compress(gzip.compress(BODY)), ["gzip", "gzip"], 415),
        (gzip.compress(BODY), ["identity", "gzip"], 415),
        (BODY, ["br"], 415),
        (BODY, ["gzip"], 400),
        (gzip.compress(bytes(20_000_000)), ["gzip"], 413),
    ],
)
def test_what_is_wrong_with_a_packed_body_is_told_by_every_route(
    make_app: MakeApp, path: str, content: bytes, codings: list[str], status: int
) -> None:
    with TestClient(make_app(max_upload_size=10_000_000), headers=AUTHORIZED) as client:
        refused = post(client, path, content, *codings)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert ("Accept-Encoding" in refused.headers) == (status == 415)


def test_a_route_that_reads_no_body_asks_for_no_coding(make_app: MakeApp) -> None:
    with TestClient(make_app(), headers=AUTHORIZED | {"Content-Encoding": "br"}) as client:
        assert client.get(f"{PREFIX}/status").status_code == 200
        assert post(client, "/nowhere", b"damaged").status_code == 404
