"""What goes wrong on the way to a service, in the gateway's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from forecast.core.errors import RequestError, ServiceLostError, ServiceUnavailableError

NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
"""Faults of a connection that was never made: whatever was to be sent can be sent again."""
RETRY_SECONDS = 1.0


def refuses_key(model_id: str) -> ServiceUnavailableError:
    """Return what a caller, whose own key was right, is told where a service refuses that of the gateway."""
    return ServiceUnavailableError(
        f"The service of the model '{model_id}' refuses API_SECRET_KEY; both need the same one.",
        retry_after=RETRY_SECONDS,
    )


@contextmanager
def told(model_id: str) -> Iterator[None]:
    """Turn faults of the connection to a model's service into errors that name the model, and no host."""
    try:
        yield
    except NOTHING_SENT as error:
        raise ServiceUnavailableError(
            f"The service of the model '{model_id}' cannot be reached; nothing was done.",
            retry_after=RETRY_SECONDS,
        ) from error
    except httpx.ReadTimeout as error:
        raise ServiceUnavailableError(
            f"The service of the model '{model_id}' does not answer.", retry_after=RETRY_SECONDS
        ) from error
    except httpx.LocalProtocolError as error:
        raise RequestError("The request's headers or its length cannot be passed on.") from error
    except httpx.TransportError as error:
        raise ServiceLostError(
            f"The service of the model '{model_id}' ended before its answer was whole;"
            " what was asked of it may have been done.",
            retry_after=RETRY_SECONDS,
        ) from error
