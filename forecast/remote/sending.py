"""One request, sent to a model's service: again where it cannot have been done."""

import asyncio

import httpx

from forecast.remote.circuit import Circuit
from forecast.remote.faults import NOTHING_SENT, told

CONNECT_SECONDS = 2.0
"""How long a service may take to accept a connection."""
_AGAIN_SECONDS = 0.2


async def send(client: httpx.AsyncClient, circuit: Circuit, request: httpx.Request) -> httpx.Response:
    """Return the answer of the service behind a circuit, whose body is still to be read and closed.

    Sent again, once, is only what cannot have been done: a GET, and what found no connection. Raises
    ServiceUnavailableError where there is none, no sign in the request's time, or the circuit is open;
    ServiceLostError where the service ends before the answer.
    """
    with circuit.attempt(), told(circuit.model_id):
        try:
            return await client.send(request, stream=True)
        except httpx.TransportError as error:
            again = request.method == "GET" and not isinstance(error, httpx.TimeoutException)
            if not again and not isinstance(error, NOTHING_SENT):
                raise
        await asyncio.sleep(_AGAIN_SECONDS)
        return await client.send(request, stream=True)
