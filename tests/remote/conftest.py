"""Services that models run in, and the gateway before them: real servers on loopback."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from tests.conftest import AUTHORIZED, MakeApp

Serve = Callable[[FastAPI], str]
Answer = Callable[[Request], Awaitable[Response]]
MakeGateway = Callable[..., httpx.Client]
JSON = {"Content-Type": "application/json"}


@dataclass
class Scripted:
    """A service that keeps what it is sent, and answers what a test says."""

    answer: Answer
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def app(self) -> FastAPI:
        async def respond(request: Request) -> Response:
            self.seen.append((request.method, request.url.path, dict(request.headers), await request.body()))
            return await self.answer(request)

        app = FastAPI(openapi_url=None)
        app.add_route("/{path:path}", respond, methods=["GET", "POST"])
        return app


async def fine(request: Request) -> Response:
    return Response(b'{"fine":true}', media_type="application/json")


def hanging(arrived: threading.Event, dropped: threading.Event) -> Scripted:
    """A service that never answers, and notes when nobody waits any more."""

    async def hang(request: Request) -> Response:
        arrived.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        dropped.set()
        return Response()

    return Scripted(hang)


@pytest.fixture
def make_gateway(make_app: MakeApp, serve: Serve) -> Iterator[MakeGateway]:
    """Start a gateway before the service of the fake model at a URL; return a client that has the key."""
    clients: list[httpx.Client] = []

    def make(url: str, **changes: Any) -> httpx.Client:
        app = make_app(model_service_urls={"fake": url}, **changes)
        client = httpx.Client(base_url=serve(app), headers=AUTHORIZED, timeout=60, trust_env=False)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def service(make_app: MakeApp, serve: Serve) -> Iterator[httpx.Client]:
    """The fake model as a service of its own, asked directly."""
    url = serve(make_app(model_name="fake"))
    with httpx.Client(base_url=url, headers=AUTHORIZED, timeout=60, trust_env=False) as client:
        yield client
