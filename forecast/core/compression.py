"""Middleware that packs long answers."""

from starlette.datastructures import Headers
from starlette.middleware import gzip
from starlette.types import Receive, Scope, Send

from forecast.core.coding import choose_coding


class GZipMiddleware(gzip.GZipMiddleware):
    """Starlette's, which packs for whoever names gzip, also to refuse it: only where it is preferred."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            accepted = Headers(scope=scope).get("accept-encoding")
            if choose_coding(accepted, ("gzip",)) is None:
                plain = gzip.IdentityResponder(
                    self.app, self.minimum_size, exclude_content_types=self.exclude_content_types
                )
                await plain(scope, receive, send)
                return
        await super().__call__(scope, receive, send)
