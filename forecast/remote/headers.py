"""Which headers pass between a caller and a service, and what is left of a deadline on the way."""

import math
import re
from collections.abc import Iterable, Mapping

from forecast.core.errors import DeadlineError, ServiceUnavailableError
from forecast.core.principal import Principal

Raw = list[tuple[bytes, bytes]]

_OF_A_CONNECTION = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What concerns the gateway alone: by whom and how it was reached, what it does itself (CORS, 100-continue).
_OF_A_CALLER = frozenset(
    {
        b"authorization",
        b"cookie",
        b"expect",
        b"forwarded",
        b"host",
        b"origin",
        b"x-client-id",
        b"x-client-role",
        b"x-real-ip",
        b"x-request-id",
    }
)
_OF_A_CALLER_FROM = (b"x-forwarded-",)
# What the gateway's own server and middleware write on every answer.
_OF_A_SERVICE = frozenset({b"date", b"server", b"x-request-id", b"x-process-time"})
_OF_A_SERVICE_FROM = (b"x-ratelimit-", b"access-control-")
_VIA = (b"via", b"1.1 sapheneia")
_MOST_GATEWAYS = 3
_CIRCLE_SECONDS = 60.0
_MILLISECONDS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_MOST_MILLISECONDS = 10.0**12


def pass_to_service(headers: Iterable[tuple[bytes, bytes]], request_id: str, left: int | None) -> Raw:
    """Return the headers of a request to a service, with its ID and the milliseconds that are left.

    Raises ServiceUnavailableError where it has passed gateways before, as where their settings make a circle.
    """
    dropped = _OF_A_CALLER if left is None else _OF_A_CALLER | {b"x-deadline-ms"}
    passed = _drop(headers, dropped, _OF_A_CALLER_FROM)
    if passed.count(_VIA) >= _MOST_GATEWAYS:
        raise ServiceUnavailableError(
            "The request went from gateway to gateway; MODEL_SERVICE_URLS of one leads back to another.",
            retry_after=_CIRCLE_SECONDS,
        )
    passed.append(_VIA)
    passed.append((b"x-request-id", request_id.encode()))
    if left is not None:
        passed.append((b"x-deadline-ms", str(left).encode()))
    return passed


def speak_for(headers: Raw, principal: Principal, key: str) -> Raw:
    """Return headers in which the gateway asks with its own key for a caller that it knows."""
    told = [
        (b"authorization", f"Bearer {key}".encode()),
        (b"x-client-id", principal.client_id.encode()),
        (b"x-client-role", principal.role.encode()),
    ]
    return [*headers, *told]


def replace_trace(headers: Raw, trace: Mapping[str, str]) -> Raw:
    """Return headers with those of a trace in the place of the ones that the caller sent."""
    own = [(name.encode(), value.encode()) for name, value in trace.items()]
    names = {name for name, _ in own}
    return [*(pair for pair in headers if pair[0] not in names), *own]


def pass_to_caller(headers: Iterable[tuple[bytes, bytes]]) -> Raw:
    """Return the headers of a service's answer, without those that the gateway writes itself."""
    passed = _drop(headers, _OF_A_SERVICE, _OF_A_SERVICE_FROM)
    varied = [(name, _without_origin(value) if name == b"vary" else value) for name, value in passed]
    return [(name, value) for name, value in varied if value or name != b"vary"]


def _without_origin(vary: bytes) -> bytes:
    """Return what an answer depends on beside the origin, which the gateway's CORS adds again."""
    return b", ".join(name for part in vary.split(b",") if (name := part.strip()).lower() != b"origin")


def _drop(
    headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes], prefixes: tuple[bytes, ...]
) -> Raw:
    lowered = [(name.lower(), value) for name, value in headers]
    named = b",".join(value for name, value in lowered if name == b"connection")
    dropped = names | _OF_A_CONNECTION | {name.strip().lower() for name in named.split(b",")}
    return [(name, value) for name, value in lowered if name not in dropped and not name.startswith(prefixes)]


def milliseconds_left(given: str | None, longest: float, spent: float) -> int | None:
    """Return what is left of the deadline of an inference whose X-Deadline-Ms is `given`.

    `longest` and `spent` are seconds: how long any inference may take, and how long this one has been here.
    None where the header is no number of milliseconds, which is for the service to refuse; raises
    DeadlineError when nothing is left.
    """
    if given is not None and not _MILLISECONDS.fullmatch(given):
        return None
    whole = min(longest * 1000, _MOST_MILLISECONDS if given is None else int(given))
    left = math.floor(min(whole, _MOST_MILLISECONDS) - spent * 1000)
    if left < 1:
        raise DeadlineError("The deadline passed before the forecast was made.")
    return left
