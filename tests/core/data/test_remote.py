import asyncio
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.core.config import Settings
from forecast.core.data.remote import fetch_url
from forecast.core.errors import DataError, ForbiddenError
from tests.core.data.conftest import Handler, Start, answer

pytestmark = pytest.mark.anyio
CSV = b"date,y\n2024-01-01,1\n"


async def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was looked up")


async def test_a_url_delivers_its_content_and_its_path(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    requests: list[str] = []

    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        await answer("200 OK", CSV)(request, writer)

    port = await server(handle)
    download = await fetch_url(f"http://127.0.0.1:{port}/a%20b/x.csv?q=1#part", allowing(), never)
    assert (download.content, download.path) == (CSV, "/a b/x.csv")
    assert requests[0].startswith("GET /a%20b/x.csv?q=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{port}\r\n" in requests[0]
    assert "Accept-Encoding: identity\r\n" in requests[0]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "10.0.0.1",
        "100.64.0.1",
    ],
)
@pytest.mark.parametrize("url", ["http://{}/x.csv", "HTTPS://{}:8443/x.csv"])
async def test_a_url_to_a_private_address_is_forbidden_without_a_look_up(
    host: str, url: str, make_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(ForbiddenError, match="not of the public internet"):
        await fetch_url(url.format(host), make_settings(), never)


async def test_localhost_is_forbidden_by_what_it_resolves_to(make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(ForbiddenError):
        await fetch_url("http://localhost/x.csv", make_settings())


async def test_a_name_that_resolves_to_loopback_is_forbidden_and_the_address_not_told(
    server: Start, make_settings: Callable[..., Settings]
) -> None:
    reached: list[str] = []

    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        reached.append(request)

    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    port = await server(handle)
    with pytest.raises(ForbiddenError) as caught:
        await fetch_url(f"http://data.example.org:{port}/x.csv", make_settings(), resolve)
    assert reached == []
    assert re.search(r"\d+\.\d+", caught.value.detail) is None


async def test_the_connection_goes_to_the_address_that_was_checked(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    lookups: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["169.254.169.254"]

    port = await server(answer("200 OK", CSV))
    download = await fetch_url(f"http://data.example.org:{port}/x.csv", allowing(), resolve)
    assert download.content == CSV
    assert lookups == ["data.example.org"]


async def test_the_next_address_is_tried_when_the_first_refuses(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    port = await server(answer("200 OK", CSV))
    download = await fetch_url(f"http://data.example.org:{port}/x.csv", allowing(), resolve)
    assert download.content == CSV


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254/",
        "http://[::1]/",
        "http://2852039166/",
        "http://internal.example.org/",
    ],
)
async def test_a_redirect_to_a_private_address_is_forbidden(
    server: Start, allowing: Callable[..., Settings], location: str
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["192.168.0.7"]

    port = await server(answer(f"302 Found\r\nLocation: {location}"))
    with pytest.raises(ForbiddenError):
        await fetch_url(f"http://127.0.0.1:{port}/x.csv", allowing(), resolve)


@pytest.mark.parametrize(
    ("location", "fault"),
    [
        ("file:///etc/passwd", "not http"),
        ("ftp://127.0.0.1/x.csv", "not http"),
        ("http://user:word@127.0.0.1/", "holds credentials"),
        ("http://[::1/", "not valid"),
        ("/" + "x" * 3000, "longer than 2000"),
    ],
)
async def test_a_redirect_to_what_is_no_plain_url_is_an_error(
    server: Start, allowing: Callable[..., Settings], location: str, fault: str
) -> None:
    port = await server(answer(f"301 Moved\r\nLocation: {location}"))
    with pytest.raises(DataError, match=fault):
        await fetch_url(f"http://127.0.0.1:{port}/", allowing(), never)


def counting_down(hops: int) -> Handler:
    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        hop = int(request.split()[1].lstrip("/"))
        told = "200 OK" if hop == hops else f"307 Temporary\r\nLocation: {hop + 1}"
        await answer(told, CSV if hop == hops else b"")(request, writer)

    return handle


async def test_five_redirects_are_followed(server: Start, allowing: Callable[..., Settings]) -> None:
    port = await server(counting_down(5))
    assert (await fetch_url(f"http://127.0.0.1:{port}/0", allowing(), never)).path == "/5"


async def test_six_redirects_are_too_many(server: Start, allowing: Callable[..., Settings]) -> None:
    port = await server(counting_down(6))
    with pytest.raises(DataError, match="redirects more than 5 times"):
        await fetch_url(f"http://127.0.0.1:{port}/0", allowing(), never)


async def test_a_proxy_of_the_environment_is_not_used(
    server: Start, allowing: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await server(answer("200 OK", b"from the proxy"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    port = await server(answer("200 OK", CSV))
    assert (await fetch_url(f"http://127.0.0.1:{port}/x.csv", allowing(), never)).content == CSV


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://user:word@127.0.0.1/x.csv", "holds credentials"),
        ("http://user@127.0.0.1/x.csv", "holds credentials"),
        ("http:///x.csv", "not valid"),
        ("http://", "not valid"),
        ("http://[::1/x", "not valid"),
        ("http://127.0.0.1:99999/", "not valid"),
        ("http://127.0.0.1:0/", "not valid"),
        ("http://127.0.0.1:port/", "not valid"),
        ("http://127.0.0.1 /", "not valid"),
        ("http://127.0.0.1\\@example.org/", "holds credentials"),
        ("http://127.0.0.1%00.example.org/", "not valid"),
        ("http://127.0.0.1\0.example.org/", "not valid"),
        ("http://127.0.0.1/\ud800", "not valid"),
        ("http://a..example.org/", "not valid"),
        ("http://[fe80::1%25lo]/", "not valid"),
        ("http://127.0.0.1/" + "x" * 2000, "longer than 2000"),
    ],
)
async def test_what_is_no_plain_url_is_an_error(
    url: str, fault: str, make_settings: Callable[..., Settings]
) -> None:
    with pytest.raises(DataError, match=fault) as caught:
        await fetch_url(url, make_settings(), never)
    assert "word" not in caught.value.detail


async def test_a_host_beyond_ascii_and_a_path_with_any_character_are_encoded(
    server: Start, allowing: Callable[..., Settings]
) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        asked.append(request.partition("\r\n")[0])
        await answer("200 OK", CSV)(request, writer)

    port = await server(handle)
    url = f"http://bücher.example:{port}/ä b/\r\nX: y?q=ö&r=1 HTTP/1.1#z"
    await fetch_url(url, allowing(), resolve)
    assert asked == ["xn--bcher-kva.example", "GET /%C3%A4%20b/X:%20y?q=%C3%B6&r=1%20HTTP/1.1 HTTP/1.1"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(alphabet=":/@[]%?#.\\-_ a\0\ud800é\n\t", max_size=20),
    st.sampled_from(["http:", "https://", "http://a"]),
)
def test_any_text_after_the_scheme_is_an_error_or_refused(
    make_settings: Callable[..., Settings], text: str, start: str
) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.1"]

    with pytest.raises((DataError, ForbiddenError)) as caught:
        asyncio.run(fetch_url(start + text, make_settings(), resolve))
    caught.value.detail.encode()
