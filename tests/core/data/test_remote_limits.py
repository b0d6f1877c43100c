import asyncio
import gzip
from collections.abc import Callable

import pytest

from forecast.core.config import Settings
from forecast.core.data.remote import fetch_url
from forecast.core.errors import DataError, TooLargeError
from tests.core.data.conftest import Handler, Start, answer

pytestmark = pytest.mark.anyio
CSV = b"date,y\n2024-01-01,1\n"


async def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("404 Not Found", "answered with status 404"),
        ("500 Oops", "answered with status 500"),
        ("204 No Content", "answered with status 204"),
        ("302 Found", "answered with status 302"),
        ("200 OK\r\nContent-Encoding: gzip", "compressed content although asked for none"),
        ("abc", "does not speak HTTP"),
        ("200 OK\r\nContent-Length: 50", "broke the connection off"),
    ],
)
async def test_an_answer_other_than_the_file_is_an_error(
    server: Start, allowing: Callable[..., Settings], head: str, fault: str
) -> None:
    port = await server(answer(head, gzip.compress(CSV) if "gzip" in head else b""))
    with pytest.raises(DataError, match=fault):
        await fetch_url(f"http://127.0.0.1:{port}/x.csv", allowing(), never)


async def drip(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(request: str, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip_headers(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("handle", [drip, silence, drip_headers])
async def test_a_slow_server_is_an_error_when_the_time_is_up(
    server: Start, allowing: Callable[..., Settings], handle: Handler
) -> None:
    port = await server(handle)
    with pytest.raises(DataError, match=r"did not deliver within 0\.2 s"):
        await fetch_url(f"http://127.0.0.1:{port}/x.csv", allowing(data_url_timeout_seconds=0.2), never)


async def test_slow_redirects_share_the_time(server: Start, allowing: Callable[..., Settings]) -> None:
    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.12)
        await answer("302 Found\r\nLocation: /again")(request, writer)

    port = await server(handle)
    with pytest.raises(DataError, match=r"did not deliver within 0\.3 s"):
        await fetch_url(f"http://127.0.0.1:{port}/", allowing(data_url_timeout_seconds=0.3), never)


async def test_a_slow_look_up_is_an_error_when_the_time_is_up(make_settings: Callable[..., Settings]) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(DataError, match=r"did not deliver within 0\.1 s"):
        await fetch_url("http://slow.example.org/", make_settings(data_url_timeout_seconds=0.1), resolve)


async def endless(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def endless_chunks(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def claim(request: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")
    await writer.drain()
    await asyncio.Event().wait()


@pytest.mark.parametrize("handle", [endless, endless_chunks, claim])
async def test_more_than_the_limit_is_too_large(
    server: Start, allowing: Callable[..., Settings], handle: Handler
) -> None:
    port = await server(handle)
    with pytest.raises(TooLargeError, match="limit of 100000 bytes"):
        await fetch_url(f"http://127.0.0.1:{port}/x.csv", allowing(max_upload_size=100_000), never)


async def test_exactly_the_limit_is_delivered(server: Start, allowing: Callable[..., Settings]) -> None:
    port = await server(answer("200 OK", b"x" * 1000))
    download = await fetch_url(f"http://127.0.0.1:{port}/", allowing(max_upload_size=1000), never)
    assert len(download.content) == 1000


async def test_a_byte_more_than_the_limit_is_too_large(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    port = await server(answer("200 OK", b"x" * 1001))
    with pytest.raises(TooLargeError):
        await fetch_url(f"http://127.0.0.1:{port}/", allowing(max_upload_size=1000), never)


async def test_a_closed_port_is_an_error_of_the_data(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    port = await server(answer("200 OK", CSV))
    with pytest.raises(DataError, match="no connection could be made"):
        await fetch_url(f"http://127.0.0.3:{port}/x.csv", allowing(), never)
