"""The services of models, and the connections to them; httpx is imported where there are any."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from forecast.models import get_service

if TYPE_CHECKING:
    import httpx

    from forecast.remote.place import Place
    from forecast.remote.service import RemoteService

_IDLE_CONNECTIONS = 64
# Shorter than uvicorn's five seconds: no request is to meet a connection that a service just closes.
_IDLE_SECONDS = 2.0
# A host that vanished is found out in half a minute, however long the answer may take.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


@asynccontextmanager
async def connect(
    places: Mapping[str, "Place"], ending: asyncio.Event
) -> AsyncIterator["dict[str, RemoteService]"]:
    """Yield the service of each model by its ID; their connections are closed at the end.

    `ending` is set once the gateway is told to end: loads are not waited for then.
    """
    if not places:
        yield {}
        return
    from forecast.remote.service import RemoteService

    async with open_client() as client:
        yield {
            model_id: RemoteService(
                model_id, place, client, get_service(model_id).settings.timeout_seconds, ending
            )
            for model_id, place in places.items()
        }


def open_client() -> "httpx.AsyncClient":
    """Return a client that keeps connections for the next request and obeys no proxy of the environment."""
    import httpx

    transport = httpx.AsyncHTTPTransport(
        verify=_trusted(),
        trust_env=False,
        # One service that is slow must not take the connections of the others.
        limits=httpx.Limits(
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
        ),
        socket_options=_socket_options(),
    )
    return httpx.AsyncClient(transport=transport, trust_env=False)


@cache
def _trusted() -> ssl.SSLContext:
    # Reading the host's certificates takes longer than many a call.
    return ssl.create_default_context()


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    found = [(getattr(socket, name, None), value) for name, value in _KEEP_ALIVE]
    return options + [(socket.IPPROTO_TCP, name, value) for name, value in found if name is not None]
