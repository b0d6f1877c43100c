"""Calls of a model's service from a thread, whose errors become the gateway's own again."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import orjson

from forecast.core.errors import AbandonedError, SapheneiaError, ServiceUnavailableError
from forecast.core.routing import PREFIX
from forecast.remote.client import open_client
from forecast.remote.faults import RETRY_SECONDS, refuses_key, told
from forecast.remote.place import Place
from forecast.remote.sending import CONNECT_SECONDS, send

_LOOK_SECONDS = 0.1
_ROWS = re.compile(r"\b([Rr]ows?) (\d+)(?: and (\d+))?")


@dataclass(frozen=True, slots=True)
class ServiceCalls:
    """The routes of one model in the service at a place, which has the gateway's key.

    A call takes part in the service's circuit, and is given up as soon as `cancelled` tells so: its
    connection is closed, by which the service knows.
    """

    model_id: str
    place: Place
    key: str
    cancelled: Callable[[], bool]

    def call(
        self,
        route: str,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        name_row: Callable[[int], int] = lambda row: row,
    ) -> bytes:
        """Return what a route answers to a body, or to a GET without one.

        Raises the error that the service tells, its rows called as `name_row` calls them, AbandonedError
        where the call is given up, and ServiceUnavailableError or ServiceLostError where the service does not
        answer within so many seconds.
        """
        request = httpx.Request(
            "GET" if body is None else "POST",
            f"{self.place.url}{PREFIX}/{self.model_id}/{route}",
            headers={"Authorization": f"Bearer {self.key}", **(headers or {})},
            content=body,
            extensions={"timeout": httpx.Timeout(seconds, connect=CONNECT_SECONDS).as_dict()},
        )
        with told(self.model_id):
            # A loop of its own: a call that blocks could not be given up.
            answer = asyncio.run(self._wait(request))
        if answer.status_code >= 400:
            raise self._read_error(answer, name_row)
        return answer.content

    async def _wait(self, request: httpx.Request) -> httpx.Response:
        async with open_client() as client:
            asking = asyncio.create_task(self._ask(client, request))
            try:
                while not asking.done():
                    if self.cancelled():
                        raise AbandonedError("The run was cancelled before its forecasts were made.")
                    await asyncio.wait([asking], timeout=_LOOK_SECONDS)
                return asking.result()
            finally:
                asking.cancel()
                await asyncio.wait([asking])

    async def _ask(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        answer = await send(client, self.place.circuit, request)
        await answer.aread()
        return answer

    def _read_error(self, answer: httpx.Response, name_row: Callable[[int], int]) -> SapheneiaError:
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            return refuses_key(self.model_id)
        try:
            problem = orjson.loads(answer.content)
            code, detail = str(problem["error"]), str(problem["detail"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return ServiceUnavailableError(
                f"The service of the model '{self.model_id}' answered {answer.status_code}.",
                retry_after=RETRY_SECONDS,
            )
        kind = _find_error(code)
        after = answer.headers.get("retry-after", "")
        return kind(
            _ROWS.sub(lambda found: _rename(found, name_row), detail).removeprefix(kind.prefix),
            details=problem.get("details"),
            retry_after=float(after) if after.isdecimal() else None,
        )


def _find_error(code: str) -> type[SapheneiaError]:
    """Return the kind of error that has a code; one that this gateway does not know is its own fault."""
    waiting: list[type[SapheneiaError]] = [SapheneiaError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return SapheneiaError


def _rename(found: re.Match[str], name_row: Callable[[int], int]) -> str:
    rows = [str(name_row(int(row))) for row in found.groups()[1:] if row is not None]
    return f"{found[1]} {' and '.join(rows)}"
