"""Middleware that unpacks the body of a request, so that whatever reads it finds it as it is."""

from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from forecast.core.coding import read_coding, unpack
from forecast.core.errors import AbandonedError, SapheneiaError, TooLargeError
from forecast.core.middleware import BodyLimits, request_id
from forecast.core.problem import problem_response


class Decompression:
    """Unpacks bodies in gzip or zstd, in a thread and up to the limit that the body itself has.

    Answers 415 at another content coding, 413 beyond the limit and 400 where a body is damaged.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or "content-encoding" not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return
        try:
            scope, content = await self._read(scope, receive)
        except SapheneiaError as error:
            await problem_response(error, request_id.get())(scope, receive, send)
            return
        sent = False

        async def receive_content() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": content, "more_body": False}

        await self.app(scope, receive_content, send)

    async def _read(self, scope: Scope, receive: Receive) -> tuple[Scope, bytes]:
        """Return a request's scope, without what told of its packing, and its content."""
        limit = self.limits.of(scope["path"])
        coding = read_coding(Headers(scope=scope)["content-encoding"])
        whole = await self._collect(Request(scope, receive), limit)
        if coding is not None and whole:
            whole = await run_sync(unpack, whole, coding, limit)
        scope = {**scope, "headers": list(scope["headers"])}
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"]
        headers["content-length"] = str(len(whole))
        return scope, whole

    async def _collect(self, request: Request, limit: int) -> bytes:
        content = bytearray()
        try:
            async for part in request.stream():
                content += part
                if len(content) > limit:
                    raise TooLargeError(f"The body is larger than the limit of {limit} bytes.")
        except ClientDisconnect:
            raise AbandonedError("The caller went away before its body had come.") from None
        return bytes(content)
