import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI
from pydantic import BaseModel, model_validator
from starlette.testclient import TestClient

from forecast.core.body import body_reader, parse
from forecast.core.config import Settings
from forecast.core.errors import RequestError
from forecast.core.media import ARROW, JSON, PARQUET
from forecast.core.unparsed import UnparsedRoute
from tests.conftest import AUTHORIZED, MakeApp
from tests.core.conftest import PREFIX


class Noted(BaseModel):
    text: str
    thread: int = 0

    @model_validator(mode="after")
    def _note(self) -> "Noted":
        self.thread = threading.get_ident()
        return self


def test_a_large_body_is_read_in_a_thread_and_a_small_one_at_once(
    make_settings: Callable[..., Settings],
) -> None:
    router = APIRouter(route_class=UnparsedRoute)

    @router.post("/")
    async def answer(body: Annotated[Noted, Depends(body_reader(Noted, Annotated[Noted, Body()]))]) -> bool:
        return body.thread == threading.get_ident()

    app = FastAPI()
    app.state.settings = make_settings()
    app.include_router(router)
    with TestClient(app) as client:
        assert client.post("/", json={"text": "x"}).json() is True
        assert client.post("/", json={"text": "x" * 100_000}).json() is False


def test_the_bodies_and_the_answers_of_an_inference_are_documented(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    operation = told["paths"][f"{PREFIX}/inference"]["post"]
    body = operation["requestBody"]
    assert body["required"] is True
    assert list(body["content"]) == [JSON, ARROW, PARQUET]
    name = body["content"][JSON]["schema"]["$ref"].rpartition("/")[2]
    fields = told["components"]["schemas"][name]["properties"]
    assert list(fields) == ["data_source_url_or_path", "data", "data_definition", "parameters"]
    assert "airline passengers" in body["content"][JSON]["examples"]
    assert list(operation["responses"]["200"]["content"]) == [JSON, ARROW, PARQUET]
    assert "406" in operation["responses"]
    assert "Sent" not in told["components"]["schemas"]


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b'{"a": "\xff"}'])
def test_json_that_no_reader_can_hold_is_the_callers_mistake(content: bytes) -> None:
    with pytest.raises(RequestError, match="nested too deeply, has a number too long"):
        parse(content, JSON, Noted)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "The body is empty; send JSON"), (b"null", "valid dictionary"), (b'{"a": 1,}', "not valid JSON")],
)
def test_a_body_that_is_no_request_is_told(client: TestClient, content: bytes, told: Any) -> None:
    refused = client.post(f"{PREFIX}/inference", content=content, headers={"Content-Type": JSON})
    assert (refused.status_code, refused.json()["error"]) == (422, "REQUEST_INVALID")
    assert told in refused.json()["detail"]


@pytest.mark.anyio
@pytest.mark.parametrize("headers", [[], [(b"content-encoding", b"gzip")]])
async def test_a_caller_that_goes_away_while_it_sends_is_no_failure(
    make_app: MakeApp, headers: list[tuple[bytes, bytes]]
) -> None:
    coming: list[Any] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{PREFIX}/inference",
        "headers": [
            (b"content-type", b"application/json"),
            (b"authorization", AUTHORIZED["Authorization"].encode()),
            *headers,
        ],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    await make_app()(scope, receive, send)
    assert sent[0]["status"] == 499
