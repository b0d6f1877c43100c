"""Sending one webhook to an address that a caller named: guarded, with size and time capped."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
import httpcore
from anyio.to_thread import run_sync

from forecast.core.data.addresses import Resolve, find_addresses
from forecast.core.data.outgoing import CheckedBackend, host_header, make_tls, read_target, tell_cause
from forecast.core.errors import ForbiddenError, RequestError
from forecast.jobs.webhooks.settings import WebhookSettings

_REFUSAL = (
    "The webhook's URL leads to an address that is not of the public internet, and nothing is sent there"
    " (setting WEBHOOK_ALLOWED_NETWORKS)."
)
_PORTS = {b"http": 80, b"https": 443}
_GONE = 410
_LONGEST_WAIT = 86_400.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending: `error` is None where it was taken, and `final` where trying again is no use.

    `wait` is the least time in seconds that the receiver asks for.
    """

    error: str | None = None
    final: bool = False
    wait: float = 0.0


async def resolve_receiver(host: str, port: int) -> list[str]:
    """Return the addresses of a host name; raise RequestError where it has none."""
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RequestError(f"The host '{host}' of the webhook's URL is not known.") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def check_receiver(url: str, settings: WebhookSettings, resolve: Resolve = resolve_receiver) -> None:
    """Raise ForbiddenError where nothing may be sent to a valid URL, RequestError where nobody is there."""
    target = read_target(url)
    host, port = target.host.decode(), target.port or _PORTS[target.scheme]
    try:
        with anyio.fail_after(settings.webhook_timeout_seconds):
            await find_addresses(host, port, settings.webhook_allowed_networks, resolve, _REFUSAL)
    except TimeoutError as error:
        raise RequestError(f"The host '{host}' of the webhook's URL could not be found in time.") from error


async def send(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    settings: WebhookSettings,
    resolve: Resolve = resolve_receiver,
) -> Outcome:
    """POST a body to a URL and return what came of it: only a status of 2xx takes it.

    The connection goes to an address that was checked, redirects are not followed, and nothing of the answer
    but its status and Retry-After is read.
    """
    seconds = settings.webhook_timeout_seconds
    try:
        with anyio.fail_after(seconds):
            return await _post(url, headers, body, settings, resolve)
    except TimeoutError:
        return Outcome(f"The receiver did not answer within {seconds:g} s.")
    except (ForbiddenError, RequestError) as error:
        return Outcome(error.detail)
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        return Outcome(f"The receiver could not be reached: {tell_cause(error)}.")


async def _post(
    url: str, headers: Mapping[str, str], body: bytes, settings: WebhookSettings, resolve: Resolve
) -> Outcome:
    target = read_target(url)
    told = {"Content-Type": "application/json", "User-Agent": "sapheneia", **headers}
    sent = [
        (b"Host", host_header(target)),
        (b"Content-Length", str(len(body)).encode()),
        *[(name.encode(), value.encode()) for name, value in told.items()],
    ]
    backend = CheckedBackend(settings.webhook_allowed_networks, resolve, _REFUSAL)
    tls = await run_sync(make_tls)
    async with (
        httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend) as pool,
        pool.stream("POST", target, headers=sent, content=body) as response,
    ):
        return _judge(response)


def _judge(response: httpcore.Response) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return Outcome()
    asked = dict(reversed([(name.lower(), value) for name, value in response.headers])).get(
        b"retry-after", b""
    )
    wait = min(float(asked), _LONGEST_WAIT) if asked.isdigit() and len(asked) < 10 else 0.0
    return Outcome(f"The receiver answered with status {status}.", status == _GONE, wait)
