"""Routes that read their body themselves, and are documented as if FastAPI did."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from forecast.core.errors import AbandonedError


class UnparsedRequest(Request):
    """A request whose body FastAPI takes to be empty: it would parse it on the event loop."""

    async def body(self) -> bytes:
        """Return nothing."""
        return b""

    async def content(self) -> bytes:
        """Return the body; raise AbandonedError where the caller goes away while it is sent."""
        try:
            return await super().body()
        except ClientDisconnect:
            raise AbandonedError("The caller went away before its body had come.") from None


class UnparsedRoute(APIRoute):
    """A route whose requests are UnparsedRequests; a body that it documents needs a default."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return await handle(UnparsedRequest(request.scope, request.receive))

        return answer
