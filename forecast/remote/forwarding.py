"""One request, passed on to a service, and its answer, passed back as it comes."""

import asyncio
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import httpx
from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from forecast.core.config import Settings
from forecast.core.errors import AbandonedError, DeadlineError, ServiceUnavailableError
from forecast.core.principal import Principal
from forecast.core.tracing import trace_headers
from forecast.remote.caller import Caller
from forecast.remote.faults import RETRY_SECONDS, refuses_key, told
from forecast.remote.headers import (
    milliseconds_left,
    pass_to_caller,
    pass_to_service,
    replace_trace,
    speak_for,
)
from forecast.remote.service import RemoteService

_STATUS_SECONDS = 5.0


async def forward(service: RemoteService, request: Request, principal: Principal) -> "PassedOn":
    """Return the service's answer to a caller; whatever it is, errors too.

    Raises DeadlineError, AbandonedError when the caller has gone, and the errors of RemoteService.send; the
    connection to the service is then closed, by which it knows that nobody waits any more.
    """
    caller = Caller(request.receive)
    left, deadline = _deadline(service, request)
    passed = pass_to_service(request.headers.raw, request.state.request_id, left)
    settings: Settings = request.app.state.settings
    spoken = speak_for(passed, principal, settings.api_secret_key.get_secret_value())
    headers = replace_trace(spoken, trace_headers())
    reading = request.method == "GET"
    if reading:
        caller.sends_nothing()
    sending = service.send(
        request.method,
        request.url.path,  # without a query: no route of a model has one
        headers,
        None if reading else caller.body(),
        _STATUS_SECONDS if reading else deadline,
    )
    ending = service.ending if deadline is None else None  # an inference is waited for, as it is short
    answer = await _first(asyncio.create_task(sending), caller, deadline, ending)
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        await answer.aclose()
        raise refuses_key(service.model_id)
    return PassedOn(answer, service.model_id)


def _deadline(service: RemoteService, request: Request) -> tuple[int | None, float | None]:
    """Return the milliseconds to tell the service, and the seconds to wait for it."""
    if not request.url.path.endswith("/inference"):
        return None, None  # a load or a drain takes as long as it takes
    spent = time.monotonic() - request.state.started
    left = milliseconds_left(request.headers.get("x-deadline-ms"), service.longest, spent)
    return left, service.longest if left is None else left / 1000


async def _first(
    work: asyncio.Task[httpx.Response],
    caller: Caller,
    deadline: float | None,
    ending: asyncio.Event | None,
) -> httpx.Response:
    gone = asyncio.create_task(caller.gone())
    ended = asyncio.create_task((ending or asyncio.Event()).wait())
    either: set[asyncio.Task[Any]] = {work, gone, ended}
    try:
        await asyncio.wait(either, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise AbandonedError("The caller went away before the answer was ready.")
        if ended.done():
            raise ServiceUnavailableError(
                "The gateway is ending; the model's service may go on with what was asked of it.",
                retry_after=RETRY_SECONDS,
            )
        raise DeadlineError("The deadline passed before the forecast was made.")
    finally:
        for task in either:
            task.cancel()


class PassedOn(StreamingResponse):
    """A service's answer as it comes: nothing of it is read, unpacked or changed.

    Where the service ends before the last byte, the connection to the caller is cut, too.
    """

    def __init__(self, answer: httpx.Response, model_id: str) -> None:
        super().__init__(_parts(answer, model_id), answer.status_code)
        self.raw_headers = pass_to_caller(answer.headers.raw)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and close the connection where the caller has gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._answer.aclose()


async def _parts(answer: httpx.Response, model_id: str) -> AsyncIterator[bytes]:
    with told(model_id):
        async for part in answer.aiter_raw():
            yield part
