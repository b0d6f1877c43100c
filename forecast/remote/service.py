"""A model that runs in a service of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import httpx
from pydantic import BaseModel, ValidationError

from forecast.core.errors import ServiceUnavailableError
from forecast.remote.circuit import Circuit
from forecast.remote.faults import NOTHING_SENT, told
from forecast.remote.headers import Raw

_CONNECT_SECONDS = 2.0
_AGAIN_SECONDS = 0.2
_HEALTH_SECONDS = 1.0
_FRESH_SECONDS = 1.0


class State(BaseModel):
    """How a model is, as its service tells it: its status and the code of its error."""

    status: str
    error: str | None = None


class _Health(BaseModel):
    models: dict[str, State]


UNREACHABLE = State(status="error", error=ServiceUnavailableError.code)


class RemoteService:
    """The service of one model: passes requests on to it, and knows how it is.

    `longest` is how many seconds an inference may take; `ending` is set once the gateway is told to end.
    """

    def __init__(
        self,
        model_id: str,
        url: str,
        client: httpx.AsyncClient,
        longest: float,
        ending: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model_id = model_id
        self.longest = longest
        self.ending = ending
        self._url = url
        self._client = client
        self._clock = clock
        self._circuit = Circuit(model_id, clock)
        self._asking = asyncio.Lock()
        self._state = UNREACHABLE
        self._stale_at = -1.0

    async def send(
        self, method: str, path: str, headers: Raw, body: AsyncIterator[bytes] | None, silence: float | None
    ) -> httpx.Response:
        """Return the service's answer, whose body is still to be read and closed.

        `silence` is how many seconds may pass without a sign of the service. Sent again, once, is only what
        cannot have been done: a GET, and what found no connection. Raises ServiceUnavailableError where
        there is none, no sign, or the circuit is open; ServiceLostError where it ends before the answer.
        """
        timeout = httpx.Timeout(silence, connect=_CONNECT_SECONDS)
        request = httpx.Request(
            method,
            self._url + path,
            headers=headers,
            content=body,
            extensions={"timeout": timeout.as_dict()},
        )
        with self._circuit.attempt(), told(self.model_id):
            try:
                return await self._client.send(request, stream=True)
            except httpx.TransportError as error:
                again = method == "GET" and not isinstance(error, httpx.TimeoutException)
                if not again and not isinstance(error, NOTHING_SENT):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)
            return await self._client.send(request, stream=True)

    async def state(self) -> State:
        """Return how the model is, as of the last second; all that ask meanwhile wait for one answer."""
        async with self._asking:
            if self._clock() >= self._stale_at:
                self._state = await self._ask()
                self._stale_at = self._clock() + _FRESH_SECONDS
            return self._state

    async def _ask(self) -> State:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                answer = await self._client.get(f"{self._url}/health")
            return _Health.model_validate_json(answer.content).models.get(self.model_id, UNREACHABLE)
        except (httpx.HTTPError, TimeoutError, ValidationError):
            return UNREACHABLE
