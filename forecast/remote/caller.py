"""Who waits for the answer of a service."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from forecast.core.errors import AbandonedError


class Caller:
    """The caller of one request: its body as it comes, and whether it is still there.

    Both read the same messages: the second begins where the first ends.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._sent = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body; raise AbandonedError where the caller goes away while it is sent."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise AbandonedError("The caller went away before its body had come.")
            more = message.get("more_body", False)
            if part := message.get("body"):
                yield part
        self._sent.set()

    def sends_nothing(self) -> None:
        """Say that the body will not be read."""
        self._sent.set()

    async def gone(self) -> None:
        """Return when the caller goes away after its body has come."""
        await self._sent.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
