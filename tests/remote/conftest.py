"""Services that models run in, and the gateway before them: real servers on loopback."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from forecast.remote import place
from forecast.remote import service as remote_service
from forecast.remote.circuit import Circuit
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


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the circuits of gateways that are made from now on."""
    clock = Clock()
    monkeypatch.setattr(place, "Circuit", partial(Circuit, clock=clock))
    return clock


@pytest.fixture
def make_gateway(make_app: MakeApp, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeGateway]:
    """Start a gateway before the service of the fake model at a URL; return a client that has the key.

    It waits longer than it would for what a slow host has a service tell of its health.
    """
    monkeypatch.setattr(remote_service, "_HEALTH_SECONDS", 60.0)
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
