"""Fetching a file from an http(s) URL, from the public internet only, with size and time capped."""

import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import anyio
import httpcore
import httpx

from forecast.core.config import Settings
from forecast.core.data.addresses import Resolve, check_addresses, find_addresses, read_address, resolve_host
from forecast.core.errors import DataError, TooLargeError

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_URL = 2000
_HOST = re.compile(r"^(?:[a-z]+:)?//(?:[^/?#]*@)?([^/?#:]*).*$", re.IGNORECASE | re.DOTALL)
# Without compression the bytes that arrive are the bytes of the file, and can be counted.
_ASKED = ((b"Accept", b"*/*"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"sapheneia"))
# Seconds for an address when the host has another one to try.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Download:
    """What a URL delivered: the content, and the path of the URL that delivered it."""

    content: bytes
    path: str


async def fetch_url(url: str, settings: Settings, resolve: Resolve = resolve_host) -> Download:
    """Return what a URL delivers.

    Raises ForbiddenError where it, or a redirect, leads to an address that is neither public nor
    allowed by the settings; TooLargeError above `max_upload_size`; DataError where it does not deliver
    with status 200 within `data_url_timeout_seconds`, redirects included.
    """
    backend = _CheckedBackend(settings.data_url_allowed_networks, resolve)
    try:
        with anyio.fail_after(settings.data_url_timeout_seconds):
            async with httpcore.AsyncConnectionPool(
                ssl_context=await anyio.to_thread.run_sync(_tls), network_backend=backend
            ) as pool:
                return await _Fetch(pool, settings).follow(url)
    except TimeoutError as error:
        raise DataError(
            f"The URL did not deliver within {settings.data_url_timeout_seconds:g} s.",
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise DataError(f"The URL could not be fetched: {_cause(error)}.") from error


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked, so that a name cannot change in between."""

    def __init__(self, allowed: Sequence[str], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *others, last = await find_addresses(host, port, self._allowed, self._resolve)
        for address in others:
            try:
                return await self._inner.connect_tcp(str(address), port, _PATIENCE, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(str(last), port, timeout, None, socket_options)


@cache
def _tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


@dataclass(frozen=True, slots=True)
class _Fetch:
    pool: httpcore.AsyncConnectionPool
    settings: Settings

    async def follow(self, location: str) -> Download:
        url: httpx.URL | None = None
        for _ in range(MOST_REDIRECTS + 1):
            url = self._parse(location, url)
            answer = await self._request(url)
            if isinstance(answer, Download):
                return answer
            location = answer
        raise DataError(f"The URL redirects more than {MOST_REDIRECTS} times.")

    def _parse(self, location: str, base: httpx.URL | None) -> httpx.URL:
        if len(location) > _LONGEST_URL:
            raise DataError(f"The URL is longer than {_LONGEST_URL} characters.")
        try:
            url = base.join(location) if base else httpx.URL(location)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            # Forms such as http://2130706433/ are none to httpx, yet addresses all the same.
            address = read_address(_HOST.sub(r"\1", location))
            check_addresses([address] if address else [], self.settings.data_url_allowed_networks)
            raise DataError("The URL is not valid.") from error
        if url.scheme not in ("http", "https") or not url.host or url.port == 0:
            raise DataError("The URL is not valid, or redirects to one that is not http(s).")
        if url.userinfo:
            raise DataError("The URL holds credentials; data is fetched without any.")
        return url

    async def _request(self, url: httpx.URL) -> Download | str:
        """Return what the URL delivers, or the location that it redirects to."""
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        async with self.pool.stream("GET", target, headers=[(b"Host", url.netloc), *_ASKED]) as response:
            headers = httpx.Headers(response.headers)
            if response.status in _REDIRECTS and "location" in headers:
                return headers["location"]
            if response.status != 200:
                raise DataError(f"The URL answered with status {response.status}.")
            if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
                raise DataError("The URL delivers compressed content although asked for none.")
            return Download(await _read(response, headers, self.settings.max_upload_size), url.path)


async def _read(response: httpcore.Response, headers: httpx.Headers, limit: int) -> bytes:
    too_large = TooLargeError(f"The URL delivers more than the limit of {limit} bytes.")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise too_large
    content = bytearray()
    async for chunk in response.aiter_stream():
        content += chunk
        if len(content) > limit:
            raise too_large
    return bytes(content)


def _cause(error: Exception) -> str:
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        return "its certificate could not be verified"
    if isinstance(error, httpcore.ConnectError):
        return "no connection could be made"
    return "the server broke the connection off or does not speak HTTP"
