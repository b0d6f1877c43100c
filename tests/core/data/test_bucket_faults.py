"""Stores that refuse, stall, never end or are not there; a server on loopback stands for each kind."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from forecast.core.config import Settings
from forecast.core.data import stores as stores_module
from forecast.core.data.source import fetch_table
from forecast.core.data.transfer import MeteredLoop
from forecast.core.errors import DataError, ForbiddenError, SapheneiaError, SourceError, TooLargeError
from forecast.core.principal import DEFAULT_CLIENT
from tests.core.data.conftest import Handler, Start, answer
from tests.ports import free_port

pytestmark = pytest.mark.anyio
Make = Callable[..., Settings]
Fetch = Callable[..., Any]
SCHEMES = ["s3", "gs", "az"]
ALLOWED = "s3://b/*,gs://b/*,az://b/*"


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Points the environment of each kind of store to a port on loopback."""

    def point(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        account = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-id-of-the-server")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", account)

    return point


@asynccontextmanager
async def astray() -> AsyncIterator[Any]:
    yield SimpleNamespace(split_path=lambda path: ("other", *path.split("/")[1:], None))


async def test_a_library_that_would_read_elsewhere_is_not_asked(
    make_settings: Make, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    elsewhere = replace(stores_module.STORES[scheme], open=astray)
    monkeypatch.setitem(stores_module.STORES, scheme, elsewhere)
    told = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED))
    assert told.detail == f"Data error: {scheme}://b/x.csv is no address that can be read as it is written."


async def fault(scheme: str, settings: Settings) -> SapheneiaError:
    with pytest.raises(SapheneiaError) as caught:
        await fetch_table(f"{scheme}://b/x.csv", None, settings, DEFAULT_CLIENT)
    return caught.value


def sized(size: int, then: Handler) -> Handler:
    """Answer whatever asks for the size of an object, and hand what asks for its content on."""

    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        described = json.dumps({"name": "x.csv", "bucket": "b", "size": str(size)}).encode()
        method, path, *_ = request.split(" ")
        if method == "HEAD":
            head = (
                f"200 OK\r\nContent-Length: {size}\r\nLast-Modified: Fri, 20 Nov 2026 00:00:00 GMT\r\nETag: x"
            )
            await answer(f"{head}\r\nx-ms-blob-type: BlockBlob")(request, writer)
        elif path.startswith("/storage/v1/b/b/o") and "alt=media" not in path:
            await answer(f"200 OK\r\nContent-Length: {len(described)}", described)(request, writer)
        else:
            await then(request, writer)

    return handle


async def endless(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n")
    writer.write(b"Content-Range: bytes 0-9/10\r\n\r\n")
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    while True:
        writer.write(piece)
        await writer.drain()


async def drip(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/10\r\n\r\n")
    while True:
        await asyncio.sleep(0.1)
        writer.write(b"x")
        await writer.drain()


async def silence(request: str, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("status", ["403 Forbidden", "401 Unauthorized"])
async def test_a_store_that_refuses_is_told_without_what_it_says(
    scheme: str, status: str, server: Start, environment: Callable[[int], None], make_settings: Make
) -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>internal-host-7</Message></Error>"

    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        told = b"" if request.startswith("HEAD") else body
        await answer(f"{status}\r\nContent-Length: {len(body)}", told)(request, writer)

    environment(await server(handle))
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED))
    assert isinstance(error, ForbiddenError)
    assert f"does not let this server read {scheme}://b/x.csv" in error.detail
    assert not any(
        told in error.detail for told in ("internal-host", "127.0.0.1", "the-id-of-the-server", "b/x.csv\n")
    )


@pytest.mark.parametrize("handle", [silence, sized(10, silence), sized(10, drip)])
async def test_a_slow_store_is_an_error_when_the_time_is_up(
    scheme: str,
    handle: Handler,
    server: Start,
    environment: Callable[[int], None],
    make_settings: Make,
    loops: list[MeteredLoop],
) -> None:
    environment(await server(handle))
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED, data_url_timeout_seconds=0.5))
    assert isinstance(error, DataError)
    assert error.detail.endswith(f"did not deliver {scheme}://b/x.csv within 0.5 s.")
    # The thread may still be at the import of the store's library, or not even have begun.
    with anyio.fail_after(60):
        while not (loops and all(loop.is_closed() for loop in loops)):
            await asyncio.sleep(0.01)
    assert len(loops) == 1


# aiobotocore, cancelled while it reads, leaves the aborted connection to the collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function Connection:pytest.PytestUnraisableExceptionWarning"
)
async def test_a_store_that_never_ends_is_cut_off(
    scheme: str,
    server: Start,
    environment: Callable[[int], None],
    make_settings: Make,
    loops: list[MeteredLoop],
) -> None:
    environment(await server(sized(10, endless)))
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED))
    assert isinstance(error, TooLargeError)
    assert "more than it was asked for" in error.detail
    assert loops[0].received < 2_000_000
    del error
    gc.collect()  # here, where the warning is ignored, and not in whichever test comes next


@pytest.mark.parametrize(
    "handle",
    [
        answer("200 OK\r\nContent-Length: 5", b"hello"),
        sized(
            10, answer("206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/10", b"hello")
        ),
        sized(
            10, answer("206 Partial Content\r\nContent-Length: 12\r\nContent-Range: bytes 0-9/10", b"x" * 12)
        ),
    ],
)
async def test_a_store_that_delivers_something_else_is_an_error_of_the_data(
    scheme: str, handle: Handler, server: Start, environment: Callable[[int], None], make_settings: Make
) -> None:
    environment(await server(handle))
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED, data_url_timeout_seconds=1))
    assert isinstance(error, DataError)
    assert f"{scheme}://b/x.csv" in error.detail
    assert "127.0.0.1" not in error.detail


async def test_a_store_that_is_not_there_is_an_error_of_the_data(
    scheme: str, environment: Callable[[int], None], make_settings: Make
) -> None:
    environment(free_port())
    seconds = 60 if scheme == "s3" else 1  # the libraries of the others try until the time is up
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED, data_url_timeout_seconds=seconds))
    assert isinstance(error, DataError)
    assert "127.0.0.1" not in error.detail
    assert ("could not be reached" if scheme == "s3" else "did not deliver") in error.detail


async def test_without_credentials_the_environment_is_named(
    scheme: str, monkeypatch: pytest.MonkeyPatch, make_settings: Make, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED))
    assert isinstance(error, ForbiddenError)
    named = {"s3": "AWS_*", "gs": "GOOGLE_APPLICATION_CREDENTIALS", "az": "AZURE_STORAGE_*"}[scheme]
    assert error.detail.endswith(f"its credentials are those of the server's environment ({named}).")
    assert str(tmp_path) not in error.detail


async def test_a_gateway_without_the_library_names_the_extra(
    scheme: str, monkeypatch: pytest.MonkeyPatch, make_settings: Make
) -> None:
    monkeypatch.setattr(stores_module, "find_spec", {}.get)
    error = await fault(scheme, make_settings(data_buckets_allowed=ALLOWED))
    assert isinstance(error, SourceError)
    extra = {"s3": "s3", "gs": "gcs", "az": "azure"}[scheme]
    assert f"pip install 'sapheneia[{extra}]'" in error.detail
