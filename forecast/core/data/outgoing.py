"""Connections to where callers say: http(s) only, and only to the very addresses that were checked."""

import re
import ssl
from collections.abc import Iterable, Sequence
from functools import cache
from urllib.parse import quote, urlsplit

import httpcore

from forecast.core.data.addresses import NOT_FETCHED, Resolve, find_addresses

_LONGEST_URL = 2000
_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PLAIN = "%/:=&?~+!$,;'@()*"
# Seconds for an address when the host has another one to try.
_PATIENCE = 2.0


def read_target(url: str) -> httpcore.URL:
    """Return what a URL asks for; raise ValueError, which says of it what is wrong, where that is nothing."""
    if len(url) > _LONGEST_URL:
        raise ValueError(f"is longer than {_LONGEST_URL} characters")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        port = parts.port
        path = quote(parts.path or "/", _PLAIN) + (f"?{quote(parts.query, _PLAIN)}" if parts.query else "")
    except ValueError as error:
        raise ValueError("is not valid") from error
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0:
        raise ValueError("is not valid, or leads to one that is not http(s)")
    if "@" in parts.netloc:
        raise ValueError("holds credentials; it must work without any")
    return httpcore.URL(scheme=parts.scheme, host=host, port=port, target=path)


def host_header(target: httpcore.URL) -> bytes:
    """Return the host of a URL as the header Host names it."""
    host = b"[%b]" % target.host if b":" in target.host else target.host
    return host if target.port is None else b"%b:%d" % (host, target.port)


@cache
def make_tls() -> ssl.SSLContext:
    """Return what certificates are checked with; the first time it takes a while."""
    return httpcore.default_ssl_context()


def tell_cause(error: Exception) -> str:
    """Return in words why a connection failed."""
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
        return "its certificate could not be verified"
    if isinstance(error, httpcore.ConnectError):
        return "no connection could be made"
    return "the server broke the connection off or does not speak HTTP"


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked, so that a name cannot change in between.

    Connecting raises ForbiddenError, which tells `refusal`, where one of a host's addresses is neither public
    nor allowed, and what `resolve` raises where it has none.
    """

    def __init__(self, allowed: Sequence[str], resolve: Resolve, refusal: str = NOT_FETCHED) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._refusal = refusal
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers."""
        *others, last = await find_addresses(host, port, self._allowed, self._resolve, self._refusal)
        for address in others:
            try:
                return await self._inner.connect_tcp(str(address), port, _PATIENCE, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(str(last), port, timeout, None, socket_options)
