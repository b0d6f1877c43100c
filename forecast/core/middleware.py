"""What happens around every request: its ID, its time, its size, its quota's headers, its log line."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecast.core.errors import SapheneiaError, TooLargeError
from forecast.core.notes import Notes, begin_notes, end_notes, note
from forecast.core.principal import Principal
from forecast.core.problem import problem_response
from forecast.core.security import find_caller
from forecast.core.tracing import trace_id

log = logging.getLogger("forecast.access")
request_id: ContextVar[str] = ContextVar("request_id", default="-")

_SANE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class RequestContext:
    """Outermost middleware: gives each request an ID and a log line, and each response its headers.

    Once `ending`, it also asks callers to come back on another connection, which another process takes.
    """

    def __init__(self, app: ASGIApp, ending: Callable[[], bool]) -> None:
        self.app = app
        self.ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        own = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state.update(request_id=own, started=time.monotonic())
        token = request_id.set(own)
        notes, noted = begin_notes()
        note(trace_id=trace_id(headers))
        response = _Response(scope, send, self.ending)
        try:
            await self.app(scope, receive, response)
        finally:
            ms = round(1000 * (time.monotonic() - state["started"]), 1)
            # Quoted again: a decoded path may hold line breaks.
            path = quote(scope["path"], errors="backslashreplace")
            asked = Notes(method=scope["method"], path=path, status=response.status, ms=ms)
            log.info(Notes(asked | notes))
            end_notes(noted)
            request_id.reset(token)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How many bytes a body may have: `most`, or the entry of `by_path`."""

    most: int
    by_path: Mapping[str, int]

    def of(self, path: str) -> int:
        """Return the limit of a path."""
        return self.by_path.get(path, self.most)


class Safeguard:
    """Middleware inside RequestContext that answers where the app cannot.

    It answers for errors that nothing else foresaw, and refuses bodies whose declared length is above
    their limit before they are read.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or tell what is wrong."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limits.of(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            told: SapheneiaError = TooLargeError(f"The body has {declared} bytes; the limit is {limit}.")
            await problem_response(told, request_id.get())(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception:
            log.exception("error=%s", SapheneiaError.code)
            if started:
                raise
            told = SapheneiaError(
                "Something went wrong inside the gateway; the log has it under this request ID."
            )
            await problem_response(told, request_id.get())(scope, receive, send)


class KeyBeforeBody:
    """Middleware that keeps the body of a caller who is not known from the app.

    FastAPI reads and parses a body before it asks any dependency, the one that wants the key too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; who calls is looked up when its body is first asked for."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        emptied = False

        async def receive_if_known() -> Message:
            nonlocal emptied
            if emptied or isinstance(await find_caller(scope), Principal):
                return await receive()
            emptied = True
            return {"type": "http.request", "body": b"", "more_body": False}

        await self.app(scope, receive_if_known, send)


class _Response:
    """Passes a response on, with the headers that every response carries."""

    def __init__(self, scope: Scope, send: Send, ending: Callable[[], bool]) -> None:
        self._state = scope["state"]
        self._send = send
        self._ending = ending
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._state["request_id"]
            headers["X-Process-Time"] = f"{time.monotonic() - self._state['started']:.6f}"
            quota = self._state.get("quota")
            if quota is not None:
                headers.update(quota.headers())
            if "preference_applied" in self._state:
                headers["Preference-Applied"] = self._state["preference_applied"]
            if self._ending():
                headers["Connection"] = "close"
        await self._send(message)
