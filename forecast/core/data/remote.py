"""Fetching a file from an http(s) URL, from the public internet only, with size and time capped."""

from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

import anyio
import httpcore

from forecast.core.config import Settings
from forecast.core.data.addresses import Resolve, resolve_host
from forecast.core.data.outgoing import CheckedBackend, host_header, make_tls, read_target, tell_cause
from forecast.core.errors import DataError, TooLargeError

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
# Without compression the bytes that arrive are the bytes of the file, and can be counted.
_ASKED = ((b"Accept", b"*/*"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"sapheneia"))


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
    backend = CheckedBackend(settings.data_url_allowed_networks, resolve)
    try:
        with anyio.fail_after(settings.data_url_timeout_seconds):
            async with httpcore.AsyncConnectionPool(
                ssl_context=await anyio.to_thread.run_sync(make_tls), network_backend=backend
            ) as pool:
                return await _Fetch(pool, settings.max_upload_size).follow(url)
    except TimeoutError as error:
        raise DataError(
            f"The URL did not deliver within {settings.data_url_timeout_seconds:g} s.",
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise DataError(f"The URL could not be fetched: {tell_cause(error)}.") from error


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
        headers_sent = [(b"Host", host_header(target)), *_ASKED]
        async with self.pool.stream("GET", target, headers=headers_sent) as response:
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
    try:
        url = urljoin(base, location)
    except ValueError as error:
        raise DataError("The URL is not valid.") from error
    try:
        return url, read_target(url)
    except ValueError as error:
        raise DataError(f"The URL {error}.") from error
