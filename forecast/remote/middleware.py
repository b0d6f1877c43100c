"""Middleware of bodies, which must not touch those that are passed on."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class Except:
    """Applies `middleware` to all requests but those whose path begins with one of `prefixes`."""

    def __init__(
        self, app: ASGIApp, prefixes: tuple[str, ...], middleware: Callable[[ASGIApp], ASGIApp]
    ) -> None:
        self._app = app
        self._applied = middleware(app)
        self._prefixes = prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, through the middleware or past it."""
        past = scope["type"] == "http" and scope["path"].startswith(self._prefixes)
        await (self._app if past else self._applied)(scope, receive, send)
