"""A model that runs in a service of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import httpx
from pydantic import BaseModel, ValidationError

from forecast.core.errors import ServiceUnavailableError
from forecast.remote.headers import Raw
from forecast.remote.place import Place
from forecast.remote.sending import CONNECT_SECONDS, send

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
        place: Place,
        client: httpx.AsyncClient,
        longest: float,
        ending: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model_id = model_id
        self.longest = longest
        self.ending = ending
        self._url = place.url
        self._client = client
        self._clock = clock
        self._circuit = place.circuit
        self._asking = asyncio.Lock()
        self._state = UNREACHABLE
        self._stale_at = -1.0

    async def send(
        self, method: str, path: str, headers: Raw, body: AsyncIterator[bytes] | None, silence: float | None
    ) -> httpx.Response:
        """Return the service's answer, whose body is still to be read and closed.

        `silence` is how many seconds may pass without a sign of the service. Raises the errors of `send`.
        """
        timeout = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        request = httpx.Request(
            method,
            self._url + path,
            headers=headers,
            content=body,
            extensions={"timeout": timeout.as_dict()},
        )
        return await send(self._client, self._circuit, request)

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
