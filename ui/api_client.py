"""The gateway over REST: every call returns data or raises GatewayError."""

from asyncio import sleep
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from time import monotonic
from typing import Any, TypeVar

import httpx

from ui.connection import ANSWER_SECONDS, Connection
from ui.errors import GatewayError

_TABLE_SECONDS = 300.0
_FORECAST_SECONDS = 3600.0
_GLANCE_SECONDS = 2.0
_LOADING_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 60.0
_WAITS = (429, 503)
_BUSY_OR_LOADED = ("MODEL_INITIALIZING", "MODEL_CONFIG_CONFLICT")

T = TypeVar("T")


class Gateway:
    """One gateway and the key that the page has for it."""

    def __init__(self, base_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.connection = Connection(base_url, key, transport)
        self._seen: dict[str, tuple[float, dict[str, Any]]] = {}
        self._names: dict[str, str] = {}

    async def health(self, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Return the gateway's state and that of each model, by ID; down is what takes longer."""
        return await self.connection.send("GET", "/health", seconds=seconds)

    async def models(self) -> list[dict[str, Any]]:
        """Return the registry's entries with each model's state."""
        found: list[dict[str, Any]] = (await self.connection.send("GET", "/models"))["models"]
        self._names = {str(one["id"]): str(one["name"]) for one in found if one["status"] != "planned"}
        return found

    async def names(self) -> dict[str, str]:
        """Return the names of models that there are, or were, by their IDs, as the gateway last told them."""
        if not self._names:
            await self.models()
        return self._names

    async def samples(self) -> list[dict[str, Any]]:
        """Return the tables that the gateway ships."""
        found: list[dict[str, Any]] = (await self.connection.send("GET", "/api/v1/samples"))["samples"]
        return found

    async def upload(self, name: str, content: bytes) -> str:
        """Keep a file at the gateway and return the path that names it there."""
        file = {"file": (name, content)}
        answer = await self.connection.send(
            "POST", "/api/v1/uploads?mend=true", seconds=_TABLE_SECONDS, files=file
        )
        return str(answer["path"])

    async def forget(self, path: str) -> None:
        """Delete an upload; one that is gone already is no error."""
        try:
            await self.connection.send("DELETE", f"/api/v1/uploads/{path.rsplit('/', 1)[-1]}")
        except GatewayError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def read_table(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the gateway's report of a table, and the table as it reads it."""
        return await self.connection.send("POST", "/api/v1/tables", seconds=_TABLE_SECONDS, json=body)

    async def progress(self, model: str) -> dict[str, Any]:
        """Return a model's status with the progress of its load; empty where the quota allows no look."""
        try:
            return await self.connection.send("GET", f"/forecast/v1/{model}/status")
        except GatewayError as error:
            if error.status != httpx.codes.TOO_MANY_REQUESTS:
                raise
            return {}

    async def glance(self, model: str) -> dict[str, Any]:
        """Return what `progress` does, or did shortly before.

        However many models are loaded and looked at, the gateway is asked once in two seconds: looks are
        counted in the quota that tables need too.
        """
        now = monotonic()
        at, told = self._seen.get(model, (-inf, {}))
        seen = {name for name, (when, _) in self._seen.items() if now - when < _LOADING_SECONDS}
        if now - at >= _GLANCE_SECONDS * len(seen | {model}):
            self._seen[model] = (now, told)
            told = await self.progress(model)
            self._seen[model] = (now, told)
        return told

    async def initialize(self, model: str) -> bool:
        """Begin to load a model by its settings; return False where it is being loaded or let go."""
        try:
            await self.connection.send("POST", f"/forecast/v1/{model}/initialization", json={"wait": False})
        except GatewayError as error:
            if error.code not in _BUSY_OR_LOADED:
                raise
            return error.code != "MODEL_INITIALIZING"
        return True

    async def shut_down(self, model: str) -> None:
        """Let a model go, or end its load."""
        await self.connection.send("POST", f"/forecast/v1/{model}/shutdown")

    async def forecast(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a forecast; cancelling it closes the connection, at which the gateway drops the work."""
        return await self.connection.send(
            "POST", f"/forecast/v1/{model}/inference", seconds=_FORECAST_SECONDS, json=body
        )

    async def close(self) -> None:
        """End the connections."""
        await self.connection.close()


async def patiently(call: Callable[[], Awaitable[T]], pausing: Callable[[int, float], None]) -> T:
    """Return what a call returns, after the pauses that the gateway asks for where a limit is met.

    Before each, `pausing` is told the status that asks for it, and its seconds.
    """
    while True:
        try:
            return await call()
        except GatewayError as error:
            if error.status not in _WAITS or error.retry_after is None:
                raise
            pause = min(error.retry_after, _LONGEST_PAUSE_SECONDS)
            pausing(error.status, pause)
            await sleep(pause)
