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

    It does so where the body is read, so that a call that is refused before costs nothing. Answers 415 at
    another content coding, 413 beyond the limit and 400 where a body is damaged.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, without what tells of its packing."""
        if scope["type"] != "http" or "content-encoding" not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive, self.limits.of(scope["path"]))
        scope = {**scope, "headers": list(scope["headers"])}
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"]
        # It is of the packed body.
        del headers["content-length"]

        async def send_unless_failed(message: Message) -> None:
            # FastAPI answers for whatever goes wrong while it reads a body, and does not tell what it was.
            if body.fault is None:
                await send(message)

        await self.app(scope, body.receive, send_unless_failed)
        if body.fault is not None:
            await problem_response(body.fault, request_id.get())(scope, receive, send)


class _Body:
    """The body of a request as one message, or the fault that it has."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._headers = Headers(scope=scope)
        self._request = Request(scope, receive)
        self._limit = limit
        self._given = False
        self.fault: SapheneiaError | None = None

    async def receive(self) -> Message:
        """Return the unpacked body, and then what else comes."""
        if self._given:
            return await self._request.receive()
        self._given = True
        try:
            content = await self._unpack(await self._collect())
        except SapheneiaError as error:
            self.fault = error
            raise
        return {"type": "http.request", "body": content, "more_body": False}

    async def _unpack(self, content: bytes) -> bytes:
        # Also a caller without the key has sent nothing, whatever it says of it.
        if not content:
            return content
        coding = read_coding(", ".join(self._headers.getlist("content-encoding")))
        if coding is None:
            return content
        return await run_sync(unpack, content, coding, self._limit)

    async def _collect(self) -> bytes:
        content = bytearray()
        try:
            async for part in self._request.stream():
                content += part
                if len(content) > self._limit:
                    raise TooLargeError(f"The body is larger than the limit of {self._limit} bytes.")
        except ClientDisconnect:
            raise AbandonedError("The caller went away before its body had come.") from None
        return bytes(content)
