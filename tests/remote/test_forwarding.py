"""A gateway before a service: two servers on loopback, and whatever goes between them."""

import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pyarrow as pa
import pytest
from anyio.to_thread import run_sync
from fastapi import Request, Response
from starlette.responses import StreamingResponse

from forecast.core.media import ARROW, PARQUET
from tests.conftest import AUTHORIZED
from tests.core.conftest import PREFIX, REQUEST
from tests.fakes import FakeAdapter
from tests.remote.conftest import JSON, MakeGateway, Scripted, Serve, fine

OWN = {"date", "x-request-id", "x-process-time"}
PLAIN = {"Accept-Encoding": "identity"}


def kept(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Return what must be the same through the gateway, the body as it is on the wire."""
    raw = b"".join(answer.iter_raw())
    told = [(name, value) for name, value in answer.headers.multi_items() if name not in OWN]
    return answer.status_code, raw, sorted(told)


def ask(client: httpx.Client, method: str, path: str, **given: object) -> tuple[int, bytes, object]:
    with client.stream(method, path, **given) as answer:  # type: ignore[arg-type]  # of httpx' many
        return kept(answer)


@pytest.mark.parametrize(
    ("method", "action", "given"),
    [
        ("GET", "status", {}),
        ("POST", "shutdown", {}),
        ("POST", "inference", {"json": REQUEST}),
        ("POST", "inference", {"content": b"{", "headers": JSON}),
        ("POST", "inference", {"content": b"", "headers": JSON}),
        ("POST", "inference", {"content": b"x=1", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "inference", {"json": {"parameters": {"horizon": 3}}}),
        ("POST", "inference", {"json": REQUEST, "headers": {"Accept": "image/png"}}),
        ("POST", "inference", {"json": REQUEST, "headers": {"X-Deadline-Ms": "soon"}}),
        ("POST", "inference", {"content": b"{}", "headers": JSON | {"Content-Encoding": "br"}}),
        ("POST", "inference", {"content": b"{}", "headers": JSON | {"Content-Encoding": "gzip"}}),
        ("POST", "initialization", {"json": {"backend": "gpu"}}),
        ("POST", "initialization", {"json": {"horizon_len": 10**9}}),
        ("POST", "initialization", {"content": b"", "headers": {"Content-Type": "text/plain"}}),
        ("GET", "inference", {}),
    ],
)
def test_answers_are_the_same_through_the_gateway_and_directly(
    make_gateway: MakeGateway, service: httpx.Client, method: str, action: str, given: dict[str, object]
) -> None:
    gateway = make_gateway(str(service.base_url))
    for client in (gateway, service):
        client.headers["X-Request-ID"] = "same-1"
    path = f"{PREFIX}/{action}"
    direct = ask(service, method, path, **given)
    assert ask(gateway, method, path, **given) == direct


def test_a_model_is_loaded_asked_and_shut_down_in_its_service(
    make_gateway: MakeGateway, service: httpx.Client, fake: FakeAdapter
) -> None:
    gateway = make_gateway(str(service.base_url))
    made = gateway.post(f"{PREFIX}/initialization", json={"horizon_len": 3})
    assert (made.status_code, made.json()["model_status"]) == (200, "ready")
    assert gateway.get(f"{PREFIX}/status").json() == service.get(f"{PREFIX}/status").json()
    asked = gateway.post(f"{PREFIX}/inference", json=REQUEST).json()
    assert asked["prediction"] == service.post(f"{PREFIX}/inference", json=REQUEST).json()["prediction"]
    assert asked["prediction"]["point_forecast"] == [[9.0, 9.0, 9.0]]
    assert gateway.post(f"{PREFIX}/shutdown").json()["model_status"] == "uninitialized"
    assert service.get(f"{PREFIX}/status").json()["model_status"] == "uninitialized"
    assert fake.unloaded == 1


def arrow(compression: str | None = None) -> bytes:
    rest = {key: REQUEST[key] for key in ("data_definition", "parameters")}
    table = pa.table(REQUEST["data"]).replace_schema_metadata({"sapheneia": json.dumps(rest)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return pa.Codec(compression).compress(content, asbytes=True) if compression else content


@pytest.mark.parametrize("accept", [ARROW, PARQUET, "application/json"])
@pytest.mark.parametrize("coding", [None, "gzip", "zstd"])
def test_tables_and_packed_bodies_pass_as_they_are(
    make_gateway: MakeGateway, service: httpx.Client, accept: str, coding: str | None
) -> None:
    gateway = make_gateway(str(service.base_url))
    service.post(f"{PREFIX}/initialization", json={}).raise_for_status()
    headers = {"Content-Type": ARROW, "Accept": accept, "Accept-Encoding": coding or "identity"}
    if coding:
        headers["Content-Encoding"] = coding
    answers = []
    for client in (gateway, service):
        with client.stream("POST", f"{PREFIX}/inference", content=arrow(coding), headers=headers) as answer:
            _, raw, told = kept(answer)
        assert answer.status_code == 200
        # Its times differ, and with them its length by some bytes.
        answers.append([pair for pair in told if pair[0] != "content-length"])
        assert dict(told)["content-type"].startswith(accept)
        if coding is None and accept == ARROW:
            assert pa.ipc.open_stream(raw).read_all().num_rows == 3
    assert answers[0] == answers[1]


@pytest.mark.parametrize("coding", ["gzip", "zstd", None])
@pytest.mark.parametrize("asked", ["gzip, zstd", "gzip", "identity"])
def test_what_a_service_answers_is_neither_packed_nor_unpacked(
    make_gateway: MakeGateway, serve: Serve, coding: str | None, asked: str
) -> None:
    content = b"not what its header says " * 100

    async def answer(request: Request) -> Response:
        headers = {"Vary": "Origin"} | ({"Content-Encoding": coding} if coding else {})
        return Response(content, media_type="application/json", headers=headers)

    url = serve(Scripted(answer).app())
    gateway = make_gateway(url)
    path, headers = f"{PREFIX}/status", {"Accept-Encoding": asked}
    through = ask(gateway, "GET", path, headers=headers)
    with httpx.Client(base_url=url, trust_env=False) as direct:
        assert through == ask(direct, "GET", path, headers=headers)
    assert through[1] == content


def test_a_packed_body_reaches_the_service_packed(make_gateway: MakeGateway, serve: Serve) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))
    packed = gzip.compress(b"{}" * 1000)
    headers = JSON | {"Content-Encoding": "gzip"}
    gateway.post(f"{PREFIX}/inference", content=packed, headers=headers).raise_for_status()
    ((_, _, told, body),) = service.seen
    assert (told["content-encoding"], told["content-length"], body) == ("gzip", str(len(packed)), packed)


def test_a_body_in_chunks_is_passed_on_in_chunks(make_gateway: MakeGateway, serve: Serve) -> None:
    service = Scripted(fine)
    gateway = make_gateway(serve(service.app()))

    def parts() -> Iterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    gateway.post(f"{PREFIX}/inference", content=parts(), headers=JSON).raise_for_status()
    ((_, _, told, body),) = service.seen
    assert body == b'{"a":1}'
    assert told["transfer-encoding"] == "chunked"
    assert "content-length" not in told


def test_a_large_answer_is_passed_on_as_it_comes(make_gateway: MakeGateway, serve: Serve) -> None:
    went_on = threading.Event()

    async def answer(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a" * 100_000
            assert await run_sync(went_on.wait, 30)
            yield b"b" * 100_000

        return StreamingResponse(parts())

    gateway = make_gateway(serve(Scripted(answer).app()))
    with gateway.stream("POST", f"{PREFIX}/inference", json={}, headers=AUTHORIZED | PLAIN) as told:
        parts = told.iter_raw()
        first = next(parts)
        assert set(first) == set(b"a")
        went_on.set()
        assert len(first) + sum(map(len, parts)) == 200_000
