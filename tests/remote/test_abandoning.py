"""What nobody waits for any more ends in the service too."""

import socket
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
from anyio import sleep_forever
from fastapi import Request, Response
from starlette.responses import StreamingResponse

from tests.conftest import KEY
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter, Gate
from tests.remote.conftest import MakeGateway, Scripted, Serve, hanging

# One may pass before the request has come to the service: then the next one is longer.
DEADLINES = ("1000", "5000", "25000")


def until(true: Callable[[], bool]) -> None:
    while not true():
        threading.Event().wait(0.01)


def test_a_deadline_that_passes_is_a_504_and_ends_the_request_to_the_service(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    arrived, dropped = threading.Event(), threading.Event()
    gateway = make_gateway(serve(hanging(arrived, dropped).app()))
    for deadline in DEADLINES:
        late = gateway.post(f"{PREFIX}/inference", json={}, headers={"X-Deadline-Ms": deadline})
        assert (late.status_code, late.json()["error"]) == (504, "DEADLINE_EXCEEDED")
        if arrived.is_set():
            break
    assert dropped.wait(30)


def test_a_caller_that_goes_away_ends_the_request_to_the_service(
    make_gateway: MakeGateway, serve: Serve, tmp_path: Path
) -> None:
    arrived, dropped = threading.Event(), threading.Event()
    gateway = make_gateway(serve(hanging(arrived, dropped).app()))
    sock = socket.create_connection((gateway.base_url.host, gateway.base_url.port))
    head = f"POST {PREFIX}/initialization HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert arrived.wait(30)
    assert not dropped.is_set()
    sock.close()
    assert dropped.wait(30)
    assert gateway.get("/health/live").status_code == 200
    given_up = "path=/forecast/v1/fake/initialization status=499"
    until(lambda: given_up in (tmp_path / "logs/forecast.log").read_text())


def test_a_caller_that_goes_away_in_the_middle_of_an_answer_ends_it(
    make_gateway: MakeGateway, serve: Serve
) -> None:
    dropped = threading.Event()

    async def answer(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await sleep_forever()
            finally:
                dropped.set()

        return StreamingResponse(parts())

    gateway = make_gateway(serve(Scripted(answer).app()))
    with gateway.stream("POST", f"{PREFIX}/inference", json={}) as told:
        raw = told.iter_raw()  # kept, as one that is collected closes the connection
        assert next(raw) == b"first"
        assert not dropped.is_set()
    assert dropped.wait(30)


def waits(service: httpx.Client, series: int) -> bool:
    return f'series_waiting{{model="fake"}} {series}.0' in service.get("/metrics").text


def is_queued(asked: Future[httpx.Response], service: httpx.Client) -> bool:
    """Return when a request waits for the model, or has ended before it did: whether it waits."""
    until(lambda: asked.done() or waits(service, 1))
    return not asked.done()


def test_the_worker_drops_what_a_caller_of_the_gateway_gave_up(
    make_gateway: MakeGateway, service: httpx.Client, fake: FakeAdapter
) -> None:
    gateway = make_gateway(str(service.base_url))
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    gate = Gate()
    fake.on_predict = gate
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(service.post, f"{PREFIX}/inference", json=REQUEST)
        assert gate.entered.wait(60)
        before = len(fake.computed)
        for deadline in DEADLINES:
            impatient = {"X-Deadline-Ms": deadline}
            late = pool.submit(gateway.post, f"{PREFIX}/inference", json=REQUEST, headers=impatient)
            queued = is_queued(late, service)
            assert late.result().json()["error"] in ("DEADLINE_EXCEEDED", "OVERLOADED")
            until(lambda: waits(service, 0))  # the service notices a little later than the gateway
            if queued:
                break
        assert queued
        gate.opened.set()
        assert first.result().status_code == 200
    assert service.post(f"{PREFIX}/inference", json=REQUEST).status_code == 200
    assert len(fake.computed) == before + 1
