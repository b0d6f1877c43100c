"""Fetching a file from an http(s) URL, from the public internet only, with size and time capped."""

import re
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, unquote, urljoin, urlsplit

import anyio
import httpcore

from forecast.core.config import Settings
from forecast.core.data.addresses import Resolve, find_addresses, resolve_host
from forecast.core.errors import DataError, TooLargeError

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LONGEST_URL = 2000
_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PLAIN = "%/:=&?~+!$,;'@()*"
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
                return await _Fetch(pool, settings.max_upload_size).follow(url)
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
    limit: int

    async def follow(self, location: str) -> Download:
        url = ""
        for _ in range(MOST_REDIRECTS + 1):
            url, target = _parse(location, url)
            answer = await self._request(target)
            if isinstance(answer, bytes):
                return Download(answer, unquote(urlsplit(url).path))
            location = answer
        raise DataError(f"The URL redirects more than {MOST_REDIRECTS} times.")

    async def _request(self, target: httpcore.URL) -> bytes | str:
        """Return what the URL delivers, or the location that it redirects to."""
        host = b"[%b]" % target.host if b":" in target.host else target.host
        named = host if target.port is None else b"%b:%d" % (host, target.port)
        async with self.pool.stream("GET", target, headers=[(b"Host", named), *_ASKED]) as response:
            headers = {name.lower(): value.decode("utf-8", "replace") for name, value in response.headers}
            if response.status in _REDIRECTS and b"location" in headers:
                return headers[b"location"]
            if response.status != 200:
                raise DataError(f"The URL answered with status {response.status}.")
            if headers.get(b"content-encoding", "").strip().lower() not in ("", "identity"):
                raise DataError("The URL delivers compressed content although asked for none.")
            return await self._read(response, headers.get(b"content-length", ""))

    async def _read(self, response: httpcore.Response, length: str) -> bytes:
        too_large = TooLargeError(f"The URL delivers more than the limit of {self.limit} bytes.")
        if length.isdecimal() and int(length[:20]) > self.limit:
            raise too_large
        content = bytearray()
        async for chunk in response.aiter_stream():
            content += chunk
            if len(content) > self.limit:
                raise too_large
        return bytes(content)


def _parse(location: str, base: str) -> tuple[str, httpcore.URL]:
    """Return a URL, joined to the one that redirected to it, as text and as what is asked for."""
    if len(location) > _LONGEST_URL:
        raise DataError(f"The URL is longer than {_LONGEST_URL} characters.")
    try:
        url = urljoin(base, location)
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        port = parts.port
        path = quote(parts.path or "/", _PLAIN) + (f"?{quote(parts.query, _PLAIN)}" if parts.query else "")
    except ValueError as error:
        raise DataError("The URL is not valid.") from error
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0:
        raise DataError("The URL is not valid, or redirects to one that is not http(s).")
    if "@" in parts.netloc:
        raise DataError("The URL holds credentials; data is fetched without any.")
    return url, httpcore.URL(scheme=parts.scheme, host=host, port=port, target=path)


def _cause(error: Exception) -> str:
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        return "its certificate could not be verified"
    if isinstance(error, httpcore.ConnectError):
        return "no connection could be made"
    return "the server broke the connection off or does not speak HTTP"
