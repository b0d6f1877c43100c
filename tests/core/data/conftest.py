import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from forecast.core.config import Settings
from forecast.core.data import transfer as transfer_module
from forecast.core.data.transfer import MeteredLoop

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
Start = Callable[[Handler], Awaitable[int]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Start]:
    """Starts a server on loopback that hands each request, as text, to a handler; returns its port."""
    writers: list[asyncio.StreamWriter] = []

    async with AsyncExitStack() as stack:

        async def start(handle: Handler) -> int:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writers.append(writer)
                try:
                    await handle((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
                    await writer.drain()
                except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    return  # the client went away, or the test is over
                finally:
                    writer.close()

            listening = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(listening.close)
            port: int = listening.sockets[0].getsockname()[1]
            return port

        yield start
        for writer in writers:
            writer.close()


@pytest.fixture
def allowing(make_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    def make(**changes: object) -> Settings:
        return make_settings(**({"data_url_allowed_networks": "127.0.0.0/8"} | changes))

    return make


def answer(head: str, body: bytes = b"") -> Handler:
    async def handle(request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)

    return handle


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[MeteredLoop]:
    """The loops that tables were fetched on, which know how many bytes arrived."""
    made: list[MeteredLoop] = []

    class Noted(MeteredLoop):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(transfer_module, "MeteredLoop", Noted)
    return made
