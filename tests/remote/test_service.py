"""A service of a model behind connections whose every fault a test decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from forecast.core.errors import RequestError, ServiceLostError, ServiceUnavailableError
from forecast.remote import sending
from forecast.remote import service as module
from forecast.remote.circuit import FAILURES, PAUSE_SECONDS, Circuit
from forecast.remote.client import connect, open_client
from forecast.remote.place import Place, find_places
from forecast.remote.service import UNREACHABLE, RemoteService, State

REFUSED = httpx.ConnectError("refused by 10.0.0.7")
SLOW = httpx.ConnectTimeout("10.0.0.7 took long")
LOST = httpx.RemoteProtocolError("10.0.0.7 disconnected")
SILENT = httpx.ReadTimeout("10.0.0.7 said nothing")
Step = Exception | httpx.Response | Callable[[], Awaitable[httpx.Response]]


class Wire(httpx.AsyncBaseTransport):
    """Ends each request in the next step of a script; the last one is for all that follow."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        self.asked.append(f"{request.method} {request.url}")
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else await step()


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_AGAIN_SECONDS", 0.0)


def run(wire: Wire, scene: Callable[[RemoteService], Awaitable[Any]], clock: Clock | None = None) -> Any:
    async def play() -> Any:
        async with httpx.AsyncClient(transport=wire, trust_env=False) as client:
            place = Place("http://service:1", Circuit("fake", clock or Clock()))
            return await scene(RemoteService("fake", place, client, 300.0, asyncio.Event(), clock or Clock()))

    return anyio.run(play)


def send(method: str = "POST") -> Callable[[RemoteService], Awaitable[int]]:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    async def scene(service: RemoteService) -> int:
        body = None if method == "GET" else parts()
        return (await service.send(method, "/x", [], body, None)).status_code

    return scene


@pytest.mark.parametrize("fault", [REFUSED, SLOW])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_found_no_connection_is_sent_again_once(fault: Exception, method: str) -> None:
    wire = Wire(fault, httpx.Response(200))
    assert run(wire, send(method)) == 200
    assert wire.asked == [f"{method} http://service:1/x"] * 2

    wire = Wire(fault)
    with pytest.raises(ServiceUnavailableError, match="'fake' cannot be reached; nothing was done") as told:
        run(wire, send(method))
    assert (type(told.value), told.value.retry_after) == (ServiceUnavailableError, 1.0)
    assert len(wire.asked) == 2
    assert "10.0" not in str(told.value)


@pytest.mark.parametrize("fault", [LOST, httpx.ReadError("reset"), httpx.WriteError("reset")])
def test_what_may_have_been_done_is_never_sent_again(fault: Exception) -> None:
    wire = Wire(fault, httpx.Response(200))
    with pytest.raises(ServiceLostError, match="'fake' ended before its answer was whole") as told:
        run(wire, send())
    assert wire.asked == ["POST http://service:1/x"]
    assert "10.0" not in str(told.value)


def test_a_status_whose_connection_ended_is_asked_for_again() -> None:
    wire = Wire(LOST, httpx.Response(200))
    assert run(wire, send("GET")) == 200
    assert len(wire.asked) == 2


def test_a_service_that_says_nothing_is_not_asked_again() -> None:
    wire = Wire(SILENT, httpx.Response(200))
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        run(wire, send("GET"))
    assert len(wire.asked) == 1


def test_a_request_that_cannot_be_written_is_the_callers_fault_and_opens_no_circuit() -> None:
    async def scene(service: RemoteService) -> None:
        for _ in range(FAILURES + 1):
            with pytest.raises(RequestError, match="cannot be passed on"):
                await send()(service)

    wire = Wire(httpx.LocalProtocolError("too little data"))
    run(wire, scene)
    assert len(wire.asked) == FAILURES + 1


def test_the_circuit_stands_before_the_service_until_it_is_back() -> None:
    clock = Clock()

    async def scene(service: RemoteService) -> None:
        for _ in range(FAILURES):
            with pytest.raises(ServiceLostError):
                await send()(service)
        with pytest.raises(ServiceUnavailableError, match="tried again shortly") as refused:
            await send()(service)
        assert refused.value.retry_after == PAUSE_SECONDS
        clock.now += PAUSE_SECONDS
        assert await send()(service) == 503
        assert await send()(service) == 503

    # What the service itself refuses is an answer: it can be reached.
    wire = Wire(*[LOST] * FAILURES, httpx.Response(503))
    run(wire, scene, clock)
    assert len(wire.asked) == FAILURES + 2


def health(**models: dict[str, str | None]) -> httpx.Response:
    return httpx.Response(200, json={"status": "healthy", "models": models})


def test_the_state_is_the_services_own_and_asked_for_once_a_second() -> None:
    clock = Clock()

    async def scene(service: RemoteService) -> None:
        several = await asyncio.gather(*(service.state() for _ in range(5)))
        assert several == [State(status="initializing")] * 5
        clock.now += 0.9
        assert await service.state() == State(status="initializing")
        clock.now += 0.1
        assert await service.state() == State(status="error", error="MODEL_FAILED")

    first = health(fake={"status": "initializing", "error": None})
    wire = Wire(first, health(fake={"status": "error", "error": "MODEL_FAILED"}))
    run(wire, scene, clock)
    assert wire.asked == ["GET http://service:1/health"] * 2


async def _hang() -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    "step",
    [
        REFUSED,
        LOST,
        _hang,
        health(other={"status": "ready", "error": None}),
        httpx.Response(200, json={"models": {"fake": "ready"}}),
        httpx.Response(200, text="<html>"),
        httpx.Response(502, text="Bad gateway"),
        httpx.Response(200, content=b"\xff", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_service_that_does_not_tell_the_models_state_is_unreachable(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HEALTH_SECONDS", 0.05)

    async def scene(service: RemoteService) -> State:
        return await service.state()

    assert run(Wire(step), scene) == UNREACHABLE
    assert UNREACHABLE.model_dump() == {"status": "error", "error": "MODEL_SERVICE_UNAVAILABLE"}


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    monkeypatch.setenv("ALL_PROXY", "http://proxy:1")

    async def scene() -> None:
        async with open_client() as client:
            assert client._mounts == {}
            assert client.trust_env is False

    anyio.run(scene)


def test_connections_are_closed_at_the_end() -> None:
    async def scene() -> None:
        async with connect(find_places({"prophet": "http://service:1"}), asyncio.Event()) as services:
            client = services["prophet"]._client
            assert list(services) == ["prophet"]
        assert client.is_closed
        async with connect({}, asyncio.Event()) as none:
            assert none == {}

    anyio.run(scene)
