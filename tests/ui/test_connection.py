import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.ui.fakes import refuse
from ui.connection import Connection
from ui.errors import GatewayDownError, GatewayError

Answer = Callable[[httpx.Request], httpx.Response]


class Torn(httpx.AsyncByteStream):
    """A body that ends with a lost connection."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"first"
        raise httpx.ReadError("reset")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def fetch(answer: Answer) -> tuple[str, str | None, list[bytes]]:
    """Return what a download is, and its pieces."""
    file = await Connection("http://gateway:8000", "the-key", httpx.MockTransport(answer)).open(
        "/file", 5.0, "text/csv"
    )
    pieces = []
    while piece := await file.read():
        pieces.append(piece)
    await file.close()
    return file.content_type, file.length, pieces


def test_a_download_is_asked_for_as_it_is_with_the_key() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"a,b\n", headers={"content-type": "text/csv"})

    assert run(fetch(answer)) == ("text/csv", "4", [b"a,b\n"])
    (request,) = asked
    assert request.headers["accept"] == "text/csv"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["authorization"] == "Bearer the-key"
    assert request.extensions["timeout"] == {"connect": 3.0, "read": 5.0, "write": 5.0, "pool": 5.0}


def test_a_download_of_unknown_kind_and_length_is_one_too() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    found = run(fetch(lambda _: httpx.Response(200, content=body())))

    assert found == ("application/octet-stream", None, [b"a", b"b"])


def test_a_download_that_is_refused_has_the_gateways_sentence() -> None:
    with pytest.raises(GatewayError) as told:
        run(fetch(lambda _: refuse(503, "DATABASE_UNAVAILABLE", "No database.", 5)))

    assert (told.value.status, told.value.detail, told.value.retry_after) == (503, "No database.", 5.0)


def test_a_download_of_a_gateway_that_is_down_is_told_as_such() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(GatewayDownError):
        run(fetch(answer))


def test_a_download_that_is_lost_half_way_does_not_end_as_if_it_were_whole() -> None:
    with pytest.raises(httpx.ReadError):
        run(fetch(lambda _: httpx.Response(200, stream=Torn())))
